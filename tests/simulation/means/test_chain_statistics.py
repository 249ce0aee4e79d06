"""Statistics of chains: what they mean, streaming, reproducibility, bad input."""

import array_api_strict
import numpy as np
import pytest

from rmt_rank import expected_effective_rank, singular_value_law
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.simulation.means.chain_statistics import POINTS_PER_LEVEL, simulate_chain
from rmt_rank.simulation.products import blocks
from rmt_rank.simulation.products.blocks import chain_blocks, in_threads
from rmt_rank.simulation.products.chain import new_chain
from rmt_rank.theory.finite_width.trace_moments import trace_moments
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank


@pytest.fixture(scope="module")
def chain():
    return simulate_chain(16, [1, 3, 2], 700, rng=1)


def test_means_and_errors_are_those_of_the_samples(chain):
    work = chain_blocks(new_chain(16, 3, 700), [1, 2, 3], 700, rng=1)
    blocks = [block.values for block in in_threads(work, 1)]
    values = [
        np.concatenate([part.unscaled(np) for part in parts]) for parts in zip(*blocks, strict=True)
    ]
    ranks = np.stack([effective_rank(v) for v in values], axis=1)
    assert chain.depths == (1, 2, 3)
    np.testing.assert_allclose(chain.rank, ranks.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(
        chain.rank_error, ranks.std(axis=0, ddof=1) / np.sqrt(700), rtol=1e-10
    )
    steps = np.diff(ranks, axis=1)
    np.testing.assert_allclose(chain.decrease, steps.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        chain.decrease_error, steps.std(axis=0, ddof=1) / np.sqrt(700), rtol=1e-10
    )
    squares = np.stack(values, axis=1) ** 2
    moments = np.stack([squares.mean(axis=-1), (squares**2).mean(axis=-1)], axis=-1)
    np.testing.assert_allclose(chain.moments, moments.mean(axis=0), rtol=1e-12)
    error = moments.std(axis=0, ddof=1) / np.sqrt(700)
    np.testing.assert_allclose(chain.moments_error, error, rtol=1e-10)
    for i, depth in enumerate(chain.depths):
        quantiles = singular_value_law.ppf(chain.levels, depth)
        below = (values[i][:, :, np.newaxis] < quantiles).mean(axis=1)
        np.testing.assert_allclose(chain.below[i], below.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(
            chain.below_error[i], below.std(axis=0, ddof=1) / np.sqrt(700), atol=1e-12
        )


def test_levels_have_their_points_at_every_depth(chain):
    points = POINTS_PER_LEVEL * 16 - 1
    assert chain.levels.shape == (points,)
    assert chain.below.shape == chain.below_error.shape == (3, points)


def test_differences_along_a_chain_have_little_variance(chain):
    independent = np.hypot(chain.rank_error[1:], chain.rank_error[:-1])
    assert np.all(chain.decrease_error < 0.8 * independent)


def test_rank_falls_and_approaches_the_limit(chain):
    assert np.all(chain.decrease + 5 * chain.decrease_error < 0)
    limit = np.log(16) + differential_effective_rank(chain.depths)
    assert np.all(np.abs(chain.rank - limit) < 0.06)  # R_3/16 = 0.036, and sampling


def test_blocks_do_not_change_the_estimate(monkeypatch, chain):
    # other blocks have other streams, so compare two runs with the same small ones
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8 * 16**2 * 50)
    seen = []
    first = simulate_chain(16, [1, 2], 120, rng=2, progress=seen.append)
    second = simulate_chain(16, [1, 2], 120, rng=2)
    assert seen == [50, 50, 20]
    np.testing.assert_array_equal(first.rank, second.rank)
    np.testing.assert_array_equal(first.below, second.below)


def test_array_api_strict_gives_the_same():
    here = simulate_chain(8, [1, 2], 40, rng=3)
    there = simulate_chain(8, [1, 2], 40, rng=3, xp=array_api_strict)
    np.testing.assert_allclose(here.rank, there.rank, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"samples": 1}, ValueError, "samples must be an integer >= 2, got 1"),
        ({"depths": []}, ValueError, "depths must have at least 1 entry"),
        ({"depths": [0]}, ValueError, "depths must be an integer >= 1, got 0"),
        ({"depths": [1.5]}, TypeError, "depths must be an integer >= 1, got 1.5"),
        ({"width": 0}, ValueError, "width must be an integer >= 1, got 0"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        simulate_chain(**({"width": 2, "depths": [1], "samples": 2} | arguments))


class TestEffectiveRank:
    def test_known_values(self):
        sigma = np.array([[1, 1, 1, 1], [5, 0, 0, 0], [2, 2, 0, 0]], dtype=float)
        np.testing.assert_allclose(effective_rank(sigma), np.log([4, 1, 2]), atol=1e-15)

    @pytest.mark.parametrize("scale", [1e-300, 1e300])
    def test_scale_does_not_matter(self, scale):
        sigma = np.array([3.0, 1.0, 0.5])
        expected = effective_rank(sigma)
        assert effective_rank(sigma * scale) == pytest.approx(expected, rel=1e-14)

    def test_input_is_left_alone(self):
        sigma = np.array([3.0, 1.0])
        sigma.flags.writeable = False
        effective_rank(sigma)


def test_unequal_widths_have_their_exact_moments_and_their_law():
    widths = [24, 12, 30, 12]
    found = simulate_chain(widths, None, 2000, rng=3)
    assert (found.width, found.depths, found.rank.shape) == (12, (3,), (1,))
    exact = [trace_moments(widths, order)[(order,)] for order in (1, 2)]
    off = np.abs(found.moments[0] - exact) / found.moments_error[0]
    assert np.all(off < 5)  # false alarm 1.2e-6: normal means of 2000
    mean = expected_effective_rank(widths, method="corrected")
    assert abs(found.rank[0] - mean.value) < mean.error + 5 * found.rank_error[0]
    # levels of the limit law are off by less than one singular value of 12
    assert np.all(np.abs(found.below[0] - found.levels) < 1 / 12)
    square = simulate_chain(16, [3], 50, rng=4)
    same = simulate_chain([16] * 4, [3], 50, rng=4)
    np.testing.assert_array_equal(same.below, square.below)
    np.testing.assert_array_equal(same.rank, square.rank)


@pytest.mark.parametrize(
    ("width", "depths", "error", "message"),
    [
        ([8, 4, 8], [1, 2], ValueError, r"depths must be None or \[2\] with 3 widths"),
        ([8], None, ValueError, "widths must"),
        ([8, 0], None, ValueError, "widths must"),
        ([8, 4.5], None, TypeError, "widths must"),
        (8, None, TypeError, "depths must be a sequence"),
    ],
)
def test_widths_and_depths_that_do_not_match_are_refused(width, depths, error, message):
    with pytest.raises(error, match=message):
        simulate_chain(width, depths, 10)
