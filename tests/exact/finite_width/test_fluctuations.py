"""Covariances by Wick's theorem against other enumerations, kernels and residues."""

import pytest

from rmt_rank import exact
from rmt_rank.theory.finite_width.trace_moments import trace_moments


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 2), (2, 2), (3, 1)])
@pytest.mark.parametrize("depth", [1, 3])
def test_polynomials_are_those_of_the_other_enumeration(depth, m, n, field):
    N = 3
    coefficients = exact.trace_covariance(depth, m, n, field=field)
    widths = (N,) * (depth + 1)
    joint = trace_moments(widths, m + n, field)[max(m, n), min(m, n)]
    apart = trace_moments(widths, m, field)[m,] * trace_moments(widths, n, field)[n,]
    value = sum(c / N**k for k, c in enumerate(coefficients))
    assert value == pytest.approx((joint - apart) * N**2, rel=1e-12)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 3)])
def test_complex_polynomials_are_those_of_the_kernel(m, n):
    N = 4
    coefficients = exact.trace_covariance(2, m, n, field="complex")
    known = exact.complex_covariance((N, N, N), m, n) * N**2
    assert sum(c * known.__class__(1, N) ** k for k, c in enumerate(coefficients)) == known


def test_limits_are_symmetric_and_do_not_depend_on_the_scale():
    widths, scaled = (2, 3, 5), (4, 6, 10)
    for m, n in ((1, 2), (2, 5)):
        value = exact.limit_trace_covariance(widths, m, n)
        assert value == exact.limit_trace_covariance(scaled, n, m)
        assert value == exact.limit_trace_covariance(widths[::-1], m, n)


def test_contours_settle_on_the_same_number():
    first, second = (exact.limit_variance((1, 1, 1), digits=d) for d in (6, 12))
    assert abs(first - second) < 1e-6 * first
    assert float(second) == pytest.approx(1 / 3, rel=1e-12)
