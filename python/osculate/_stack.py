"""`osculate fit` of many data sets: read, fit in one call, report, write, draw."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from osculate import _python_file, _stack_model, _stack_report, _threads
from osculate._batch_result import FitResult, Interrupted
from osculate._cli_output import (
    CONVERGED,
    INTERRUPTED,
    NOT_CONVERGED,
    say,
    unwritable,
    write_text,
)
from osculate._errors import InputError
from osculate._fit import fit
from osculate._stack_columns import read_columns
from osculate._stack_data import Array, Stack, is_stack, open_arrays, read_stack
from osculate._stack_progress import Bar
from osculate._stack_report import Report
from osculate._table import read_table


@dataclass(frozen=True)
class Many:
    """Arrays, or None for columns of a table, and whether the model is a function, or ready-made."""

    arrays: Mapping[str, Array] | None
    function: bool


def wanted(arguments: argparse.Namespace) -> Many | None:
    """Whether the arguments ask for many fits in one call; None for a curve through a table."""
    function = _stack_model.is_function(arguments.model, _listed(arguments.start))
    asked = function or any(
        getattr(arguments, name) is not None
        for name in ("columns", "x", "axis", "out", "max_iterations", "rescue", "threads")
    )
    arrays = None if arguments.data == "-" else open_arrays(arguments.data)
    if _python_file.reference(arguments.data) is not None or is_stack(arrays):
        return Many(arrays, function)
    if not asked:
        return None
    as_stack = arrays is not None and arguments.columns is None
    if as_stack and arrays is not None and list(arrays) != ["y"]:  # 1-D columns of equal length are a table
        as_stack = arguments.axis is not None
    if as_stack and not function and arguments.axis is None and arguments.x is None:
        as_stack = False
    return Many(arrays if as_stack else None, function)


def run(arguments: argparse.Namespace, many: Many) -> int:
    """Fit, and return the exit code."""
    _check(arguments, many)
    stack = _read(arguments, many)
    model = _stack_model.read_model(arguments.model, stack, function=many.function)
    setup = _stack_model.read_setup(
        *(model, stack),
        *(_listed(arguments.start), _listed(arguments.bounds), _listed(arguments.fixed)),
    )
    free = len(setup.names) - len(setup.fixed)
    if stack.points < free:
        axis = (
            ""
            if stack.labels
            else ": name the axis of the points with --axis, or hold parameters with --fixed"
        )
        raise InputError(
            f"{stack.source} has {stack.points} points a fit, the model {free} free parameters{axis}"
        )
    begin = time.perf_counter()
    interrupted = False
    try:
        with Bar(stack.fits, always=arguments.progress) as bar:
            result = _fitted(arguments, stack, setup, bar)
    except Interrupted as stopped:
        result, interrupted = stopped.result, True
    seconds = time.perf_counter() - begin
    report = Report(
        stack=stack,
        model_text=_model_text(arguments.model, model),
        setup=setup,
        result=_stack_report.only_finished(result),
        seconds=seconds,
        threads=arguments.threads or _threads.available(),
        loss=arguments.loss,
        sigma=arguments.sigma,
        absolute_sigma=arguments.absolute_sigma,
        interrupted=interrupted,
    )
    _deliver(arguments, report)
    if interrupted:
        where = f"; they are in '{arguments.out}'" if arguments.out else ""
        say(f"osculate: interrupted after {report.run} of {stack.fits} fits{where}", sys.stderr)
        return INTERRUPTED
    if report.failures:
        say("osculate: warning: " + _stack_report.warning(report), sys.stderr)
        return NOT_CONVERGED
    return CONVERGED


def _check(arguments: argparse.Namespace, many: Many) -> None:
    if arguments.model is None:
        raise InputError(
            "there is no model: add --model 'a*exp(-x/tau) + c', in quotes, --model FILE.py:NAME, "
            "or a ready one such as --model gaussian"
        )
    if arguments.start_set is not None:
        raise InputError("--start-set is for a table's single fit: give starts with --start")
    if arguments.max_evaluations is not None:
        raise InputError("--max-evaluations is for a table's single fit: use --max-iterations")
    if arguments.axis is not None and many.arrays is None:
        raise InputError(f"--axis is for arrays, {arguments.data} is a table: name data with --columns")
    if arguments.columns is not None and many.arrays is not None:
        raise InputError(
            f"--columns is for tables, {arguments.data} is a stack: name the points' axis with --axis"
        )


def _read(arguments: argparse.Namespace, many: Many) -> Stack:
    if many.arrays is not None:
        return read_stack(
            *(arguments.data, many.arrays, arguments.axis or (-1,)), arguments.x, arguments.sigma
        )
    names = None if many.function else _stack_model.variables(arguments.model)
    return read_columns(read_table(arguments.data), arguments.columns, arguments.x, arguments.sigma, names)


def _fitted(arguments: argparse.Namespace, stack: Stack, setup: _stack_model.Setup, bar: Bar) -> FitResult:
    named = _python_file.reference(arguments.model)
    limits = {name: sides for name, sides in setup.bounds.items() if np.isfinite(sides).any()}
    try:
        if named is not None:  # a mistake in the function is better met before the fits than in them
            setup.model.f(stack.first_x(), *_tried(setup))
        return fit(
            *(setup.model, stack.x, stack.y, setup.p0),
            sigma=stack.sigma,
            absolute_sigma=arguments.absolute_sigma,
            bounds=limits or None,
            fixed=setup.fixed or None,
            loss=arguments.loss,
            f_scale=arguments.f_scale or 1.0,
            max_iterations=arguments.max_iterations,
            threads=arguments.threads,
            progress=bar if bar.shown else None,
            rescue=arguments.rescue or 0,
        )
    except Exception as error:
        if named is not None and _python_file.raised_in(error, named[0]) is not None:
            raise InputError(
                f"--model: '{arguments.model}' failed: {_python_file.told(error, named[0])}"
            ) from None
        if isinstance(error, (TypeError, ValueError)):
            raise InputError(_as_option(str(error))) from None
        raise


def _tried(setup: _stack_model.Setup) -> list[float]:
    """Values to try a function with: the starts, 1 where a linear solve or a guess gives them."""
    given = setup.p0 if isinstance(setup.p0, dict) else {}
    return [float(given.get(name, 1.0)) for name in setup.names]


def _as_option(message: str) -> str:
    """What `osculate.fit` says of its arguments, in the words of the command line."""
    message = message.removeprefix("fit: ")
    if match := re.match(r"p0 lacks (.*), which do not enter linearly", message):
        names = match[1].split(", ")
        return (
            f"no start value for {match[1]}, and no linear solve gives one: "
            f"add --start {','.join(f'{name}=...' for name in names)}"
        )
    if message.startswith("p0 is needed"):
        return "the model's function takes *params: name them all with --start a=1,b=2"
    return message


def _deliver(arguments: argparse.Namespace, report: Report) -> None:
    """Print, write and draw."""
    if arguments.json == "-":
        say(_stack_report.to_json(report).rstrip(), sys.stdout)
    else:
        say(_stack_report.to_text(report), sys.stdout)
        if arguments.json:
            write_text(arguments.json, _stack_report.to_json(report))
    try:
        if arguments.out:
            from osculate import _stack_write

            _stack_write.save(report, arguments.out)
        if arguments.plot:
            from osculate import _stack_plot

            _stack_plot.save(report, arguments.plot)
    except OSError as error:
        raise unwritable(str(error.filename or arguments.out or arguments.plot), error) from None


def _model_text(given: str, model: Any) -> str:
    named = _python_file.reference(given)
    if named is None:
        return f"{given.strip()}"
    what = ", ".join((*model.coordinates, *model.parameters))
    text = f"{named[1]}({what})"
    return f"{text} = {model.expression}" if model.compiled else text


def _listed(values: list[str] | None) -> str | None:
    return None if values is None else ",".join(values)
