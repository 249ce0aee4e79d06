"""The reference implementation of free products against closed forms written out here."""

import mpmath
import pytest
from mpmath import mp

from rmt_rank.exact.free_products.transforms import (
    effective_rank_of_free_product,
    gaussian_s_transform,
    residual_s_transform,
)


def close(value, expected, digits):
    """Return whether two numbers agree to so many decimal digits."""
    with mp.workdps(digits + 30):
        return abs(mpmath.mpf(value) - expected) < mpmath.mpf(10) ** -digits


def fuss_catalan(z, depth):
    return mpmath.gamma((depth + 1) * z + 1) / mpmath.gamma(z + 1) / mpmath.gamma(depth * z + 2)


@pytest.mark.parametrize("depth", [1, 3])
def test_equal_widths(depth):
    with mp.workdps(50):
        half = mpmath.mpf(1) / 2
        log = mpmath.log(fuss_catalan(half, depth))
        slope = mpmath.diff(lambda z: mpmath.log(fuss_catalan(z, depth)), half)
        expected = log - half * slope
        gram = 1 - mpmath.harmonic(depth + 1)
    factors = [gaussian_s_transform()] * depth
    assert close(effective_rank_of_free_product(factors, digits=30), expected, 29)
    assert close(effective_rank_of_free_product(factors, power=2, digits=30), gram, 29)


def test_page():
    # -N/(2n) for one n x N matrix, n/N = 5/2
    with mp.workdps(40):
        expected = mpmath.mpf(-1) / 5
    assert close(
        effective_rank_of_free_product([gaussian_s_transform("2.5")], power=2), expected, 29
    )


def test_several_layers_of_one_agree_with_the_closed_form():
    # the cumulant equation at k = 1 and the square root: one factor, two formulas
    for scale in ("0.5", "1", "3"):
        for u in ("-0.9", "-0.25", "-1e-6"):
            with mp.workdps(30):
                a2, u_mp = mpmath.mpf(scale) ** 2, mpmath.mpf(u)
                part = mpmath.findroot(
                    lambda r, a2=a2, u=u_mp: r * a2 * (1 + r * u) - (1 - r),
                    (0, 1),
                    solver="anderson",
                    verify=False,
                )
                expected = part * (1 + part * u_mp) / (1 + u_mp)
            assert close(residual_s_transform(scale)(u_mp), expected, 14)


def test_blocks_of_large_scale_are_products_of_gaussian_matrices():
    # 1 + a G_2 G_1 with a = 1e12 differs by O(a^-2)
    block = effective_rank_of_free_product([residual_s_transform(10**12, 2)], power=2, digits=16)
    assert close(block, 1 - mpmath.harmonic(3), 15)


def test_mean_and_variance_of_a_block():
    # 1/S(0) = 1 + a^2, -(log S)'(0) = (2 a^2 + k a^4)/(1 + a^2)^2
    with mp.workdps(40):
        a2, k = mpmath.mpf(1) / 9, 3
        s = residual_s_transform("1/3", k)
        assert close(s(mpmath.mpf(0)), 1 / (1 + a2), 30)
        h = mpmath.mpf(10) ** -12
        slope = (mpmath.log(s(mpmath.mpf(0))) - mpmath.log(s(-h))) / h
        # the second derivative, of order 1, times h
        assert close(-slope, (2 * a2 + k * a2**2) / (1 + a2) ** 2, 11)


def test_bad_input():
    with pytest.raises(ValueError, match=r"aspect is 0\.5; allowed: a number >= 1"):
        gaussian_s_transform(0.5)
    with pytest.raises(ValueError, match="scale is -1; allowed: a number >= 0"):
        residual_s_transform(-1)
    with pytest.raises(ValueError, match="layers is 0; allowed: an int from 1"):
        residual_s_transform(1, 0)
    with pytest.raises(ValueError, match="allowed: at least 1"):
        effective_rank_of_free_product([])
    with pytest.raises(ValueError, match="power is 3; allowed: an int from 1 to 2"):
        effective_rank_of_free_product([gaussian_s_transform()], power=3)
