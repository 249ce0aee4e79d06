"""Derivatives with respect to ratios of widths: Mellin integrals, closed forms, ties, ends."""

import math

import mpmath
import numpy as np
import pytest

import rmt_rank as rr
from rmt_rank.theory.rectangular.rank_derivative import rectangular_effective_rank_derivative

EPS = np.finfo(float).eps
WIDTHS = [[1, 2], [2, 1, 4], [1, 1, 2, 5], [1, 1, 1e4]]
# (power, order) with max(order, 1) power < 2, where the Mellin integral converges
CASES = [(1, 1), (0.3, 1), (1, 0.7), (0.6, 3), (0.02, 0.2), (1, math.inf)]


def growth(y, column, z):
    """d(log M)/dy over z, M = sin(pi z)/(pi z) int_0^1 (x/(1-x))^z prod_j (x + y_j)^z dx."""

    def integral(divide):
        def integrand(u):  # u = log(x/(1-x))
            x, rest = 1 / (1 + mpmath.exp(-u)), 1 / (1 + mpmath.exp(u))
            value = mpmath.exp(z * u) * x * rest
            for each in y:
                value *= (x + each) ** z
            return value / (x + y[column]) if divide else value

        zeros = y.count(0)
        left, right = 80 / ((zeros + 1) * z), 80 / (1 - z)
        # x = e^u passes the y_j, which may be small
        inner = sorted({*(mpmath.log(v) for v in y if 0 < v < 0.1), -5, 0, 5})
        points = [-left, *(p for p in (-left / 4, -left / 16) if p < inner[0]), *inner]
        points += [p for p in (right / 16, right / 4) if p > 5]
        return mpmath.quad(integrand, [*points, right])

    return integral(True) / integral(False)


def by_mellin(y, column, power, order):
    z = mpmath.mpf(power) / 2
    if order == math.inf:
        slope = lambda t: sum((t / (t + v) for v in y), -1 / (t - 1))  # noqa: E731
        top = mpmath.findroot(slope, (1 + 0.5 / len(y), 20), solver="anderson")
        return z * (growth(y, column, z) - 1 / (top + y[column]))
    if order == 1:
        step = z * mpmath.mpf(10) ** -8
        above, below = (growth(y, column, z + s) for s in (step, -step))
        return -z * z * (above - below) / (2 * step)
    q = mpmath.mpf(order)
    return -q * z * (growth(y, column, q * z) - growth(y, column, z)) / (q - 1)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize(("power", "order"), CASES)
def test_mellin_integrals(widths, power, order):
    found = rr.limit_effective_rank(widths=widths, power=power, order=order, derivative=True)
    smallest = min(widths)
    first = widths.index(smallest)
    assert found.shape == (len(widths),)
    assert found[first] == 0
    others = widths[:first] + widths[first + 1 :]
    with mpmath.workdps(26):
        y = [mpmath.mpf(n) / smallest - 1 for n in others]
        expected = {n: by_mellin(y, i, power, order) for i, n in enumerate(others)}
    for i, n in enumerate(widths):
        if i != first:
            # covariances of values that are equal to a part of sqrt(N/n), of about 300 nodes; at
            # order 0.2 the quotient by q - 1 loses a digit, and at power 0.02 covariances two
            spread = math.sqrt(n / smallest)
            lost = 1 if power > 0.1 else 100
            assert found[i] == pytest.approx(float(expected[n]), rel=100 * EPS * spread * lost), n


@pytest.mark.parametrize("widths", [[1, 2], [3, 1, 2], [1, 1, 4], [1, 1e6], [1, 1, 1]], ids=str)
def test_gram_matrix_is_rational(widths):
    found = rectangular_effective_rank_derivative(widths, power=2)
    first = widths.index(min(widths))
    for column, n in enumerate(widths):
        others = [v / min(widths) for i, v in enumerate(widths) if i != column]
        polynomial = np.polynomial.Polynomial([1.0])
        for r in others:
            polynomial *= np.polynomial.Polynomial([1, -1 / r])
        integral = polynomial.integ()(1) - polynomial.integ()(0)
        expected = 0 if column == first else integral / (n / min(widths)) ** 2
        # as above
        assert found[column] == pytest.approx(
            expected, rel=100 * EPS * math.sqrt(n / min(widths)), abs=1e-300
        )


@pytest.mark.parametrize("layers", [1, 2, 8, 40])
@pytest.mark.parametrize("power", [1e-3, 1, 2, 7])
@pytest.mark.parametrize("order", [0.3, 1, 1.5, 5, math.inf])
def test_equal_widths(layers, power, order):
    """g(z) = 1/((L+1) z) + L/(L+1), from a ratio of two beta functions."""
    found = rr.limit_effective_rank(
        widths=[3.0] * (layers + 1), power=power, order=order, derivative=True
    )
    # at order inf as well: z (g(z) - 1/t) with t = (L+1)/L at the edge
    expected = np.full(layers + 1, 1 / (layers + 1))
    expected[0] = 0
    # 300 nodes; the tail is a series of 4/z terms that cancel to one, and a part 1/((L+1) z) of g
    # depends on z
    lost = max(1, 1 / power, (layers + 1) * power / 2)
    np.testing.assert_allclose(found, expected, rtol=100 * EPS * lost)


@pytest.mark.parametrize("order", [1, 2.5])
def test_differences_of_the_rank(order):
    """The sum over a direction against a difference quotient of the rank."""
    widths, direction, step = np.array([3.0, 1.0, 2.0]), np.array([0.5, 0.0, -1.0]), 1e-4
    above, below = (
        rr.limit_effective_rank(widths=widths + s * direction, order=order) for s in (step, -step)
    )
    slopes = rr.limit_effective_rank(widths=widths, order=order, derivative=True)
    # step^2 times a third derivative of order 1, and eps over the step
    assert slopes @ direction == pytest.approx((above - below) / (2 * step), abs=1e-8)


def test_order_zero_and_bad_arguments():
    derivative = rr.limit_effective_rank(widths=[1, 2, 3], order=0, derivative=True)
    assert not derivative.any()
    for bad in ({"power": 0}, {"power": math.nan}, {"order": -1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            rr.limit_effective_rank(widths=[1, 2], derivative=True, **bad)
    with pytest.raises(ValueError, match="widths must be a sequence of at least 2"):
        rr.limit_effective_rank(widths=[1], derivative=True)
