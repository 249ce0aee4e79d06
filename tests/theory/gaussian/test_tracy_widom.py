"""Tracy-Widom laws: published values, the two computations, both sides of the switch, quantiles."""

import numpy as np
import pytest
from mpmath import mp
from scipy import integrate, special

from rmt_rank.exact import tracy_widom as slow
from rmt_rank.theory import tracy_widom
from rmt_rank.theory.gaussian import tracy_widom as fast


@pytest.mark.parametrize(
    ("beta", "moments"),
    [  # F. Bornemann, arXiv:0904.1581, Table 10
        (1, (-1.2065335745820, 1.607781034581, 0.29346452408, 0.1652429384)),
        (2, (-1.7710868074116, 0.8131947928329, 0.224084203610, 0.0934480876)),
    ],
)
def test_published_moments(beta, moments):
    # half a unit of the last printed digit
    for found, printed in zip(tracy_widom.stats(beta, moments="mvsk"), moments, strict=True):
        digits = len(str(abs(printed)).split(".")[1])
        assert found == pytest.approx(printed, abs=1.01 * 10.0**-digits)


def test_published_quantiles():
    # percentage points of the law for real matrices; I. M. Johnstone, Ann. Statist. 29 (2001) 295
    found = tracy_widom.ppf([0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99], 1)
    printed = [-3.90, -3.18, -2.78, -1.91, -1.27, -0.59, 0.45, 0.98, 2.02]
    np.testing.assert_allclose(found, printed, atol=0.0051)


@pytest.mark.parametrize("beta", [1, 2])
@pytest.mark.parametrize("x", [-9.0, -6.7, -6.5, -4.0, -2.0, 0.0, 3.0, 30.0])
def test_agrees_with_painleve(x, beta):
    pdf, cdf, sf = (float(value) for value in slow(x, beta, digits=18))
    # At the switch the expansion leaves out a_8 t^(-21)/462 = 2e-9 and more, and at -9 a
    # thousandth of it.  An eigenvalue l is rounded by some 1e-16, and 1 - l is above 1e-6 at the
    # switch and 1e-4 at -4; in the right tail Ai(s) loses s^(3/2) units in the last place.
    relative = 1e-8 if -8 < x < -6 else 1e-11 if x < -3 else 1e-13
    assert tracy_widom.cdf(x, beta) == pytest.approx(cdf, rel=relative, abs=0)
    assert tracy_widom.sf(x, beta) == pytest.approx(sf, rel=2e-13, abs=0)
    assert tracy_widom.pdf(x, beta) == pytest.approx(pdf, rel=relative, abs=0)


@pytest.mark.parametrize("beta", [1, 2])
def test_both_sides_of_the_switch(beta):
    s = np.array([fast._LEFT])
    for matrix, series in zip(fast._determinant(s, beta), fast._expansion(s, beta), strict=True):
        # some times the first term that is left out, a_8 t^(-21)/462 = 2e-9
        np.testing.assert_allclose(matrix, series, rtol=0, atol=1e-8)


@pytest.mark.parametrize("beta", [1, 2])
def test_quantiles_invert_both_tails(beta):
    p = np.array([1e-250, 1e-30, 1e-9, 1e-3, 0.3])
    # a relative error of x times d log p/d log x = |x|^3/8 or 2 x^(3/2), and the noise of the cdf
    x = tracy_widom.isf(p, beta)
    np.testing.assert_allclose(tracy_widom.sf(x, beta), p, rtol=1e-12)
    x = tracy_widom.ppf(p, beta)
    np.testing.assert_allclose(tracy_widom.cdf(x, beta), p, rtol=2e-8)
    np.testing.assert_allclose(tracy_widom.cdf(x[3:], beta), p[3:], rtol=1e-12)


@pytest.mark.parametrize("p", [5e-324, 1e-301, 1e-299])
def test_quantiles_of_the_least_upper_tails(p):
    # to first order in the tail, 1 - F is an integral of Airy's function; where Newton's method is
    # not used, the next term, some 5/s^3 in log(1 - F) of slope beta s^0.5, moves s by 2e-8 of it
    x = float(tracy_widom.isf(p, 1))
    ratio = integrate.quad(lambda t: special.airye(x + t)[0] * np.exp(_fall(x, t)), 0, 8)[0]
    log_sf = np.log(ratio / 2) - 2 / 3 * x**1.5
    assert log_sf == pytest.approx(np.log(p), abs=2e-8 * x**1.5)
    x = mp.mpf(float(tracy_widom.isf(p, 2)))
    with mp.workdps(30):
        ai, slope = mp.airyai(x), mp.airyai(x, derivative=1)
        log_sf = mp.log((2 * x**2 * ai**2 - 2 * x * slope**2 - ai * slope) / 3)
        assert abs(log_sf - mp.log(p)) < 2e-8 * 2 * x**1.5


def _fall(x, t):
    """2/3 (x^1.5 - (x+t)^1.5)."""
    return -2 / 3 * x**1.5 * np.expm1(1.5 * np.log1p(t / x))


def test_density_is_the_derivative():
    for beta in (1, 2):
        mass = integrate.quad(lambda x, b=beta: float(tracy_widom.pdf(x, b)), -3, 1)[0]
        assert mass == pytest.approx(np.diff(tracy_widom.cdf([-3, 1], beta))[0], rel=1e-12)


def test_random_numbers_follow_the_law():
    draws = tracy_widom.rvs(1, size=20_000, random_state=5)
    # Kolmogorov-Smirnov at a false-alarm rate of 1e-6, on every hundredth
    levels = (np.arange(20_000) + 0.5) / 20_000
    misfit = np.abs(tracy_widom.cdf(np.sort(draws)[::100], 1) - levels[::100]).max()
    assert misfit < special.kolmogi(1e-6) / np.sqrt(20_000)
    assert np.array_equal(draws[:5], tracy_widom.rvs(1, size=5, random_state=5))


def test_ends_and_other_parameters():
    assert tracy_widom.cdf([-np.inf, np.inf], 1).tolist() == [0, 1]
    assert tracy_widom.sf([-1e9, 1e9], 2).tolist() == [1, 0]
    assert tracy_widom.ppf([0, 1], 2).tolist() == [-np.inf, np.inf]
    assert np.isnan(tracy_widom.pdf([0, 0, np.nan], [3, 1.5, 1])).all()
    assert tracy_widom(1).sf(0) == tracy_widom.sf(0, beta=1)
