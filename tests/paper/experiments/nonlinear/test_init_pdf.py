"""`init-pdf`: a tiny run, and verdicts on made numbers."""

import json
import math

import numpy as np
import pytest

from rmt_rank.metrics.gram import gram_effective_rank
from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.nonlinear import init_pdf

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("init-pdf")


@pytest.fixture
def made(tiny):
    """Normal ranks around 2, the same at all depths, of 4000 networks; theory is right."""
    stream = np.random.default_rng(0)
    dataset = tiny.isel(repeat=np.arange(4000) % tiny.repeat.size).copy(deep=True)
    dataset["rank"] = dataset["rank"] * 0 + stream.normal(2, 0.1, dataset["rank"].shape)
    dataset["predicted_mean"] = dataset.predicted_mean * 0 + 2
    dataset["predicted_error"] = dataset.predicted_mean * 0
    dataset["infinite_width"] = dataset.infinite_width * 0 + 2 + 0 * dataset.depth
    return dataset


def of(dataset, begin):
    return {f.verdict for f in init_pdf.verdict(dataset) if f.sentence.startswith(begin)}


def test_a_tiny_run(tiny):
    assert tiny["rank"].dtype == np.float32
    assert float(tiny["rank"].max()) <= math.log(16)
    # all cells have the same inputs, Gaussian
    initial = np.unique(tiny.input_rank)
    assert len(initial) == 1
    others = np.random.default_rng(1).standard_normal((20, 40, 16))
    ranks = gram_effective_rank(others)
    # one more of the same law: six standard deviations, estimated to a sixth
    assert abs(initial[0] - ranks.mean()) < 7 * ranks.std(ddof=1)
    # theory covers depth 1 <= 16/10 alone
    assert tiny.predicted_mean.notnull().sel(law="normal").sum("activation").values.tolist() == [
        2, 0, 0,
    ]  # fmt: skip
    assert of(tiny, "At initialisation deeper") == {Verdict.SUPPORTED}


def test_the_paper_size():
    settings = init_pdf.EXPERIMENT.settings("full")
    assert (settings["networks"], settings["samples"], settings["width"]) == (4096, 256, 32)
    assert settings["depths"] == [1, 2, 4, 8, 16, 32]
    assert {"identity", "relu", "tanh", "gelu", "sine"} < set(settings["activations"])
    assert len(init_pdf.EXPERIMENT.cells(settings)) == 12


def test_settings_are_in_the_dataset(tiny):
    assert json.loads(tiny.attrs["settings"])["networks"] == tiny.repeat.size == 200


@pytest.mark.parametrize(
    ("slope", "expected"), [(-0.1, Verdict.SUPPORTED), (0.1, Verdict.NOT_SUPPORTED)]
)
def test_falls(made, slope, expected):
    made["rank"] = made["rank"] + slope * made.depth
    assert of(made, "At initialisation deeper") == {expected}


def test_falls_for_some(made):
    # to depth 2, and back at depth 4
    made["rank"] = made["rank"] - 0.1 * (made.depth == 2)
    assert of(made, "At initialisation deeper") == {Verdict.IN_PART}


def test_stays(made):
    # no step is seen; a fall below 0.01 nat is excluded only where the error is small
    assert of(made, "At initialisation deeper") == {Verdict.UNDECIDED}
    made["rank"] = 2 + 0.1 * (made["rank"] - 2)
    assert of(made, "At initialisation deeper") == {Verdict.NOT_SUPPORTED}


def test_crossing_distributions_are_not_ordered(made):
    # lower in the mean, half a deviation below 2, and wider by far
    made["rank"] = 2 + (made["rank"] - 2.05) * made.depth**2
    assert of(made, "At initialisation deeper") == {Verdict.IN_PART}


@pytest.mark.parametrize(
    ("step", "expected"), [(0.2, Verdict.SUPPORTED), (0.05, Verdict.NOT_SUPPORTED)]
)
def test_overlaps(made, step, expected):
    # normal densities apart by t standard deviations share 2 Phi(-t/2): 0.32, 0.80
    made["rank"] = made["rank"] - step * np.log2(made.depth)
    assert of(made, "Distributions of neighbouring") == {expected}


def test_overlap_is_that_of_normal_densities(made):
    made["rank"] = made["rank"] - 0.2 * np.log2(made.depth)
    _, text = init_pdf._overlaps(made.isel(activation=0), 4)
    found = [float(word) for word in text.split(", errors")[0].split(", ")]
    # 2 Phi(-1); shares of a thousand each: 0.02, four of them; the place costs a second order
    np.testing.assert_allclose(found, 0.3173, atol=4 * math.sqrt(2 * 0.16 * 0.84 / 1000))


@pytest.mark.parametrize(
    ("power", "expected"),
    [(1, Verdict.SUPPORTED), (-1, Verdict.NOT_SUPPORTED), (0, Verdict.UNDECIDED)],
)
def test_spreads(made, power, expected):
    made["rank"] = 2 + (made["rank"] - 2) * made.depth.astype(float) ** power
    assert of(made, "Distributions spread") == {expected}


@pytest.mark.parametrize(
    ("shift", "expected"),
    # distance 2 Phi(t/2) - 1 at a shift of t deviations, and the bound on sampling at 4000
    # networks, 2 sqrt(log(4 * 8/0.01)/8000) = 0.064
    [(0.0, Verdict.SUPPORTED), (0.025, Verdict.UNDECIDED), (0.06, Verdict.NOT_SUPPORTED)],
)
def test_laws(made, shift, expected):
    made["rank"] = made["rank"] + shift * (made.law == "uniform")
    assert of(made, "Uniform weights") == {expected}


@pytest.mark.parametrize(
    ("error", "expected"), [(0.06, Verdict.SUPPORTED), (0.03, Verdict.NOT_SUPPORTED)]
)
def test_theory(made, error, expected):
    # four standard errors of the mean are 0.0063
    made["predicted_mean"] = made.predicted_mean + 0.05
    made["predicted_error"] = made.predicted_error + error
    assert of(made, "Theory gives") == {expected}


@pytest.mark.parametrize(
    ("slope", "expected"),
    [(-1, Verdict.SUPPORTED), (0, Verdict.NOT_SUPPORTED), (1, Verdict.NOT_SUPPORTED)],
)
def test_infinite_width(made, slope, expected):
    made["infinite_width"] = made.infinite_width + slope * made.depth
    assert of(made, "Rank falls with depth at infinite") == {expected}
