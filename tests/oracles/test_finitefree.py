"""Expected characteristic polynomials against `finitefree`, an independent library."""

from fractions import Fraction

import pytest

from rmt_rank.exact.finite_width.complex_kernel import expected_characteristic_polynomial

pytest.importorskip("finitefree", reason="the library finitefree is not installed")


def convolution(widths):
    """The finite free multiplicative convolution of one Laguerre polynomial per layer.

    Its roots, those of the expected characteristic polynomial of one matrix of variance 1, are
    multiplied by 1/N for variance 1/N.
    """
    from finitefree import laguerre_polynomial
    from finitefree.convolutions import multiplicative

    N, *others = sorted(widths)
    layers = [laguerre_polynomial(N, n - N).dilation(Fraction(1, N)) for n in others]
    total = layers[0]
    for layer in layers[1:]:
        total = multiplicative(total, layer, N)
    return [Fraction(int(c.p), int(c.q)) for c in total.coeffs]


@pytest.mark.parametrize(
    "widths", [(1, 1), (4, 4), (5, 5, 5, 5), (3, 5, 4), (6, 3, 9, 3, 4), (20,) * 8], ids=str
)
def test_expected_characteristic_polynomials(widths):
    assert convolution(widths) == expected_characteristic_polynomial(widths)


def test_one_wishart_matrix():
    from finitefree import wishart_expected_poly

    # for entries of variance 1/7, here 1/4
    polynomial = wishart_expected_poly(4, 7)
    coefficients = [Fraction(int(c.p), int(c.q)) for c in polynomial.coeffs]
    assert [c * Fraction(7, 4) ** k for k, c in enumerate(coefficients)] == (
        expected_characteristic_polynomial((4, 7))
    )
