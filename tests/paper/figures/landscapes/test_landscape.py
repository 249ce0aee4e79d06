"""`landscape` and `kernel-landscape`: maps of the plane and lines of shares."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

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
    # a colour bar a row comes after the panels
    rows, columns = figure.panels(dataset)
    panels = np.array(canvas.axes[: rows * columns]).reshape(rows, columns)
    assert len(canvas.axes) == rows * (columns + 1)
    keys = [key for key in ("features", "reach") if key in dataset.dims]
    stacked = dataset.stack(case=keys)
    for i, row in enumerate(panels):
        part = stacked.isel(case=i)
        reach = float(part.reach)
        images = []
        for panel, name in zip(row, mapped, strict=False):
            (mesh,) = (each for each in panel.collections if isinstance(each, QuadMesh))
            # rows are beta
            ranks = part["rank"].sel(network=name).transpose("beta", "alpha").values
            np.testing.assert_array_equal(mesh.get_array().reshape(ranks.shape), ranks)
            images.append(mesh.get_clim())
            # cells around the first and the last value
            half = reach / (ranks.shape[0] - 1)
            assert panel.get_xlim() == pytest.approx((-reach - half, reach + half))
            first, second = panel.get_title("left").split("\n")
            assert first.startswith(name)
            assert second == rf"$\alpha$, $\beta$ up to {reach:g}"
            assert (panel.get_xlabel(), panel.get_ylabel()) == (r"$\alpha$", r"$\beta$")
        assert images[0] == images[1]
        *lines, origin = row[-1].lines
        assert len(lines) == networks
        for line in lines:
            below = part.below.sel(network=line.get_label())
            np.testing.assert_array_equal(line.get_ydata(), below)
            np.testing.assert_array_equal(line.get_xdata(), dataset.offset)
        assert list(origin.get_xdata()) == [0, 0]
        # told apart without colour
        assert len({(line.get_linestyle(), str(line._dash_pattern)) for line in lines}) == networks
    (legend,) = canvas.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert len(set(labels)) == networks
    # "one layer, matched" is explained
    assert not {"product", "matched"} & {label.split(", ")[-1] for label in labels}


def test_features_are_named(tiny_runs):
    with style():
        canvas = drawn(kernel_landscape.FIGURE, tiny_runs("kernel-landscape"))
    titles = [panel.get_title("left").split("\n")[0] for panel in canvas.axes]
    assert sum(title.endswith(", outputs") for title in titles) == 4
    assert sum(title.endswith(", activations") for title in titles) == 4
