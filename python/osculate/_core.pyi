"""The compiled core. `_isa` registers the extension that fits this CPU under this name."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

def sentence(status: int) -> str: ...

flags: dict[str, int]

def default_tolerances(single: bool) -> tuple[float, float, float]: ...
def least_squares(
    caller: str,
    fun: Callable[..., Any],
    jac: object,
    source: int,
    x0: NDArray[Any],
    lower: NDArray[Any] | None,
    upper: NDArray[Any] | None,
    fixed: NDArray[Any] | None,
    ftol: float,
    xtol: float,
    gtol: float,
    max_evaluations: int,
    max_iterations: int,
    scale: NDArray[Any] | None,
    loss: int,
    f_scale: float,
    custom_loss: Callable[[NDArray[Any]], Any] | None,
    damping: int,
    linear_solver: int,
    initial_radius: float,
    geodesic_acceleration: bool,
    max_factor_bytes: float,
    lsmr_tolerance: float,
    lsmr_iterations: int,
    threads: int,
    relative_step: NDArray[Any] | None,
    sparsity: object,
    workers: Callable[..., Any] | None,
    observe: Callable[..., bool | None] | None,
) -> tuple[Any, ...]: ...
def minimize(
    caller: str,
    fun: Callable[..., Any],
    jac: object,
    gradient_source: int,
    hess: object,
    hessian_source: int,
    sparsity: object,
    x0: NDArray[Any],
    lower: NDArray[Any] | None,
    upper: NDArray[Any] | None,
    fixed: NDArray[Any] | None,
    ftol: float,
    xtol: float,
    gtol: float,
    gtol_relative: float,
    max_evaluations: int,
    max_iterations: int,
    scale: NDArray[Any] | None,
    strategy: int,
    initial_radius: float,
    observe: Callable[..., bool | None] | None,
) -> tuple[Any, ...]: ...
def newton_cg(
    called: dict[str, Any], options: dict[str, Any], observe: Callable[..., bool | None] | None
) -> tuple[Any, ...]: ...
def natural_gradient(
    loss: Callable[[NDArray[np.float64]], float],
    jac: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    direction: Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], int]],
    x0: NDArray[np.float64],
    options: dict[str, Any],
    observe: Callable[..., bool | None] | None,
) -> tuple[Any, ...]: ...
def line_search_sentence(exit: int) -> str: ...
def line_search(
    caller: str,
    fun: Callable[..., Any],
    jac: object,
    gradient_source: int,
    x: NDArray[Any],
    d: NDArray[Any],
    first: float,
    c1: float,
    c2: float,
    shortest: float,
    longest: float,
    most_evaluations: int,
) -> tuple[Any, ...]: ...

krylov_chunk: int

def hessian_free(
    called: dict[str, Any],
    certifying_products: int,
    step: dict[str, Any],
    observe: Callable[..., bool | None] | None,
) -> tuple[Any, ...]: ...
def hessian_free_sentence(exit: int) -> str: ...
def hessian_free_step(
    caller: str,
    theta: NDArray[Any],
    value: float | None,
    loss: Callable[[NDArray[Any]], Any],
    gradient: NDArray[Any],
    product: Callable[[NDArray[Any]], Any],
    precondition: NDArray[Any] | Callable[[NDArray[Any]], Any] | None,
    damping: float,
    direction: NDArray[Any] | None,
    options: dict[str, Any],
) -> tuple[Any, ...]: ...
def krylov_sentence(exit: int) -> str: ...
def cg(
    caller: str,
    product: Callable[[NDArray[Any]], Any],
    b: NDArray[Any],
    x0: NDArray[Any] | None,
    precondition: NDArray[Any] | Callable[[NDArray[Any]], Any] | None,
    callback: Callable[[NDArray[Any]], bool] | None,
    options: dict[str, Any],
) -> tuple[Any, ...]: ...
def minres(
    caller: str,
    product: Callable[[NDArray[Any]], Any],
    b: NDArray[Any],
    x0: NDArray[Any] | None,
    precondition: NDArray[Any] | Callable[[NDArray[Any]], Any] | None,
    callback: Callable[[NDArray[Any]], bool] | None,
    options: dict[str, Any],
) -> tuple[Any, ...]: ...
def spd(
    a: NDArray[Any], b: NDArray[Any] | None, x: NDArray[Any], definite: NDArray[np.bool_], threads: int
) -> None: ...
def gram_updates(
    targets: list[NDArray[Any]],
    rows: list[NDArray[Any]],
    weights: list[NDArray[Any] | None],
    bias: list[bool],
    decays: list[float],
    scales: list[float],
    threads: int,
) -> None: ...
def spd_inverses(
    matrices: list[NDArray[Any]], dampings: list[float], outs: list[NDArray[Any]], threads: int
) -> NDArray[np.int64]: ...
def kronecker_products(
    lefts: list[NDArray[Any] | None],
    vectors: list[NDArray[Any]],
    rights: list[NDArray[Any] | None],
    outs: list[NDArray[Any]],
    threads: int,
) -> None: ...
def fisher_solve(
    scores: NDArray[Any],
    vectors: NDArray[Any],
    dampings: list[float],
    centered: bool,
    form: str,
    mixed: bool,
    out: NDArray[Any],
    threads: int,
) -> NDArray[np.int8]: ...
def fisher_matrix(
    scores: NDArray[Any], target: NDArray[Any], centered: bool, decay: float, threads: int
) -> None: ...
def subproblem(g: NDArray[Any], b: NDArray[Any], radius: float) -> tuple[Any, ...]: ...
def modified_cholesky(a: NDArray[Any]) -> tuple[Any, ...]: ...

class KlStep:
    def __init__(self, kind: int, radius: float) -> None: ...
    def begin(self, value: float, slack: float, slope: float, curvature: float, most: float) -> None: ...
    def judge(self, there: float) -> int: ...
    @property
    def radius(self) -> float: ...
    @property
    def scale(self) -> float: ...
    @property
    def predicted(self) -> float: ...
    @property
    def actual(self) -> float: ...
    @property
    def ratio(self) -> float: ...
    @property
    def tries(self) -> int: ...

class Graph:
    """A model as a graph of elementwise operations; nodes are numbers."""

    def __init__(self) -> None: ...
    def constant(self, value: float) -> int: ...
    def parameter(self, index: int) -> int: ...
    def coordinate(self, index: int) -> int: ...
    def array(self, index: int) -> int: ...
    def apply(self, operation: str, a: int, b: int = -1, c: int = -1) -> int: ...
    def gradient(self, root: int, parameters: int) -> list[int]: ...
    def text(self, node: int, parameters: list[str], coordinates: list[str]) -> str: ...
    def tape(self, node: int, parameters: list[str], coordinates: list[str]) -> str: ...
    def node(self, node: int) -> tuple[str, int, int, int, float]: ...
    def nodes(self) -> list[tuple[int, int, int, int, float]]: ...
    @staticmethod
    def from_nodes(nodes: list[tuple[int, int, int, int, float]]) -> Graph: ...
    def evaluate(
        self, roots: list[int], parameters: NDArray[Any], coordinates: NDArray[Any], arrays: NDArray[Any]
    ) -> NDArray[Any]: ...
    def __len__(self) -> int: ...

def fit(
    graph: Graph,
    root: int,
    data: dict[str, Any],
    options: dict[str, Any],
    output: dict[str, Any],
    poll: Callable[[int], bool | None] | None,
) -> bool: ...
def fit_callback(
    model: dict[str, Any],
    data: dict[str, Any],
    options: dict[str, Any],
    output: dict[str, Any],
    poll: Callable[[int], bool | None] | None,
) -> bool: ...
