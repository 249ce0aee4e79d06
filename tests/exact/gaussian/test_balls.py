"""The enclosures contain the quadrature, and the certificate can come out either way."""

import math
from fractions import Fraction
from functools import partial

import flint
import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from rmt_rank import exact
from rmt_rank.exact.gaussian import balls, enclosures


def widened(enclosure):
    """Return the enclosure, wider by what 60 digits of quadrature may be off."""
    with mp.workdps(100):
        margin = abs(enclosure.lower) * mpmath.mpf(10) ** -58
        return exact.Enclosure(enclosure.lower - margin, enclosure.upper + margin)


@pytest.mark.parametrize("depth", ["1/4", 20])
@pytest.mark.parametrize("power", [1, 2, "0.3"])
def test_enclosure_contains_sixty_digits_of_quadrature(depth, power):
    value = exact.differential_effective_rank(depth, power=power, digits=60)
    assert value in exact.enclose_effective_rank(depth, power=power, digits=25)
    assert value in widened(exact.enclose_effective_rank(depth, power=power, digits=70))


@pytest.mark.parametrize("depth", ["1/4", 8])
@pytest.mark.parametrize("power", [1, 5])
def test_enclosure_contains_the_quadrature_derivative(depth, power):
    value = exact.differential_effective_rank_derivative(depth, power=power, digits=40)
    with mp.workdps(60):
        margin = abs(value) * mpmath.mpf(10) ** -38
        exact_value = exact.enclose_derivative(depth, power=power, digits=50)
        assert value - margin < exact_value.lower < exact_value.upper < value + margin


def test_enclosure_excludes_wrong_values():
    value = exact.differential_effective_rank(8, digits=60)
    assert value * (1 + mpmath.mpf(10) ** -12) not in exact.enclose_effective_rank(8, digits=25)


@settings(max_examples=60, deadline=None)
@given(depth=st.floats(1e-12, 1e12), digits=st.integers(5, 60))
def test_radius_is_the_requested_one(depth, digits):
    for enclose in (exact.enclose_effective_rank, exact.enclose_derivative):
        e = enclose(depth, digits=digits)
        assert e.lower <= e.upper < 0
        with mp.workdps(80):
            assert (e.upper - e.lower) < 2 * abs(e.upper) * mpmath.mpf(10) ** -digits


@settings(max_examples=20, deadline=None)
@given(
    low=st.fractions(0, 50, max_denominator=100),
    width=st.fractions(Fraction(1, 100), 5, max_denominator=100),
    share=st.fractions(0, 1, max_denominator=10),
)
def test_intervals_contain_their_points(low, width, share):
    box, inside = (low, low + width), low + share * width
    for enclose in (exact.enclose_effective_rank, exact.enclose_derivative):
        outer, inner = enclose(box), enclose(inside)
        assert outer.lower <= inner.lower
        assert inner.upper <= outer.upper


def test_values_at_both_ends():
    assert exact.enclose_effective_rank(0) == exact.Enclosure(0, 0)
    with mp.workdps(90):
        assert 1 - mpmath.pi**2 / 8 in exact.enclose_derivative(0, digits=40)
        assert -(mpmath.pi**2) / 6 + 1 in exact.enclose_derivative(0, power=2, digits=40)
    assert Fraction(-1, 2) in exact.enclose_effective_rank(1, power=2)
    assert Fraction(-13, 12) in exact.enclose_effective_rank(3, power=2)


def test_printed_ball_covers_the_enclosure():
    for depth in (8, (1, 2), "1e-9", 10**12):
        e = exact.enclose_effective_rank(depth)
        middle, radius = (Fraction(part) for part in str(e).split(" +/- "))
        assert balls._fraction(e.lower) >= middle - radius
        assert balls._fraction(e.upper) <= middle + radius
    assert str(exact.enclose_effective_rank(0)) == "0.0 +/- 0"


@pytest.mark.parametrize(
    ("low", "high", "power"),
    [(0, 1000, 1), (0, 1000, 2), (0, 10**9, 1), ("0.5", "0.75", 1), (3, 3, 1), (0, 100, 6)],
)
def test_decrease_is_certified(low, high, power):
    certificate = exact.certify_decreasing(low, high, power=power)
    assert certificate.holds
    assert certificate.largest_upper_bound < 0
    assert certificate.boxes < 4000
    # The bound is one: the derivative at the shallow end lies below it.
    assert exact.enclose_derivative(low, power=power).lower < certificate.largest_upper_bound
    assert "NOT" not in str(certificate)


def test_certificate_gives_up_with_a_result():
    certificate = exact.certify_decreasing(most_boxes=4)
    assert not certificate.holds
    assert certificate.boxes <= 4
    assert certificate.largest_upper_bound >= 0
    assert "NOT proved" in str(certificate)


def test_certificate_does_not_prove_a_false_statement(monkeypatch):
    # With the sign lost, as in Eq. 8, nothing can be certified.
    monkeypatch.setattr(enclosures, "_derivative", lambda L, z, f=balls._derivative: -f(L, z))
    assert not exact.certify_decreasing(0, 10, most_boxes=300).holds
    certify = partial(exact.certify_decreasing, most_boxes=300)
    monkeypatch.setattr(enclosures, "certify_decreasing", certify)
    with pytest.raises(ArithmeticError, match="not proved monotone"):
        exact.enclose_effective_rank((5, 5.001))


def test_a_single_touching_point_spoils_the_proof():
    def bound(left, right):
        return 0.0 if left <= 2 <= right else -1.0

    _, largest, holds = enclosures._cover(bound, Fraction(0), Fraction(3), 100)
    assert (largest, holds) == (0.0, False)


def test_undecidable_digits_raise(monkeypatch):
    monkeypatch.setattr(enclosures, "MOST_BITS", 200)
    with pytest.raises(ArithmeticError, match="200 bits do not give 50 digits"):
        exact.enclose_effective_rank("1e-40", digits=50)


def test_flint_precision_is_restored(monkeypatch):
    before = flint.ctx.prec
    exact.certify_decreasing(0, 10)
    exact.enclose_derivative((1, 2), digits=50)
    assert flint.ctx.prec == before

    def fail(*_):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(enclosures, "_rho", fail)
    with pytest.raises(RuntimeError, match="on purpose"):
        exact.enclose_effective_rank(3, digits=100)
    assert flint.ctx.prec == before


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: exact.enclose_effective_rank(-1), "depth is -1"),
        (lambda: exact.enclose_effective_rank((2, 1)), "low <= high"),
        (lambda: exact.enclose_effective_rank((1, 2, 3)), "a pair"),
        (lambda: exact.enclose_derivative(math.inf), "depth is inf"),
        (lambda: exact.enclose_derivative(1, power=0), "power is 0"),
        (lambda: exact.certify_decreasing(-1, 1), "low is -1"),
        (lambda: exact.certify_decreasing(most_boxes=0), "most_boxes is 0"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("ends", [(0, 1000), (0, 10**12), (10**10, 10**12)])
def test_wide_intervals_are_enclosed_and_printed(ends):
    enclosure = exact.enclose_derivative(ends)
    shallow, deep = (exact.enclose_derivative(end) for end in ends)
    assert enclosure.lower <= shallow.lower
    assert deep.upper <= enclosure.upper
    # 64 pieces between 0 and 1e12 are wide, but not without bound
    assert enclosure.lower >= 3 * shallow.lower
    assert "+/-" in str(enclosure)
