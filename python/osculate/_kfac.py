"""Kronecker-factored approximate curvature, K-FAC: the public object.

Martens & Grosse 2015, arXiv:1503.05671. Three verbs of three costs: `update`, every step or every few,
`invert`, rarely, and `precondition`, every step. Each is one call of the core for all layers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from . import _arguments as arg
from . import _kfac_options as options
from ._kfac_apply import WithInverse
from ._kfac_factors import LayerState, blend, blend_moments, judge
from ._kfac_inverse import Background
from ._kfac_layers import Layer
from ._kfac_model import WithModel
from ._kfac_rows import Batch
from ._kfac_state import WithState
from ._kfac_status import KFACStatus, status_of
from ._kfac_tridiagonal import Chain, blend_links
from ._kfac_update import given_decay, read_updates


class KFAC(WithInverse, WithModel, WithState):
    """Approximate the Fisher matrix of a network, layer by layer, by Kronecker products A (x) G.

    With V the gradient of a layer as a matrix (outputs, inputs), the natural gradient is nearly
    ``(G + l/pi I)^-1 V (A + pi l I)^-1``, l = sqrt(damping): A and G are running averages of a a' and g g',
    over the layer's activations, with a 1 for the bias, and the derivatives of the loss by its outputs
    [1]_. Independent of any framework: NumPy arrays in, NumPy arrays out.

    Parameters
    ----------
    layers : mapping from str to a layer of `osculate.layers`
        `Linear`, `Conv2d`, `Scale` or `Diagonal`, under names of the caller's.
    damping : float, default 1e-2
        Lambda, in the unit of the Fisher matrix; see `adapt_damping`. More is more like gradient descent.
    l2 : float, default 0
        Coefficient of ``l2 / 2 |theta|^2`` where the loss has that; added to the damping everywhere.
    decay : float, default 0.95
        Of the running averages, which is ``min(1 - 1/k, decay)`` at a layer's k-th update.
    inverse_update_period : int, default 20
        Every how many calls ``invert(when_due=True)`` inverts; the first three do, too.
    background : bool, default False
        Whether `invert` returns at once and works in a thread, on a copy of the statistics.
    eigen : bool, default False
        EKFAC: mean squares in the eigenbasis of A (x) G, estimated anew by each update [2]_.
    tridiagonal : bool, default False
        Blocks of neighbouring layers, too, where the layers are a chain of `Linear` in their order.
    kl_clip : float, optional
        `precondition` shortens its results P so that ``learning_rate^2 V.P`` over all layers is at most
        this [3]_.
    min_damping : float, default 1e-3
        `adapt_damping` goes no lower.
    damping_update_period : int, default 5
        Every how many steps `adapt_damping` is called.
    dtype : float32 or float64, optional
        Of the factors; default float32 for layers whose first activations and output gradients both are.
        What has another dtype is converted, what has this one is not copied.
    threads : int, optional
        Default the CPUs this process may use. The bits do not depend on it.

    Raises
    ------
    TypeError, ValueError
        An option has a wrong type or value.

    Notes
    -----
    For a layer n -> m and B samples, `update` costs B (n^2 + m^2) multiply-adds, `invert` n^3 + m^3, and
    `precondition` m n (m + n). Everything may be called from several threads; calls wait for each other.

    References
    ----------
    .. [1] J. Martens and R. Grosse, "Optimizing neural networks with Kronecker-factored approximate
       curvature", ICML 2015, arXiv:1503.05671.
    .. [2] T. George et al., "Fast approximate natural gradient descent in a Kronecker-factored eigenbasis",
       NeurIPS 2018, arXiv:1806.03884.
    .. [3] J. Ba, R. Grosse and J. Martens, "Distributed second-order optimization using Kronecker-factored
       approximations", ICLR 2017.

    Examples
    --------
    Logistic regression, ten steps; the targets of the statistics are drawn from the model:

    >>> import numpy as np
    >>> from osculate import KFAC
    >>> from osculate.layers import Linear
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((500, 8))
    >>> y = X[:, :1] + random.standard_normal((500, 1)) > 0
    >>> kfac, V = KFAC({"fc": Linear(8, 1)}, damping=1e-4), np.zeros((1, 9))
    >>> for _ in range(10):
    ...     p = 1 / (1 + np.exp(-X @ V[:, :-1].T - V[:, -1]))
    ...     drawn = random.random(p.shape) < p
    ...     status = kfac.update("fc", X, p - drawn, loss_average=None)
    ...     status = kfac.invert()
    ...     gradient = np.hstack([(p - y).T @ X, (p - y).sum(0)[:, None]]) / 500
    ...     V -= kfac.precondition({"fc": gradient})["fc"]
    >>> status.success, bool(np.abs(gradient).max() < 1e-3)
    (True, True)
    """

    def __init__(
        self,
        layers: Mapping[str, Layer],
        *,
        damping: float = 1e-2,
        l2: float = 0.0,
        decay: float = 0.95,
        inverse_update_period: int = 20,
        background: bool = False,
        eigen: bool = False,
        tridiagonal: bool = False,
        kl_clip: float | None = None,
        min_damping: float = 1e-3,
        damping_update_period: int = 5,
        dtype: Any = None,
        threads: int | None = None,
    ) -> None:
        who = options.WHO
        described = options.read_layers(layers)
        options.read_flags(described, eigen, tridiagonal, background)
        self._damping = arg.at_least_zero(who, "damping", damping)
        self._l2 = arg.at_least_zero(who, "l2", l2)
        self._decay = options.read_decay(decay)
        self._period = options.read_count("inverse_update_period", inverse_update_period)
        self._kl_clip = None if kl_clip is None else arg.positive(who, "kl_clip", kl_clip)
        self._min_damping = arg.at_least_zero(who, "min_damping", min_damping)
        self._damping_update_period = options.read_count("damping_update_period", damping_update_period)
        self._background, self._eigen = bool(background), bool(eigen)
        of_factors = options.read_dtype(dtype)
        self._threads = options.read_threads(threads)
        self._states = {name: LayerState(name, layer, of_factors) for name, layer in described.items()}
        self._chain = Chain([None] * (len(described) - 1)) if tridiagonal else None
        self._calls, self._inverted, self._due = 0, False, False
        self._work = Background()
        self._lock = threading.RLock()

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The descriptions by name, read-only."""
        return MappingProxyType({name: state.layer for name, state in self._states.items()})

    @property
    def updates(self) -> dict[str, int]:
        """How often each layer was updated."""
        return {name: state.updates for name, state in self._states.items()}

    def update(
        self,
        layer: str,
        activations: Any,
        output_gradients: Any,
        *,
        loss_average: Any,
        batch_weights: Any = None,
        subsample: Any = None,
        decay: float | None = None,
    ) -> KFACStatus:
        """Blend a batch into the running averages of one layer.

        Parameters
        ----------
        layer : str
            Its name.
        activations : array_like
            Inputs of the layer, the first axis being that of the samples, as its description in
            `osculate.layers` says; None for `Diagonal`.
        output_gradients : array_like
            Derivatives of the loss by the layer's outputs.
        loss_average, batch_weights, subsample, decay
            See `update_all`, which takes many layers in one call of the core, and is faster for that.

        Returns
        -------
        KFACStatus
            Of this update.

        Raises
        ------
        TypeError, ValueError
            As `update_all`.

        Examples
        --------
        >>> import numpy as np
        >>> from osculate import KFAC
        >>> from osculate.layers import Linear
        >>> kfac = KFAC({"fc": Linear(2, 1)})
        >>> kfac.update("fc", np.eye(2), np.ones((2, 1)), loss_average=None).success
        True
        """
        return self._update(
            "KFAC.update",
            {layer: (activations, output_gradients)},
            (loss_average, batch_weights, subsample),
            decay,
        )

    def update_all(
        self,
        statistics: Mapping[str, Any],
        *,
        loss_average: Any,
        batch_weights: Any = None,
        subsample: Any = None,
        decay: float | None = None,
    ) -> KFACStatus:
        """Blend a batch into the running averages of many layers, spread over the threads.

        ``A <- decay A + (1 - decay) sum(a a') / B``, and so for G.

        Parameters
        ----------
        statistics : mapping from str to (activations, output_gradients)
            Of some or all layers. Arrays whose first axis is that of the samples, as the layer's description
            says; float32 or float64 by rows or by columns are not copied. Lists of arrays where the weights
            are used more than once (tied): one of each for every use. The targets of the loss decide which
            Fisher matrix it is: drawn from the model, the true one; those of the data, the empirical one,
            which is no approximation of the curvature.
        loss_average : None, "batch", "batch+sequence" or number
            Over what the loss is a mean, which scales its gradients: None, the loss is a sum over samples,
            and each row is the gradient of a sample; "batch", a mean over samples; "batch+sequence", over
            samples and positions; a number T, over T terms. It has no default: a wrong one scales G, by B^2
            where "batch" is meant, and damping hides that.
        batch_weights : array_like, shape (B,) or (B, R), optional
            Weights in that mean; for None, how often each sample counts. (B, R) weights or masks positions.
        subsample : int, slice, or array of indices or of bool, optional
            Which samples to take, such as the first 64, instead of all; the scales remain those of the batch.
        decay : float, optional
            Instead of the schedule, except at a layer's first update.

        Returns
        -------
        KFACStatus
            Of this update of these layers. One with NaN or infinity is left as it was, and so are all of a
            chain.

        Raises
        ------
        TypeError, ValueError
            A layer is unknown, or an argument has a wrong type or shape, or no sample.
        """
        return self._update("KFAC.update_all", statistics, (loss_average, batch_weights, subsample), decay)

    def _update(self, who: str, statistics: Any, of_batch: tuple[Any, Any, Any], decay: Any) -> KFACStatus:
        batch = Batch(who, *of_batch)
        given = given_decay(who, decay)
        with self._lock:
            updates = read_updates(who, self._states, statistics, batch, chain=self._chain is not None)
            good = judge(updates, self._decay, given)
            if self._chain is not None and len(good) == len(updates):
                blend_links(good, self._chain.links)
            elif self._chain is not None:
                good = []
            blend(good, self._threads)
            if self._eigen:
                blend_moments(good, self._decay)
            return status_of((update.state for update in updates), inverses=False)

    def __repr__(self) -> str:
        kind = ", eigen" if self._eigen else ", tridiagonal" if self._chain is not None else ""
        updates = max(self.updates.values())
        return f"KFAC({len(self._states)} layers{kind}, updates={updates}, damping={self._damping:.4g})"
