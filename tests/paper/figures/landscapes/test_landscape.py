"""`landscape` and `kernel-landscape`: maps of the plane and lines of shares."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.contour import ContourSet

from rmt_rank.paper.figures.figure import drawn
from rmt_rank.paper.figures.landscapes import kernel_landscape, landscape
from rmt_rank.paper.figures.style import style

CASES = [
    (landscape.FIGURE, ("one layer", "two layers"), 5),
    (kernel_landscape.FIGURE, ("two layers", "four layers"), 2),
]


@pytest.mark.parametrize(("figure", "mapped", "networks"), CASES)
def test_rows(tiny_runs, figure, mapped, networks):
    dataset = tiny_runs(figure.experiment)
    with style():
        canvas = drawn(figure, dataset)
        canvas.draw_without_rendering()
    # the colour bar comes after the panels
    rows, columns = figure.panels(dataset)
    panels = np.array(canvas.axes[: rows * columns]).reshape(rows, columns)
    assert len(canvas.axes) == rows * columns + 1
    keys = [key for key in ("features", "reach") if key in dataset.dims]
    stacked = dataset.stack(case=keys)
    scales = set()
    for i, row in enumerate(panels):
        part = stacked.isel(case=i)
        reach = float(part.reach)
        for panel, name in zip(row, mapped, strict=False):
            (mesh,) = (each for each in panel.collections if isinstance(each, QuadMesh))
            # rows are beta
            ranks = part["rank"].sel(network=name).transpose("beta", "alpha").values
            np.testing.assert_array_equal(mesh.get_array().reshape(ranks.shape), ranks)
            scales.add(mesh.get_clim())
            # cells around the first and the last value
            half = reach / (ranks.shape[0] - 1)
            assert panel.get_xlim() == pytest.approx((-reach - half, reach + half))
            assert panel.get_title("left") == (name if i == 0 else "")
            assert panel.get_xlabel() == (r"$\alpha$" if i == rows - 1 else "")
            _iso_lines(panel, ranks)
        assert row[0].get_ylabel().endswith(r"$\beta$")
        *lines, origin = row[-1].lines
        assert len(lines) == networks
        for line in lines:
            below = part.below.sel(network=line.get_label())
            np.testing.assert_array_equal(line.get_ydata(), below)
            np.testing.assert_array_equal(line.get_xdata(), dataset.offset)
        assert list(origin.get_xdata()) == [0, 0]
        # told apart without colour
        assert len({(line.get_linestyle(), str(line._dash_pattern)) for line in lines}) == networks
    # one scale of colours for all maps
    assert len(scales) == 1
    words = [text.get_text() for each in canvas.legends for text in each.get_texts()]
    words += [text.get_text() for text in panels[0, -1].texts]
    assert len(set(words)) == networks
    # "one layer, matched" is explained
    assert not {"product", "matched"} & {word.split(", ")[-1] for word in words}


def _iso_lines(panel, ranks):
    """Each line is at a rank that the map has."""
    for contours in (each for each in panel.collections if isinstance(each, ContourSet)):
        assert all(ranks.min() < level < ranks.max() for level in contours.levels)


def test_the_line_through_the_origin(tiny_runs):
    dataset = tiny_runs("landscape")
    with style():
        canvas = drawn(landscape.FIGURE, dataset)
    part = dataset.isel(reach=0).sel(network="one layer")["rank"].transpose("beta", "alpha").values
    levels = [
        contours.levels
        for contours in canvas.axes[0].collections
        if isinstance(contours, ContourSet)
    ]
    middle = part.shape[0] // 2
    assert list(levels[-1]) == [part[middle, middle]]


def test_features_are_named(tiny_runs):
    with style():
        canvas = drawn(kernel_landscape.FIGURE, tiny_runs("kernel-landscape"))
    labels = [panel.get_ylabel() for panel in canvas.axes]
    assert labels.count("outputs\n$\\beta$") == 2
    assert labels.count("activations\n$\\beta$") == 2
