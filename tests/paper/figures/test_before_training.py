"""`residual-init`, `nonlinear-init`, `phases`: artists against the Dataset."""

import numpy as np
from matplotlib.collections import QuadMesh

from rmt_rank.paper.figures.figure import drawn
from rmt_rank.paper.figures.nonlinear import phases
from rmt_rank.paper.figures.style import style


def test_residual_init(tiny_runs, drawing):
    dataset = tiny_runs("residual-init").isel(field=0, width=0)
    picture = drawing("residual-init", tiny_runs("residual-init"))
    rank, misfit = picture.panels[0]
    for network in dataset.network.values:
        part = dataset.sel(network=network)
        assert picture.lines(rank, part.depth, part.limit - np.log(16))
        assert picture.lines(rank, part.depth, part.mean_rank - np.log(16))
    # beside one another, up to a quarter of the width
    for network, octaves in zip(dataset.network.values, (-0.3, -0.1, 0.1, 0.3), strict=True):
        part = dataset.sel(network=network)
        part = part.where(part.depth <= 4, drop=True)
        assert picture.lines(misfit, part.depth * 2**octaves, part.misfit)
    assert len(picture.hollow(rank)) == 12
    assert [text.get_text() for text in rank.texts][-1] == "residual, 1/depth"
    assert "simulation, N = 16" in picture.legend()


def test_nonlinear_init(tiny_runs, drawing):
    dataset = tiny_runs("nonlinear-init")
    picture = drawing("nonlinear-init", dataset)
    assert [panel.get_title("left") for panel in picture.panels[0]] == ["identity", "relu"]
    for panel, name in zip(picture.panels[0], dataset.activation.values, strict=True):
        part = dataset.sel(activation=name, width=16)
        for variable in ("limit", "mean_rank", "infinite_width"):
            assert picture.lines(panel, part.depth, part[variable]), variable


def test_phases(tiny_runs):
    dataset = tiny_runs("phases")
    with style():
        canvas = drawn(phases.FIGURE, dataset)
    for panel, name in zip(canvas.axes, dataset.activation.values, strict=False):
        (mesh,) = (each for each in panel.collections if isinstance(each, QuadMesh))
        part = dataset.sel(activation=name)
        shown = mesh.get_array().reshape(part.depth.size, part.weight_variance.size)
        np.testing.assert_array_equal(shown, part.correlation.transpose("depth", ...))
        # ReLU has no line, tanh one just beyond 1, between the variances of the grid, 1 and 2
        lines = [line.get_xdata()[0] for line in panel.lines]
        np.testing.assert_allclose(lines, [] if name == "relu" else [0.5], rtol=1e-14)
