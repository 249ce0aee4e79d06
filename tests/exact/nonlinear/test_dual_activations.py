"""Dual activations at any precision: the double integral against the closed forms."""

from fractions import Fraction

import mpmath
import pytest

from rmt_rank.exact.nonlinear.dual_activations import dual_activation, dual_activation_closed


@pytest.mark.parametrize(
    ("name", "digits"), [("identity", 30), ("relu", 30), ("sine", 30), ("gelu", 15), ("erf", 12)]
)
@pytest.mark.parametrize("point", [(1, 1, "1/2"), ("1/2", 2, "-0.9")], ids=str)
def test_closed_forms(name, digits, point):
    found = dual_activation(name, *point, omega="1.3", digits=digits)
    known = dual_activation_closed(name, *point, omega="1.3", digits=digits)
    # both are right to the digits asked for, relative to mean squares of at most 2
    assert abs(found - known) < mpmath.mpf(10) ** (1 - digits)


def test_polynomials():
    # E u^3 w^3 = 9 abc + 6 c^3
    a, b, r = 2, Fraction(9, 2), Fraction(-1, 3)
    c = r * 3
    known = 9 * a * b * c + 6 * c**3
    found = dual_activation(lambda x: x**3, a, b, r, digits=30)
    assert abs(found - mpmath.mpf(known.numerator) / known.denominator) < mpmath.mpf(10) ** -26


def test_ends():
    assert dual_activation_closed("relu", 1, 4, 1) == 1
    assert abs(dual_activation_closed("relu", 1, 4, -1)) < 1e-30
    assert abs(dual_activation("tanh", 1, 1, 1, digits=15) - 0.394294) < 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tanh", 0, 1, 0), "first is 0; allowed: a number > 0"),
        (("tanh", 1, 1, 2), "correlation is 2; allowed: a number from -1 to 1"),
        (("step", 1, 1, 0), "activation is 'step'; allowed: identity, relu"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        dual_activation(*arguments)


def test_no_closed_form():
    with pytest.raises(ValueError, match="activation is 'tanh'; allowed: identity, relu, gelu"):
        dual_activation_closed("tanh", 1, 1, 0)
