"""The terms of order 1 of moments, against Wishart matrices and the closed form of square ones."""

from fractions import Fraction

import pytest

from rmt_rank.paper.claims.finite_width.order_one import moment_term
from rmt_rank.theory.finite_width.corrections import real_moment_correction


def test_one_layer():
    # E tr (G G^T)^2 = m n (m + n + 1) and E tr (G G^T)^3 = m n (m^2 + n^2 + 3 m n + 3 m + 3 n + 4)
    # for m x n entries of variance 1; those of variance N/(m n), m = N = n/2, have the terms
    assert moment_term((1, 2), 2) == Fraction(2, 4)
    assert moment_term((1, 2), 3) == Fraction(2 * (3 + 6), 8)


def test_the_sequence_of_widths_and_their_scale_do_not_matter():
    assert moment_term((2, 1, 3), 4) == moment_term((3, 2, 1), 4) == moment_term((6, 9, 3), 4)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_square_layers_have_the_closed_form(depth):
    found = [float(moment_term((1,) * (depth + 1), order)) for order in (1, 2, 3, 6)]
    known = [real_moment_correction(order, depth)[0] for order in (1, 2, 3, 6)]
    assert found == pytest.approx(known, rel=1e-13, abs=1e-13)
