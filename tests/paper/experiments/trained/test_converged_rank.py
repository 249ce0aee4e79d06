"""`converged-rank`: a tiny run, and verdicts on made numbers."""

import numpy as np
import pytest

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import converged_rank

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

IDENTITY = "W_e differs from W* P"


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("converged-rank")


@pytest.fixture
def made(tiny):
    """Eight problems of four networks; all converge, and every prediction holds but for jitter."""
    dataset = tiny.isel(problem=[0] * 8, seed=[0, 1] * 2)
    jitter = xarray.zeros_like(dataset.weight_rank) + np.random.default_rng(0).uniform(
        -1e-3, 0, dataset.weight_rank.shape
    )
    dataset["weight_rank"] = 2 + jitter
    for name in ("one_layer_rank", "frozen_rank"):
        dataset[name] = 0 * dataset[name] + 2
    dataset["minimal_rank"] = 0 * dataset.minimal_rank + 1.9
    dataset["small_start_share"] = 0 * dataset.small_start_share + 0.1
    dataset["unseen_share"] = 0.1 * (1 + jitter)
    dataset["converged"] = 0 * dataset.loss + 1
    return dataset


def of(dataset, begin, end=""):
    """The verdict of the one finding of that beginning and end."""
    (found,) = (
        f.verdict
        for f in converged_rank.verdict(dataset)
        if f.sentence.startswith(begin) and f.sentence.endswith(end)
    )
    return found


def test_a_tiny_run(tiny):
    in_span = tiny.sel(optimizer=["gradient_descent", "lbfgs"])
    assert float(in_span.outside.max()) < 1e-9
    assert bool((in_span.distance <= in_span.allowed + 1e-9).all())
    assert float(tiny.outside.sel(optimizer="adam").min()) > 0.01
    assert float((tiny.converged == 1).mean()) > 0.8
    # one layer that is not trained is frozen, and the fit of least norm is that of all depths
    one = in_span.sel(depth=1)
    assert float(abs(one.weight_rank - one.frozen_rank).max()) < 0.05
    assert (tiny.minimal_rank == tiny.minimal_rank.isel(depth=0, scale=0, optimizer=0)).all()
    assert of(tiny, IDENTITY, "(gradient descent, lbfgs).") is Verdict.SUPPORTED
    assert of(tiny, IDENTITY, "(adam).") is Verdict.NOT_SUPPORTED


@pytest.mark.parametrize("size", ["quick", "full"])
def test_cells(size):
    settings = converged_rank.EXPERIMENT.settings(size)
    cells = converged_rank.EXPERIMENT.cells(settings)
    assert len({tuple(cell.values()) for cell in cells}) == len(cells)
    assert min(cell["scale"] ** cell["depth"] for cell in cells) >= 1e-3


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("distance", 1.0, Verdict.NOT_SUPPORTED),
        ("outside", 1e-6, Verdict.NOT_SUPPORTED),
    ],
)
def test_identity(made, name, change, expected):
    assert of(made, IDENTITY, "(gradient descent, lbfgs).") is Verdict.SUPPORTED
    part = made[name] + change
    made[name] = part
    assert of(made, IDENTITY, "(gradient descent, lbfgs).") is expected
    made[name] = part.where(made.depth > 1, 0)
    assert of(made, IDENTITY, "(gradient descent, lbfgs).") is Verdict.IN_PART


@pytest.mark.parametrize(
    ("begin", "name", "change", "where"),
    [
        ("One layer", "one_layer_rank", 0.1, 1),
        ("One layer", "one_layer_rank", -0.1, 1),
        ("With more layers", "frozen_rank", -0.1, 2),
        ("The rank is at least", "minimal_rank", 0.2, 1),
    ],
)
def test_predictions(made, begin, name, change, where):
    assert of(made, begin) is Verdict.SUPPORTED
    right = made[name]
    made[name] = right + change
    assert of(made, begin) is Verdict.NOT_SUPPORTED
    made[name] = right + change * ((made.depth == where) & (made.scale == 1))
    assert of(made, begin) is Verdict.IN_PART
    # Adam does not count
    made[name] = right + change * (made.optimizer == "adam")
    assert of(made, begin) is Verdict.SUPPORTED
    # nor does what has not converged
    made[name] = right + change
    made["converged"] = 0 * made.converged
    assert of(made, begin) is Verdict.UNDECIDED


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_energy(made, factor):
    for scale in (0.5, 0.1):
        begin = f"After gradient descent from scale {scale:g}"
        assert of(made, begin) is Verdict.SUPPORTED
    made["unseen_share"] = made.unseen_share * xarray.where(made.scale == 0.1, factor, 1)
    assert of(made, "After gradient descent from scale 0.1") is Verdict.NOT_SUPPORTED
    assert of(made, "After gradient descent from scale 0.5") is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("slope", "expected"), [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED)]
)
def test_trends(made, slope, expected):
    level = made.weight_rank
    made["weight_rank"] = level + slope * made.depth
    assert of(made, "At any one scale") is expected
    made["weight_rank"] = level - slope * made.scale
    assert of(made, "At any one depth") is expected
    # two depths do not make a trend
    made["converged"] = made.converged * (made.depth < 3)
    assert of(made, "At any one scale") is Verdict.UNDECIDED
