"""The arguments of the `osculate` command."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import NoReturn

from osculate._errors import InputError

_FLAGS = {"--help", "-h", "--version", "--absolute-sigma", "--progress"}
_OPTIONS = _FLAGS | {
    *("--model", "--start", "--start-set", "--bounds", "--fixed", "--sigma"),
    *("--loss", "--f-scale", "--max-evaluations", "--plot", "--json"),
    *("--columns", "--x", "--axis", "--out", "--max-iterations", "--rescue", "--threads"),
}
_LOSSES = ("linear", "soft_l1", "huber", "cauchy", "arctan", "poisson")

_EPILOG = """\
data files
  CSV, TSV, whitespace-separated text, .npy and .npz; '-' reads standard input. Headers become names of the
  model ('t (ms)' is t_ms). Lines '# model: ...', '# start: ...' and '# bounds: ...' hold what the options do
  not give.

model
  [expression of the data column =] expression of columns and parameters. Without a left side the column y is
  the data, else the last one. Operators + - * / ** and < <= > >= in where(condition, a, b); constants pi and
  e; functions {functions}.
  FILE.py:NAME is a function f(x, a, b, ...) of NumPy operations in a Python file, which is run: only give
  files that you trust. Models with a first guess of their own, which need no start, also as a sum, 'gaussian
  + linear': {models}.

many fits in one call
  --columns fits each of several columns of a table. An array of two or more dimensions in a .npy file, or as
  the array y of an .npz file, is a stack: the points of a fit lie along --axis (default the last one, 0 for
  a stack of images), their x are the array x of the .npz file, or --x; default 0, 1, 2, ... A .npy file of
  two dimensions is a table for an expression, unless --axis or --x is there. DATA can be FILE.py:NAME too, a
  function without arguments that returns y, or x and y. NaN is a missing point. Starts may leave out
  parameters that enter linearly. --out keeps what was found in arrays of the stack's shape (.npz), or in a
  row a fit (.csv).

weights
  --sigma names the standard deviations of the left side as written (for 'log(y) = ...' those of log(y)). They
  count relative to each other, and the standard errors follow from the scatter, unless --absolute-sigma says
  that they are the true ones: scipy.optimize.curve_fit's absolute_sigma. For a stack: a number, a file, or an
  array of the .npz file.

exit codes
  0 converged, 1 not converged (the report has a warning), 2 wrong input, 130 interrupted (of many fits, those
  that are finished are reported and written).

examples
  osculate fit decay.csv --model "U = U0*exp(-t_ms/tau) + c" --start U0=5,tau=20,c=0 --plot fit.png
  osculate fit data.txt --model "log(y) = a + b*x" --start a=1,b=1 --sigma dy/y --bounds b=0: --json -
  osculate fit traces.csv --columns all --model "a*exp(-t/tau)" --start tau=2 --out fit.csv
  osculate fit stack.npy --axis 0 --x times.npy --model decay.py:decay --start tau=2 --plot maps.png
  osculate fit spectra.npz --model "gaussian + linear" --out fit.npz
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


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the arguments; raise InputError where they are wrong, SystemExit after the help."""
    return _parser().parse_args(_joined(argv))


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


def _axes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        message = f"expected the number of an axis, such as 0 or -1, got '{text}'"
        raise argparse.ArgumentTypeError(message) from None


def _parser() -> argparse.ArgumentParser:
    from osculate._functions import FUNCTIONS
    from osculate._stack_model import READY

    def listed(names: Sequence[str]) -> str:
        return textwrap.fill(", ".join(names), 116, subsequent_indent="  ")

    parser = _Parser("osculate", description="Second-order optimization: curve fits on the command line.")
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="command")
    fit = commands.add_parser(
        "fit",
        help="fit a curve to a table, or one to each of many columns or pixels",
        description="Fit a curve to a table, or to each of many data sets, by nonlinear least squares; "
        "report it with standard errors.",
        epilog=_EPILOG.format(functions=listed(list(FUNCTIONS)), models=listed(READY)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_options(fit)
    _add_stack_options(fit.add_argument_group("many fits in one call"))
    return parser


def _add_options(fit: argparse.ArgumentParser) -> None:
    add = fit.add_argument
    add("data", metavar="DATA", help="the table or stack, or - for a table on standard input")
    add("--model", metavar="MODEL", help='"[expression =] expression", in quotes; FILE.py:NAME; or a name')
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
    add(
        "--loss",
        choices=_LOSSES,
        default="linear",
        help="a robust loss discounts outliers; poisson is for counts, of many fits (default linear)",
    )
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
    add("--plot", metavar="FILE", help="draw data, curve and residuals: .png, .pdf or .svg")
    add("--json", metavar="FILE", help="write the report as JSON; - prints it instead of the text")


def _add_stack_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--columns", metavar="y1,y2|all", help="columns that are fitted one by one")
    add("--x", metavar="FILE|START:STEP", help="the points' x: a file, or numbers; of a table, columns")
    add(
        "--axis", metavar="K", type=_axes, help="the points' axis in a stack (default -1); two of images: 1,2"
    )
    add("--out", metavar="FILE", help="write parameters, errors and status of every fit: .npz or .csv")
    add("--max-iterations", metavar="N", type=_positive_count, help="limit of the steps of a fit")
    add("--rescue", metavar="K", type=_positive_count, help="try what fails again from K random starts")
    add("--threads", metavar="N", type=_positive_count, help="default: the CPUs that this process may use")
    add("--progress", action="store_true", help="show the progress also where there is no terminal")
