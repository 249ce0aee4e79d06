"""Conditional means of |W g|^(2s) and of log |W g|^2, compared with exact sums."""

import math

import numpy as np
import pytest
from scipy import special

from rmt_rank.simulation.means.lengths import POWERS, conditional_means, log_mean, log_mean_power

# The stated error of the quadrature, for values of order 1.
ERROR = 2e-10


def of_exponentials(squares):
    """The conditional means for complex entries and distinct squares of singular values.

    |W g|^2 is a sum of independent exponential variables of means lambda_i/N, whose density is
    sum_i w_i exp(-x/mu_i)/mu_i, w_i = prod_(j != i) mu_i/(mu_i - mu_j).
    """
    mu = np.asarray(squares) / len(squares)
    w = [math.prod(m / (m - other) for other in mu if other != m) for m in mu]
    return [
        w @ (np.log(mu) - np.euler_gamma) if s == 0 else math.gamma(1 + s) * (w @ mu**s)
        for s in POWERS
    ]


SQUARES = [[1.0], [3.0, 2.0], [1.0, 1e-9], [8.0, 4.0, 2.0, 1.0, 0.3], [1e-80, 3e-81]]


@pytest.mark.parametrize("squares", SQUARES, ids=str)
def test_sums_of_exponential_variables(squares):
    expected = of_exponentials(squares)
    found = conditional_means(np.sqrt([squares, squares]), "complex")
    for s, f, g in zip(POWERS, found, expected, strict=True):
        np.testing.assert_allclose(f, g, rtol=ERROR * (1 if s else 10), atol=0)
    # a complex entry is two real ones
    twice = conditional_means(np.sqrt([np.repeat(squares, 2)]), "real")
    for f, g in zip(twice, found, strict=True):
        np.testing.assert_allclose(f[0], g[0], rtol=ERROR, atol=0)


@pytest.mark.parametrize("second", [1.0, 0.3, 1e-3, 0.0])
def test_two_real_singular_values(second):
    # |g|^2 is exponential of mean 2, and E log(cos^2 + r^2 sin^2) = 2 log((1 + r)/2)
    expected = 2 * math.log((1 + second) / 2) - np.euler_gamma
    found = conditional_means(np.array([[1.0, second]]), "real")[0]
    assert found[0] == pytest.approx(expected, abs=ERROR)


@pytest.mark.parametrize("n", [9, 300])
def test_equal_singular_values(n):
    # a chi-squared variable; its transform is nearly exp(-t), where the quadrature is worst
    log, *powers = conditional_means(np.ones((1, n)), "real")
    assert log[0] == pytest.approx(special.digamma(n / 2) - math.log(n / 2), abs=ERROR)
    assert log[0] == pytest.approx(log_mean((n,), "real"), abs=ERROR)
    for s, found in zip(POWERS[1:], powers, strict=True):
        assert found[0] == pytest.approx(math.exp(log_mean_power((n,), "real", s)), abs=ERROR)
