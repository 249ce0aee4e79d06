"""Fingerprints of problems: unchanged by rounding, and different for other problems."""

import json

import numpy as np
import pytest

from rmt_rank.networks.fingerprint import fingerprint, is_of
from rmt_rank.networks.problem import LeastSquaresProblem

EPS = np.finfo(float).eps


def drawn(examples=6, features=4, outputs=3, seed=0):
    stream = np.random.default_rng(seed)
    return LeastSquaresProblem(
        stream.standard_normal((examples, features)), stream.standard_normal((examples, outputs))
    )


PROBLEM = drawn()
X, Y = PROBLEM.inputs, PROBLEM.targets


@pytest.mark.parametrize("shape", [(1, 1, 1), (6, 4, 3), (5000, 300, 10)])
def test_rounding_does_not_change_the_fingerprint(shape):
    problem = drawn(*shape)
    marks = json.loads(json.dumps(fingerprint(problem)))
    assert is_of(problem, marks)
    # entries changed by a rounding change a sum of k by k eps at most, relative to the norm
    other = LeastSquaresProblem(problem.inputs * (1 + EPS), problem.targets * (1 - EPS))
    assert is_of(other, marks)


@pytest.mark.parametrize(
    "other",
    [
        drawn(seed=1),
        drawn(examples=7),
        LeastSquaresProblem(X, Y + 1e-6),
        LeastSquaresProblem(X[::-1], Y[::-1]),
        LeastSquaresProblem(X[:, ::-1], Y),
        LeastSquaresProblem(X, -Y),
        LeastSquaresProblem(X[:5], Y[:5]),
        LeastSquaresProblem(X, 0 * Y),
    ],
)
def test_other_problems_have_other_fingerprints(other):
    assert not is_of(other, fingerprint(PROBLEM))
    assert not is_of(PROBLEM, fingerprint(other))


def test_targets_of_zeros():
    silent = LeastSquaresProblem(X, 0 * Y)
    assert is_of(silent, fingerprint(silent))
