"""The derivative with respect to time: closed forms at many digits, ends, and signs."""

import math

import mpmath
import numpy as np
import pytest

import rmt_rank as rr
from rmt_rank.exact.residual_limit import quadrature as slow

EPS = np.finfo(float).eps
# sums of some hundred terms, in which at most a digit cancels
RELATIVE = 1e-13


def log_moment(z, tau):
    return mpmath.log(mpmath.hyp1f1(1 + z, 2, 2 * z * tau)) - z * tau


def closed_form(tau, power, order):
    """Central difference in time of the closed form, at 110 digits: steps of 1e-20 leave 1e-40."""
    with mpmath.workdps(110):
        t, z = mpmath.mpf(tau), mpmath.mpf(power) / 2

        def rank(t):
            if order == 1:
                return log_moment(z, t) - z * mpmath.diff(
                    lambda y: log_moment(y, t), z, h=mpmath.mpf(10) ** -15
                )
            if order == math.inf:
                r = mpmath.sqrt(1 + 2 / t)
                return log_moment(z, t) - z * (t * r + mpmath.log((r + 1) / (r - 1)))
            q = mpmath.mpf(order)
            return (log_moment(q * z, t) - q * log_moment(z, t)) / (1 - q)

        step = t * mpmath.mpf(10) ** -20
        return float((rank(t + step) - rank(t - step)) / (2 * step))


@pytest.mark.parametrize("tau", [1e-9, 1e-3, 0.3, 4.0, 80.0, 5000.0])
@pytest.mark.parametrize("order", [0.1, 0.5, 0.999, 1, 1 + 1e-9, 1.5, 2, 7, math.inf])
@pytest.mark.parametrize("power", [0.3, 1, 2, 5])
def test_confluent_hypergeometric_moments(tau, order, power):
    found = rr.limit_effective_rank(time=tau, power=power, order=order, derivative=True)
    assert found == pytest.approx(closed_form(tau, power, order), rel=RELATIVE)
    assert found < 0


@pytest.mark.parametrize("tau", [1e-20, 1e-8, 0.01, 1.0, 30.0, 1e6, 1e12])
def test_gram_matrix(tau):
    with mpmath.workdps(60):
        t = mpmath.mpf(tau)
        expected = float(-(1 - (1 - mpmath.exp(-2 * t)) / (2 * t)) / t)
    found = rr.limit_effective_rank(time=tau, power=2, derivative=True)
    assert found == pytest.approx(expected, rel=RELATIVE)


@pytest.mark.parametrize("power", [1, 2])
def test_differences_of_the_reference(power):
    ranks = [
        slow.residual_limit_effective_rank(t, power=power, digits=40)
        for t in (mpmath.mpf(2) - mpmath.mpf(2) ** -40, mpmath.mpf(2) + mpmath.mpf(2) ** -40)
    ]
    # the step squared is 1e-24, its quotient loses 12 of 40 digits
    expected = float((ranks[1] - ranks[0]) * 2**39)
    found = rr.limit_effective_rank(time=2.0, power=power, derivative=True)
    assert found == pytest.approx(expected, rel=RELATIVE)


def test_start_and_shape():
    for power, order in ((1, 1), (2, 3), (1, 0.5)):
        slope = rr.limit_effective_rank(time=0, power=power, order=order, derivative=True)
        assert slope == -order * power**2 / 4
        early = rr.limit_effective_rank(time=1e-14, power=power, order=order, derivative=True)
        assert early == pytest.approx(slope, rel=1e-12)  # the rest is as time
    assert rr.limit_effective_rank(time=0, order=math.inf, derivative=True) == -math.inf
    assert rr.limit_effective_rank(time=1, order=0, derivative=True) == 0
    found = rr.limit_effective_rank(time=[[0, 1, 2]], derivative=True)
    assert found.shape == (1, 3)
    with pytest.raises(ValueError, match="time must be finite and >= 0"):
        rr.limit_effective_rank(time=-1, derivative=True)
