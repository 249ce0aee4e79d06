"""The Levy density at many digits, and the certificate of its growth, which can come out false."""

from fractions import Fraction

import flint
import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from rmt_rank.exact.gaussian import coupling
from rmt_rank.exact.gaussian.balls import _arb, _mpf


def growth(x, t):
    def q(v):
        return (v / 2) ** 2 / mpmath.sinh(v / 2) ** 2 if v else mpmath.mpf(1)

    return q(t * x) - q(x) + x**2 * mpmath.exp(-x)


@pytest.mark.parametrize("depth", ["1/50", 1, "7/2", 1000])
def test_levy_density_at_both_ends(depth):
    with mp.workdps(40):
        L = mpmath.mpf(Fraction(depth).numerator) / Fraction(depth).denominator
        # y nu -> 3/2 at 0, with a slope below 2/min(L, 1)
        y = mpmath.mpf(10) ** -20 * min(L, 1)
        assert abs(y * coupling.levy_density(y, depth) - 1.5) < 1e-19
        # far out only exp(-y/(L+1)) remains: the next terms are smaller by exp(-200) or more
        y = 200 * (L + 1) / min(L, 1)
        value = y * coupling.levy_density(y, depth, digits=35)
        assert abs(value * mpmath.exp(y / (L + 1)) - 1) < 1e-30


@pytest.mark.parametrize("depth", ["1/3", 1, 5])
def test_levy_khintchine_gives_known_moments(depth):
    # E s = 1 and E s^2 = L + 1
    for order, expected in ((1, 0), (2, mpmath.log(Fraction(depth) + 1))):
        gammas, integral = coupling.levy_khintchine(order, depth, digits=15)
        assert abs(gammas - expected) < 1e-14
        assert abs(integral - expected) < 1e-14


@pytest.mark.parametrize("order", ["1/10", 20])
def test_levy_khintchine_at_other_orders(order):
    gammas, integral = coupling.levy_khintchine(order, "3/2", digits=25)
    assert abs(gammas - integral) < 1e-23


@settings(max_examples=40)
@given(x=st.fractions(0, 60, max_denominator=999), t=st.fractions(0, 1, max_denominator=99))
def test_enclosure_contains_the_growth(x, t):
    ball = coupling._growth(_arb(x), _arb(t))
    with mp.workdps(60):
        at = mpmath.mpf(x.numerator) / x.denominator
        ratio = mpmath.mpf(t.numerator) / t.denominator
        if x < 2:
            # over x^2
            value = growth(at, ratio) / at**2 if at else mpmath.mpf(13 - ratio**2) / 12
        else:
            value = growth(at, ratio)
        # 60 digits may be off by their last
        margin = mpmath.mpf(10) ** -55
        assert _mpf(ball.lower()) - margin < value < _mpf(ball.upper()) + margin


@pytest.mark.parametrize("high", [2, "7/2", 20, 60])
def test_growth_is_certified(high):
    certificate = coupling.certify_levy_growth(high)
    assert certificate.holds
    assert certificate.tail_holds
    assert certificate.smallest_lower_bound > 0
    assert certificate.boxes < 5000
    assert "NOT" not in str(certificate)
    # the bound is one: the growth at the far corner lies above it
    with mp.workdps(40):
        at = mpmath.mpf(Fraction(high).numerator) / Fraction(high).denominator
        assert growth(at, mpmath.mpf(1)) >= certificate.smallest_lower_bound


def test_inequalities_beyond_the_box_are_checked():
    # exp(-1) > 1 - sqrt(1/2): from 1 on they do not hold
    certificate = coupling.certify_levy_growth(1)
    assert not certificate.tail_holds
    assert not certificate.holds


def test_certificate_gives_up_with_a_result():
    certificate = coupling.certify_levy_growth(most_boxes=10)
    assert not certificate.holds
    assert certificate.boxes <= 10
    assert "NOT proved" in str(certificate)


def test_certificate_does_not_prove_what_is_false(monkeypatch):
    # without its last term the growth is 0 at t = 1
    monkeypatch.setattr(
        coupling, "_growth", lambda x, t, f=coupling._growth: f(x, t) - x * x * (-x).exp()
    )
    assert not coupling.certify_levy_growth(4, most_boxes=2000).holds


def test_flint_precision_is_restored():
    before = flint.ctx.prec
    coupling.certify_levy_growth(2)
    assert flint.ctx.prec == before


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: coupling.levy_density(0, 1), "y is 0"),
        (lambda: coupling.levy_density(1, -1), "depth is -1"),
        (lambda: coupling.levy_khintchine(0, 1), "order is 0"),
        (lambda: coupling.certify_levy_growth("1/2"), "high is '1/2'"),
        (lambda: coupling.certify_levy_growth(most_boxes=0), "most_boxes is 0"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
