"""Densities by the paper's method and by kernels."""

import math

import numpy as np
import pytest
from scipy import stats

from rmt_rank.paper.figures.density import (
    best_window,
    density_grid,
    kernel_density,
    smoothed_density,
)


def fourth_order(window):
    """Weights of a cubic Savitzky-Golay filter, by least squares."""
    u = np.arange(window) - window // 2
    return np.linalg.pinv(np.vander(u, 4, increasing=True))[0]


def test_by_hand():
    # spacing 1/2, so a sample is a bin of height 1/4 * 2; order 0 is a running mean
    grid = np.linspace(-1, 2, 7)
    found = smoothed_density([0.0, 0.5, 0.5, 1.0], grid, window=3, order=0)
    expected = np.array([0, 0.5, 1.5, 2, 1.5, 0.5, 0]) / 3
    assert found == pytest.approx(expected, abs=1e-15)


def test_a_sample_between_two_points_counts_below():
    # the CDF is P(X <= x)
    found = smoothed_density([0.25], np.linspace(-1, 2, 7), window=1, order=0)
    assert found.tolist() == [0, 0, 2, 0, 0, 0, 0]


def test_it_is_a_filtered_histogram():
    samples = np.random.default_rng(0).normal(size=500)
    grid = density_grid(samples, 101)
    spacing = grid[1] - grid[0]
    edges = np.append(grid - spacing / 2, grid[-1] + spacing / 2)
    histogram = np.histogram(samples, edges)[0] / samples.size / spacing
    smooth = np.maximum(np.convolve(histogram, fourth_order(15), "same"), 0)
    expected = smooth / (smooth.sum() * spacing)
    # no sample is at the ends, where the trapezoidal rule halves
    assert smoothed_density(samples, grid, 15) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [256, 4096])
def test_normal_samples(n):
    samples = np.random.default_rng(n).normal(size=n)
    grid = density_grid(samples)
    window = best_window(samples, grid)
    density = smoothed_density(samples, grid, window)
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-12)
    assert density.min() == density[0] == density[-1] == 0
    h = (grid[1] - grid[0]) * window / 2
    # bias: h^4/4! * 3/35 * max |f''''| with f'''' (0) = 3 / sqrt(2 pi), and h^6 beside it, a tenth
    bias = 1.2 * h**4 / 24 * 3 / 35 * 3 / math.sqrt(2 * math.pi)
    # variance: f * (9/8) / (n h); 401 points are fewer than 100 independent ones, so that 5
    # standard deviations are passed with probability below 1e-4; what is cut off below 0 is
    # less than that, too
    noise = 5 * math.sqrt(9 / 8 / math.sqrt(2 * math.pi) / (n * h))
    assert abs(density - stats.norm.pdf(grid)).max() < bias + noise
    assert density.max() > 0.3


def test_the_check_agrees():
    samples = np.random.default_rng(1).normal(2.0, 0.1, size=4096)
    grid = density_grid(samples)
    ours = smoothed_density(samples, grid, best_window(samples, grid))
    other = kernel_density(samples, grid)
    # in units of the standard deviation, s = 0.1: Scott's kernels of width n^(-1/5) = 0.19 take
    # 0.19^2/2 = 1.8 % off the top, 0.007; both have noise of about sqrt(f R / (n h)) < 0.012, of
    # which 4 are allowed each
    assert abs(ours - other).max() * 0.1 < 0.007 + 8 * 0.012
    assert 0.1 * np.trapezoid(abs(ours - other), grid) < 0.1 * 0.06


def test_best_window_is_best():
    """Least mean error over many samples, against half and twice of it."""
    stream = np.random.default_rng(2)
    errors = {0.5: [], 1: [], 2: []}
    for _ in range(40):
        samples = stream.normal(size=300)
        grid = np.linspace(-9, 9, 901)
        best = best_window(samples, grid)
        for factor, found in errors.items():
            window = 2 * round(factor * best / 2) + 1
            density = smoothed_density(samples, grid, window)
            found.append(np.trapezoid((density - stats.norm.pdf(grid)) ** 2, grid))
    half, best, double = (np.array(errors[factor]) for factor in (0.5, 1, 2))
    for other in (half, double):
        difference = other - best
        # paired: false alarms of 3 standard errors, one in 700
        assert difference.mean() > 3 * difference.std(ddof=1) / math.sqrt(40)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 4}, "window must be odd and at most the 7 points"),
        ({"window": 9}, "window must be odd and at most the 7 points"),
        ({"window": 3, "order": 3}, "window must be an integer >= 4, got 3"),
        ({"grid": [0, 1, 3]}, "grid must be evenly spaced and increasing"),
        ({"grid": [3, 2, 1]}, "grid must be evenly spaced and increasing"),
        ({"grid": [0.3, 0.4, 0.5]}, "grid must span the samples, 0 to 1, got 0.3 to 0.5"),
        ({"samples": [0, math.nan]}, "samples"),
    ],
)
def test_refused(change, message):
    given = {"samples": [0, 0.5, 1], "grid": np.linspace(-1, 2, 7), "window": 3, "order": 1}
    with pytest.raises(ValueError, match=message):
        smoothed_density(**given | change)


def test_one_number_has_no_grid():
    with pytest.raises(ValueError, match="samples must hold at least 2 different numbers, got 1"):
        density_grid([1.0, 1.0])
