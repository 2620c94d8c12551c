"""What `fit` returns: names, failures, summaries, predictions, pickles, dictionaries."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from fit_cases import ARRAYS, X, bits, decay, decays

import osculate
from osculate import FitResult, Flag, Status

P0 = (2.0, 1.0, 0.1)
TRUTH, Y = decays(4, 5)
GAPS = Y.copy()
GAPS[1, 2] = np.nan
GAPS[3, 4, 10] = np.inf


def test_parameters_are_got_by_name() -> None:
    result = osculate.fit(decay, X, Y, P0)
    assert result.names == ("a", "k", "c")
    for k, name in enumerate(result.names):
        np.testing.assert_array_equal(result[name], result.params[..., k])
        assert result[name].base is not None  # a view, not a copy
    with pytest.raises(KeyError, match="tau"):
        result["tau"]


def test_success_and_failed_tell_which_fits_to_look_at() -> None:
    result = osculate.fit(decay, X, GAPS, P0)
    assert result.success.shape == (4, 5)
    assert result.success.sum() == 18
    assert result.failed().tolist() == [[1, 2], [3, 4]]
    assert [Status(s) for s in result.status[tuple(result.failed().T)]] == [Status.singular, Status.nonfinite]
    assert osculate.fit(decay, X, Y, P0).failed().shape == (0, 2)
    assert osculate.fit(decay, X, Y[0, 0], P0).failed().shape == (0, 1)
    assert len(osculate.fit(decay, X, GAPS[1, 2], P0).failed()) == 1


def test_reduced_chi_square_is_that_of_the_points_that_count() -> None:
    y = Y.copy()
    y[0, 0, :10] = np.nan
    result = osculate.fit(decay, X, y, P0)
    expected = 2 * result.cost / (np.where(np.arange(20).reshape(4, 5) == 0, 40, 50) - 3)
    np.testing.assert_array_equal(result.redchi, expected)


def test_residuals_are_data_minus_prediction() -> None:
    result = osculate.fit(decay, X, GAPS, P0)
    curves = decay(X, *(result.params[..., k, np.newaxis] for k in range(3)))
    np.testing.assert_allclose(result.predict(), curves, rtol=1e-14)
    np.testing.assert_array_equal(result.residuals(), GAPS - result.predict())
    good = result.success
    np.testing.assert_allclose(
        0.5 * (result.residuals()[good] ** 2).sum(axis=-1), result.cost[good], rtol=1e-10
    )


def test_prediction_at_other_points() -> None:
    result = osculate.fit(decay, X, Y, P0)
    fine = np.linspace(0, 8, 7)
    assert result.predict(fine).shape == (4, 5, 7)
    np.testing.assert_allclose(result.predict(fine)[2, 3], decay(fine, *result.params[2, 3]), rtol=1e-14)
    np.testing.assert_array_equal(result.predict(8.0), result.predict(fine)[..., -1:])
    np.testing.assert_array_equal(result.predict(np.arange(3)), result.predict([0.0, 1.0, 2.0]))
    single = osculate.fit(decay, X, Y[0, 0], P0)
    np.testing.assert_allclose(single.predict(fine), decay(fine, *single.params), rtol=1e-14)


def test_summary_counts_statuses_and_flags_and_shows_percentiles() -> None:
    result = osculate.fit(decay, X, GAPS, P0)
    text = result.summary()
    lines = text.splitlines()
    assert lines[0] == "20 fits, path tape"
    assert Status.singular.sentence in text
    assert Status.nonfinite.sentence in text
    assert "  5.00%" in text
    for flag in (Flag.no_freedom, Flag.rank_deficient, Flag.nonfinite_model):
        assert flag.name is not None
        assert any(line.split()[2:3] == [flag.name + ":"] for line in lines)
    counts = [int(line.split()[0]) for line in lines if "Converged" in line]
    assert sum(counts) == 18
    (row,) = (line for line in lines if line.startswith("k "))
    low, middle, high = np.percentile(result["k"][result.success], (5, 50, 95))
    np.testing.assert_allclose([float(v) for v in row.split()[1:4]], [low, middle, high], rtol=1e-4)
    assert lines[-1].startswith("redchi")


def test_summary_of_failures_alone_and_of_one_fit() -> None:
    lost = osculate.fit(decay, X, np.full((3, 50), np.nan), P0).summary()
    assert "converged fits" not in lost
    assert "100.00%" in lost
    one = osculate.fit(decay, X, Y[0, 0], P0).summary()
    assert one.startswith("1 fits, path tape")


def test_repr_is_of_a_line_for_many_fits_and_shows_the_parameters_of_one() -> None:
    many = repr(osculate.fit(decay, X, GAPS, P0))
    assert many == "FitResult of 20 fits, shape (4, 5), 18 converged; parameters a, k, c; see summary()"
    result = osculate.fit(decay, X, Y[0, 0], P0)
    lines = repr(result).splitlines()
    assert lines[0].startswith("FitResult of 1 fits, shape (), 1 converged (")
    assert lines[1] == f"  a = {result['a']:.6g} +- {result.stderr[0]:.2g}"
    assert len(lines) == 4
    assert "0 fits" in repr(osculate.fit(decay, X, np.empty((0, 50)), P0))


def test_to_dict_has_every_array() -> None:
    result = osculate.fit(decay, X, GAPS, P0)
    out = result.to_dict()
    for name in (*ARRAYS, "redchi"):
        np.testing.assert_array_equal(out[name], getattr(result, name))
    assert out["names"] == ("a", "k", "c")
    assert out["path"] == "tape"
    assert "covariance" not in osculate.fit(decay, X, Y, P0, covariance=False).to_dict()


def test_results_can_be_pickled_and_copied() -> None:
    for y in (GAPS, Y[0, 0]):
        result = osculate.fit(decay, X, y, P0)
        for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
            assert isinstance(again, FitResult)
            assert bits(again) == bits(result)
            assert again.names == result.names
            assert repr(again) == repr(result)
            assert again.summary() == result.summary()
            with pytest.raises(ValueError, match="predict needs the data"):
                again.predict()
            with pytest.raises(ValueError, match="retry needs the data"):
                again.retry()


def test_pickles_do_not_hold_the_data_or_the_function() -> None:
    y = np.broadcast_to(Y[0, 0], (3, 50))
    result = osculate.fit(lambda x, a, k, c: decay(x, a, k, c), X, y, P0, progress=lambda done, total: None)
    assert len(pickle.dumps(result)) < 3000


def test_results_are_frozen() -> None:
    result = osculate.fit(decay, X, Y, P0)
    with pytest.raises(FrozenInstanceError):
        result.cost = 0  # type: ignore[misc]


def test_path_and_reason_are_told() -> None:
    result = osculate.fit(decay, X, Y, P0)
    assert (result.path, result.why_not) == ("tape", None)
    slow = osculate.fit(lambda x, a, c: a * np.cumsum(x) + c, X, Y, (1, 0))
    assert slow.path != "tape"
    assert slow.why_not
    assert slow.why_not in slow.summary()


def test_interrupted_pickles_with_its_result() -> None:
    interrupted = osculate.Interrupted(osculate.fit(decay, X, decay(X, 2.0, 1.0, 0.1), (1.5, 1.2, 0.0)))
    again = pickle.loads(pickle.dumps(interrupted))
    np.testing.assert_array_equal(again.result.params, interrupted.result.params)
    assert str(again) == str(interrupted)


def test_one_coordinate_for_a_model_of_two_is_refused() -> None:
    model = osculate.Model(lambda u, v, a, b: a * u + b * v, coordinates=("u", "v"))
    with pytest.raises(ValueError, match="x must have shape"):
        osculate.fit(model, X, X, (1, 1))
