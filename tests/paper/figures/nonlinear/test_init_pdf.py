"""`init-pdf`: its curves and marks against the Dataset."""

import numpy as np
import pytest

from rmt_rank.paper.figures.density import (
    best_window,
    density_grid,
    kernel_density,
    smoothed_density,
)
from rmt_rank.paper.figures.figure import drawn
from rmt_rank.paper.figures.nonlinear.init_pdf import FIGURE
from rmt_rank.paper.figures.style import style

pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def computed(tiny_runs):
    return tiny_runs("init-pdf")


@pytest.fixture
def dataset(computed):
    return computed.copy(deep=True)


def picture(dataset):
    with style("screen"):
        canvas = drawn(FIGURE, dataset)
        canvas.draw_without_rendering()
    return canvas, np.array(canvas.axes).reshape(FIGURE.panels(dataset))


def marks(panel, shape):
    return [
        line for line in panel.lines if line.get_marker() == shape and len(line.get_xdata()) == 1
    ]


def test_curves(dataset):
    canvas, panels = picture(dataset)
    assert panels.shape == (2, 2)
    for i, name in enumerate(dataset.activation.values):
        for j, law in enumerate(dataset.law.values):
            panel = panels[i, j]
            assert panel.get_title("left") == f"{name}, {law} weights"
            curves = [line for line in panel.lines if len(line.get_xdata()) > 2]
            assert len(curves) == dataset.depth.size
            for line, shade, depth in zip(
                curves, panel.collections, dataset.depth.values, strict=True
            ):
                ranks = dataset["rank"].sel(activation=name, law=law, depth=depth).values
                samples = ranks.astype(float)
                grid = density_grid(samples)
                if grid[0] < 0:  # folded
                    assert line.get_xdata()[0] == pytest.approx(0, abs=1e-12)
                    continue
                expected = smoothed_density(samples, grid, best_window(samples, grid))
                np.testing.assert_array_equal(line.get_xdata(), grid)
                np.testing.assert_array_equal(line.get_ydata(), expected)
                top = shade.get_paths()[0].vertices[:, 1].max()
                assert top == pytest.approx(kernel_density(samples, grid).max(), rel=1e-12)
                assert panel.get_ylim()[1] > expected.max()
    assert panels[1, 0].get_xlabel() == "effective rank of the Gram matrix, nats"
    (legend,) = canvas.legends
    assert "depth 4" in [text.get_text() for text in legend.get_texts()]


def test_ranks_near_zero(dataset):
    # a curve and a shade of area 1 that end at 0, where the density of such ranks is largest
    stream = np.random.default_rng(0)
    dataset["rank"] = dataset["rank"] * 0 + abs(stream.normal(0, 0.1, dataset["rank"].shape))
    _, panels = picture(dataset)
    panel = panels[0, 0]
    x, y = next(line.get_data() for line in panel.lines if len(line.get_xdata()) > 2)
    assert x[0] == pytest.approx(0, abs=1e-12)
    # the trapezoidal rule on the 401 points that the filter smooths over
    assert np.trapezoid(y, x) == pytest.approx(1, abs=1e-3)
    shade = panel.collections[0].get_paths()[0].vertices
    assert shade[:, 0].min() == pytest.approx(0, abs=1e-12)
    # 2 phi(0)/0.1 = 7.98; 200 samples in kernels of a third of their width: 15 %
    assert shade[:, 1].max() == pytest.approx(7.98, rel=0.3)


def test_marks(dataset):
    _, panels = picture(dataset)
    part = dataset.isel(activation=0, law=0)
    # theory at depth 1 alone, below the axis
    (theory,) = marks(panels[0, 0], "^")
    assert theory.get_xdata()[0] == float(part.predicted_mean.sel(depth=1))
    end = panels[0, 0].get_xlim()[1]
    infinite = part.infinite_width.values
    inside = [line.get_xdata()[0] for line in marks(panels[0, 0], "v")]
    np.testing.assert_array_equal(inside, infinite[infinite <= end])
    beyond = marks(panels[0, 0], ">")
    assert [line.get_xdata()[0] for line in beyond] == [end] * int((infinite > end).sum())


def test_depths_are_distinguished_from_theory(dataset):
    _, panels = picture(dataset)
    curves = [line for line in panels[0, 0].lines if len(line.get_xdata()) > 2]
    shapes = {line.get_marker() for line in curves}
    assert len(shapes) == dataset.depth.size
    assert not shapes & set("^v<>")


def test_depths_at_one_line_are_named(dataset):
    canvas, panels = picture(dataset)
    assert [len(panel.texts) for panel in panels.flat] == [0] * 4
    assert canvas.get_suptitle() == "Width 16, 40 inputs, 200 networks per curve"
    first = dataset.activation == dataset.activation[0]
    # medians 0.003 apart, a thousandth of the axis
    near = dataset["rank"].isel(depth=0, drop=True) + 1e-3 * dataset.depth
    dataset["rank"] = dataset["rank"].where(~first, near)
    _, panels = picture(dataset)
    words = [[text.get_text() for text in panel.texts] for panel in panels[0]]
    assert words == [["all depths"]] * 2
    assert [len(panel.texts) for panel in panels[1]] == [0] * 2


def test_networks_that_are_all_alike_have_no_curve(dataset):
    dataset["rank"] = dataset["rank"].where(dataset.depth > 1, 1.0)
    _, panels = picture(dataset)
    curves = [line for line in panels[0, 0].lines if len(line.get_xdata()) > 2]
    assert len(curves) == dataset.depth.size - 1


def test_numbers_from_a_file(dataset, tmp_path):
    # what the command does with --numbers
    import xarray

    dataset.to_netcdf(tmp_path / "numbers.nc", engine="scipy")
    again = xarray.load_dataset(tmp_path / "numbers.nc", engine="scipy")
    _, first = picture(dataset)
    _, second = picture(again)
    np.testing.assert_array_equal(
        first[0, 0].lines[0].get_ydata(), second[0, 0].lines[0].get_ydata()
    )
