"""`landscape`: a tiny run, the networks on a plane, and verdicts on made numbers."""

import numpy as np
import pytest
import scipy.linalg

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.landscapes import landscape
from rmt_rank.paper.experiments.landscapes.landscape import DEEP, SHALLOW

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

# a rank of 6 values moves by less than 1e-12 when they move by rounding of the largest, unless one
# is below 1e-4 of it
ROUNDING = 1e-12
OTHERS = [SHALLOW, "one layer, product", "one layer, matched", "one layer, first order"]


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("landscape")


@pytest.fixture(scope="module")
def plane():
    stream = np.random.default_rng(3)
    return [stream.standard_normal((3, 2, 6, 6)) for _ in range(3)]


def rank(matrix):
    s = scipy.linalg.svdvals(matrix)
    p = s / s.sum()
    return -np.sum(p * np.log(p))


def test_all_networks_begin_with_the_same_weight(tiny):
    middle = tiny["rank"].sel(alpha=0, beta=0)
    assert float((middle.max("network") - middle.min("network")).max()) < ROUNDING
    origin = tiny.origin_rank
    assert float((origin.max("network") - origin.min("network")).max()) < ROUNDING
    # the same planes at both reaches, of which the first is drawn
    assert float(abs(origin.diff("reach")).max()) < ROUNDING
    assert float(abs(middle - origin.isel(repeat=0)).max()) < ROUNDING
    assert np.unique(origin.isel(reach=0, network=0)).size == tiny.repeat.size


def test_points_of_a_plane(plane):
    layers, lone, product = plane
    at = np.array([-0.5, 0, 2.0])
    found = landscape._on_plane(*plane, at)
    (w1, w2), (u1, u2), (v1, v2) = layers
    for i, b in enumerate(at):
        for j, a in enumerate(at):
            deep = (w2 + a * u2 + b * v2) @ (w1 + a * u1 + b * v1)
            change = a * lone[1, 0] + b * lone[2, 0]
            by_product = a * product[1, 1] @ product[1, 0] + b * product[2, 1] @ product[2, 0]
            first = a * (u2 @ w1 + w2 @ u1) + b * (v2 @ w1 + w2 @ v1)
            length = np.linalg.norm(change)
            stretch = np.linalg.norm(deep - w2 @ w1) / length if length else 0
            expected = [deep, *(w2 @ w1 + d for d in (change, by_product, stretch * change, first))]
            for name, matrix in zip([DEEP, *OTHERS], expected, strict=True):
                assert found[name][i, j] == pytest.approx(rank(matrix), abs=1e-10)


def test_first_order(plane):
    # what is left is of second order: a tenth of the step, a hundredth of the difference, to the
    # third order, which is a tenth of that
    gaps = []
    for step in (1e-3, 1e-4):
        found = landscape._on_plane(*plane, np.array([step]))
        gaps.append(abs(found[DEEP] - found["one layer, first order"]).item())
    assert gaps[1] / gaps[0] == pytest.approx(1e-2, rel=0.1)


@pytest.fixture
def made(tiny):
    """Eighty planes on which networks differ by jitter alone."""
    stream = np.random.default_rng(0)
    dataset = tiny.isel(repeat=[0] * 80)
    for name in ("share", "mean_rank", "origin_rank"):
        shape = dataset[name].shape
        dataset[name] = dataset[name] * 0 + 0.5 + stream.uniform(-0.01, 0.01, shape)
    return dataset


def of(dataset, begin):
    return {f.verdict for f in landscape.verdict(dataset) if f.sentence.startswith(begin)}


@pytest.mark.parametrize(
    ("by", "expected"),
    [(0.1, Verdict.SUPPORTED), (-0.1, Verdict.NOT_SUPPORTED), (0, Verdict.UNDECIDED)],
)
def test_volume(made, by, expected):
    is_deep = made.network == DEEP
    made["share"] = made.share + by * is_deep
    assert of(made, "The two-layer network has more") == {expected}
    assert of(made, "Two layers have more low-rank") == {expected}


@pytest.mark.parametrize(
    ("by", "expected"), [(-0.1, Verdict.SUPPORTED), (0.1, Verdict.NOT_SUPPORTED)]
)
def test_almost_always(made, by, expected):
    made["mean_rank"] = made.mean_rank + by * (made.network == DEEP)
    assert of(made, "The two-layer network almost always") == {expected}
    assert of(made, "The mean rank of two layers") == {Verdict.NOT_SUPPORTED}
    assert of(made, "The mean rank of one layer") == {Verdict.SUPPORTED}
