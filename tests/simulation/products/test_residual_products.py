"""Residual networks at finite width: exact moments, one matrix against many, streams."""

import math

import numpy as np
import pytest
from scipy import special, stats

from rmt_rank.simulation.products import residual_products as residual
from rmt_rank.simulation.products.residual_products import (
    sample_residual_limit,
    sample_residual_singular_values,
)

# two-sided, in standard errors; sampling alone turns a comparison red once in a million
ERRORS = float(stats.norm.isf(5e-7))


def distance(values, expected):
    """Deviation of a mean over independent values, in standard errors."""
    return abs(np.mean(values) - expected) / (np.std(values, ddof=1) / math.sqrt(len(values)))


def product_moments(width, depth, square):
    """E of the mean of s^2, and of the squared mean of s, for complex layers of variance a^2.

    A layer takes (p, q) to (b p + (b-1) q, b q + (b-1) p/N^2), b = (1 + a^2)^2, from the second
    and fourth moments of its entries.
    """
    b = (1 + square) ** 2
    p, q = 1.0, 1.0
    for _ in range(depth):
        p, q = b * p + (b - 1) * q, b * q + (b - 1) * p / width**2
    return p, q


@pytest.mark.parametrize("width", [1, 2, 7])
def test_limit_has_its_exact_moments(width):
    tau, size = 0.4, 20_000
    s = sample_residual_limit(width, tau, size, rng=width) ** 2
    assert s.shape == (size, width)
    assert distance(s.mean(axis=1), math.exp(tau)) < ERRORS
    # the limit of the recursion above
    grown, share = math.exp(2 * tau), 2 * tau / width
    second = grown * (math.cosh(share) + width * math.sinh(share))
    assert distance((s**2).mean(axis=1), second) < ERRORS
    squared = grown * (math.cosh(share) + math.sinh(share) / width)
    assert distance(s.mean(axis=1) ** 2, squared) < ERRORS
    assert product_moments(width, 2**20, tau / 2**20) == pytest.approx((second, squared), rel=1e-5)
    # log |det|^2 is normal: 2 tau/N of variance for its mean, N of them times 1/N^2
    log_det = np.log(s).mean(axis=1) * width / math.sqrt(2 * tau)
    assert stats.kstest(log_det, special.ndtr).pvalue > 1e-6


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("field", ["real", "complex"])
def test_products_have_their_exact_moments(field, layers):
    width, size, scale = 5, 4000, 0.7
    depths = [1, 4]
    s = (
        sample_residual_singular_values(
            width, depths, size, scale=scale, layers=layers, field=field, rng=layers
        )
        ** 2
    )
    assert s.shape == (size, 2, width)
    assert np.all(np.diff(s, axis=-1) <= 0)
    for i, depth in enumerate(depths):
        values = s[:, i]
        assert distance(values.mean(axis=1), (1 + scale**2) ** depth) < ERRORS
        if layers == 1 and field == "complex":
            second, squared = product_moments(width, depth, scale**2)
            assert distance((values**2).mean(axis=1), second) < ERRORS
            assert distance(values.mean(axis=1) ** 2, squared) < ERRORS


def test_products_tend_to_the_limit():
    width, tau, size = 4, 1.0, 3000
    depths = [64, 128]
    limit = np.log(sample_residual_limit(width, tau, 20_000, rng=1))
    products = [
        np.log(
            sample_residual_singular_values(
                width, [L], size, scale=math.sqrt(tau / L), field="complex", rng=L
            )[:, 0]
        )
        for L in depths
    ]
    # means of every log singular value; errors of order 1/L leave twice the last less the first
    mean, error = limit.mean(axis=0), limit.std(axis=0) / math.sqrt(len(limit))
    coarse, fine = (values.mean(axis=0) for values in products)
    errors = [values.std(axis=0) / math.sqrt(size) for values in products]
    spread = np.sqrt(error**2 + errors[0] ** 2 + 4 * errors[1] ** 2)
    # one of four is off by chance once in a million; what is left, of order 1/L^2, is at most 1/64
    # of an effect of order 1/L, which is below tau/L
    allowed = float(stats.norm.isf(5e-7 / width)) * spread + tau / 64**2
    assert np.all(np.abs(2 * fine - coarse - mean) < allowed)


