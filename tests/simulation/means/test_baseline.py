"""Ranks to compare with, expected ranks of lists of widths and arrays of depths, their texts."""

import math
import pickle

import numpy as np
import pytest
from scipy import special

from rmt_rank import baseline, depth_for, effective_rank, estimate, expected_effective_rank
from rmt_rank.simulation.means.expected import RegimeWarning


def test_a_gaussian_matrix_has_the_baseline():
    weights = np.random.default_rng(0).normal(size=(256, 64))
    found = baseline(weights.shape)
    assert (found.method, found.status, found.samples) == ("corrected", "verified", 0)
    # one matrix varies by about 1/N
    assert abs(effective_rank(weights) - found.value) < 4 / 64
    assert baseline((64, 256)) == found


def test_small_matrices_are_sampled():
    found = baseline((6, 4), rng=0)
    assert found.method == "monte-carlo"
    assert found.error <= 1e-3
    again = estimate("effective_rank", [6, 4], samples=20_000, rng=1)
    assert abs(found.value - again.value) < 5 * math.hypot(found.error, again.error)
    assert baseline((1, 7)).value == baseline((1, 7)).error == 0


def test_one_complex_matrix_against_page():
    # E sum of -p log p for n x N: sum_(k=n+1)^(n N) 1/k - (N-1)/(2n), Page's formula
    n, N = 96, 64
    page = special.digamma(n * N + 1) - special.digamma(n + 1) - (N - 1) / (2 * n)
    found = expected_effective_rank([n, N], power=2, field="complex")
    assert abs(found.value - page) <= found.error


@pytest.mark.parametrize(("rank", "width"), [(200, 256), (64, 256), (20, 256), (3, 8), (2, 6)])
def test_depth_for(rank, width):
    depth = depth_for(rank, width, rng=0)
    below, above = (
        expected_effective_rank(width, each, rng=1).exponentiated for each in (depth, depth - 1)
    )
    # sampled means are within 5 times the target error of 1e-3
    assert below <= rank * 1.005
    assert above >= rank * 0.995


@pytest.mark.parametrize(
    ("rank", "cycle"), [(64, (256, 1024)), (3, (8, 16)), (2.2, (8, 6, 7)), (20, (64, 64, 16))]
)
def test_depth_for_a_cycle_of_widths(rank, cycle):
    depth = depth_for(rank, cycle, rng=0)
    widths = (cycle * (depth + 1))[: depth + 1]
    below = expected_effective_rank(widths, target_error=0.01, rng=1)
    above = expected_effective_rank(widths[:-1], target_error=0.01, rng=2)
    # five standard errors of both, or what a formula leaves out
    assert below.value <= math.log(rank) + 5 * below.error
    assert above.value >= math.log(rank) - 5 * above.error


def test_depth_for_one_width_in_a_list():
    assert depth_for(64, [256]) == depth_for(64, [256, 256]) == depth_for(64, 256)
    # rows and columns of a bottleneck: the first width is the rank of no layers
    assert depth_for(20, [64, 16]) == 1
    assert depth_for(64, [64, 16]) == 0
    with pytest.raises(ValueError, match=r"width must have at least 1 entry, got \(\)"):
        depth_for(3, [])
    with pytest.raises(ValueError, match=r"got rank 1.5 at width \[256, 300\], which take about"):
        depth_for(1.5, [256, 300])


def test_depth_for_at_the_ends():
    assert depth_for(8, 8) == depth_for(100, 8) == 0
    assert depth_for(7.9, 8) == 1
    with pytest.raises(ValueError, match="rank must be finite and > 1, got 1"):
        depth_for(1, 8)
    with pytest.raises(ValueError, match="rank must be reached at a depth of at most width/4"):
        depth_for(1.5, 256)


def test_equal_widths_are_one_width():
    assert expected_effective_rank([64, 64, 64]) == expected_effective_rank(64, 2)


def test_unequal_widths():
    found = expected_effective_rank([12, 8, 10], rng=0)
    again = estimate("effective_rank", [12, 8, 10], samples=20_000, rng=1)
    assert abs(found.value - again.value) < 5 * math.hypot(found.error, again.error)
    assert expected_effective_rank([5, 1, 4]).status == "proved"
    limit = expected_effective_rank([12, 8, 10], method="limit")
    assert abs(limit.value - found.value) < limit.error
    with pytest.warns(RegimeWarning, match="is not known to hold at widths"):
        far = expected_effective_rank([6, 4, 4, 4], method="corrected")
    assert far.error == math.inf
    assert "not known to hold" in far.why
    with pytest.raises(ValueError, match="there is no exact value for widths"):
        expected_effective_rank([12, 8, 10], method="exact")
    with pytest.raises(ValueError, match="depth must be None or 2 with 3 widths, got 3"):
        expected_effective_rank([12, 8, 10], 3)


def test_arrays_of_depths():
    depths = np.array([[1, 2], [8, 40]])
    found = expected_effective_rank(64, depths, target_error=0.01, rng=0)
    assert found.value.shape == found.error.shape == found.method.shape == (2, 2)
    assert found.method.tolist() == [["corrected"] * 2, ["corrected", "monte-carlo"]]
    assert found.samples > 0
    for depth, value in zip(depths.ravel()[:3], found.value.ravel(), strict=False):
        assert value == expected_effective_rank(64, int(depth)).value
    np.testing.assert_array_equal(found.exponentiated, np.exp(found.value))
    assert pickle.loads(pickle.dumps(found)) == found


def test_texts_are_short():
    for found in (
        expected_effective_rank(256, 8),
        expected_effective_rank(256, range(1, 60)),
        estimate("effective_rank", 8, 2, samples=600, rng=0),
        estimate("singular_values", 8, 2, samples=40, rng=0),
    ):
        text = repr(found)
        assert text.startswith("Estimate: ")
        assert len(text) < 500
        assert all(len(line) <= 79 for line in text.splitlines())
        assert found.method if np.ndim(found.method) == 0 else "corrected" in text
        page = found._repr_html_()
        assert page.startswith("<table>")
        assert page.count("<tr>") == 4
        assert "<script" not in page
