"""The `osculate` command: `osculate fit DATA` fits a curve to a table, or to each data set of a stack."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from osculate._cli_output import (
    CONVERGED,
    INTERRUPTED,
    NOT_CONVERGED,
    WRONG_INPUT,
    check_plot,
    check_writable,
    one_line,
    say,
    unwritable,
    write_text,
)
from osculate._cli_parser import parse
from osculate._errors import InputError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; default ``sys.argv[1:]``.

    Returns
    -------
    int
        0 converged, 1 not converged, 2 wrong input (one line on standard error), 130 interrupted.
    """
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        if arguments.version:
            from osculate import __version__

            say(f"osculate {__version__}", sys.stdout)
            return CONVERGED
        if arguments.command is None:
            raise InputError(
                "no command: osculate fit DATA --model 'b1*x' --start b1=1 ('osculate --help' explains)"
            )
        return _fit(arguments)
    except InputError as error:
        say("osculate: error: " + one_line(str(error)), sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        say("osculate: interrupted", sys.stderr)
        return INTERRUPTED
    except SystemExit as leaving:  # --help
        return int(leaving.code or 0)


def _fit(arguments: argparse.Namespace) -> int:
    from osculate import _stack

    _check_outputs(arguments)
    many = _stack.wanted(arguments)
    return _stack.run(arguments, many) if many is not None else _fit_table(arguments)


def _fit_table(arguments: argparse.Namespace) -> int:
    from osculate import report
    from osculate._fit_problem import build_problem
    from osculate._fit_result import solve
    from osculate._fit_settings import gather
    from osculate._table import read_table

    if arguments.loss == "poisson":
        raise InputError("--loss poisson is for many fits in one call: add --columns COLUMN")
    table = read_table(arguments.data)
    settings = gather(
        table,
        model=arguments.model,
        start=_listed(arguments.start),
        bounds=_listed(arguments.bounds),
        fixed=_listed(arguments.fixed),
        start_set=arguments.start_set,
    )
    fit = solve(
        build_problem(table, settings, arguments.sigma),
        loss=arguments.loss,
        f_scale=arguments.f_scale or 1.0,
        absolute_sigma=arguments.absolute_sigma,
        max_evaluations=arguments.max_evaluations,
    )
    if arguments.json == "-":
        say(report.to_json(fit).rstrip(), sys.stdout)
    else:
        say(report.to_text(fit), sys.stdout)
        if arguments.json:
            write_text(arguments.json, report.to_json(fit))
    if not fit.success:
        say("osculate: warning: " + report.warning(fit), sys.stderr)
    if arguments.plot:
        from osculate import plot

        try:
            plot.save(fit, arguments.plot)
        except OSError as error:
            raise unwritable(arguments.plot, error) from None
    return CONVERGED if fit.success else NOT_CONVERGED


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Find out before the fit whether its results can be written, and options that contradict each other."""
    if arguments.absolute_sigma and not arguments.sigma:
        raise InputError("--absolute-sigma needs the standard deviations: add --sigma COLUMN")
    if arguments.f_scale is not None and arguments.loss in ("linear", "poisson"):
        raise InputError(
            f"--f-scale has no effect on the {arguments.loss} loss: add --loss huber or another robust one"
        )
    if arguments.plot:
        check_plot(arguments.plot)
    if arguments.out and Path(arguments.out).suffix.lower() not in (".npz", ".csv"):
        raise InputError(f"cannot write '{arguments.out}': end the name in .npz or .csv")
    for path in (arguments.plot, arguments.out, None if arguments.json == "-" else arguments.json):
        if path:
            check_writable(Path(path), Path(arguments.data))


def _listed(values: list[str] | None) -> str | None:
    return None if values is None else ",".join(values)


if __name__ == "__main__":
    sys.exit(main())
