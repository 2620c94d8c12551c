"""The `osculate` command: `osculate fit DATA` fits a curve to a table and reports it."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from osculate._errors import InputError

CONVERGED, NOT_CONVERGED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

_FLAGS = {"--help", "-h", "--version", "--absolute-sigma"}
_OPTIONS = _FLAGS | {
    *("--model", "--start", "--start-set", "--bounds", "--fixed", "--sigma"),
    *("--loss", "--f-scale", "--max-evaluations", "--plot", "--json"),
}
_LOSSES = ("linear", "soft_l1", "huber", "cauchy", "arctan")

_EPILOG = """\
data files
  CSV, TSV, whitespace-separated text, .npy and .npz; '-' reads standard input. Headers become names of the
  model ('t (ms)' is t_ms). Lines '# model: ...', '# start: ...' and '# bounds: ...' hold what the options do
  not give.

model
  [expression of the data column =] expression of columns and parameters. Without a left side the column y is
  the data, else the last one. Operators + - * / ** and < <= > >= in where(condition, a, b); constants pi and
  e; functions {functions}.

weights
  --sigma names the standard deviations of the left side as written (for 'log(y) = ...' those of log(y)). They
  count relative to each other, and the standard errors follow from the scatter, unless --absolute-sigma says
  that they are the true ones: scipy.optimize.curve_fit's absolute_sigma.

exit codes
  0 converged, 1 not converged (the report has a warning), 2 wrong input, 130 interrupted.

examples
  osculate fit decay.csv --model "U = U0*exp(-t_ms/tau) + c" --start U0=5,tau=20,c=0 --plot fit.png
  osculate fit data.txt --model "log(y) = a + b*x" --start a=1,b=1 --sigma dy/y --bounds b=0: --json -
"""


class _Parser(argparse.ArgumentParser):
    """Raises InputError instead of printing the usage and leaving."""

    def error(self, message: str) -> NoReturn:
        if "unrecognized arguments" in message:
            message += ": put the whole model in quotes, and separate starts by commas, --start b1=1,b2=2"
        elif "expected one argument" in message:
            message += ": write it behind the option, in quotes"
        elif "invalid choice" in message and "command" in message:
            message = "the first argument must be a command: osculate fit DATA --model 'b1*x' --start b1=1"
        elif "required: DATA" in message:
            message = "no data file: osculate fit DATA --model 'b1*x' --start b1=1"
        raise InputError(f"{message} ('{self.prog} --help' explains)")


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
        arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
        if arguments.version:
            from osculate import __version__

            _print(f"osculate {__version__}", sys.stdout)
            return CONVERGED
        if arguments.command is None:
            raise InputError(
                "no command: osculate fit DATA --model 'b1*x' --start b1=1 ('osculate --help' explains)"
            )
        return _fit(arguments)
    except InputError as error:
        _print("osculate: error: " + _one_line(str(error)), sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        _print("osculate: interrupted", sys.stderr)
        return INTERRUPTED
    except SystemExit as leaving:  # --help
        return int(leaving.code or 0)


def _fit(arguments: argparse.Namespace) -> int:
    from osculate import report
    from osculate._fit_problem import build_problem
    from osculate._fit_result import solve
    from osculate._fit_settings import gather
    from osculate._table import read_table

    _check_outputs(arguments)
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
        _print(report.to_json(fit).rstrip(), sys.stdout)
    else:
        _print(report.to_text(fit), sys.stdout)
        if arguments.json:
            _write(arguments.json, report.to_json(fit))
    if not fit.success:
        _print("osculate: warning: " + report.warning(fit), sys.stderr)
    if arguments.plot:
        from osculate import plot

        try:
            plot.save(fit, arguments.plot)
        except OSError as error:
            raise _unwritable(arguments.plot, error) from None
    return CONVERGED if fit.success else NOT_CONVERGED


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Find out before the fit whether its results can be written, and options that contradict each other."""
    if arguments.absolute_sigma and not arguments.sigma:
        raise InputError("--absolute-sigma needs the standard deviations: add --sigma COLUMN")
    if arguments.f_scale is not None and arguments.loss == "linear":
        raise InputError("--f-scale has no effect on the linear loss: add --loss huber or another robust one")
    if arguments.plot:
        from osculate import plot

        try:
            plot.check(arguments.plot)
        except ImportError as error:
            raise InputError(f"--plot: {error}") from None
    for path in (arguments.plot, None if arguments.json == "-" else arguments.json):
        if path:
            _check_writable(Path(path), Path(arguments.data))


