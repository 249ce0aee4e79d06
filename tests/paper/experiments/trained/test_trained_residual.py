"""`residual`: a tiny run, and verdicts on made numbers."""

import numpy as np
import pytest

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import trained_residual as residual

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("residual")


@pytest.fixture
def made(tiny):
    """Twelve repeats; all fit, and numbers are jitter without ties or a trend."""
    dataset = tiny.isel(repeat=[0, 1] * 6)
    stream = np.random.default_rng(0)
    for name in ("fitted_weight_rank", "initial_weight_rank", "initial_loss"):
        dataset[name] = dataset[name] * 0 + stream.uniform(0, 0.01, dataset[name].shape)
    dataset["fitted"] = dataset.fitted | True
    return dataset


def of(dataset, begin, end=""):
    """The verdict that all findings of that beginning and end share."""
    (found,) = {
        f.verdict
        for f in residual.verdict(dataset)
        if f.sentence.startswith(begin) and f.sentence.endswith(end)
    }
    return found


def test_a_tiny_run(tiny):
    assert tiny.fitted.sel(depth=[1, 2]).all()
    known = tiny.fitted & (tiny.network != "residual-batch-norm")
    # rounding of norms of about 1 comes on top of what the loss allows
    holds = tiny.identity_error <= tiny.identity_bound + 1e-12
    assert bool((holds | ~known).all())
    # what batch normalisation multiplies by changes the rows' lengths: no identity
    assert np.isnan(tiny.identity_error.sel(network="residual-batch-norm")).all()
    begin = tiny.initial_weight_rank
    # the identity has the highest rank there is, and small branches are near it
    plain, small = begin.sel(network="plain"), begin.sel(network="residual-small")
    assert float(plain.mean()) < float(begin.sel(network="residual").mean()) < float(small.mean())
    assert float(small.mean()) > np.log(6) - 0.2


@pytest.mark.parametrize(
    ("slope", "falls", "stays"),
    [
        (-1, Verdict.SUPPORTED, Verdict.NOT_SUPPORTED),
        (1, Verdict.NOT_SUPPORTED, Verdict.SUPPORTED),
        # jitter of at most 0.01 is within the margin of 0.1
        (0, Verdict.UNDECIDED, Verdict.SUPPORTED),
        (-0.2, Verdict.SUPPORTED, Verdict.NOT_SUPPORTED),
        (-0.02, Verdict.SUPPORTED, Verdict.SUPPORTED),
    ],
)
def test_depth(made, slope, falls, stays):
    made["fitted_weight_rank"] = made.fitted_weight_rank + slope * made.depth
    assert of(made, "Rank falls with depth") is falls
    assert of(made, "The rank falls by less") is stays


def test_runs_that_did_not_converge_decide_nothing(made):
    made["fitted_weight_rank"] = made.fitted_weight_rank - made.depth
    made["fitted"] = made.fitted & (made.depth < 3)
    assert of(made, "Rank falls with depth") is Verdict.UNDECIDED
    assert of(made, "The rank falls by less than 0.1 from one layer") is Verdict.NOT_SUPPORTED
    assert of(made, "The rank falls by less than 0.1 from 2 layers") is Verdict.UNDECIDED
    made["fitted"] = made.fitted & False
    assert of(made, "The rank falls by less") is Verdict.UNDECIDED


def test_networks_are_judged_apart(made):
    falls = made.depth * (made.network == "residual")
    made["fitted_weight_rank"] = made.fitted_weight_rank - falls
    assert of(made, "The rank falls by less", "(residual networks).") is Verdict.NOT_SUPPORTED
    for end in ("1/depth).", "normalisation)."):
        assert of(made, "The rank falls by less", end) is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("slope", "expected"), [(1, Verdict.SUPPORTED), (-1, Verdict.NOT_SUPPORTED)]
)
def test_outputs(made, slope, expected):
    made["initial_loss"] = made.initial_loss + slope * made.depth
    assert of(made, "The output of residual") is expected


@pytest.mark.parametrize(
    ("slope", "expected"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)]
)
def test_at_initialisation(made, slope, expected):
    made["initial_weight_rank"] = made.initial_weight_rank + slope * made.depth
    assert of(made, "Before training") is expected
