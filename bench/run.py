"""Run a bench, print its table, write bench/results/<name>.json.

    python bench/run.py nist|mgh|bounded|damping|overhead|batch|cg|minimize|logistic|autoencoder [--noisy]
    python bench/run.py kfac_linalg|kfac_training|kfac_overhead|fisher, or kfac for the four of them
    python bench/run.py batch|minimize|logistic --quick
    python bench/run.py kfac_training --budget SECONDS

Refuses when the load average is above 0.3, other work would be measured too; `--noisy` runs all the same
and marks the figures. README numbers come from the json files through report.py.
`--quick` is a smoke test of a bench in less than a minute: it writes no file.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

import environment

RESULTS = Path(__file__).resolve().parent / "results"
QUICK = ("batch", "minimize", "logistic")
BENCHES = {  # name: (module, function), imported only once the environment is clean
    "nist": ("accuracy", "nist"),
    "mgh": ("accuracy", "mgh"),
    "bounded": ("accuracy", "bounded"),
    "damping": ("accuracy", "damping"),
    "overhead": ("overhead", "overhead"),
    "batch": ("batch", "batch"),
    "cg": ("krylov", "cg"),
    "minimize": ("minimize", "minimize"),
    "logistic": ("logistic", "logistic"),
    "autoencoder": ("autoencoder", "autoencoder"),
    "kfac_linalg": ("kfac_linalg", "kfac_linalg"),
    "kfac_training": ("kfac_training", "kfac_training"),
    "kfac_overhead": ("kfac_overhead", "kfac_overhead"),
    "fisher": ("fisher", "fisher"),
}
GROUPS = {"kfac": ("kfac_linalg", "kfac_overhead", "fisher", "kfac_training")}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("bench", choices=[*BENCHES, *GROUPS], help="what to measure")
    parser.add_argument("--noisy", action="store_true", help="run under load and mark the figures")
    parser.add_argument(
        "--quick", action="store_true", help=f"{', '.join(QUICK)}: a small part, writes nothing"
    )
    parser.add_argument("--budget", type=float, help="kfac_training: seconds of a run on CURVES")
    options = parser.parse_args(arguments)
    if options.budget is not None and not (options.bench in ("kfac", "kfac_training") and options.budget > 0):
        parser.error("only kfac_training has a --budget, above 0")
    if options.quick and options.bench not in QUICK:
        parser.error(f"only {', '.join(QUICK)} have --quick")
    recorder = environment.Recorder()
    if recorder.noisy and not (options.noisy or options.quick):
        limit = environment.QUIET_LOAD
        reason = (
            f"the load average is {environment.load():.2f}, above {limit}: other work would be measured too"
        )
        print(f"bench: {reason}. Wait, or pass --noisy to run and mark the figures.", file=sys.stderr)
        return 2
    for bench in GROUPS.get(options.bench, (options.bench,)):
        _measure(bench, recorder, options)
    return 0


def _measure(bench: str, recorder: environment.Recorder, options: argparse.Namespace) -> None:
    """One bench: printed, and written where it is no smoke test."""
    given = {"quick": True} if options.quick else {}
    if options.budget is not None and bench == "kfac_training":
        given = {"budget": options.budget}
    module, function = BENCHES[bench]
    result = getattr(importlib.import_module(module), function)(**given)
    record = {"bench": bench, "environment": recorder.facts(), **result}
    import report

    print(report.render(record))
    if options.quick:
        return
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{bench}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    environment.restart_clean(
        threads=1
    )  # serial code on small problems; batch sets its peers' threads itself
    sys.exit(main())
