"""Functions that `fit` calls back: what they raise, return wrongly or do on the way."""

import signal
import threading

import numpy as np
import pytest

from osculate import Flag, Interrupted, Status, fit

X = np.linspace(0, 4, 30)
P = np.array([2.0, 1.0, 0.3])


def decay(x, a, tau, c):
    return a * np.exp(-x / tau) + c


def hidden_decay(x, a, tau, c):
    assert isinstance(a, (float, np.ndarray))
    return decay(x, a, tau, c)


def data(fits=40, noise=0.01):
    rng = np.random.default_rng(5)
    p = P * (1 + 0.1 * rng.standard_normal((fits, 3)))
    return decay(X, *p.T[..., None]) + noise * rng.standard_normal((fits, 30))


class SomeError(Exception):
    pass


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "per_fit"])
@pytest.mark.parametrize("call", [1, 3, 12])
def test_an_exception_comes_out_as_the_same_object(batched, call):
    raised = SomeError("here")
    calls = 0

    def failing(x, a, tau, c):
        nonlocal calls
        assert isinstance(a, (float, np.ndarray))
        calls += 1
        if calls >= call:
            raise raised
        return decay(x, a, tau, c)

    # A probe that meets it says why not batched, and the next call raises.
    with pytest.raises((SomeError, ValueError)) as caught:
        fit(failing, X, data(), P, batched=batched)
    if isinstance(caught.value, ValueError):
        assert batched
        assert "SomeError: here" in str(caught.value)
    else:
        assert caught.value is raised
        assert any(entry.name == "failing" for entry in caught.traceback)


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "per_fit"])
def test_stop_iteration_of_the_function_is_an_error_too(batched):
    calls = 0

    def stopping(x, a, tau, c):
        nonlocal calls
        calls += 1
        if calls > 12:
            raise StopIteration
        return decay(x, a, tau, c)

    with pytest.raises(StopIteration):
        fit(stopping, X, data(), P, batched=batched)


