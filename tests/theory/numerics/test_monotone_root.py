"""Roots of increasing functions."""

import numpy as np

from rmt_rank.theory.numerics.monotone_root import increasing_root

EPS = np.finfo(float).eps


def test_roots():
    # Newton's steps alone would leave every bracket: flat ends, a steep middle
    places = np.array([-300.0, -1.0, 1e-3, 2.0, 250.0])

    def function(x):
        t = np.tanh(3 * (x - places))
        return t, 3 * (1 - t * t)

    found = increasing_root(function, np.full(5, -1000.0), np.full(5, 1000.0))
    np.testing.assert_allclose(found, places, rtol=4 * EPS, atol=4 * EPS)


def test_a_root_beyond_gives_the_end():
    def function(x):
        return x - 2, np.ones_like(x)

    ends = increasing_root(function, np.array([0.0, 3.0]), np.array([1.0, 5.0]))
    np.testing.assert_allclose(ends, [1, 3], rtol=1e-8)
