"""`singular-values`: a tiny run, distances, and verdicts on made numbers."""

import numpy as np
import pytest
import scipy.stats

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.gaussian import singular_values
from rmt_rank.theory.gaussian.fuss_catalan import singular_value_law

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("singular-values")


def of(dataset, begin):
    return {f.verdict for f in singular_values.verdict(dataset) if f.sentence.startswith(begin)}


def test_a_tiny_run(tiny):
    # the widths differ in the number of draws
    assert tiny["rank"].notnull().sum(("repeat", "depth")).values.tolist() == [3 * 40, 3 * 10]
    # what is beyond the last bin is beyond the edge by 12 %: rare even at width 8
    mass = (tiny.density * tiny.edges.diff("edge").rename(edge="bin")).sum("bin")
    assert float(mass.max()) <= 1 + 1e-12
    assert float(mass.min()) > 0.95
    # below the 1 % quantile are half a level, 1/(2 width), at most, beside 1 % and sampling
    mass = (tiny.log_density * tiny.log_edges.diff("edge").rename(edge="bin")).sum("bin")
    assert float(mass.max()) <= 1 + 1e-12
    assert float(mass.sel(width=16).min()) > 1 - 0.01 - 1 / 32 - 0.1
    # the correction of order depth/width takes the rank below its limit
    gap = tiny["rank"].mean("repeat") - tiny.limit_rank
    assert float(abs(gap.sel(width=16, depth=1))) < 0.05


def test_the_tiny_run_supports_the_figure(tiny):
    for width in (8, 16):
        assert of(tiny, f"Singular values of {width} x {width}") == {Verdict.SUPPORTED}
    assert of(tiny, "Deeper products have lower") == {Verdict.SUPPORTED}


def test_distance_is_kolmogorovs():
    stream = np.random.default_rng(0)
    sigma = singular_value_law.rvs(3, size=(20, 6), random_state=stream)
    found = singular_values._distances(sigma, 3)
    expected = scipy.stats.kstest(sigma.ravel(), singular_value_law(3).cdf).statistic
    assert found["distance"] == pytest.approx(expected, abs=1e-12)
    # independent values: the error of the distribution function at its middle is 1/(2 sqrt(n)),
    # and errors are estimated from 20 draws, whose largest of 23 is at most about twice the truth
    allowed = scipy.stats.t.isf(1e-6 / 48, 19)
    error = (found["bound"] - 0.5 / 6) / allowed
    assert 0.5 < error * 2 * np.sqrt(120) < 2


def test_the_bound_is_half_a_level_and_sampling():
    # matrices that are all the same have no sampling error
    sigma = np.tile(singular_value_law.ppf([0.1, 0.4, 0.6, 0.9], 2), (5, 1))
    found = singular_values._distances(sigma, 2)
    assert found["bound"] == 0.5 / 4
    assert found["mean_distance_error"] == 0
    # the empirical distribution function reaches 1/4 at 0.1
    assert found["distance"] == pytest.approx(0.15, abs=1e-12)


@pytest.fixture
def made(tiny):
    """Jitter of ranks; distances are half of their bounds, and the same at both widths."""
    stream = np.random.default_rng(0)
    dataset = tiny.copy()
    dataset["rank"] = dataset["rank"] * 0 + stream.uniform(0, 0.01, dataset["rank"].shape)
    dataset["distance"] = dataset.bound / 2
    dataset["mean_distance"] = dataset.distance * 0 + 0.01
    dataset["mean_distance_error"] = dataset.distance * 0 + 0.001
    return dataset


def test_matches(made):
    assert of(made, "Singular values of") == {Verdict.SUPPORTED}
    made.distance.loc[{"width": 16, "depth": 4}] = 1.01 * made.bound.sel(width=16, depth=4)
    assert of(made, "Singular values of 8") == {Verdict.SUPPORTED}
    assert of(made, "Singular values of 16") == {Verdict.NOT_SUPPORTED}


@pytest.mark.parametrize(
    ("gain", "expected"),
    # five errors of a difference of means over three depths: 5 sqrt(2/3) 0.001 = 0.0041
    [
        (0.0040, Verdict.UNDECIDED),
        (0.0042, Verdict.SUPPORTED),
        (-0.0042, Verdict.NOT_SUPPORTED),
    ],
)
def test_closer(made, gain, expected):
    made["mean_distance"] = made.mean_distance - gain * (made.width == 16)
    assert of(made, "The match is closer") == {expected}


@pytest.mark.parametrize(
    ("slope", "expected"),
    [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED), (0, Verdict.UNDECIDED)],
)
def test_deeper(made, slope, expected):
    made["rank"] = made["rank"] + slope * made.depth
    assert of(made, "Deeper products") == {expected}
