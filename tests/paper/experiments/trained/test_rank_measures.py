"""`rank-measures`: a tiny run, correlations, and verdicts on made numbers."""

import numpy as np
import pytest

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.judges import correlation, judge_correlation
from rmt_rank.paper.experiments.trained import rank_measures

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

MEASURES = ("weight_rank", "threshold_rank", "stable_rank", "nuclear_norm")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("rank-measures")


@pytest.fixture
def made(tiny):
    """Twelve repeats; all fit, and numbers are jitter without ties or a trend."""
    dataset = tiny.isel(repeat=[0, 1, 2] * 4)
    stream = np.random.default_rng(0)
    for name in (*MEASURES, "frobenius_norm"):
        for each in (f"fitted_{name}", f"{name}_path"):
            dataset[each] = dataset[each] * 0 + stream.uniform(0, 0.1, dataset[each].shape)
    dataset["fitted"] = dataset.fitted | True
    return dataset


def of(dataset, begin):
    """The verdict that all findings of that beginning share."""
    findings = rank_measures.verdict(dataset)
    (found,) = {f.verdict for f in findings if f.sentence.startswith(begin)}
    return found


def test_a_tiny_run(tiny):
    # sum s <= sqrt(k sum s^2), and sum s^2 / s_1^2 is at most the number k of values; rounding
    assert (tiny.nuclear_norm <= np.sqrt(8) * tiny.frobenius_norm * (1 + 1e-12)).all()
    assert (tiny.nuclear_norm >= tiny.frobenius_norm).all()
    assert (tiny.stable_rank <= 8 * (1 + 1e-12)).all()
    assert (tiny.threshold_rank_path.sel(step=0) == tiny.initial_threshold_rank).all()


def test_correlation():
    assert correlation([1, 2, 4, np.nan], [1, 4, 9, 0]) == 1
    # ranks 1 2 3 4 and 1 2 4 3: 1 - 6 * 2 / (4 * 15)
    assert correlation([1, 2, 3, 4], [1, 2, 9, 8]) == pytest.approx(0.8, abs=1e-15)
    assert correlation([1, 2, 3], [5, 5, 5]) == 0
    assert correlation([np.nan, 2], [5, np.nan]) == 0


@pytest.mark.parametrize(
    ("correlations", "expected"),
    [
        ([0.9, 0.95, 0.8, 0.9, 0.85], Verdict.SUPPORTED),
        ([0.1, -0.2, 0.0, 0.1, 0.2], Verdict.NOT_SUPPORTED),
        ([0.9, 0.1, 0.5, 0.4, 0.6], Verdict.UNDECIDED),
        ([0.9, 0.9], Verdict.UNDECIDED),
        ([1.0] * 4, Verdict.SUPPORTED),
        ([0.0] * 4, Verdict.NOT_SUPPORTED),
    ],
)
def test_judge_correlation(correlations, expected):
    assert judge_correlation("", "", correlations).verdict is expected


def test_the_level_is_shared():
    values = [0.9, 0.95, 0.8, 0.9, 0.85]
    assert judge_correlation("", "", values).verdict is Verdict.SUPPORTED
    many = judge_correlation("", "", values, comparisons=10**6)
    assert many.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("slope", "expected"),
    [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED), (0, Verdict.UNDECIDED)],
)
def test_depth(made, slope, expected):
    for name in MEASURES:
        made[f"fitted_{name}"] = made[f"fitted_{name}"] + slope * made.depth
    assert of(made, "The effective rank of the weight") is expected
    assert of(made, "The threshold rank") is expected
    assert of(made, "Measures of rank agree") is expected
    made["fitted"] = made.fitted & (made.depth < 3)
    assert of(made, "Measures of rank agree") is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("slopes", "expected"),
    [((-1, 1, -1, -1), Verdict.IN_PART), ((-1, -1, -1, 1), Verdict.SUPPORTED)],
)
def test_measures_that_disagree(made, slopes, expected):
    """The nuclear norm is none of those that must agree."""
    for name, slope in zip(MEASURES, slopes, strict=True):
        made[f"fitted_{name}"] = made[f"fitted_{name}"] + slope * made.depth
    assert of(made, "Measures of rank agree") is expected


def test_through_training(made):
    # numbers drawn apart: correlations around 0
    assert of(made, "Through training") is Verdict.NOT_SUPPORTED
    for name in MEASURES[1:]:
        made[f"{name}_path"] = made.weight_rank_path + 0.1 * made[f"{name}_path"]
    assert of(made, "Through training") is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("like", "expected"),
    [("frobenius_norm", Verdict.SUPPORTED), ("weight_rank", Verdict.NOT_SUPPORTED)],
)
def test_magnitude(made, like, expected):
    made["nuclear_norm_path"] = made[f"{like}_path"]
    assert of(made, "The nuclear norm follows") is expected
