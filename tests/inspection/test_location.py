"""Location of a deficit: false alarms, planted spikes, heavy tails, the split and its arguments."""

import math

import numpy as np
import pytest
from scipy import stats

from rmt_rank import effective_rank
from rmt_rank.inspection import tails
from rmt_rank.inspection.location import locate
from rmt_rank.inspection.nulls import null_of
from rmt_rank.inspection.tails import power_law_tail

SHAPE = (48, 96)


def located(matrix, **options):
    field = "complex" if np.iscomplexobj(matrix) else "real"
    values = np.linalg.svd(matrix, compute_uv=False)
    return locate(values, matrix.shape, field=field, rng=1, **options)


def with_spikes(rng, shape, strengths):
    rows, columns = (np.linalg.qr(rng.standard_normal((side, len(strengths))))[0] for side in shape)
    scale = math.prod(shape) ** 0.25
    return rng.standard_normal(shape) + rows * (scale * np.array(strengths)) @ columns.T


@pytest.mark.parametrize("kind", ["gaussian", "complex", "uniform", "shuffle"])
def test_independent_entries_are_called_none(kind):
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(100):
        null = None
        if kind == "uniform":
            matrix = rng.uniform(-1, 1, SHAPE)
            null = null_of("uniform", matrix, rng, None)
        elif kind == "shuffle":
            matrix = rng.standard_t(10, SHAPE)
            null = null_of("shuffle", matrix, rng, None)
        else:
            matrix = rng.standard_normal(SHAPE)
            if kind == "complex":
                matrix = matrix + 1j * rng.standard_normal(SHAPE)
        alarms += located(matrix, null=null, level=0.1).where != "none"
    # a rate of at most 0.1, with a false-alarm rate of 1e-4 for this test
    assert alarms <= stats.binom.isf(1e-4, 100, 0.1)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_planted_spikes_are_counted(count):
    rng = np.random.default_rng(12)
    for _ in range(10):
        found = located(with_spikes(rng, SHAPE, np.linspace(2, 5, count)))
        assert (found.where, found.spikes) == ("spikes", count)
        assert found.spikes_deficit > abs(found.bulk_deficit)


def test_spikes_below_the_threshold_are_not_found():
    rng = np.random.default_rng(13)
    # the rate is that of false alarms, 0.005, so that 4 of 40 have a probability of 5e-5
    assert sum(located(with_spikes(rng, SHAPE, [0.5])).spikes for _ in range(40)) < 4


def test_masked_spikes_are_found():
    # a quarter of all values: the mean square is five times that of the noise
    rng = np.random.default_rng(14)
    assert located(with_spikes(rng, SHAPE, np.linspace(3, 8, 12))).spikes == 12


def test_heavy_tailed_entries_have_a_tail():
    rng = np.random.default_rng(15)
    words = [located(rng.standard_cauchy((64, 192))).where for _ in range(8)]
    assert words.count("tail") >= 6


def test_a_bulk_of_another_shape():
    rng = np.random.default_rng(16)
    # half of the rows are smaller: fewer directions, but none beyond the bulk of the others
    scales = np.where(np.arange(64) < 32, 1, 0.4)[:, np.newaxis]
    found = located(scales * rng.standard_normal((64, 640)))
    assert found.where == "bulk"
    assert found.deficit > 0.05


def test_the_parts_of_the_deficit():
    rng = np.random.default_rng(17)
    matrix = with_spikes(rng, SHAPE, [3, 4])
    found = located(matrix)
    sigma = np.linalg.svd(matrix, compute_uv=False)
    bulk = null_of("gaussian", np.zeros((46, 94)), rng, None).mean - effective_rank(
        np.diag(sigma[2:])
    )
    whole = null_of("gaussian", np.zeros(SHAPE), rng, None).mean - effective_rank(np.diag(sigma))
    assert found.bulk_deficit == pytest.approx(bulk, abs=1e-12)
    assert found.deficit == pytest.approx(whole, abs=1e-12)
    assert found.spikes_deficit == pytest.approx(whole - bulk, abs=1e-12)
    assert found.variance == pytest.approx(np.mean(sigma[2:] ** 2) / 94, rel=1e-12)
    # sampling errors of sqrt(2/(46 94)) in the variance
    assert found.variance == pytest.approx(1, abs=5 * math.sqrt(2 / (46 * 94)))
    assert sigma[1] > found.edge > sigma[2]


