"""One matrix of independent entries: closed forms of the coefficients, and random matrices."""

import math

import mpmath
import numpy as np
import pytest

from rmt_rank import baseline
from rmt_rank.theory.rectangular.correction import rectangular_correction
from rmt_rank.theory.rectangular.one_layer import circle_coefficients, entry_statistics


def coefficient(j, h, z):
    """a_j of (1 + h xi)^z (1 + h/xi)^z: Cauchy product of two binomial series."""
    return mpmath.binomial(z, j) * h**j * mpmath.hyp2f1(-z, j - z, j + 1, h**2)


@pytest.mark.parametrize("ratio", [0.01, 0.25, 0.81])
@pytest.mark.parametrize("power", [0.5, 1, 2, 3])
def testcircle_coefficients_against_hypergeometric_functions(ratio, power):
    found = circle_coefficients(ratio, power / 2)
    with mpmath.workdps(30):
        h, z = mpmath.sqrt(mpmath.mpf(ratio)), mpmath.mpf(power) / 2
        for j in (0, 1, 2, 5):
            expected = coefficient(j, h, z)
            slope = z * mpmath.diff(lambda x, j=j, h=h: coefficient(j, h, x), z)
            # sums over 2^14 points of size 1 are accurate to some 1e-16 of their largest term
            assert found.power[j] == pytest.approx(float(expected), abs=1e-14)
            assert found.entropy[j] == pytest.approx(float(slope), abs=1e-13)


@pytest.mark.parametrize("power", [1, 2])
def testcircle_coefficients_of_square_matrices(power):
    # a_j = Gamma(1 + 2z)/(Gamma(1 + z + j) Gamma(1 + z - j)); the kink of s^z at 0 adds aliases of
    # the order of (2/points)^(1 + 2z) to each coefficient
    z = power / 2
    found = circle_coefficients(1.0, z)
    for j in (0, 1, 2, 5):
        expected = float(
            mpmath.gamma(1 + 2 * z) * mpmath.rgamma(1 + z + j) * mpmath.rgamma(1 + z - j)
        )
        assert found.power[j] == pytest.approx(expected, abs=(2 / 2**14) ** (1 + 2 * z) + 1e-14)


@pytest.mark.parametrize("shape", [(30, 60), (100, 101), (7, 300)])
def test_the_mean_of_gaussian_entries(shape):
    # the sum of the even coefficients is the term of order 1 over the width for real entries
    rows, columns = shape
    a = circle_coefficients(rows / columns, 0.5)
    first = (1 / a.mean_power + a.mean_entropy / a.mean_power**2) * a.power
    first -= a.entropy / a.mean_power
    expected = rectangular_correction(shape)
    # (100, 101): coefficients fall like 1/j^2 up to j = 200; aliases are (200/2^14)^2 of them
    assert first[2::2].sum() == pytest.approx(expected, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("shape", [(30, 60), (50, 50), (7, 300)])
def test_the_scale_of_the_entries_does_not_matter(shape):
    rows, columns = shape
    a = circle_coefficients(rows / columns, 0.5)
    first = (1 / a.mean_power + a.mean_entropy / a.mean_power**2) * a.power
    first -= a.entropy / a.mean_power
    # a_1 = h int s f'(s) dmu for every f, and this one is homogeneous of degree 0 to first order
    assert first[1] == pytest.approx(0, abs=1e-6 if rows == columns else 1e-12)


def ranks(matrices):
    sigma = np.linalg.svd(matrices, compute_uv=False)
    share = sigma / sigma.sum(axis=-1, keepdims=True)
    return -np.sum(share * np.log(share), axis=-1)


def within(sample, mean, deviation, *, deviates=True):
    """The sample has this mean and standard deviation.

    False alarms: 5 standard errors, 6e-7; the next terms of the expansion are of the relative order
    1/rows, at most 0.15 standard deviations of the mean and 12 % of the deviation at 40 rows.
    """
    n = sample.size
    assert abs(sample.mean() - mean) < 5 * sample.std() / math.sqrt(n) + 0.15 * deviation
    if deviates:
        assert abs(sample.std() / deviation - 1) < 5 / math.sqrt(2 * n) + 0.12


@pytest.mark.parametrize("shape", [(40, 40), (40, 120)], ids=str)
@pytest.mark.parametrize("entries", ["gaussian", "sign", "uniform", "shifted"])
def test_random_matrices(shape, entries):
    rng = np.random.default_rng(7)
    size = (1500, *shape)
    found = entry_statistics(shape)
    mean = baseline(shape, target_error=1).value
    if entries == "gaussian":
        x = rng.standard_normal(size)
    elif entries == "sign":
        x = rng.choice([-1.0, 1.0], size)
        mean += -2 * found.kurtosis_slope
    elif entries == "uniform":
        x = rng.uniform(-1, 1, size)
        mean += -1.2 * found.kurtosis_slope
    else:
        x = rng.standard_normal(size) + 0.3
        mean += found.rank_one_shift(0.09 * math.sqrt(math.prod(shape)))
    # a singular value outside the bulk varies more than the formula of the bulk says
    within(ranks(x), mean, found.standard_deviation, deviates=entries != "shifted")


def test_complex_matrices():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((1500, 40, 60)) + 1j * rng.standard_normal((1500, 40, 60))
    found = entry_statistics((40, 60), field="complex")
    within(ranks(x), baseline((40, 60), field="complex").value, found.standard_deviation)


def test_rank_one_is_continuous_at_the_edge():
    found = entry_statistics((40, 80))
    assert found.rank_one_shift(0) == 0
    # one-sided values at 1 differ by the sum of some 1e-3 times the slope
    near = [found.rank_one_shift(t) for t in (1 - 1e-6, 1, 1 + 1e-6)]
    assert near == pytest.approx([near[1]] * 3, abs=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 5),), "shape"),
        (((5,),), "shape"),
        (((5, 6, 7),), "shape must hold two integers, got 3"),
    ],
)
def test_bad_shapes(arguments, message):
    with pytest.raises(ValueError, match=message):
        entry_statistics(*arguments)


def test_bad_strength():
    with pytest.raises(ValueError, match="strength"):
        entry_statistics((4, 5)).rank_one_shift(-1)
