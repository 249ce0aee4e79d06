"""The reference implementation of one converged layer against closed forms."""

import mpmath
import pytest
from mpmath import mp

from rmt_rank.exact.trained import least_squares
from rmt_rank.exact.trained.least_squares import one_layer_effective_rank


def test_a_task_of_0():
    # a square Gaussian matrix: log M(1/2) - M'(1/2)/(2 M(1/2)), M(z) = Gamma(2z+1)/(Gamma(z+1) ...)
    with mp.workdps(40):
        half = mpmath.mpf(1) / 2

        def log_moment(z):
            return mpmath.log(mpmath.gamma(2 * z + 1) / mpmath.gamma(z + 1) / mpmath.gamma(z + 2))

        expected = mpmath.log(4) + log_moment(half) - half * mpmath.diff(log_moment, half)
        found = one_layer_effective_rank([0] * 4, 8, 4, scale="0.3", digits=22)
        assert abs(found - expected) < mpmath.mpf(10) ** -21


def test_the_gram_matrix_of_a_task_of_0():
    # Page: log m - m/(2 k) for m <= k
    found = one_layer_effective_rank([0] * 3, 7, 1, power=2, digits=25)
    with mp.workdps(40):
        assert abs(found - (mpmath.log(3) - mpmath.mpf(1) / 4)) < mpmath.mpf(10) ** -24


def test_equal_values():
    # B = I: s = 1 + v, v of Marchenko and Pastur for m = n - q: 4 u^2 cos(x)^2, weight sin(x)^2
    with mp.workdps(30):
        u = mpmath.mpf(1) / 2  # (n - q) scale^2/n = u^2

        def mean(function):
            def integrand(x):
                s = 1 + 4 * u**2 * mpmath.cos(x) ** 2
                return 4 / mp.pi * mpmath.sin(x) ** 2 * function(s)

            return mpmath.quad(integrand, [0, mp.pi / 2])

        total = mean(mpmath.sqrt)
        weighted = mean(lambda s: mpmath.sqrt(s) * mpmath.log(s))
        expected = mpmath.log(2 * total) - weighted / 2 / total
        scale = mpmath.sqrt(mpmath.mpf(1) / 2)
        found = one_layer_effective_rank([1, 1], 4, 2, scale=scale, digits=20)
        assert abs(found - expected) < mpmath.mpf(10) ** -19


def test_unresolved_integrals_are_refused(monkeypatch):
    monkeypatch.setattr(least_squares, "FINEST", 2)
    with pytest.raises(ArithmeticError, match="has not converged"):
        one_layer_effective_rank([1, 0], 4, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 4, 2), "singular_values is .*; allowed: at least 1"),
        (([1], 4, 4), "allowed: at least one value, features > examples"),
        (([1], 4, -1), "examples is -1; allowed: an int from 0"),
    ],
    ids=["none", "no room", "negative"],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        one_layer_effective_rank(*arguments)
    with pytest.raises(ValueError, match="power is 3; allowed: an int from 1 to 2"):
        one_layer_effective_rank([1], 4, 2, power=3)
    with pytest.raises(ValueError, match="scale > 0"):
        one_layer_effective_rank([1], 4, 2, scale=0)
