"""The result of `osculate fit` as text and as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from osculate._fit_result import FitResult

CORRELATION_THRESHOLD = 0.5


def to_text(fit: FitResult) -> str:
    """Return the report that `osculate fit` prints.

    Parameters with standard errors and 95% intervals, correlations above 0.5 in magnitude, chi-square, R2,
    AIC, BIC, how the solver ended, and a warning where the fit has not converged. What the statistics mean is
    written in `FitResult` and `Goodness`.
    """
    sections = [_heading(fit), _parameters(fit), _correlations(fit), _statistics(fit), _ending(fit)]
    return "\n\n".join("\n".join(section) for section in sections if section)


def to_dict(fit: FitResult) -> dict[str, Any]:
    """Return everything the report shows, in full precision, as JSON types; None for what is not defined."""
    problem, quality = fit.problem, fit.goodness
    parameters = {
        name: {
            "value": float(fit.values[i]),
            "stderr": float(fit.stderr[i]),
            "interval": [float(end) for end in fit.interval[i]],
            "start": float(problem.start[i]),
            "bounds": [float(problem.lower[i]), float(problem.upper[i])],
            "fixed": bool(problem.fixed[i]),
            "held": bool(fit.held[i]),
        }
        for i, name in enumerate(problem.parameters)
    }
    content = {
        "file": problem.table.source,
        "model": str(problem.model),
        "data": problem.data_label,
        "predictors": list(problem.predictors),
        "sigma": problem.sigma_label,
        "absolute_sigma": fit.absolute_sigma,
        "loss": fit.loss,
        "f_scale": fit.f_scale,
        "notes": list(problem.table.notes),
        "parameters": parameters,
        "confidence": 0.95,
        "quantile": fit.quantile,
        "covariance": fit.covariance.tolist(),
        "correlation": fit.correlation.tolist(),
        "points": quality.points,
        "degrees_of_freedom": quality.degrees_of_freedom,
        "chi_square": quality.chi_square,
        "reduced_chi_square": quality.reduced_chi_square,
        "residual_sd": quality.residual_sd,
        "r_squared": quality.r_squared,
        "aic": quality.aic,
        "bic": quality.bic,
        "success": fit.success,
        "status": fit.status,
        "outcome": fit.outcome,
        "message": fit.message,
        "iterations": fit.iterations,
        "evaluations": fit.evaluations,
        "derivatives": fit.derivatives,
    }
    finite: dict[str, Any] = _finite(content)
    return finite


def warning(fit: FitResult) -> str:
    """Return, for a fit that has not converged, why and what to do, in one line."""
    option = " (--max-evaluations)" if fit.outcome == "max_iterations" else ""
    return f"not converged{option}. {fit.message}"


def to_json(fit: FitResult) -> str:
    """Return `to_dict` as indented JSON."""
    return json.dumps(to_dict(fit), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON does not have, by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value


def _heading(fit: FitResult) -> list[str]:
    problem = fit.problem
    left = f"{problem.data_label} = "
    rows = [
        ("model", left + problem.model.right.text),
        ("data", f"{problem.table.source}, {fit.goodness.points} points"),
    ]
    if problem.sigma_label is not None:
        kind = "absolute" if fit.absolute_sigma else "relative"
        rows.append(("sigma", f"{problem.sigma_label}, {kind}; of {problem.data_label}"))
    if fit.loss != "linear":
        rows.append(("loss", f"{fit.loss}, f_scale {fit.f_scale:g}"))
    rows += [("note", note) for note in problem.table.notes]
    return [f"{name:<7}{text}" for name, text in rows]


def _parameters(fit: FitResult) -> list[str]:
    rows = [("parameter", "value", "std. error", "rel. error", "95% confidence interval")]
    for i, name in enumerate(fit.problem.parameters):
        value, stderr = fit.values[i], fit.stderr[i]
        if fit.problem.fixed[i]:
            rows.append((name, f"{value:.9g}", "fixed", "", ""))
        elif fit.held[i]:
            rows.append((name, f"{value:.9g}", "at bound", "", ""))
        elif not np.isfinite(stderr):
            rows.append((name, f"{value:.9g}", "unknown", "", ""))
        else:
            relative = f"{100 * stderr / abs(value):.2g}%" if value else ""
            low, high = fit.interval[i]
            rows.append((name, f"{value:.9g}", f"{stderr:.5g}", relative, f"{low:.6g} to {high:.6g}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _correlations(fit: FitResult) -> list[str]:
    names, correlation = fit.problem.parameters, fit.correlation
    pairs = [
        (correlation[i, j], names[i], names[j])
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(correlation[i, j]) > CORRELATION_THRESHOLD
    ]
    if not pairs:
        return []
    pairs.sort(key=lambda pair: -abs(pair[0]))
    width = max(len(first) + len(second) for _, first, second in pairs) + 2
    lines = [f"{f'{first}, {second}':<{width}}  {value:+.4f}" for value, first, second in pairs]
    return [f"correlations above {CORRELATION_THRESHOLD}", *lines]


def _statistics(fit: FitResult) -> list[str]:
    quality = fit.goodness
    dof = f"({quality.degrees_of_freedom} degrees of freedom)"
    if fit.problem.sigma is None:
        rows = [
            ("residual sum of squares", f"{quality.chi_square:.9g}"),
            ("residual standard deviation", f"{quality.residual_sd:.9g}  {dof}"),
        ]
    else:
        rows = [
            ("chi-square", f"{quality.chi_square:.9g}"),
            ("reduced chi-square", f"{quality.reduced_chi_square:.6g}  {dof}"),
        ]
    rows += [
        ("R2", _six_nines(quality.r_squared)),
        ("AIC", f"{quality.aic:.6g}"),
        ("BIC", f"{quality.bic:.6g}"),
    ]
    return [f"{name:<29}{text}" for name, text in rows if not text.startswith("nan")]


def _six_nines(value: float) -> str:
    """R2 with six digits, of 1 - R2 where it is nearly 1."""
    return f"1 - {1 - value:.3g}" if 0.999999 < value < 1 else f"{value:.6f}"


def _ending(fit: FitResult) -> list[str]:
    counts = f"{fit.iterations} iterations, {fit.evaluations} evaluations"
    how = "complex-step derivatives" if fit.derivatives == "cs" else "central differences"
    lines = [f"{counts}, {how}"]
    lines.append(fit.message if fit.success else "WARNING: " + warning(fit))
    unknown = [
        name
        for i, name in enumerate(fit.problem.parameters)
        if not fit.held[i] and not np.isfinite(fit.covariance[i, i])
    ]
    if unknown and fit.goodness.degrees_of_freedom > 0:
        lines.append(
            f"WARNING: the data do not determine {', '.join(unknown)}: "
            "hold some with --fixed or simplify the model."
        )
    elif unknown:
        lines.append(
            "WARNING: as many parameters as points: the curve passes through them, errors are unknown."
        )
    return lines