@pytest.fixture
def python_handles_interrupts():
    """A shell's background jobs ignore SIGINT, and Python then leaves it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("python_handles_interrupts")
@pytest.mark.parametrize("batched", [True, False], ids=["batched", "per_fit"])
def test_an_interrupt_keeps_the_finished_fits(batched):
    calls = 0

    def interrupted(x, a, tau, c):
        nonlocal calls
        calls += 1
        if calls == (60 if batched else 6000):
            signal.raise_signal(signal.SIGINT)
        return decay(x, a, tau, c)

    y = data(4000)
    with pytest.raises(Interrupted) as caught:
        fit(interrupted, X, y, P, batched=batched)
    result = caught.value.result
    done = result.status != Status.not_run
    assert 0 < done.sum() < 4000
    expected = fit(decay, X, y[done], P)
    np.testing.assert_allclose(result.params[done], expected.params, rtol=1e-3)
    np.testing.assert_allclose(result.stderr[done], expected.stderr, rtol=1e-3)
    assert np.isnan(result.params[~done]).all()


WRONG = {
    "too few": (
        lambda x, a, b: x[:5],
        r"f must return an array of shape \(30,\), as y has 30 points, got \(5,\)",
    ),
    "a column": (lambda x, a, b: x[:, None], r"f must return an array of shape \(30,\).* got \(30, 1\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_shape_names_the_function_and_both_shapes(name):
    f, message = WRONG[name]

    def f_(x, a, b):
        assert isinstance(a, (float, np.ndarray))
        return f(x, a, b)

    f_.__name__ = "f"
    with pytest.raises(ValueError, match="fit: " + message):
        fit(f_, X, np.ones((3, 30)), (1.0, 1.0))


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (None, TypeError, "fit: f must return an array of numbers, got None"),
        (1j * X, TypeError, "fit: f must return real numbers, got complex numbers"),
        (np.array(["a"] * 30), TypeError, "fit: f must return real numbers, got an array of dtype <U1"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(value, error, message):
    def f(x, a, b):
        return value

    with pytest.raises(error, match=message):
        fit(f, X, np.ones((3, 30)), (1.0, 1.0), batched=False)


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "per_fit"])
def test_a_shape_that_turns_wrong_later_is_refused(batched):
    calls = 0

    def f(x, a, tau, c):
        nonlocal calls
        calls += 1
        y = decay(x, a, tau, c)
        return y if calls < 15 else y[..., :-1]

    shape = (
        r"\(\d+, 30\) for as many rows of parameters, got \(\d+, 29\)" if batched else r"\(30,\), got \(29,\)"
    )
    with pytest.raises(ValueError, match=r"fit: f must return an array of shape " + shape):
        fit(f, X, data(), P, batched=batched)


@pytest.mark.parametrize("outer", [True, False], ids=["batched", "per_fit"])
def test_the_function_may_itself_fit(outer):
    inner = data(2)

    def nested(x, a, tau, c):
        for batched in (None, True, False):
            assert fit(decay, X, inner, P, batched=batched).success.all()
        return decay(x, a, tau, c)

    y = data(3)
    result = fit(nested, X, y, P, batched=outer)
    np.testing.assert_allclose(result.params, fit(decay, X, y, P).params, rtol=1e-6)


def test_several_python_threads_fit_at_once():
    y = data(50)
    expected = fit(decay, X, y, P, batched=True).params
    results = [None] * 4

    def work(k):
        results[k] = fit(hidden_decay, X, y, P).params

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for params in results:
        np.testing.assert_array_equal(params, expected)


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "per_fit"])
def test_a_model_that_is_not_finite_somewhere_fails_alone(batched):
    def rooted(x, a, tau, c):
        return a * np.exp(-x / tau) + np.sqrt(c)

    y = decay(X, *(P * [[1], [1], [1]]).T[..., None])
    p0 = np.array([P, [2.0, 1.0, -1.0], P])
    result = fit(rooted, X, y, p0, batched=batched)
    np.testing.assert_array_equal(result.success, [True, False, True])
    assert result.status[1] == Status.nonfinite
    assert result.flags[1] & Flag.nonfinite_model


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "per_fit"])
def test_the_function_is_never_called_outside_the_bounds(batched):
    lower, upper = np.array([0.5, 0.95, 0.0]), np.array([1.9, 2.0, 0.1])

    def bounded(x, a, tau, c):
        for value, low, high in zip((a, tau, c), lower, upper, strict=True):
            assert np.all((value >= low) & (value <= high))
        return decay(x, a, tau, c)

    y = data()
    start = (1.5, 1.5, 0.05)
    result = fit(bounded, X, y, start, bounds=(lower, upper), batched=batched)
    tape = fit(decay, X, y, start, bounds=(lower, upper))
    np.testing.assert_allclose(result.params, tape.params, rtol=1e-5, atol=1e-9)
    assert (result.flags & Flag.at_bound).any()


def test_progress_and_callback_are_told():
    told = []
    y = data(3000)
    result = fit(decay, X, y, P, batched=False, callback=lambda done, total: told.append((done, total)))
    assert result.success.all()
    assert told[-1] == (3000, 3000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_no_fits_at_all():
    assert fit(hidden_decay, X, np.empty((0, 30)), P).params.shape == (0, 3)


def test_a_function_that_changes_x_gets_its_own():
    def shifting(x, a, m, w):
        assert isinstance(a, (float, np.ndarray))
        x -= 1.0
        return a * np.exp(-(((x - m) / w) ** 2))

    def plain(x, a, m, w):
        return a * np.exp(-(((x - 1.0 - m) / w) ** 2))

    rng = np.random.default_rng(3)
    p = np.array([2.0, 1.0, 0.8]) * (1 + 0.1 * rng.standard_normal((21, 3)))
    y = plain(X, *p.T[..., None]) + 0.02 * rng.standard_normal((21, 30))
    x = X.copy()
    for batched in (None, False):
        result = fit(shifting, x, y, p, batched=batched)
        np.testing.assert_allclose(result.params, fit(plain, X, y, p).params, rtol=1e-6)
    np.testing.assert_array_equal(x, X)


def test_an_array_that_is_returned_every_time_does_no_harm():
    buffers = {}

    def reusing(x, a, tau):
        assert isinstance(a, (float, np.ndarray))
        shape = np.broadcast_shapes(x.shape, np.shape(a))
        return np.multiply(a, np.exp(-x / tau), out=buffers.setdefault(shape, np.empty(shape)))

    def plain(x, a, tau):
        return a * np.exp(-x / tau)

    rng = np.random.default_rng(3)
    p = np.array([2.0, 1.0]) * (1 + 0.1 * rng.standard_normal((21, 2)))
    y = plain(X, *p.T[..., None]) + 0.02 * rng.standard_normal((21, 30))
    for batched in (None, False):
        result = fit(reusing, X, y, p, batched=batched, fixed="tau")
        np.testing.assert_allclose(result.params, fit(plain, X, y, p, fixed="tau").params, rtol=1e-7)
