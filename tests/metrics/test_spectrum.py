"""Measures from singular values: definitions, every library, odd input."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import rmt_rank
from rmt_rank._lib.array import to_numpy
from rmt_rank.metrics import spectrum

# name -> (function of singular values, its transcription, answer for the zero spectrum)
DEFINITIONS = {
    "entropy": (spectrum.effective_rank, lambda s: shannon(s / s.sum()), -math.inf),
    "base 2": (
        lambda s: spectrum.effective_rank(s, base=2),
        lambda s: shannon(s / s.sum()) / math.log(2),
        -math.inf,
    ),
    "Roy and Vetterli": (
        lambda s: spectrum.effective_rank(s, exponentiate=True),
        lambda s: math.exp(shannon(s / s.sum())),
        0,
    ),
    "Gram": (
        lambda s: spectrum.effective_rank(s, power=2),
        lambda s: shannon(s**2 / (s**2).sum()),
        -math.inf,
    ),
    "order 1/2": (
        lambda s: spectrum.effective_rank(s, order=0.5),
        lambda s: 2 * math.log(((s / s.sum()) ** 0.5).sum()),
        -math.inf,
    ),
    "order 3": (
        lambda s: spectrum.renyi_effective_rank(s, 3),
        lambda s: ((s / s.sum()) ** 3).sum() ** -0.5,
        0,
    ),
    "order inf": (
        lambda s: spectrum.renyi_effective_rank(s, math.inf),
        lambda s: s.sum() / s.max(),
        0,
    ),
    "order 0": (lambda s: spectrum.renyi_effective_rank(s, 0), lambda s: (s > 0).sum(), 0),
    "eps": (
        lambda s: spectrum.effective_rank(s, eps=1e-3),
        lambda s: shannon(s / s.sum() + 1e-3),
        -math.inf,
    ),
    "participation": (
        spectrum.participation_ratio,
        lambda s: (s**2).sum() ** 2 / (s**4).sum(),
        0,
    ),
    "stable": (spectrum.stable_rank, lambda s: (s**2).sum() / s.max() ** 2, 0),
    "nuclear": (spectrum.nuclear_norm, lambda s: s.sum(), 0),
    "threshold": (
        lambda s: spectrum.threshold_rank(s, 0.1),
        lambda s: (s / s.sum() >= 0.1).sum(),
        0,
    ),
    "threshold, max": (
        lambda s: spectrum.threshold_rank(s, 0.3, relative_to="max"),
        lambda s: (s >= 0.3 * s.max()).sum(),
        0,
    ),
    "threshold, absolute": (
        lambda s: spectrum.threshold_rank(s, 1.5, relative_to="absolute"),
        lambda s: (s >= 1.5).sum(),
        0,
    ),
    "threshold area": (
        lambda s: spectrum.threshold_rank_area(s, 0.1, 0.3),
        lambda s: np.clip(s / s.sum() - 0.1, 0, 0.2).sum(),
        0,
    ),
    "energy": (
        lambda s: spectrum.energy_rank(s, 0.1),
        lambda s: 1 + (np.cumsum(np.sort(s)[::-1]) < 0.9 * s.sum()).sum(),
        0,
    ),
    "numerical": (
        lambda s: spectrum.numerical_rank(s, shape=(9, 4)),
        lambda s: (s > 9 * np.finfo(float).eps * s.max()).sum(),
        0,
    ),
    "condition": (
        spectrum.condition_number,
        lambda s: s.max() / s.min() if s.min() > 0 else math.inf,
        math.inf,
    ),
}


def shannon(p):
    p = p[p > 0]
    return -(p * np.log(p)).sum()


SPECTRA = np.array([[4.0, 2.0, 1.0, 0.5], [1.0, 1.0, 1.0, 1.0], [3.0, 1e-9, 2.0, 0.0]])


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_library_follows_the_definition(make, name):
    measure, definition, _ = DEFINITIONS[name]
    values = make(SPECTRA)
    result = measure(values)
    assert type(result) is type(make(np.zeros(3)))
    expected = [definition(s) for s in SPECTRA]
    np.testing.assert_allclose(to_numpy(result), expected, rtol=1e-13)
    # one spectrum, and a batch of batches
    one = np.asarray(to_numpy(measure(make(SPECTRA[0]))))
    assert one.shape == ()
    assert one == pytest.approx(expected[0], rel=1e-13)
    assert measure(make(SPECTRA[:, None, None])).shape == (3, 1, 1)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_zero_empty_and_not_finite(make, name):
    measure, definition, zero = DEFINITIONS[name]
    odd = np.array([[0.0, 0.0], [1.0, np.nan], [np.inf, 1.0], [2.0, 1.0]])
    result = to_numpy(measure(make(odd)))
    assert result[0] == zero
    assert np.isnan(result[1:3]).all()
    assert np.isnan(to_numpy(measure(make(odd[2]))))
    assert result[3] == pytest.approx(definition(odd[3]))
    assert to_numpy(measure(make(np.zeros((2, 0))))).tolist() == [zero, zero]


SCALE_FREE = [name for name in DEFINITIONS if "absolute" not in name and name != "nuclear"]


@pytest.mark.parametrize("name", SCALE_FREE)
@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_no_scale_over_or_underflows(make, name, scale):
    measure = DEFINITIONS[name][0]
    scaled = to_numpy(measure(make(SPECTRA[:2] * scale)))
    np.testing.assert_allclose(scaled, to_numpy(measure(make(SPECTRA[:2]))), rtol=1e-13)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_other_types(name):
    measure, definition, _ = DEFINITIONS[name]
    expected = definition(np.array([3.0, 2.0, 1.0]))
    for values in ([3, 2, 1], (3.0, 2.0, 1.0), np.array([3, 1, 2], dtype=np.int8)):
        assert measure(values) == pytest.approx(expected, rel=1e-13)
    for half in (np.float16, np.float32):
        result = measure(np.array([3, 2, 1], dtype=half))
        assert result.dtype == np.float32  # half precision becomes single
        assert result == pytest.approx(expected, rel=1e-5)


positive = npst.arrays(
    np.float64,
    npst.array_shapes(min_dims=1, max_dims=2, max_side=8),
    elements=st.floats(0, 1, allow_subnormal=False) | st.floats(1e-12, 1e12),
)


@given(positive, st.floats(-280, 280))
def test_entropy_bounds_and_scale(values, exponent):
    entropy = spectrum.effective_rank(values)
    count = (values > 0).sum(axis=-1)
    some = count > 0
    assert np.all(np.where(some, entropy >= -1e-15, entropy == -np.inf))
    assert np.all(np.exp(entropy) <= count * (1 + 1e-14))
    scaled = spectrum.effective_rank(values / 1e12 * 10.0**exponent)
    kept = (values / 1e12 * 10.0**exponent > 1e-300).sum(axis=-1) == count
    np.testing.assert_allclose(scaled[kept & some], entropy[kept & some], rtol=1e-12, atol=1e-13)


@given(positive, st.permutations(range(8)))
def test_order_of_values_does_not_matter(values, permutation):
    shuffled = values[..., [i for i in permutation if i < values.shape[-1]]]
    for measure, _, _ in DEFINITIONS.values():
        np.testing.assert_allclose(measure(shuffled), measure(values), rtol=1e-12, atol=1e-13)


@given(positive)
def test_renyi_orders_decrease_and_meet_at_one(values):
    orders = [0, 0.1, 0.5, 0.999, 1, 1.001, 1.5, 2, 10, math.inf]
    entropies = np.array([spectrum.effective_rank(values, order=q) for q in orders])
    some = np.isfinite(entropies[0])
    assert np.all(np.diff(entropies[:, some], axis=0) <= 1e-12)
    for q in (1 - 1e-9, 1 + 1e-9):
        near = spectrum.effective_rank(values, order=q)
        # the derivative at order 1 is minus half the variance of log p, at most log(k)^2 or so
        np.testing.assert_allclose(near[some], entropies[4, some], atol=1e-7)


@given(positive)
def test_stable_rank_is_below_participation(values):
    stable = spectrum.stable_rank(values)
    assert np.all(stable <= spectrum.participation_ratio(values) * (1 + 1e-14))
    assert np.all(stable <= spectrum.participation_ratio(values, power=1) * (1 + 1e-14))


@given(positive, st.floats(0, 1))
def test_schur_concavity(values, share):
    # a doubly stochastic mixing cannot lower a rank
    mixed = (1 - share) * values + share * values.mean(axis=-1, keepdims=True)
    for measure in (
        spectrum.effective_rank,
        lambda s: spectrum.effective_rank(s, power=2),
        lambda s: spectrum.renyi_effective_rank(s, 3),
        spectrum.participation_ratio,
        spectrum.stable_rank,
    ):
        before, after = measure(values), measure(mixed)
        some = np.isfinite(before)
        assert np.all(after[some] >= before[some] - 1e-12 * (1 + abs(before[some])))


@given(positive)
def test_area_under_the_threshold_rank_of_the_paper_is_always_one(values):
    # Appendix D suggests it as a measure; it measures nothing
    area = spectrum.threshold_rank_area(values)
    np.testing.assert_allclose(area, np.where(values.max(axis=-1) > 0, 1, 0), rtol=1e-13)
    largest = values.max(axis=-1)
    largest = np.where(largest > 0, largest, 1)
    np.testing.assert_allclose(
        spectrum.threshold_rank_area(values, relative_to="max"),
        values.sum(axis=-1) / largest,
        rtol=1e-13,
    )


@pytest.mark.parametrize("relative_to", ["sum", "max", "absolute"])
def test_area_is_the_integral(relative_to):
    s = np.array([0.9, 0.4, 0.05])
    tau = (np.arange(2000) + 0.5) / 2000 * 0.7 + 0.02
    ranks = [spectrum.threshold_rank(s, t, relative_to=relative_to) for t in tau]
    area = spectrum.threshold_rank_area(s, 0.02, 0.72, relative_to=relative_to)
    # the midpoint rule of a step function: at most half a step of tau for each of three steps
    assert area == pytest.approx(np.mean(ranks) * 0.7, abs=3 * 0.7 / 4000)


def test_against_fifty_digits():
    s = np.abs(np.random.default_rng(0).normal(size=40))
    with mpmath.workdps(50):
        total = mpmath.fsum(map(mpmath.mpf, s))
        exact = float(-mpmath.fsum(v / total * mpmath.log(v / total) for v in map(mpmath.mpf, s)))
    assert spectrum.effective_rank(s) == pytest.approx(exact, rel=1e-15)


GAPS = [*(10.0**-k for k in range(1, 16)), 1e-18, 1e-30, 1e-100, 1e-150, 1e-300]


def entropy_of_a_pair(gap, power, order):
    """Entropy of (1, gap^power) over its sum, with 700 digits."""
    with mpmath.workdps(700):
        w = mpmath.mpf(gap) ** power
        shares = [1 / (1 + w), w / (1 + w)]
        if order == 1:
            return float(-sum(p * mpmath.log(p) for p in shares))
        if order == math.inf:
            return float(-mpmath.log(shares[0]))
        q = mpmath.mpf(order)
        return float(mpmath.log(sum(p**q for p in shares)) / (1 - q))


@pytest.mark.parametrize("order", [0.3, 0.75, 1, 1.25, 2, math.inf])
@pytest.mark.parametrize("power", [1, 2])
def test_nearly_rank_one(make, power, order):
    # below eps, 1 - p is 1, and log(1 - p) was lost
    gaps = [gap for gap in GAPS if gap**power > 1e-301]
    values = make(np.array([[1.0, gap] for gap in gaps] + [[gap, 1.0] for gap in gaps]))
    found = to_numpy(spectrum.effective_rank(values, power=power, order=order))
    expected = [entropy_of_a_pair(gap, power, order) for gap in gaps] * 2
    # some ten operations in double precision, and log w up to 691 eps of w^order, w >= 1e-301; JAX
    # computes in single precision unless told otherwise
    eps = np.finfo(found.dtype).eps
    kept = np.array(expected) > (1e-36 if found.dtype == np.float32 else 0)
    np.testing.assert_allclose(found[kept], np.array(expected)[kept], rtol=(20 + 700) * eps)


def test_nearly_rank_one_in_single_precision():
    gaps = np.array([1e-1, 1e-4, 1e-8, 1e-12, 1e-30], dtype=np.float32)
    found = spectrum.effective_rank(np.stack([np.ones_like(gaps), gaps], axis=-1))
    assert found.dtype == np.float32
    expected = [entropy_of_a_pair(float(gap), 1, 1) for gap in gaps]
    np.testing.assert_allclose(found, expected, rtol=20 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("order", [0, 0.3, 1.2, 2, 7, np.inf])
def test_orders_of_shares_with_eps_follow_the_definition(order):
    stack, eps = np.array([[4.0, 1.0, 0.0], [2.0, 2.0, 1.0], [0.0, 1.0, 9.0]]), 1e-3
    p = stack / np.sum(stack, axis=-1, keepdims=True) + eps
    if order == np.inf:
        expected = -np.log(np.max(p, axis=-1))
    else:
        expected = np.log(np.sum(p**order, axis=-1)) / (1 - order)
    found = spectrum.effective_rank(stack, order=order, eps=eps)
    # some twenty roundings, of logarithms that 1/(1 - order) multiplies by 5
    np.testing.assert_allclose(found, expected, rtol=100 * np.finfo(float).eps)


def test_the_largest_condition_number():
    largest = np.finfo(float).max
    # 1.5/largest is subnormal, and has 51 bits
    found = spectrum.condition_number(np.array([1, 1.5 / largest]))
    assert found == pytest.approx(largest / 1.5, rel=1e-15)


def test_energy_rank_of_all():
    assert spectrum.energy_rank(np.ones(7), 0) == 7
    assert spectrum.energy_rank([1.0, 1e-17], 0) == 1  # the sum in floats is full at one
    assert spectrum.energy_rank([3.0, 1.0], 0.25) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: spectrum.effective_rank([1], power=0), ValueError, "power must be finite and > 0"),
        (lambda: spectrum.effective_rank([1], order=-1), ValueError, "order must be a number and"),
        (lambda: spectrum.effective_rank([1], eps=-1), ValueError, "eps must be finite and >= 0"),
        (lambda: spectrum.effective_rank([1], base=1), ValueError, "base must be finite and > 1"),
        (lambda: spectrum.effective_rank([1], exponentiate=2), TypeError, "exponentiate must be"),
        (lambda: spectrum.effective_rank(3.0), ValueError, "must have at least 1 ax"),
        (lambda: spectrum.effective_rank("abc"), TypeError, "must be an array of numbers"),
        (lambda: spectrum.effective_rank([[1], [2, 3]]), TypeError, "must be an array of numbers"),
        (lambda: spectrum.threshold_rank([1], -1), ValueError, "tau must be finite and >= 0"),
        (lambda: spectrum.threshold_rank([1], "x"), TypeError, "tau must be real numbers"),
        (
            lambda: spectrum.threshold_rank([1], 1, relative_to="mean"),
            ValueError,
            "relative_to must be one of 'sum', 'max', 'absolute', got 'mean'",
        ),
        (lambda: spectrum.threshold_rank_area([1], 1, 0), ValueError, "high must be finite and >="),
        (lambda: spectrum.energy_rank([1], 1), ValueError, "delta must be >= 0 and < 1, got 1.0"),
        (lambda: spectrum.numerical_rank([1], rtol=-1), ValueError, "rtol must be finite and >= 0"),
        (lambda: spectrum.effective_rank([1], eps=2), ValueError, "eps must be >= 0 and <= 1, got"),
        (lambda: spectrum.effective_rank([1, -2.0]), ValueError, "singular_values must be >= 0"),
        (lambda: spectrum.stable_rank([1, -np.inf]), ValueError, "must be >= 0, got -inf"),
        (lambda: spectrum.nuclear_norm([np.nan, -1.0]), ValueError, "must be >= 0, got -1.0"),
        (lambda: spectrum.energy_rank([[2], [-3]]), ValueError, "must be >= 0, got -3.0"),
        (lambda: spectrum.effective_rank([1j]), TypeError, "singular_values must be real, got the"),
        (lambda: rmt_rank.effective_rank([1.0, 2.0]), ValueError, "a must have at least 2 axes"),
    ],
)
def test_bad_options(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_values_that_a_tracer_hides_give_nan():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    assert np.isnan(jax.jit(spectrum.effective_rank)(jax.numpy.asarray([1.0, -1.0])))


def test_a_value_at_the_threshold_counts():
    # the shares and quotients are exact in binary
    s = np.array([4.0, 2.0, 2.0])
    assert spectrum.threshold_rank(s, 0.25) == 3
    assert spectrum.threshold_rank(s, 0.5, relative_to="max") == 3
    assert spectrum.threshold_rank(s, 2, relative_to="absolute") == 3
