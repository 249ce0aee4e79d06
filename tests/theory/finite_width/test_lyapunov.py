"""Lyapunov exponents against known values and against deep products."""

import numpy as np
import pytest

from rmt_rank import sample_singular_values
from rmt_rank.theory.finite_width.lyapunov import lyapunov_exponents, lyapunov_variances


def test_known_values():
    # E log |g| of a real Gaussian number is -(gamma + log 2)/2, its variance pi^2/8; of a complex
    # one -gamma/2 and pi^2/24
    assert lyapunov_exponents(1)[0] == pytest.approx(-(np.euler_gamma + np.log(2)) / 2, rel=1e-14)
    assert lyapunov_variances(1)[0] == pytest.approx(np.pi**2 / 8, rel=1e-14)
    assert lyapunov_exponents(1, "complex")[0] == pytest.approx(-np.euler_gamma / 2, rel=1e-14)
    assert lyapunov_variances(1, "complex")[0] == pytest.approx(np.pi**2 / 24, rel=1e-14)


@pytest.mark.parametrize("field", ["real", "complex"])
def test_deep_products(field):
    N, L, size = 4, 2000, 200
    logs = sample_singular_values(N, L, size, rng=1, field=field, return_log=True) / L
    means, variances = lyapunov_exponents(N, field), lyapunov_variances(N, field) / L
    # gaps of 0.2 per layer and more separate within some tens of layers: a bias below 5/L; five
    # standard errors, that of a variance being sqrt(2/size) of it
    assert np.all(np.abs(logs.mean(axis=0) - means) < 5 * np.sqrt(variances / size) + 5 / L)
    ratio = logs.var(axis=0, ddof=1) / variances
    assert np.all(np.abs(ratio - 1) < 5 * np.sqrt(2 / size) + 0.05)


def test_sum_and_order():
    for field in ("real", "complex"):
        exponents = lyapunov_exponents(50, field)
        assert np.all(np.diff(exponents) < 0)
    # the largest tends to 0: E |W x|^2 = |x|^2
    assert abs(lyapunov_exponents(10**6)[0]) < 1e-6


@pytest.mark.parametrize("function", [lyapunov_exponents, lyapunov_variances])
def test_bad_input(function):
    with pytest.raises(ValueError, match="width must be an integer >= 1, got 0"):
        function(0)
    with pytest.raises(ValueError, match="field must be one of"):
        function(3, "R")
