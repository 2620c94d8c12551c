"""Which layers of a PyTorch module K-FAC takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .. import layers as kinds

WHO = "osculate.interop.torch.KFAC"
FLOATS = (torch.float32, torch.float64)


@dataclass
class Found:
    """A layer of the module, or several that have the same parameters."""

    name: str
    modules: list[Any]
    layer: Any
    weight: Any
    bias: Any

    @property
    def parameters(self) -> list[Any]:
        return [self.weight] if self.bias is None else [self.weight, self.bias]


def array(tensor: Any) -> NDArray[Any]:
    """The same memory as a NumPy array; a copy in float32 of half-precision numbers."""
    plain = tensor.detach()
    return np.asarray((plain if plain.dtype in FLOATS else plain.float()).numpy())


def find(model: Any, sharing: str) -> tuple[list[Found], list[tuple[str, Any]]]:
    """Layers that K-FAC takes, and all other parameters that are trained, with their names."""
    groups: dict[tuple[int, ...], Found] = {}
    for name, module in model.named_modules():
        layer = _kind(module, sharing)
        if layer is None:
            continue
        bias = module.bias if layer.bias else None
        key = id(module.weight), id(bias)
        known = groups.get(key)
        if known is not None and known.layer == layer:
            known.modules.append(module)
        else:  # a weight with several biases or strides: two groups, neither of which is taken
            place = key if known is None else (*key, id(module))
            groups[place] = Found(name or "model", [module], layer, module.weight, bias)
    owners = Counter(id(p) for m in model.modules() for p in m.parameters(recurse=False))
    found = []
    for group in groups.values():  # not where a parameter is used elsewhere, too
        if all(owners[id(p)] == len(group.modules) for p in group.parameters):
            found.append(group)
    taken = {id(p) for group in found for p in group.parameters}
    rest = [(name, p) for name, p in model.named_parameters() if p.requires_grad and id(p) not in taken]
    if not found:
        raise ValueError(f"{WHO}: model must have a Linear or Conv2d that is trained, got {type(model)}")
    for group in found:
        for p in group.parameters:
            if p.device.type != "cpu" or p.dtype not in FLOATS:
                raise ValueError(
                    f"{WHO}: parameters must be float32 or float64 on the CPU, "
                    f"got {p.dtype} on {p.device} in layer {group.name!r}"
                )
    return found, rest


def _kind(module: Any, sharing: str) -> Any:
    """The layer as `osculate.KFAC` knows it; None where it is none, or not trained."""
    exactly = type(module)
    if exactly not in (torch.nn.Linear, torch.nn.Conv2d) or not module.weight.requires_grad:
        return None
    bias = module.bias is not None and module.bias.requires_grad
    if exactly is torch.nn.Linear:
        return kinds.Linear(module.in_features, module.out_features, bias, sharing=sharing)
    padding = _padding(module)
    if module.groups != 1 or module.padding_mode != "zeros" or padding is None:
        return None
    sizes = module.in_channels, module.out_channels, module.kernel_size
    return kinds.Conv2d(*sizes, module.stride, padding, module.dilation, bias, sharing=sharing)


def _padding(module: Any) -> Any:
    """Of a convolution, in pixels; None where it is not the same on both sides."""
    if not isinstance(module.padding, str):
        return module.padding
    if module.padding == "valid":
        return 0
    reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    return None if any(r % 2 for r in reach) else tuple(r // 2 for r in reach)


def gradients_of(one: Found, weight_decay: float) -> tuple[Any, Any] | None:
    """Of weight and bias; zeros where one of them has none, and None where both have none."""
    if all(p.grad is None for p in one.parameters):
        return None
    parts = []
    for p in one.parameters:
        g = torch.zeros_like(p) if p.grad is None else p.grad
        parts.append(array(g.add(p, alpha=weight_decay) if weight_decay else g))
    return parts[0], parts[1] if len(parts) == 2 else None


def move(p: Any, direction: Any, group: dict[str, Any], state: dict[str, Any]) -> None:
    """One step of gradient descent with momentum along the direction."""
    if group["momentum"]:
        if "momentum_buffer" in state:
            state["momentum_buffer"].mul_(group["momentum"]).add_(direction)
        else:
            state["momentum_buffer"] = torch.empty_like(p).copy_(direction)
        direction = state["momentum_buffer"]
    p.add_(direction, alpha=-group["lr"])
