"""The variance of the effective rank: residues, contours, exact covariances, Monte Carlo."""

import math
from itertools import pairwise

import numpy as np
import pytest

from rmt_rank import exact, sample_singular_values
from rmt_rank.metrics import spectrum
from rmt_rank.theory.finite_width.complex_covariance import nuclear_norm_log_variance
from rmt_rank.theory.finite_width.fluctuations import effective_rank_variance
from rmt_rank.theory.finite_width.trace_moments import trace_moments
from rmt_rank.theory.gaussian.moments import fuss_catalan_moment
from rmt_rank.theory.rectangular.fluctuations import rectangular_variance


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize(("z", "q"), [(1, 2), (1, 3), (2, 2), (3, 4)])
def test_whole_orders_follow_from_exact_covariances(depth, z, q, field):
    """The first variation of (log T(qz) - q log T(z))/(1 - q), with covariances from residues."""
    widths = (1,) * (depth + 1)

    def ratio(m, n):
        means = fuss_catalan_moment(m, depth) * fuss_catalan_moment(n, depth)
        return float(exact.limit_trace_covariance(widths, m, n, field=field)) / float(means)

    found = ratio(q * z, q * z) - 2 * q * ratio(q * z, z) + q * q * ratio(z, z)
    value = effective_rank_variance(1, depth, field, power=2 * z, order=q)
    # three terms of up to q^2 times the result cancel
    assert value == pytest.approx(found / (1 - q) ** 2, rel=1e-11)


@pytest.mark.parametrize("order", [1 - 1e-6, 1 + 1e-6])
def test_order_one_is_the_limit_of_orders(order):
    near = effective_rank_variance(8, 3, order=order)
    assert near == pytest.approx(effective_rank_variance(8, 3), rel=1e-5)


def test_values_by_hand():
    assert effective_rank_variance(1, 1) == pytest.approx(5 / 32)
    assert effective_rank_variance(10, 2, "complex") == pytest.approx(8 * 2 / (32 * 3) / 100)
    # width and depth of the nuclear norm's own variance: the covariance at (1/2, 1/2)
    L, N = 4, 16
    norm = nuclear_norm_log_variance(N, L).limit
    assert norm * (L * L + 4) / (2 * (L + 2) ** 2) == pytest.approx(effective_rank_variance(N, L))


@pytest.mark.parametrize(
    ("widths", "power"),
    [((1, 1), 1), ((1, 1, 1, 1), 1), ((1, 1, 1), 2), ((2, 1), 1), ((1, 1, 2), 1), ((2, 1, 3), 3)],
)
def test_quadrature_against_contours(widths, power):
    slow = exact.limit_variance(widths, power=power, digits=10)
    assert rectangular_variance(widths, power=power) == pytest.approx(float(slow), rel=1e-9)
    if len(set(widths)) == 1:
        closed = effective_rank_variance(1, len(widths) - 1, power=power)
        assert closed == pytest.approx(float(slow), rel=1e-9)


@pytest.mark.parametrize("power", [0.5, 1, 4, 100])
@pytest.mark.parametrize("depth", [1, 3, 8])
def test_quadrature_at_equal_widths_is_the_closed_form(depth, power):
    # the sums end where terms are below exp(-28) = 7e-13
    assert rectangular_variance([3] * (depth + 1), "complex", power=power) == pytest.approx(
        effective_rank_variance(1, depth, "complex", power=power), rel=1e-11
    )


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("widths", [(1, 2), (2, 1, 3), (1, 1, 2, 1)])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 2), (2, 2)])
def test_residues_against_exact_moments_of_unequal_widths(widths, m, n, field):
    """Covariances at k times the widths are polynomials in 1/k: two sizes remove the next term."""
    N = min(widths)
    # means of the squares here are prod_(l >= 1) n_l/N, those of residues are 1
    unit = math.prod(sorted(widths)[1:]) / N ** (len(widths) - 1)

    def covariance(k):
        scaled = [k * w for w in widths]
        joint = trace_moments(scaled, m + n, field)[max(m, n), min(m, n)]
        means = [trace_moments(scaled, order, field)[order,] for order in (m, n)]
        return (joint - means[0] * means[1]) * (k * N) ** 2 / unit ** (m + n)

    values = [covariance(k) for k in (16, 32, 64, 128)]
    for level in (1, 2, 3):  # Richardson
        values = [(2**level * b - a) / (2**level - 1) for a, b in pairwise(values)]
    known = float(exact.limit_trace_covariance(widths, m, n, field=field))
    # what is left is of the order (16 N)^-4 times coefficients up to 1e3, and rounding N^2 1e-15
    assert values[0] == pytest.approx(known, rel=1e-3)


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("widths", [(32, 32, 32), (24, 40, 30), (32, 32, 64)])
def test_against_monte_carlo(widths, field):
    size, smallest = 4000, min(widths)
    sigma = np.asarray(sample_singular_values(widths, size=size, field=field, rng=4))
    rank = spectrum.effective_rank(sigma)
    known = rectangular_variance(widths, field) / smallest**2
    ratio = (rank - rank.mean()) ** 2 / known
    # five standard errors, a false alarm in 1e6, and the next term, relative depth/width
    allowed = 5 * ratio.std() / math.sqrt(size) + 2 / smallest
    assert abs(ratio.mean() - 1) < allowed


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: effective_rank_variance(0, 1), ValueError, "width must be an integer >= 1"),
        (lambda: effective_rank_variance(4, 1, "R"), ValueError, "field must be one of 'real"),
        (
            lambda: effective_rank_variance(4, 1, order=0),
            ValueError,
            "order must be finite and > 0",
        ),
        (lambda: rectangular_variance([0, 4]), ValueError, "widths must be finite and > 0"),
        (lambda: rectangular_variance([1, 1], power=0.1), ValueError, "power must be .*>= 0.5"),
        (lambda: rectangular_variance([1, 1], "R"), ValueError, "field must be one of 'real"),
        (lambda: exact.limit_variance((1, 1), field="R"), ValueError, "field is 'R'; allowed"),
        (lambda: exact.limit_variance((1,)), ValueError, "widths is .*; allowed: at least 2"),
        (lambda: exact.limit_trace_covariance((1, 1), 0, 1), ValueError, "m is 0; allowed"),
        (lambda: exact.trace_covariance(1, 3, 4), ValueError, "m \\+ n is 7; allowed: at most 6"),
        (lambda: exact.trace_covariance(1, 1, 1, field="R"), ValueError, "field is 'R'; allowed"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
