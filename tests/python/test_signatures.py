"""The signatures of least_squares and curve_fit beside SciPy's: every difference with its reason."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import scipy.optimize
import scipy.sparse.linalg

import osculate

pytest.importorskip("scipy", minversion="1.17")  # older ones have other signatures and messages

NEW = "not in SciPy; keyword-only, so that code written for SciPy cannot reach it by position"
LIST_OF_DIFFERENCES: dict[str, dict[str, str]] = {
    "least_squares": {
        "fixed: added": NEW + "; a mask of parameters that keep their start",
        "damping: added": NEW + "; how a step is controlled",
        "linear_solver: added": NEW + "; tr_solver knows only exact and lsmr",
        "initial_radius: added": NEW + "; leastsq's factor",
        "geodesic_acceleration: added": NEW,
        "max_iterations: added": NEW + "; a limit of accepted steps instead of evaluations",
        "max_factor_bytes: added": NEW + "; when a sparse factorization gives way to LSMR",
        "threads: added": NEW,
    },
    "curve_fit": {},
}


def differences(ours: Callable[..., Any], theirs: Callable[..., Any]) -> list[str]:
    """Every way in which one signature differs from another, in words."""
    left = dict(inspect.signature(ours).parameters)
    right = dict(inspect.signature(theirs).parameters)
    found = [f"{name}: missing" for name in right if name not in left]
    found += [f"{name}: added" for name in left if name not in right]
    for name in left.keys() & right.keys():
        if left[name].kind is not right[name].kind:
            found.append(f"{name}: {left[name].kind.description}, not {right[name].kind.description}")
        if left[name].default != right[name].default:
            found.append(f"{name}: default {left[name].default!r}, not {right[name].default!r}")
    shared = [name for name in left if name in right]
    if shared != [name for name in right if name in left]:
        found.append("order: " + ", ".join(shared))
    return found


@pytest.mark.parametrize("name", LIST_OF_DIFFERENCES)
def test_signature_differs_from_scipy_only_as_listed(name: str) -> None:
    found = differences(getattr(osculate, name), getattr(scipy.optimize, name))
    assert sorted(found) == sorted(LIST_OF_DIFFERENCES[name])


KRYLOV_DIFFERENCES: dict[str, dict[str, str]] = {
    "cg": {
        "damping: added": NEW + "; A + damping I",
        "radius: added": NEW + "; a trust region",
        "progress_tolerance: added": NEW + "; Martens' stopping rule",
        "threads: added": NEW,
    },
    "minres": {
        "atol: added": NEW + "; as in cg",
        "threads: added": NEW,
        "show: missing": "nothing prints",
        "check: missing": "a product more for an answer that one vector cannot give",
    },
}


@pytest.mark.parametrize("name", KRYLOV_DIFFERENCES)
def test_signature_of_a_krylov_method_differs_from_scipy_only_as_listed(name: str) -> None:
    found = differences(getattr(osculate.linalg, name), getattr(scipy.sparse.linalg, name))
    found = [text for text in found if not text.startswith("order:")]  # all of them are keyword-only
    assert sorted(found) == sorted(KRYLOV_DIFFERENCES[name])


def test_added_parameters_are_keyword_only() -> None:
    for name, reasons in LIST_OF_DIFFERENCES.items():
        parameters: Mapping[str, inspect.Parameter] = inspect.signature(getattr(osculate, name)).parameters
        for difference in reasons:
            if difference.endswith(": added"):
                added = parameters[difference.partition(":")[0]]
                assert added.kind is inspect.Parameter.KEYWORD_ONLY, added


def test_comparison_sees_every_kind_of_difference() -> None:
    def theirs(a: int, b: int = 1, *, c: int = 2, d: int = 3) -> None: ...
    def ours(b: int = 2, a: int = 0, c: int = 2, *, e: int = 0) -> None: ...

    found = set(differences(ours, theirs))
    assert {
        "d: missing",
        "e: added",
        "b: default 2, not 1",
        "c: positional or keyword, not keyword-only",
    } < found
    assert any(text.startswith("order: b, a") for text in found)
