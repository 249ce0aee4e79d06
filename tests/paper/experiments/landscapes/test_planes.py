"""Planes: volumes of made ranks, and verdicts on made shares."""

import numpy as np
import pytest

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.landscapes import planes

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


def test_the_origin_is_among_the_positions():
    assert planes.positions(3, 7).tolist() == [-3, -2, -1, 0, 1, 2, 3]


def test_volumes():
    # thresholds of the first plane: 2.9, 2.98 and 3; the second is the same, raised by 1
    shallow = np.array([3.1, 3.2, 3.3, 3.4, 3.0, 3.5, 3.6, 3.7, 2.95]).reshape(1, 3, 3)
    deep = np.array([2.0, 2.1, 2.2, 2.3, 2.92, 2.94, 2.99, 3.65, 4.0]).reshape(1, 3, 3)
    ranks = {name: np.concatenate([r, r + 1]) for name, r in (("d", deep), ("s", shallow))}
    found = xarray.Dataset(planes.volumes(ranks, "d", "s"))
    share = found.share.sel(threshold=["origin - 0.1", "origin - 0.02", "origin"]) * 9
    for plane in range(2):
        np.testing.assert_allclose(share.sel(network="s").isel(repeat=plane), [0, 1, 1])
        np.testing.assert_allclose(share.sel(network="d").isel(repeat=plane), [4, 6, 7])
    # a quantile of both together, so that half of all points are below the median
    halves = found.share.sel(threshold="quantile 0.5").mean("network")
    np.testing.assert_allclose(halves, 0.5)
    np.testing.assert_allclose(found.mean_rank.sel(network="d"), deep.mean() + np.array([0, 1]))
    np.testing.assert_allclose(found.origin_rank.sel(network="d"), [2.92, 3.92])
    # the deep network is the lower one at all of nine points but the last
    np.testing.assert_allclose(found.lower.sel(network="s"), 8 / 9)
    assert found.lower.sel(network="d").max() == 0
    # below the origin by offset: a distribution function
    assert (np.diff(found.below.transpose("network", "offset").values) >= 0).all()
    # 3.34 is between ranks, so that rounding does not decide: 2.95, 3 and 3.1 to 3.3 are below
    for name in ("below", "below_low", "below_high"):
        np.testing.assert_allclose(found[name].sel(offset=0.34, network="s") * 9, 5)


@pytest.fixture
def made():
    """Shares and ranks of 60 planes, the same for both networks up to jitter."""
    stream = np.random.default_rng(0)
    size = (2, 3, 60)
    names = ["d", "s"]
    return xarray.Dataset(
        {
            "share": (("network", "threshold", "repeat"), 0.5 + stream.uniform(-0.1, 0.1, size)),
            "mean_rank": (("network", "repeat"), 3 + stream.uniform(-0.01, 0.01, (2, 60))),
            "origin_rank": (("network", "repeat"), 3 + stream.uniform(-0.01, 0.01, (2, 60))),
            "lower": (("network", "repeat"), np.full((2, 60), 0.5)),
        },
        coords={"network": names, "threshold": ["a", "b", "c"]},
    )


def raised(dataset, name, by, **at):
    values = dataset[name].copy()
    values.loc[at] = values.loc[at] + by
    return dataset.assign({name: values})


def volume(dataset):
    return planes.more_volume("", "", dataset, "d", "s").verdict


def test_more_volume(made):
    assert volume(made) is Verdict.UNDECIDED
    assert volume(raised(made, "share", 0.2, network="d")) is Verdict.SUPPORTED
    assert volume(raised(made, "share", 0.2, network="s")) is Verdict.NOT_SUPPORTED
    both = raised(made, "share", 0.2, network="d", threshold="a")
    both = raised(both, "share", 0.2, network="s", threshold="b")
    assert volume(both) is Verdict.IN_PART
    # one threshold of three is less than half
    assert volume(raised(made, "share", 0.2, network="d", threshold="a")) is Verdict.UNDECIDED


def test_the_difference_is_stated_with_its_error(made):
    text = planes.more_volume("", "", made, "d", "s").statistic
    difference = (made.share.sel(network="d") - made.share.sel(network="s")).sel(threshold="b")
    error = float(difference.std(ddof=1)) / np.sqrt(60)
    assert f"{float(difference.mean()):+.3f} +- {error:.3f}" in text


def test_planes_that_all_agree(made):
    # the differences are equal: only their signs count, and 4 planes show them by chance
    made["share"] = made.share * 0 + 0.25
    assert volume(made) is Verdict.UNDECIDED
    apart = raised(made, "share", 0.25, network="d")
    assert volume(apart) is Verdict.SUPPORTED
    assert volume(apart.isel(repeat=slice(4))) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("lower", "expected"),
    # the interval of 60 of 60 begins at 0.01^(1/60) = 0.926; 54 of 60 is 0.9 itself
    [(60, Verdict.SUPPORTED), (54, Verdict.UNDECIDED), (30, Verdict.NOT_SUPPORTED)],
)
def test_almost_always_lower(made, lower, expected):
    by = np.where(np.arange(60) < lower, -1.0, 1.0)
    dataset = raised(made, "mean_rank", by, network="d")
    found = planes.almost_always_lower("", "", dataset, "d", "s")
    assert found.verdict is expected
    assert f"on {lower} of 60 planes" in found.statistic


@pytest.mark.parametrize(
    ("by", "expected"),
    # jitter moves means of 60 by 0.001: 0.05 itself is neither
    [(0, Verdict.SUPPORTED), (0.05, Verdict.UNDECIDED), (-0.2, Verdict.NOT_SUPPORTED)],
)
def test_the_mean_over_the_plane_is_that_at_the_origin(made, by, expected):
    dataset = made.assign(mean_rank=made.mean_rank + by)
    assert planes.anywhere_as_at_the_origin("", "", dataset, "s").verdict is expected
