"""Who takes part in the batch bench. All are optional: one that cannot run is listed with its reason.

`pip install ".[bench]"` brings SciPy, numba, JAX and optimistix, `apt install libceres-dev` TinySolver.
lumafit and nlsq (Python 3.12 or newer) are taken where they are installed.
"""

from __future__ import annotations

from batch_peer import Peer

ALL = 10**9  # no limit of its own: as many fits as the workload has
ONLY_FLOAT64 = ("float64",)

PEERS = (
    Peer("osculate", "batch_ours", "prepare", ALL, packages=("osculate",)),
    Peer("osculate, tuned", "batch_ours", "prepare", ALL, {"ftol": 1e-4}),
    Peer("osculate, AVX2", "batch_ours", "prepare", ALL, environment={"OSCULATE_ISA": "v3"}),
    Peer("osculate, batched callback", "batch_ours", "prepare", 50_000, {"batched": True}, ONLY_FLOAT64),
    Peer("TinySolver", "batch_cpp", "prepare_tiny_solver", ALL),
    Peer("TinySolver, tuned", "batch_cpp", "prepare_tiny_solver", ALL, {"tuned": True}),
    Peer("numba", "batch_numba", "prepare", ALL, packages=("numba",), compiles=True),
    Peer(
        "optimistix, vmap",
        "batch_jax",
        "prepare_optimistix",
        2**14,
        packages=("jax", "optimistix"),
        compiles=True,
    ),
    Peer(
        "lumafit",
        "batch_numba",
        "prepare_lumafit",
        5000,
        {},
        ONLY_FLOAT64,
        packages=("lumafit",),
        compiles=True,
    ),
    Peer("scipy curve_fit", "batch_scipy", "prepare", 1000, {}, ONLY_FLOAT64, (1,), ("scipy",)),
    Peer("scipy curve_fit, jac", "batch_scipy", "prepare", 1000, {"jac": True}, ONLY_FLOAT64, (1,)),
    Peer("NLSQ", "batch_jax", "prepare_nlsq", 200, {}, ONLY_FLOAT64, (1,), ("nlsq",), compiles=True),
)
