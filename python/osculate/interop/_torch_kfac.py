"""K-FAC as an optimizer of PyTorch: hooks on the layers, `osculate.KFAC` for the statistics and the inverses.

Martens & Grosse 2015 [1], with momentum, and the clip of the KL divergence by Ba, Grosse & Martens (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from .. import _arguments as arg
from .. import _kfac
from .._kfac_status import KFACStatus
from ._torch_layers import WHO, find, gradients_of, move
from ._torch_statistics import Draw, Statistics


class KFAC(torch.optim.Optimizer):
    """Train a module by the natural gradient, with Kronecker factors for its `Linear` and `Conv2d` layers.

    A step is ``theta <- theta - lr * m`` with ``m <- momentum * m + G^-1 V A^-1`` for every layer with the
    gradient V, where A and G are running means of a a' over its inputs and of g g' over its output gradients.

    Parameters
    ----------
    model : torch.nn.Module
        On the CPU, its parameters in float32 or float64, which are shared and not copied. Layers are its
        `Linear` and its `Conv2d` with ``groups=1`` and zeros as padding, not of a subclass, whose parameters
        nothing else in the model has; layers may share theirs.
    lr : float
        The learning rate, also in `param_groups`, where PyTorch's schedulers change it.
    fisher : {"empirical", "categorical", "bernoulli", "normal"} or callable, keyword-only
        "empirical" takes the statistics from the gradients of the usual backward passes. The others are the
        distribution of the targets, given the model's outputs, and draw targets from it in `update(outputs)`,
        which is then to be called: outputs are logits of classes along the last axis, logits, or means of
        variance 1. A callable ``f(outputs)`` draws targets itself and returns the loss with them, a scalar.
    loss_average : {"batch", "batch+sequence", None}, default "batch", keyword-only
        What the loss is: its mean over samples; over samples and positions; its sum. A term of the loss is
        -log p, summed over outputs that are drawn independently.
    sharing : {"expand", "reduce"}, default "expand", keyword-only
        Of positions in sequences and images, see `osculate.layers.Linear`.
    momentum : float, default 0.9, keyword-only
        In [0, 1); also in `param_groups`.
    weight_decay : float, default 0.0, keyword-only
        eta of (eta / 2) |theta|^2, which the loss leaves out: added to gradients and damping here.
    damping : float, default 1e-2, keyword-only
        Lambda, in the unit of the curvature of the loss. Set `kfac.damping` to change it.
    decay : float, default 0.95, keyword-only
        Of the running means.
    update_period : int, default 1, keyword-only
        Steps from one taking of empirical statistics to the next.
    inverse_update_period : int, default 20, keyword-only
        Steps from one computation of the inverses to the next; the first three steps always compute them.
    subsample : float, default 1.0, keyword-only
        The part of a batch, its first samples, from which statistics are taken, in (0, 1].
    kl_clip : float or None, default 1e-3, keyword-only
        Steps are shortened so that lr^2 sum(V . P) is at most this, P being the direction.
    background, eigen : bool, default False, keyword-only
        Inverses in a thread; the eigenbasis (EKFAC). See `osculate.KFAC`.
    others : callable, optional, keyword-only
        ``others(parameters)`` gives the PyTorch optimizer of all parameters that are in no layer, such as
        ``lambda p: torch.optim.Adam(p, lr=1e-3)``. Where there are any, `step` needs it.
    generator : torch.Generator, optional, keyword-only
        For the targets drawn; default PyTorch's own.
    threads : int, optional, keyword-only
        Default as many as the process may use. Any number gives the same bits.

    Raises
    ------
    ValueError
        The model has no such layer, or a parameter elsewhere than on the CPU; a number is out of its range.
    TypeError
        `model` is no module; `others` gives no optimizer.
    ImportError
        PyTorch is not installed.

    Notes
    -----
    `update(outputs)` is a backward pass without gradients of parameters. It is sooner done on fewer samples,
    in a pass forward of their own: ``optimizer.update(model(x[: len(x) // 8]))``.

    To leave the step itself to another optimizer, call `precondition()` in its place.

    References
    ----------
    .. [1] J. Martens, R. Grosse, "Optimizing neural networks with Kronecker-factored approximate curvature"
       (2015), arXiv:1503.05671, doi:10.48550/arXiv.1503.05671
    .. [2] F. Kunstner, L. Balles, P. Hennig, "Limitations of the empirical Fisher approximation for natural
       gradient descent" (2019), doi:10.48550/arXiv.1905.12558

    Examples
    --------
    >>> import torch
    >>> from osculate.interop.torch import KFAC
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(64, 5)
    >>> y = (x[:, 0] * x[:, 1] > 0).long()
    >>> model = torch.nn.Sequential(torch.nn.Linear(5, 20), torch.nn.Tanh(), torch.nn.Linear(20, 2))
    >>> optimizer = KFAC(model, lr=0.3, fisher="categorical", kl_clip=1e-2)
    >>> for _ in range(50):
    ...     outputs = model(x)
    ...     optimizer.update(outputs)
    ...     optimizer.zero_grad()
    ...     loss = torch.nn.functional.cross_entropy(outputs, y)
    ...     loss.backward()
    ...     optimizer.step()
    >>> bool(loss < 0.1)
    True
    """

    def __init__(
        self,
        model: Any,
        lr: float,
        *,
        fisher: str | Callable[[Any], Any],
        loss_average: str | None = "batch",
        sharing: str = "expand",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        damping: float = 1e-2,
        decay: float = 0.95,
        update_period: int = 1,
        inverse_update_period: int = 20,
        subsample: float = 1.0,
        kl_clip: float | None = 1e-3,
        background: bool = False,
        eigen: bool = False,
        others: Callable[[list[Any]], Any] | None = None,
        generator: Any = None,
        threads: int | None = None,
    ) -> None:
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"{WHO}: model must be a torch.nn.Module, got {arg.shown(model)}")
        group = {
            "lr": arg.positive(WHO, "lr", lr),
            "momentum": arg.at_least_zero(WHO, "momentum", momentum),
            "weight_decay": arg.at_least_zero(WHO, "weight_decay", weight_decay),
        }
        if group["momentum"] >= 1:
            raise ValueError(f"{WHO}: momentum must be below 1, got {momentum!r}")
        draw = Draw(fisher, loss_average, generator)
        self._found, rest = find(model, sharing)
        self.kfac = _kfac.KFAC(
            {one.name: one.layer for one in self._found},
            damping=damping,
            l2=group["weight_decay"],
            decay=decay,
            inverse_update_period=inverse_update_period,
            background=background,
            eigen=eigen,
            kl_clip=kl_clip,
            threads=threads,
        )
        self._statistics = Statistics(model, self._found, self.kfac, draw, update_period, subsample)
        self._rest, self.others = rest, None
        if rest and others is not None:
            self.others = others([parameter for _, parameter in rest])
            if not isinstance(self.others, torch.optim.Optimizer):
                raise TypeError(f"{WHO}: others must give a torch optimizer, got {arg.shown(self.others)}")
        self._places: dict[str, tuple[Any, Any]] = {}
        super().__init__([p for one in self._found for p in one.parameters], group)

    def update(self, outputs: Any) -> None:
        """Take statistics for targets drawn from the model's `outputs`, those of its latest pass forward.

        Parameters
        ----------
        outputs : tensor
            The model's, with their graph, which is kept for the loss.

        Raises
        ------
        ValueError
            `fisher` is "empirical", or the outputs are not those of the latest pass.
        """
        self._statistics.drawn(outputs)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by their gradients.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients anew, and returns the loss, which is then returned.

        Raises
        ------
        ValueError
            There are no statistics yet, or parameters outside of the layers and no `others`.
        """
        if self._rest and self.others is None:
            names = ", ".join(name for name, _ in self._rest[:4]) + (", ..." if len(self._rest) > 4 else "")
            raise ValueError(
                f"{WHO}.step: others must give an optimizer of the parameters in no layer, {names}, got None"
            )
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for p, direction in self._directions("step"):
                move(p, direction, self.param_groups[0], self.state[p])
        if self.others is not None:
            self.others.step()
        return loss

    def precondition(self) -> None:
        """Replace the gradients of the layers by the directions, and leave the step to another optimizer.

        Takes the statistics and computes inverses as `step` does; weight decay is in the gradients.

        Raises
        ------
        ValueError
            There are no statistics yet.
        """
        with torch.no_grad():
            for p, direction in self._directions("precondition"):
                p.grad = torch.empty_like(p).copy_(direction)

    def _directions(self, caller: str) -> Iterator[tuple[Any, Any]]:
        """Every parameter with its direction, after the statistics and inverses that are due."""
        self._statistics.take(f"{WHO}.{caller}")
        self.kfac.invert(when_due=True)
        group = self.param_groups[0]
        found = ((one.name, gradients_of(one, group["weight_decay"])) for one in self._found)
        gradients = {name: pair for name, pair in found if pair is not None}
        places = {name: self._place(name, pair) for name, pair in gradients.items()}
        self.kfac.precondition(gradients, out=places, learning_rate=group["lr"])
        for one in self._found:
            for p, direction in zip(one.parameters, places.get(one.name, ()), strict=False):
                yield p, torch.from_numpy(direction)

    def _place(self, name: str, pair: tuple[Any, Any]) -> tuple[Any, Any]:
        """Memory for a direction, which stays from step to step."""
        if name not in self._places:
            weight, bias = pair
            self._places[name] = np.empty(weight.shape, weight.dtype), None if bias is None else bias.copy()
        return self._places[name]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, also those of `others`."""
        super().zero_grad(set_to_none)
        if self.others is not None:
            self.others.zero_grad(set_to_none)

    def status(self) -> KFACStatus:
        """How the layers are: see `osculate.KFAC.status`."""
        return self.kfac.status()

    def remove(self) -> None:
        """Take the hooks off the model."""
        self._statistics.remove()

    def state_dict(self) -> dict[str, Any]:
        """Momentum, options, statistics and inverses, and the state of `others`: for `torch.save`."""
        factors = {name: _saved(value) for name, value in self.kfac.state_dict().items()}
        state = super().state_dict() | {"kfac": factors, "steps": self._statistics.steps}
        if self.others is not None:
            state["others"] = self.others.state_dict()
        generator = self._statistics.draw.generator
        if generator is not None:
            state["generator"] = generator.get_state()
        return dict(state)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, to the same bits.

        Raises
        ------
        ValueError
            It is of other layers, or not of a `KFAC` at all.
        """
        for name in ("kfac", "steps", *(["others"] if self.others is not None else [])):
            if name not in state_dict:
                raise ValueError(f"{WHO}.load_state_dict: {name!r} must be in state_dict, got none")
        self.kfac.load_state_dict({name: np.asarray(value) for name, value in state_dict["kfac"].items()})
        super().load_state_dict({name: state_dict[name] for name in ("state", "param_groups")})
        if self.others is not None:
            self.others.load_state_dict(state_dict["others"])
        generator = self._statistics.draw.generator
        if generator is not None and "generator" in state_dict:
            generator.set_state(state_dict["generator"])
        self._statistics.restart(int(state_dict["steps"]))


def _saved(value: Any) -> Any:
    """A tensor, or what PyTorch saves of words."""
    return torch.from_numpy(value.copy()) if value.dtype.kind in "biuf" else value.tolist()