def test_the_scale_does_not_matter():
    rng = np.random.default_rng(18)
    sigma = np.linalg.svd(with_spikes(rng, SHAPE, [3]), compute_uv=False)
    small, large = locate(1e-200 * sigma, SHAPE), locate(1e150 * sigma[::-1], SHAPE[::-1])
    assert (small.where, small.spikes) == (large.where, large.spikes) == ("spikes", 1)
    assert small.bulk_deficit == pytest.approx(large.bulk_deficit, abs=1e-12)


def test_power_law_tails_have_uniform_p():
    rng = np.random.default_rng(19)
    found = [power_law_tail(rng.pareto(1.5, 120) + 1, rng) for _ in range(30)]
    # a p below 0.1 has a probability of 0.1: above 10 of 30 that is 1e-4
    assert sum(tail.p < 0.1 for tail in found) <= 10
    assert all(tail.exponent > 1.5 for tail in found)
    assert np.median([tail.exponent for tail in found]) == pytest.approx(2.5, abs=0.2)
    assert not power_law_tail(rng.exponential(size=400), rng).preferred
    assert power_law_tail(np.ones(20), rng) is None


@pytest.mark.parametrize("seed", [4, 5])
def test_sampling_stops_when_the_answer_is_known(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    # a bulk below a power law, which some seeds accept and some refuse
    data = np.concatenate([rng.uniform(0.1, 1.6, 60), rng.pareto(1.2, 40) + 1])
    stopped = power_law_tail(data, np.random.default_rng(21))
    monkeypatch.setattr(tails, "_ENOUGH", 10**9)
    assert tails._fit(np.sort(data)) == plain_fit(np.sort(data))
    whole = power_law_tail(data, np.random.default_rng(21))
    assert stopped.holds == whole.holds
    if whole.p <= 0.1:
        assert stopped.p == whole.p
    else:
        # 10/l has the relative error 1/sqrt(10), and the whole share one of 1/sqrt(99 p)
        assert stopped.p == pytest.approx(whole.p, rel=4 / math.sqrt(10))


def plain_fit(data):
    """Start and distance from one start after the other, from both ends of every step."""
    found = []
    for i in np.unique(np.linspace(0, data.size - 8, min(data.size - 7, 64)).astype(int)):
        above = data[i:]
        exponent = 1 + above.size / np.log(above / above[0]).sum()
        model = 1 - (above / above[0]) ** (1 - exponent)
        rank = np.arange(above.size)
        ends = np.abs(model - rank / above.size), np.abs(model - (rank + 1) / above.size)
        found.append((np.max(ends), above[0]))
    distance, start = min(found)
    return start, pytest.approx(distance, rel=1e-9)


def test_p_is_not_sampled_where_an_exponential_is_as_good():
    data = np.random.default_rng(22).exponential(size=200)
    found = power_law_tail(data, np.random.default_rng(0))
    assert math.isnan(found.p)
    assert not found.holds


def test_tail_agrees_with_powerlaw():
    powerlaw = pytest.importorskip("powerlaw", reason="powerlaw is not installed")
    rng = np.random.default_rng(20)
    data = np.sort(rng.pareto(1.2, 200) + 1)
    found = power_law_tail(data, rng)
    fit = powerlaw.Fit(data, xmin=found.start, verbose=0)
    assert found.exponent == pytest.approx(fit.power_law.alpha, rel=1e-6)
    ratio, p = fit.distribution_compare("power_law", "exponential", normalized_ratio=True)
    assert found.preferred == (ratio > 0 and p < 0.1)


def test_places_at_every_scale():
    values = np.append(np.linspace(1, 2, 8), 30.0)
    first = locate(values, (9, 12))
    for scale in (2.0**-1000, 2.0**1000):
        found = locate(values * scale, (9, 12))
        assert (found.where, found.spikes, found.z) == (first.where, first.spikes, first.z)
        assert found.edge == pytest.approx(first.edge * scale, rel=1e-14)
    assert found.variance == np.inf  # it is beyond the largest float


def test_a_bulk_of_zeros_is_not_near_the_law():
    found = locate([5.0, 0, 0, 0, 0, 0], (6, 9))
    assert (found.where, found.variance) == ("bulk", 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2, 3], (3, 5)), "shape"),
        (([1, 2, 3, 4], (4, 4, 4)), "shape must hold two integers"),
        (([1, 2, 3], (4, 5)), r"singular_values must have shape \(4,\)"),
        (([0, 0, 0, 0], (4, 5)), "must not all be 0"),
        (([1, 2, 3, -4], (4, 5)), "singular_values"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        locate(*arguments)
    with pytest.raises(ValueError, match="level"):
        locate([1, 2, 3, 4], (4, 5), level=0)
