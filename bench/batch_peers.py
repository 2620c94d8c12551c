"""Who takes part in the batch bench. All are optional: one that cannot run is listed with its reason."""

from __future__ import annotations

from batch_peer import Peer

ALL = 10**9  # no limit of its own: as many fits as the workload has

PEERS = (
    Peer("osculate", "batch_ours", "prepare", ALL, packages=("osculate",)),
    Peer("osculate, AVX2", "batch_ours", "prepare", ALL, environment={"OSCULATE_ISA": "v3"}),
    Peer("osculate, batched callback", "batch_ours", "prepare", 50_000, {"batched": True}, ("float64",)),
    Peer("TinySolver", "batch_cpp", "prepare_tiny_solver", ALL),
    Peer("TinySolver, tuned", "batch_cpp", "prepare_tiny_solver", ALL, {"tuned": True}),
    Peer("scipy curve_fit", "batch_scipy", "prepare", 1000, {}, ("float64",), (1,), ("scipy",)),
    Peer("scipy curve_fit, jac", "batch_scipy", "prepare", 1000, {"jac": True}, ("float64",), (1,)),
)
REFERENCE = "TinySolver"  # what the ratios of the report are to
