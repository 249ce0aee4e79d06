"""The reference implementation of the residual limit against closed forms in mpmath."""

import math
from fractions import Fraction

import mpmath
import pytest

from rmt_rank.exact.residual_limit.quadrature import (
    residual_limit_effective_rank,
    residual_limit_law,
    residual_limit_moment,
)

# 30 digits are asked for, and the last one may be rounded
RELATIVE = mpmath.mpf(10) ** -29
# both methods for the moment, on the axis and around it, and the pole between them
CASES = [("1/100", "1/2"), (1, "9/5"), (1, 2), (4, "1/10"), (4, 3), (32, 1), (50, 2)]


def closed_form(time, power):
    """M and rho from exp(-z tau) 1F1(1+z; 2; 2 z tau), with its derivative in z."""
    with mpmath.workdps(60):
        tau, z = (mpmath.mpf(q.numerator) / q.denominator for q in map(Fraction, (time, power)))
        z /= 2

        def log_moment(q):
            return mpmath.log(mpmath.hyp1f1(1 + q, 2, 2 * q * tau)) - q * tau

        with mpmath.workdps(120):
            slope = mpmath.diff(log_moment, z)
        return mpmath.exp(log_moment(z)), log_moment(z) - z * slope


@pytest.mark.parametrize(("time", "power"), CASES, ids=str)
def test_moments_and_ranks(time, power):
    moment, rank = closed_form(time, power)
    with mpmath.workdps(50):
        found = residual_limit_moment(time, Fraction(power) / 2)
        assert abs(found / moment - 1) < RELATIVE
        found = residual_limit_effective_rank(time, power=power)
        assert abs(found / rank - 1) < RELATIVE


def test_mean_is_bessel_and_gram_rank_an_exponential_integral():
    with mpmath.workdps(50):
        for tau in (mpmath.mpf(1), mpmath.mpf(8)):
            bessel = mpmath.besseli(0, tau / 2) + mpmath.besseli(1, tau / 2)
            assert abs(residual_limit_moment(tau, "1/2") / bessel - 1) < RELATIVE
            x = 2 * tau
            entire = mpmath.euler + mpmath.log(x) + mpmath.e1(x)
            rank = 1 - (1 - mpmath.exp(-x)) / x - entire
            found = residual_limit_effective_rank(tau, power=2)
            assert abs(found / rank - 1) < RELATIVE


def test_the_sign_of_the_order_does_not_matter():
    assert residual_limit_moment(2, -3, digits=15) == residual_limit_moment(2, 3, digits=15)
    assert residual_limit_moment(2, 0) == residual_limit_moment(0, 3) == 1
    assert residual_limit_effective_rank(0) == 0


@pytest.mark.parametrize(
    ("time", "y", "inverse"),
    [("1/2", "9/10", False), (4, "1/5", True), (100, "1/100", False)],
)
def test_law_on_its_curve(time, y, inverse):
    # w = x + iy with x^2 = 1/4 - y^2 + y cot(2 tau y), and the primitive of w d log s
    with mpmath.workdps(60):
        tau, y = (mpmath.mpf(q.numerator) / q.denominator for q in map(Fraction, (time, y)))
        x = mpmath.sqrt(mpmath.mpf(1) / 4 - y * y + y * mpmath.cot(2 * tau * y))
        w = mpmath.mpc(x, y)
        half = mpmath.mpf(1) / 2
        log_s = mpmath.re(mpmath.log((w + half) / (w - half)) + 2 * tau * w)
        tail = mpmath.im(mpmath.log((w - half) * (w + half)) / 2 - tau * w * w) / mpmath.pi
        sigma = mpmath.exp((-log_s if inverse else log_s) / 2)
        pdf = 2 * y / (mpmath.pi * sigma)
        expected = (pdf, tail, 1 - tail) if inverse else (pdf, 1 - tail, tail)
        found = residual_limit_law(sigma, tau)
        for a, b in zip(found, expected, strict=True):
            assert abs(a / b - 1) < RELATIVE


def test_law_outside():
    # s_max = exp(sqrt(3)) (r+1)/(r-1) at time 1, r = sqrt(3)
    high = math.exp(math.sqrt(3) / 2) * math.sqrt((math.sqrt(3) + 1) / (math.sqrt(3) - 1))
    assert residual_limit_law(high * 1.0001, 1) == (0, 1, 0)
    assert residual_limit_law(1 / (high * 1.0001), 1) == (0, 0, 1)
    assert residual_limit_law(high * 0.9999, 1, digits=10)[2] > 0


def test_bad_input():
    with pytest.raises(ValueError, match=r"time is -1; allowed: a number >= 0"):
        residual_limit_moment(-1, 1)
    with pytest.raises(ValueError, match=r"time is 0; allowed: a number > 0"):
        residual_limit_law(1, 0)
    with pytest.raises(ValueError, match=r"power is 0; allowed: a number > 0"):
        residual_limit_effective_rank(1, power=0)
    with pytest.raises(ValueError, match=r"x is -1; allowed: a number > 0"):
        residual_limit_law(-1, 1)
    with pytest.raises(TypeError, match="digits"):
        residual_limit_moment(1, 1, digits=2.5)
