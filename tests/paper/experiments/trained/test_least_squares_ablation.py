"""`least-squares-ablation`: a tiny run, and verdicts on made numbers."""

import numpy as np
import pytest

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import least_squares_ablation

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("least-squares-ablation")


@pytest.fixture
def made(tiny):
    """Twelve repeats; all fit, and numbers are jitter without ties or a trend."""
    dataset = tiny.isel(repeat=[0, 1, 2] * 4)
    stream = np.random.default_rng(0)
    for name in ("fitted_weight_rank", "fitted_test_loss", "fitted_threshold_rank"):
        dataset[name] = dataset[name] * 0 + stream.uniform(0, 0.1, dataset[name].shape)
    dataset["minimal_test_loss"] = 0 * dataset.minimal_test_loss
    dataset["fitted"] = dataset.fitted | True
    return dataset


def of(dataset, begin):
    """The verdict that all findings of that beginning share."""
    findings = least_squares_ablation.verdict(dataset)
    (found,) = {f.verdict for f in findings if f.sentence.startswith(begin)}
    return found


def test_a_tiny_run(tiny):
    assert tiny.fitted.all()
    assert (tiny.fitted_loss <= 1e-5).all()
    # a problem is the same for all depths, and W* P fits it no better outside the data
    least = tiny.minimal_test_loss
    assert (least == least.isel(depth=0)).all()
    assert (least > 0).all()
    # counts at a lower threshold are at least as high
    assert (tiny.threshold_rank.diff("threshold") <= 0).all()


@pytest.mark.parametrize(
    ("slope", "high", "low"),
    [
        (1, Verdict.SUPPORTED, Verdict.NOT_SUPPORTED),
        (-1, Verdict.NOT_SUPPORTED, Verdict.SUPPORTED),
        (0, Verdict.UNDECIDED, Verdict.UNDECIDED),
    ],
)
def test_generalisation(made, slope, high, low):
    made["fitted_test_loss"] = made.fitted_test_loss + slope * made.depth
    assert of(made, "At task rank 7 shallower") is high
    assert of(made, "At task rank 2 deeper") is low
    made["fitted"] = made.fitted & (made.depth < 3)
    assert of(made, "At task rank 7 shallower") is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("difference", "expected"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)]
)
def test_against_least_norm(made, difference, expected):
    made["fitted_test_loss"] = made.fitted_test_loss + difference
    assert of(made, "More than one layer") is expected
    # one layer does not count
    made["fitted"] = made.fitted & (made.depth == 1)
    assert of(made, "More than one layer") is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("slope", "expected"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)]
)
def test_rank(made, slope, expected):
    made["fitted_weight_rank"] = made.fitted_weight_rank + slope * made.depth
    assert of(made, "Effective rank") is expected


def test_threshold_ranks_are_correlated(made):
    # nine pairs in each of twelve repeats, of numbers drawn apart: correlations around 0
    assert of(made, "Threshold rank at tau") is Verdict.NOT_SUPPORTED
    made["fitted_threshold_rank"] = made.fitted_threshold_rank * 0.1 + made.fitted_weight_rank
    assert of(made, "Threshold rank at tau") is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("by_threshold", "by_depth", "expected"),
    [(2, 0, Verdict.SUPPORTED), (0, 2, Verdict.NOT_SUPPORTED)],
)
def test_sensitive(made, by_threshold, by_depth, expected):
    place = xarray.DataArray(np.arange(3), dims="threshold")
    change = by_threshold * place + by_depth * made.depth
    made["fitted_threshold_rank"] = made.fitted_threshold_rank + 10 - change
    assert of(made, "Threshold rank is sensitive") is expected
    made["fitted"] = made.fitted & (made.depth == 1)
    assert of(made, "Threshold rank is sensitive") is Verdict.UNDECIDED
