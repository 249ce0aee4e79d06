"""The term of order 1/N of one rectangular matrix, by quadrature and by Monte Carlo."""

import math

import mpmath
import pytest

from rmt_rank import estimate, expected_effective_rank
from rmt_rank.theory.finite_width.one_layer import one_layer_effective_rank_correction


def by_quadrature(n, N, power):
    """The first variation of log P - T/P, each integral over the density at 30 digits."""
    with mpmath.workdps(30):
        r, z = mpmath.mpf(n) / N, mpmath.mpf(power) / 2
        a, b = (mpmath.sqrt(r) - 1) ** 2, (mpmath.sqrt(r) + 1) ** 2

        def root(s):
            return mpmath.sqrt((b - s) * (s - a))

        def law(g):
            return mpmath.quad(lambda s: g(s) * root(s) / (2 * mpmath.pi * s), [a, (a + b) / 2, b])

        def correction(g):
            arcsine = mpmath.quad(lambda s: g(s) / root(s), [a, (a + b) / 2, b])
            return (g(a) + g(b)) / 4 - arcsine / (2 * mpmath.pi)

        def p(s):
            return s**z

        def t(s):
            return s**z * z * mpmath.log(s)

        P, T = law(p), law(t)
        return float(
            (correction(p) / P - correction(t) / P + T * correction(p) / P**2) / mpmath.mpf(N)
        )


@pytest.mark.parametrize("power", [0.5, 1, 2, 4])
@pytest.mark.parametrize("shape", [(3, 2), (9, 8), (40, 10), (1000, 1)], ids=str)
def test_against_quadrature(shape, power):
    found = one_layer_effective_rank_correction(*shape, power=power)
    # quad loses half of its 30 digits at the inverse roots of the edges
    assert found == pytest.approx(by_quadrature(*shape, power), rel=1e-10)
    assert one_layer_effective_rank_correction(*shape[::-1], power=power) == found


def test_nearly_square():
    # as the sides meet, r -> 1, the rule needs more and more nodes
    near = one_layer_effective_rank_correction(10**5 + 1, 10**5, power=2) * 10**5
    assert near == pytest.approx(by_quadrature(10**5 + 1, 10**5, 2) * 10**5, rel=1e-8)


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("shape", [(24, 16), (33, 32)], ids=str)
def test_against_monte_carlo(shape, power, field):
    options = {"power": power, "field": field}
    found = estimate("effective_rank", shape, samples=6000, rng=2, **options)
    formula = expected_effective_rank(shape, method="corrected", **options)
    assert abs(found.value - formula.value) < formula.error + 5 * found.error
    bare = expected_effective_rank(shape, method="limit", **options)
    assert abs(found.value - bare.value) < bare.error + 5 * found.error
    if field == "real":  # its term of order 1/N is by far the largest part of the misfit
        assert abs(found.value - formula.value) < abs(found.value - bare.value) / 2


def test_bad_input():
    with pytest.raises(ValueError, match="rows and columns must differ"):
        one_layer_effective_rank_correction(4, 4)
    with pytest.raises(ValueError, match="rows must be an integer >= 1"):
        one_layer_effective_rank_correction(0, 4)
    with pytest.raises(ValueError, match="power must be finite and > 0"):
        one_layer_effective_rank_correction(5, 4, power=math.nan)
