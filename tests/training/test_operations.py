"""Operations on arrays that a step and a recording take, which are launches on a device."""

import types
from collections import Counter

import numpy as np
import pytest

from rmt_rank._lib.array import default_namespace
from rmt_rank.networks import least_squares_problem, train
from rmt_rank.training import recording

PROBLEM = least_squares_problem(6, task_rank=2, examples=4, rng=0, test_examples=5)
# They make views, without a launch.
VIEWS = {"reshape", "swapaxes", "transpose", "matrix_transpose", "broadcast_to", "shape", "ndim"}
CALLS = Counter()


class Counted(np.ndarray):
    """Arrays of a library that is not NumPy, with a count of the operations on them."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        CALLS[ufunc.__name__] += 1
        if "out" in options:
            options["out"] = tuple(map(_plain, options["out"]))
        found = getattr(ufunc, method)(*map(_plain, inputs), **options)
        # in place, the same array again
        return inputs[0] if "out" in options else _counted(found)

    def __array_function__(self, function, kinds, arguments, options):
        if function.__name__ not in VIEWS:
            CALLS[function.__name__] += 1
        found = function(*_plain(arguments), **_plain(options))
        return _counted(found)


def _plain(value):
    if isinstance(value, Counted):
        return value.view(np.ndarray)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(map(_plain, value))
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _counted(value):
    return value.view(Counted) if isinstance(value, np.ndarray) else value


@pytest.fixture
def counted():
    """NumPy's namespace, whose arrays count; the count starts at 0."""
    xp = types.ModuleType("counted")
    vars(xp).update({k: v for k, v in vars(default_namespace()).items() if k[:2] != "__"})
    xp.asarray = lambda *given, **options: np.array(*given, **options).view(Counted)
    CALLS.clear()
    return xp


def operations(xp, steps, **options):
    """Operations of a run of gradient descent, with those of its set-up and its end."""
    CALLS.clear()
    settings = {"learning_rate": 0.01, "seeds": 3, "tolerance": 0, "rng": 1} | options
    train(PROBLEM, steps=steps, xp=xp, unconverged="ignore", **settings)
    return sum(CALLS.values())


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_operations_of_a_step(counted, depth):
    # what is recorded is the same, and 1000 steps are looked at 100 times in ten
    few, many = (operations(counted, steps, network=depth, record=[0]) for steps in (1000, 2000))
    # d products forward and 2 d - 1 backward, residual, rate, concatenation and update; each tenth
    # step has the loss (square, sum, rest, half) and a copy of the parameters as well
    assert (many - few) / 1000 == 3 * depth - 1 + 4 + (4 + 1) / 10


def test_recordings_are_measured_together(counted, monkeypatch):
    few, many = (operations(counted, 200, network=2, record=range(0, count)) for count in (5, 105))
    # a look and a copy each (losses and parameters); a measurement takes some fifty operations
    assert (many - few) / 100 < 8
    monkeypatch.setattr(recording, "_WAITING_NUMBERS", 1)
    assert operations(counted, 200, network=2, record=range(105)) > many + 100 * 10


@pytest.mark.parametrize("waiting", [1, 1000, 2**23])
def test_measured_together_is_the_same(counted, monkeypatch, waiting):
    # 216 numbers at a time
    monkeypatch.setattr(recording, "_WAITING_NUMBERS", waiting)
    options = {"learning_rate": [0.05, 10.0], "seeds": 3, "steps": 60, "rng": 1, "layers": True}
    options |= {"unconverged": "ignore", "record": [0, 1, 5, 20, 41, 60]}
    mine, theirs = train(PROBLEM, 2, **options), train(PROBLEM, 2, xp=counted, **options)
    np.testing.assert_array_equal(mine.arrays["status"][1], theirs.arrays["status"][1])
    for name, (dimensions, values) in mine.arrays.items():
        assert theirs.arrays[name][0] == dimensions
        # 60 steps of 100 eps
        np.testing.assert_allclose(theirs.arrays[name][1], values, rtol=1e-11, atol=1e-12)
