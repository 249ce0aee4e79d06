"""`depth-width-map`: the map, its contours and marks."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from rmt_rank.paper.figures.figure import drawn
from rmt_rank.paper.figures.finite_width import depth_width_map
from rmt_rank.paper.figures.style import style


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("depth-width-map")


def picture(dataset):
    with style():
        canvas = drawn(depth_width_map.FIGURE, dataset)
        canvas.draw_without_rendering()
    return canvas.axes


def test_map(dataset):
    panel, bar = picture(dataset)
    (mesh,) = (each for each in panel.collections if isinstance(each, QuadMesh))
    # rows are depths
    share = dataset.share.transpose("depth", "width").values
    np.testing.assert_array_equal(mesh.get_array().reshape(share.shape), share)
    # decimals, not powers of ten
    low, high = bar.get_ylim()
    shown = [t.get_text() for t in bar.get_yticklabels() if low <= t.get_position()[1] <= high]
    assert set(shown) <= {"0.1", "0.2", "0.5", "1"}
    assert shown
    assert bar.get_ylabel() == "effective rank / width"
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("width", "depth")
    assert [text.get_text() for text in panel.get_xticklabels()] == ["2", "8"]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["1", "2", "4"]


def test_contours(dataset):
    for name in ("limit", "corrected"):
        # 1 % between widths 4 and 8, whatever the depth: half way in both logarithms
        error = dataset.limit_error * 0 + np.array([[1.0], [0.1], [1e-3]])
        dataset[f"{name}_error"] = error
    panel, _ = picture(dataset)
    dashed, solid = panel.get_lines()
    for line in (dashed, solid):
        np.testing.assert_allclose(line.get_xdata(), 2.5)
        assert (line.get_ydata().min(), line.get_ydata().max()) == (0, 2)
    assert (dashed.get_linestyle(), solid.get_linestyle()) == ("--", "-")
    words = [text.get_text() for text in panel.texts]
    assert words == ["limit within 1 %", "corrected within 1 %"]


def test_islands_are_left_out(dataset):
    # small at width 2 and depth 4 alone, apart from the boundary between widths 4 and 8
    error = dataset.limit_error * 0 + np.array([[1.0], [0.1], [1e-3]])
    island = (dataset.width == 2) & (dataset.depth == 4)
    dataset["limit_error"] = error.where(~island, 1e-4)
    panel, _ = picture(dataset)
    line = panel.get_lines()[0]
    np.testing.assert_allclose(line.get_xdata(), 2.5)


def test_products_of_figure_7(dataset):
    wide = dataset.assign_coords(width=[16, 32, 64])
    panel, _ = picture(wide)
    circles = panel.get_lines()[-1]
    assert circles.get_xdata().tolist() == [5, 5, 5]
    assert circles.get_ydata().tolist() == [0, 1, 2]