def _check_writable(path: Path, data: Path) -> None:
    if path.is_dir():
        raise InputError(f"'{path}' is a directory: name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"cannot write '{path}': there is no directory '{path.parent}'")
    if path.exists() and data.exists() and path.samefile(data):
        raise InputError(f"'{path}' is the data file and would be overwritten: choose another name")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"cannot write '{path}' (permission denied): choose another place")


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: str, error: OSError) -> InputError:
    return InputError(f"cannot write '{path}' ({error.strerror or error}): choose another place")


def _print(text: str, stream: TextIO) -> None:
    """Print what the stream's encoding can show; a reader that has left (`| head`) is no error."""
    encoding = stream.encoding or "utf-8"
    try:
        print(text.encode(encoding, errors="replace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else Python complains when it ends


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _listed(values: list[str] | None) -> str | None:
    return None if values is None else ",".join(values)


def _joined(argv: Sequence[str]) -> list[str]:
    """Join options with values such as --model '-b1*x', which argparse would take for options."""
    joined: list[str] = []
    for word in argv:
        negative = word.startswith("-") and word != "-" and word.split("=")[0] not in _OPTIONS
        if negative and joined and joined[-1] in _OPTIONS - _FLAGS:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, got '{text}'")
    return number


def _positive_count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got '{text}'")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    from osculate._functions import FUNCTIONS

    parser = _Parser("osculate", description="Second-order optimization: curve fits on the command line.")
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="command")
    fit = commands.add_parser(
        "fit",
        help="fit a curve to a table",
        description="Fit a curve to a table by nonlinear least squares; report it with standard errors.",
        epilog=_EPILOG.format(functions=textwrap.fill(", ".join(FUNCTIONS), 116, subsequent_indent="  ")),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = fit.add_argument
    add("data", metavar="DATA", help="the table, or - for standard input")
    add("--model", metavar="MODEL", help='"[expression =] expression", in quotes')
    add("--start", metavar="b1=500,b2=0.0001", action="append", help="start values of the parameters")
    add(
        "--start-set", metavar="N", type=_positive_count, help="take the file's line '# start N:' (default 1)"
    )
    add("--bounds", metavar="b1=0:,b2=:10", action="append", help="lower and upper bounds of parameters")
    add(
        "--fixed", metavar="b3,b4=2", action="append", help="parameters to hold at their start, or at a value"
    )
    add("--sigma", metavar="COLUMN", help="standard deviations: a column, or an expression of columns")
    add(
        "--absolute-sigma",
        action="store_true",
        help="sigma is true, not only relative: errors are not rescaled",
    )
    add("--loss", choices=_LOSSES, default="linear", help="a robust loss discounts outliers (default linear)")
    add(
        "--f-scale",
        metavar="C",
        type=_positive,
        help="residual (over sigma) where an outlier begins (default 1)",
    )
    add(
        "--max-evaluations",
        metavar="N",
        type=_positive_count,
        help="limit of evaluations without those for derivatives (default 1000 a parameter)",
    )
    add("--plot", metavar="FILE", help="draw data, curve, 95%% band and residuals: .png, .pdf or .svg")
    add("--json", metavar="FILE", help="write the report as JSON; - prints it instead of the text")
    return parser


if __name__ == "__main__":
    sys.exit(main())
