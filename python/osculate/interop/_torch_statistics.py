"""Statistics for K-FAC of what passes through the layers of a PyTorch module.

Hooks on the layers keep activations on the way forward. Output gradients come from hooks on the outputs in
the usual backward pass (empirical Fisher), or along the graph's edges at the layers' outputs in a pass of
their own (targets drawn from the model). Both are right where an output is changed in place afterwards.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from numpy.typing import NDArray

from .. import _arguments as arg
from .. import _kfac
from ._torch_layers import WHO, Found, array

FISHERS = ("empirical", "categorical", "bernoulli", "normal")
AVERAGES = (None, "batch", "batch+sequence")

Uses = dict[str, tuple[list[NDArray[Any]], list[NDArray[Any]]]]  # activations and gradients of every layer


@dataclass
class Pass:
    """One pass forward through the model, and backward."""

    edges: list[tuple[str, NDArray[Any], Any]] = field(default_factory=list)
    uses: Uses = field(default_factory=dict)

    def add(self, name: str, a: NDArray[Any], g: NDArray[Any]) -> int:
        """A use of a layer, of which several are tied weights; its number."""
        activations, gradients = self.uses.setdefault(name, ([], []))
        activations.append(a)
        gradients.append(g)
        return len(gradients) - 1


class Recorder:
    """Hooks on a model and its layers.

    `backward` says whether output gradients are taken from the usual backward passes. Else the graph's edges
    of the latest pass forward are kept, for `gradients`.
    """

    def __init__(self, model: Any, found: list[Found], *, backward: bool) -> None:
        self.backward, self.wanted = backward, True
        self.finished: Callable[[], None] = lambda: None  # called before each pass forward
        self.latest = Pass()
        self.complete: list[Pass] = []  # with output gradients
        self._handles = [model.register_forward_pre_hook(self._begin_hook(model))]
        for one in found:
            for module in one.modules:
                hook = self._hook(one.name, module)
                self._handles.append(module.register_forward_hook(hook, with_kwargs=True))

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def clear(self) -> None:
        """Forget all passes."""
        self.latest, self.complete = Pass(), []

    def gradients(self, outputs: Any, cotangents: Any) -> Uses:
        """Of the latest pass, the output gradients of its layers that `cotangents` of its outputs give."""
        latest, self.latest = self.latest, Pass()
        found = [None] * len(latest.edges)
        if latest.edges:
            edges = [edge for _, _, edge in latest.edges]
            found = torch.autograd.grad(outputs, edges, cotangents, retain_graph=True, allow_unused=True)
        for (name, a, _), g in zip(latest.edges, found, strict=True):
            if g is not None:
                latest.add(name, a, array(g))
        return latest.uses

    def _begin_hook(self, model: Any) -> Callable[..., None]:
        own = weakref.ref(model)

        def begin(module: Any, args: Any) -> None:
            if module is own():  # and not a deep copy, which has the same hooks
                self.finished()
                self.latest = Pass()

        return begin

    def _hook(self, name: str, layer: Any) -> Callable[..., None]:
        own = weakref.ref(layer)

        def forward(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            if not (self.wanted and torch.is_grad_enabled() and output.requires_grad and module is own()):
                return
            a = array(args[0] if args else kwargs["input"])
            if not self.backward:
                self.latest.edges.append((name, a, torch.autograd.graph.get_gradient_edge(output)))
                return
            of, place = self.latest, -1

            def backward(g: Any) -> None:
                nonlocal place
                if place >= 0:  # several backward passes through one graph: their sum
                    gradients = of.uses[name][1]
                    gradients[place] = gradients[place] + array(g)
                    return
                if not of.uses:
                    self.complete.append(of)
                place = of.add(name, a, array(g))

            output.register_hook(backward)

        return forward


class Draw:
    """Draws targets from the distribution whose parameters are the outputs of the model."""

    def __init__(self, fisher: Any, loss_average: Any, generator: Any) -> None:
        if not (callable(fisher) or fisher in FISHERS):
            raise ValueError(f"{WHO}: fisher must be one of {FISHERS} or a callable, got {arg.shown(fisher)}")
        if loss_average not in AVERAGES:
            raise ValueError(f"{WHO}: loss_average must be one of {AVERAGES}, got {arg.shown(loss_average)}")
        self.fisher, self.loss_average, self.generator = fisher, loss_average, generator

    def slope(self, z: Any) -> Any:
        """The derivative by the outputs z of the loss with targets drawn from them."""
        if self.fisher == "normal":
            out = torch.empty_like(z).normal_(generator=self.generator)
        elif self.fisher == "bernoulli":
            p = torch.sigmoid(z)
            out = p - torch.bernoulli(p, generator=self.generator)
        else:
            out = torch.softmax(z, -1).reshape(-1, z.shape[-1])
            drawn = torch.multinomial(out, 1, generator=self.generator)
            out = out.scatter_add(1, drawn, -torch.ones_like(out[:, :1])).reshape(z.shape)
        if self.loss_average is None:
            return out
        return out / (len(z) if self.loss_average == "batch" else z.numel() // z.shape[-1])


class Statistics:
    """Hooks on a model, and what they see put into the factors of `osculate.KFAC`."""

    def __init__(
        self, model: Any, found: list[Found], factors: _kfac.KFAC, draw: Draw, period: Any, subsample: Any
    ) -> None:
        self.factors, self.draw, self.steps = factors, draw, 0
        self.period = max(arg.count(WHO, "update_period", period), 1)
        self.subsample = arg.positive(WHO, "subsample", subsample)
        if self.subsample > 1:
            raise ValueError(f"{WHO}: subsample must be at most 1, got {subsample!r}")
        self.recorder = Recorder(model, found, backward=draw.fisher == "empirical")
        self.recorder.finished = self._put

    def drawn(self, outputs: Any) -> None:
        """Statistics for targets drawn from the outputs."""
        who, fisher = f"{WHO}.update", self.draw.fisher
        if fisher == "empirical":
            raise ValueError(f"{who}: fisher must be a distribution to draw from, got 'empirical'")
        if not isinstance(outputs, torch.Tensor) or not outputs.requires_grad:
            raise ValueError(f"{who}: outputs must be the model's, with gradients, got {arg.shown(outputs)}")
        if callable(fisher):
            with torch.enable_grad():
                uses = self.recorder.gradients(fisher(outputs), None)
        else:
            uses = self.recorder.gradients(outputs, self.draw.slope(outputs.detach()))
        if not uses:
            raise ValueError(f"{who}: outputs must be those of the model's latest pass forward")
        self._update(uses)

    def take(self, who: str) -> None:
        """What a step needs: the passes until now in the statistics."""
        self._put()
        if not any(self.factors.updates.values()):
            how = "a backward pass" if self.recorder.backward else "update(outputs)"
            raise ValueError(f"{who}: there are no statistics yet; {how} of the model has to come before")
        self.restart(self.steps + 1)

    def restart(self, steps: int) -> None:
        """Begin the step after so many."""
        self.steps = steps
        self.recorder.clear()
        self.recorder.wanted = not self.recorder.backward or steps % self.period == 0

    def remove(self) -> None:
        """Take the hooks away."""
        self.recorder.clear()
        self.recorder.remove()

    def _put(self) -> None:
        for one in self.recorder.complete:
            self._update(one.uses)
        self.recorder.complete = []

    def _update(self, uses: Uses) -> None:
        average = self.draw.loss_average
        if self.subsample == 1:
            self.factors.update_all(uses, loss_average=average)
            return
        sizes: dict[int, Uses] = {}  # a layer that sees positions as rows has a larger batch than others
        for name, (a, g) in uses.items():
            sizes.setdefault(len(g[0]), {})[name] = a, g
        for size, part in sizes.items():
            self.factors.update_all(part, loss_average=average, subsample=math.ceil(self.subsample * size))
