"""`init-pdf`: its areas and marks against the Dataset."""

import pytest

from rmt_rank.paper.figures.density import best_window, density_grid, smoothed_density
from rmt_rank.paper.figures.ridges import ROOM

pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def computed(tiny_runs):
    return tiny_runs("init-pdf")


@pytest.fixture
def dataset(computed):
    return computed.copy(deep=True)


def marks(panel, shape):
    return {
        (float(line.get_xdata()[0]), -round(line.get_ydata()[0]))
        for line in panel.lines
        if line.get_marker() == shape
    }


def outline(area):
    """Places and heights of an area, whose path goes along its edge and back along the line."""
    return area.get_paths()[0].vertices.T


def test_areas(dataset, drawing):
    picture = drawing("init-pdf", dataset)
    assert picture.panels.shape == (1, 3)
    depths, laws = dataset.depth.values, dataset.law.values
    for panel, name in zip(picture.panels.flat, dataset.activation.values, strict=False):
        areas = iter(panel.collections)
        for place, depth in enumerate(depths):
            curves, tops = [], []
            for law in laws:
                part = dataset["rank"].sel(activation=name, law=law, depth=depth)
                samples = part.values.astype(float)
                grid = density_grid(samples)
                curves.append((grid, smoothed_density(samples, grid, best_window(samples, grid))))
                tops.append(curves[-1][1].max())
            for (grid, density), sign in zip(curves, (1, -1), strict=True):
                x, y = outline(next(areas))
                if grid[0] < 0:  # folded, see below
                    continue
                height = sign * (y + place)
                assert (x.min(), x.max()) == pytest.approx((grid[0], grid[-1]))
                # the larger of the two peaks has the row's height
                assert height.max() == pytest.approx(ROOM * density.max() / max(tops), abs=1e-12)
                assert height.min() == pytest.approx(0, abs=1e-12)
        assert next(areas, None) is None
    shown = [text.get_text() for text in picture.panels[0, 0].get_yticklabels()]
    assert shown == [str(depth) for depth in depths]
    assert picture.panels[0, 0].get_xlabel() == "rank of the Gram matrix (nats)"
    assert "normal weights (above the line)" in picture.legend()


def test_marks(dataset, drawing):
    panel = drawing("init-pdf", dataset).panels[0, 0]
    part = dataset.isel(activation=0).sel(law="normal")
    # theory at depth 1 alone
    assert marks(panel, "|") == {(float(part.predicted_mean.sel(depth=1)), 0)}
    end = panel.get_xlim()[1]
    infinite = [(float(rank), place) for place, rank in enumerate(part.infinite_width.values)]
    assert marks(panel, "o") == {each for each in infinite if each[0] <= end}
    assert marks(panel, ">") == {(end, place) for rank, place in infinite if rank > end}


def test_ranks_that_are_close_have_an_axis_of_their_own(dataset, drawing):
    # medians 0.003 apart, a thousandth of the axis
    first = dataset.activation == dataset.activation[0]
    near = 2 + 1e-3 * dataset["rank"]
    dataset["rank"] = dataset["rank"].where(~first, near)
    enlarged, other = drawing("init-pdf", dataset).panels[0, :2]
    assert enlarged.get_title("left") == "ReLU (axis enlarged)"
    assert 2 < enlarged.get_xlim()[0] < enlarged.get_xlim()[1] < 2.01
    assert other.get_title("left") == "tanh"
    assert other.get_xlim()[0] == 0


def test_networks_that_are_all_alike_have_no_area(dataset, drawing):
    dataset["rank"] = dataset["rank"].where(dataset.depth > 1, 1.0)
    panel = drawing("init-pdf", dataset).panels[0, 0]
    assert len(panel.collections) == 2 * (dataset.depth.size - 1)
