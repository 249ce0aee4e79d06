"""`kernel-vs-weight`: a tiny run, the line, and verdicts on made numbers."""

from types import SimpleNamespace

import numpy as np
import pytest

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.landscapes import kernel_vs_weight

xarray = pytest.importorskip("xarray", reason="xarray is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("kernel-vs-weight")


def test_ranks_are_those_of_the_matrices(tiny, monkeypatch):
    """The whole linear kernel, and the product of all layers, from the same random numbers."""
    settings = {"data": "digits", "width": 3, "images": 7, "networks": 2}
    images = np.random.default_rng(1).uniform(0, 1, (9, 5))
    made = SimpleNamespace(inputs=images)
    monkeypatch.setattr(kernel_vs_weight, "images", lambda _name: made)
    cell = {"pixels": "centred", "depth": 2}
    seed = np.random.SeedSequence(0)
    found = kernel_vs_weight._compute(settings, cell, seed)
    stream = np.random.default_rng(seed)
    first = stream.standard_normal((2, 3, 5)) / np.sqrt(5)
    second = stream.standard_normal((2, 3, 3)) / np.sqrt(3)
    centred = images - images.mean(axis=0)
    for i in range(2):
        weight = second[i] @ first[i]
        chosen = centred[stream.choice(9, 7, replace=False)]
        kernel = (weight @ chosen.T).T @ (weight @ chosen.T)
        for name, matrix in (("weight_rank", weight), ("gram_rank", kernel)):
            s = np.linalg.svd(matrix, compute_uv=False)[:3]
            p = s / s.sum()
            # three values, the others are rounding
            assert found[name][1][i] == pytest.approx(-np.sum(p * np.log(p)), abs=1e-12)


def test_a_tiny_run(tiny):
    assert float(tiny.weight_rank.max()) <= np.log(6)
    assert float(tiny.gram_rank.max()) <= np.log(6)
    # the mean image is most of every image
    means = tiny.gram_rank.mean(("depth", "repeat"))
    assert float(means.sel(pixels="as they are")) < float(means.sel(pixels="centred"))


def test_line():
    x = np.linspace(1, 3, 30)
    up = np.where(np.arange(30) % 2 == 0, 0.01, -0.01)
    part = xarray.Dataset({"weight_rank": ("n", x), "gram_rank": ("n", 2 * x - 1 + up)})
    found = kernel_vs_weight.line(part)
    # the jitter's part in the slope is at most 0.01 |sum (+-1) (x - mean)|/sum (x - mean)^2
    assert found.slope == pytest.approx(2, abs=1e-3)
    assert found.intercept == pytest.approx(-1, abs=3e-3)
    assert found.scatter == pytest.approx(0.01 * np.sqrt(30 / 28), rel=0.01)
    assert found.slope_error == pytest.approx(
        found.scatter / np.linalg.norm(x - x.mean()), rel=1e-3
    )
    assert found.explained > 0.999
    assert abs(found.curved) < 1e-4
    bent = part.assign(gram_rank=("n", (x - 2) ** 2))
    # a symmetric parabola has no line in it
    assert kernel_vs_weight.line(bent).explained == pytest.approx(0, abs=1e-12)
    assert kernel_vs_weight.line(bent).curved == pytest.approx(1, abs=1e-12)


@pytest.fixture
def made(tiny):
    """Sixty networks a depth; both ranks fall with depth, and spread within it."""
    stream = np.random.default_rng(0)
    dataset = tiny.isel(repeat=[0] * 60)
    spread = stream.uniform(-0.2, 0.2, dataset.weight_rank.shape)
    dataset["weight_rank"] = dataset.weight_rank * 0 - dataset.depth + spread
    dataset["gram_rank"] = 2 * dataset.weight_rank
    return dataset


def jitter(dataset, size):
    return np.random.default_rng(1).uniform(-size, size, dataset.gram_rank.shape)


def of(dataset, text):
    (found,) = {f.verdict for f in kernel_vs_weight.verdict(dataset) if text in f.sentence}
    return found


def test_exactly_linear(made):
    assert of(made, "linear relationship") is Verdict.SUPPORTED
    assert of(made, "one to one") is Verdict.SUPPORTED
    assert of(made, "rank of the weight") is Verdict.SUPPORTED
    assert of(made, "rank of the kernel") is Verdict.SUPPORTED


def test_monotone_and_not_linear(made):
    made["gram_rank"] = np.exp(0.5 * made.weight_rank)
    assert of(made, "linear relationship") is Verdict.IN_PART
    assert of(made, "one to one") is Verdict.SUPPORTED


def test_by_depth_alone(made):
    # the spread of a depth is not shared: depth moves both, and one rank does not tell the other
    made = made.isel(depth=[0] * 12).assign_coords(depth=range(12))
    made["weight_rank"] = made.gram_rank * 0 - made.depth + jitter(made, 0.4)
    made["gram_rank"] = made.gram_rank * 0 - made.depth + jitter(made, 0.4)[..., ::-1]
    assert of(made, "linear relationship") is Verdict.SUPPORTED
    # Spearman's over 12 groups without order inside is 1 - 1/144
    assert of(made, "one to one") is Verdict.IN_PART


def test_unrelated(made):
    made["gram_rank"] = made.gram_rank * 0 + jitter(made, 1)
    assert of(made, "linear relationship") is Verdict.NOT_SUPPORTED
    assert of(made, "one to one") is Verdict.NOT_SUPPORTED
    assert of(made, "rank of the kernel") is Verdict.NOT_SUPPORTED
    assert of(made, "rank of the weight") is Verdict.SUPPORTED
