"""Run a bench, print its table, write bench/results/<name>.json.

    python bench/run.py nist|mgh|bounded|damping|overhead|batch|cg|minimize|autoencoder [--noisy]
    python bench/run.py batch|minimize --quick

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
QUICK = ("batch", "minimize")
BENCHES = {  # name: (module, function), imported only once the environment is clean
    "nist": ("accuracy", "nist"),
    "mgh": ("accuracy", "mgh"),
    "bounded": ("accuracy", "bounded"),
    "damping": ("accuracy", "damping"),
    "overhead": ("overhead", "overhead"),
    "batch": ("batch", "batch"),
    "cg": ("krylov", "cg"),
    "minimize": ("minimize", "minimize"),
    "autoencoder": ("autoencoder", "autoencoder"),
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("bench", choices=BENCHES, help="what to measure")
    parser.add_argument("--noisy", action="store_true", help="run under load and mark the figures")
    parser.add_argument(
        "--quick", action="store_true", help="batch and minimize: a small part, writes nothing"
    )
    options = parser.parse_args(arguments)
    if options.quick and options.bench not in QUICK:
        parser.error("only batch and minimize have --quick")
    recorder = environment.Recorder()
    if recorder.noisy and not (options.noisy or options.quick):
        limit = environment.QUIET_LOAD
        reason = (
            f"the load average is {environment.load():.2f}, above {limit}: other work would be measured too"
        )
        print(f"bench: {reason}. Wait, or pass --noisy to run and mark the figures.", file=sys.stderr)
        return 2
    module, function = BENCHES[options.bench]
    result = getattr(importlib.import_module(module), function)(**({"quick": True} if options.quick else {}))
    record = {"bench": options.bench, "environment": recorder.facts(), **result}
    import report

    if options.quick:
        print(report.render(record))
        return 0
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.bench}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(report.render(record))
    print(f"written: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 0


if __name__ == "__main__":
    environment.restart_clean(
        threads=1
    )  # serial code on small problems; batch sets its peers' threads itself
    sys.exit(main())
