"""Ridges: densities back to back."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from rmt_rank.paper.figures.density import kernel_density
from rmt_rank.paper.figures.ridges import ROOM, curve, ridge


def test_ranks_near_zero_are_folded():
    # a curve of area 1 that ends at 0, where the density of such ranks is largest
    samples = abs(np.random.default_rng(0).normal(0, 0.1, 4000))
    x, y = curve(samples)
    assert x[0] == pytest.approx(0, abs=1e-12)
    # the trapezoidal rule on the 401 points that the filter smooths over
    assert np.trapezoid(y, x) == pytest.approx(1, abs=1e-3)
    # 2 phi(0)/0.1 = 7.98; 4000 samples in windows of their standard deviation: 5 %
    assert y.max() == pytest.approx(7.98, rel=0.1)


def test_curve_agrees_with_kernels():
    samples = np.random.default_rng(1).normal(3, 0.1, 4000)
    x, y = curve(samples)
    # the difference of two estimates of a peak of 4, each to a few percent
    assert np.max(abs(y - kernel_density(samples, x))) < 0.3


def test_equal_samples_have_no_curve():
    assert [each.size for each in curve([1.0, 1.0])] == [0, 0]
    assert [each.size for each in curve([np.nan, 1.0])] == [0, 0]


def test_one_scale_for_both():
    axes = Figure().subplots()
    x = np.array([0.0, 1.0, 2.0])
    ridge(axes, -3, (x, np.array([0.0, 2.0, 0.0])), (x, np.array([0.0, 1.0, 0.0])), ({}, {}))
    above, below = (each.get_paths()[0].vertices[:, 1] for each in axes.collections)
    assert (above.min(), above.max()) == pytest.approx((-3, -3 + ROOM))
    assert (below.min(), below.max()) == pytest.approx((-3 - ROOM / 2, -3))
