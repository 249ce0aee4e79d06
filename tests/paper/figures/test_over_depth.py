"""The shared parts of figures over depth."""

import numpy as np
import pytest

from rmt_rank.paper.figures.over_depth import quartiles

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


def made(values, reached):
    dims = ("repeat", "depth")
    return xarray.Dataset(
        {"rank": (dims, values), "reached": (dims, reached)},
        coords={"depth": 2 ** np.arange(np.shape(values)[1])},
    )


def test_quartiles():
    values = np.arange(30.0).reshape(10, 3)
    reached = np.ones((10, 3), dtype=bool)
    reached[0, 1] = False  # nine of ten are enough
    reached[:2, 2] = False  # eight are not
    found = quartiles(made(values, reached), "rank", "reached")
    assert found.depths.tolist() == [1, 2, 4]
    assert found.enough.tolist() == [True, True, False]
    assert found.middle.tolist() == [13.5, 16.0, 15.5]
    assert found.low.tolist() == [6.75, 10.0, 8.75]
    assert found.high[1] == np.quantile(values[1:, 1], 0.75)


def test_depths_without_numbers_are_left_out():
    values = np.array([[1.0, np.nan, 3.0], [2.0, np.nan, np.nan]])
    found = quartiles(made(values, np.zeros((2, 3))), "rank", "reached")
    assert found.depths.tolist() == [1, 4]
    assert found.middle.tolist() == [1.5, 3.0]
    assert not found.enough.any()
