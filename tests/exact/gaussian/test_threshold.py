"""The certificate that t* increases: enclosures of its parts, and that it can fail."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from scipy import special

from rmt_rank import exact
from rmt_rank.exact._precision import working_bits
from rmt_rank.exact.gaussian import threshold
from rmt_rank.theory.gaussian.threshold_rank import turning_threshold


def test_the_certificate_holds():
    certificate = exact.certify_turning()
    assert certificate.holds
    assert certificate.least == Fraction(1, 200)
    assert certificate.smallest_lower_bound > 0
    assert str(certificate).startswith("d t*/dL > 0 proved for depths from 1/200 on")


def test_too_few_boxes_prove_nothing():
    certificate = exact.certify_turning(most_boxes=20)
    assert not certificate.holds
    assert "NOT proved" in str(certificate)


def test_a_wrong_formula_is_not_certified(monkeypatch):
    right = threshold._slope
    # less by what the derivative is at depth 1/2: 0.64
    monkeypatch.setattr(threshold, "_slope", lambda *a: right(*a) - arb(7) / 10)
    assert not exact.certify_turning(most_boxes=3000).holds


@pytest.mark.parametrize("depth", [0.006, 0.05, 0.4, 0.9, 1.1, 3, 40, 1e4])
def test_bound_is_below_the_derivative_and_near_it(depth):
    h = 1e-5
    change = np.diff(np.log(turning_threshold(depth * np.array([1 - h, 1 + h]))))[0]
    slope = 2 * (1 + depth) * change / (2 * h * depth)
    a = 1 / (1 + Fraction(depth))
    with working_bits(64):
        # the angle of t* is between the two roots, and the bound falls in it
        low, high = (threshold._root(float(a), shift) for shift in (2, 1.5))
        bounds = [float(threshold._slope(a, a, x, x).mid()) for x in (low, high)]
    # rounding of t*, 1e-15 over the step, and the third derivative, of size 1, times its square
    rounding = 2 * (1 + 1 / depth) * 1e-15 / h + 10 * h**2
    # the bound 1/(L+3)^2 of abs(delta') times (1+L)^2 and a factor below 3/2 that falls like L
    decay = (special.polygamma(1, (depth + 3) / 2) - special.polygamma(1, (depth + 4) / 2)) / 2
    gap = (1 + depth) ** 2 * (decay - 1 / (depth + 3) ** 2) * min(1.5, 3 * depth)
    assert bounds[1] - rounding < slope
    assert slope < bounds[0] + rounding + gap


def test_signs_enclose_the_angle_of_the_formula():
    """E at an angle by its formula, between the bounds with both bounds of delta."""
    with working_bits(64):
        for L in (Fraction(1, 50), Fraction(3), Fraction(500)):
            a = threshold._arb(1 / (1 + L))
            depth, theta = threshold._arb(L), arb(21) / 10
            phi, X = a * theta, (1 - a) * theta
            delta = ((depth + 4) / 2).digamma() - ((depth + 3) / 2).digamma()
            value = (phi * phi.cot() - 1 + delta + (theta.sin() / X.sin()).log()) / a
            assert threshold._sign(a, theta, 2) < value < threshold._sign(a, theta, 1.5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: exact.certify_turning(most_boxes=0), ValueError, "most_boxes is 0; allowed"),
        (lambda: exact.turning_threshold(0), ValueError, "depth is 0; allowed"),
        (lambda: exact.turning_threshold(10**4), ValueError, "depth is 10000; allowed"),
        (lambda: exact.turning_threshold(1, digits=0), ValueError, "digits is 0; allowed"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