def test_one_layer_by_hand():
    # I + a G_2 G_1 by hand, from the stream of the only block
    stream = next(residual.streams(3))
    first, second = (stream.standard_normal((2, 3, 3)) / math.sqrt(3) for _ in range(2))
    expected = np.linalg.svd(np.eye(3) + 0.5 * second @ first, compute_uv=False)
    found = sample_residual_singular_values(3, [1], 2, scale=0.5, layers=2, rng=3)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-13)


def test_numbers_do_not_depend_on_the_size_or_on_other_depths(monkeypatch):
    monkeypatch.setattr(residual, "BLOCK_BYTES", 16 * 9 * 4)
    few = sample_residual_singular_values(3, [2], 5, scale=1, rng=1)
    more = sample_residual_singular_values(3, [1, 2, 5], 8, scale=1, rng=1)
    np.testing.assert_allclose(few[:4, 0], more[:4, 1], rtol=1e-13)
    np.testing.assert_array_equal(
        sample_residual_limit(3, 1, 9, rng=1)[:8], sample_residual_limit(3, 1, 8, rng=1)
    )
    assert not np.array_equal(few[0], few[4])


def test_trivial_networks():
    np.testing.assert_array_equal(sample_residual_limit(3, 0, 2, rng=0), 1)
    np.testing.assert_array_equal(
        sample_residual_singular_values(3, [1, 9], 2, scale=0, rng=0), np.ones((2, 2, 3))
    )


def test_deep_products_do_not_overflow():
    # the largest exponent is about log(1 + a^2)/2 per layer
    logs = sample_residual_singular_values(2, [400], 3, scale=100, rng=0, return_log=True)
    assert np.isfinite(logs[..., 0]).all()
    assert logs[..., 0].min() > 710
    logs, values = (
        sample_residual_singular_values(4, [3], 2, scale=1, rng=0, return_log=log)
        for log in (True, False)
    )
    np.testing.assert_array_equal(np.exp(logs), values)


def test_bad_input():
    with pytest.raises(ValueError, match=r"time must be finite and >= 0 and .*, got -1"):
        sample_residual_limit(3, -1, 2)
    with pytest.raises(ValueError, match="width must be an integer >= 1, got 0"):
        sample_residual_limit(0, 1, 2)
    with pytest.raises(ValueError, match="size must be an integer >= 1, got 0"):
        sample_residual_limit(2, 1, 0)
    for depths in ([], [2, 1], [2, 2]):
        with pytest.raises(ValueError, match=r"depths must (be increasing|have at least 1)"):
            sample_residual_singular_values(3, depths, 2, scale=1)
    with pytest.raises(ValueError, match=r"scale must be finite and >= 0 and .*, got -1"):
        sample_residual_singular_values(3, [1], 2, scale=-1)
    with pytest.raises(ValueError, match="layers must be an integer >= 1, got 0"):
        sample_residual_singular_values(3, [1], 2, scale=1, layers=0)
    with pytest.raises(ValueError, match="field must be one of"):
        sample_residual_singular_values(3, [1], 2, scale=1, field="quaternion")


def test_singular_values_beyond_the_floats():
    with pytest.raises(
        ValueError, match=r"time must leave singular values below .* got 1000000\.0"
    ):
        sample_residual_limit(4, 1e6, 1, rng=0)
    with pytest.raises(ValueError, match=r"scale must leave singular values below .* 1e\+100"):
        sample_residual_singular_values(4, [5000], 1, scale=1e100, rng=0)
    with pytest.raises(TypeError, match="depths must be a sequence of integers, got 3"):
        sample_residual_singular_values(4, 3, 1, scale=1)


def test_lists_of_widths_are_refused():
    with pytest.raises(
        TypeError, match=r"width must be one integer, since residual layers.*square"
    ):
        sample_residual_limit([8, 4], 1, 10)
    with pytest.raises(
        TypeError, match=r"width must be one integer, since residual layers.*square"
    ):
        sample_residual_singular_values([8, 8], [1], 10, scale=1)
