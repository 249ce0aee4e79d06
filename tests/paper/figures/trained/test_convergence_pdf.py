"""`convergence-pdf`: its curves and lines against the Dataset."""

import numpy as np
import pytest

from rmt_rank.paper.figures.density import (
    best_window,
    density_grid,
    kernel_density,
    smoothed_density,
)


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("convergence")


def curve(samples):
    grid = density_grid(samples)
    return grid, smoothed_density(samples, grid, best_window(samples, grid))


def test_curves(dataset, drawing):
    dataset["converged"] = dataset.converged | True
    picture = drawing("convergence-pdf", dataset)
    assert picture.panels.shape == (1, 3)
    for panel, rank in zip(picture.panels[0], dataset.task_rank.values, strict=True):
        assert panel.get_title("left") == f"task rank {rank}"
        assert panel.get_xlabel() == "effective rank of the Gram matrix, nats"
        for depth in dataset.depth.values:
            part = dataset.sel(task_rank=rank, depth=depth)
            (initial,) = picture.lines(panel, *curve(part.initial_gram_rank.values))
            (ended,) = picture.lines(panel, *curve(part.gram_rank.values))
            assert (initial.get_linestyle(), ended.get_linestyle()) == (":", "-")
            assert initial.get_color() == ended.get_color()
            # nothing sticks out of the panel
            assert panel.get_ylim()[0] == 0
            assert panel.get_ylim()[1] > ended.get_ydata().max()
            assert panel.get_ylim()[1] > initial.get_ydata().max()
        part = dataset.sel(task_rank=rank)
        assert picture.levels(panel, float(part.task_gram_rank.median()))
        assert picture.levels(panel, float(part.minimal_gram_rank.median()))
    assert "the task: ρ(K) under W*" in picture.legend()
    assert not any("that converged" in word for word in picture.legend())


def test_shade_is_the_kernel_density(dataset, drawing):
    dataset["converged"] = dataset.converged | True
    picture = drawing("convergence-pdf", dataset)
    samples = dataset.gram_rank.isel(task_rank=0, depth=0).values
    top = kernel_density(samples, density_grid(samples)).max()
    (shade, *_) = picture.panels[0, 0].collections
    assert shade.get_paths()[0].vertices[:, 1].max() == pytest.approx(top, rel=1e-12)


def test_only_converged_runs_are_drawn(dataset, drawing):
    part = {"task_rank": 0, "depth": 1}
    flags = dataset.converged | True
    flags[part | {"seed": slice(0, 3)}] = False
    dataset["converged"] = flags
    # as of runs that diverged
    dataset.gram_rank[part | {"seed": 0}] = np.nan
    picture = drawing("convergence-pdf", dataset)
    samples = dataset.gram_rank.isel(part).values[0, 3:]
    (line,) = picture.lines(picture.panels[0, 0], *curve(samples))
    assert line.get_linestyle() == "-."
    assert "the less than 90% that converged" in picture.legend()


def test_depths_without_cells(dataset, drawing):
    dataset["converged"] = dataset.converged.astype(float)
    for name in dataset.data_vars:
        if "depth" in dataset[name].dims and dataset[name].dtype == float:
            dataset[name][{"task_rank": 2, "depth": 2}] = np.nan
    picture = drawing("convergence-pdf", dataset)
    assert picture.panels[0, 2].get_title("left") == "task rank 4, up to depth 2"
    assert len(picture.panels[0, 2].lines) == len(picture.panels[0, 1].lines) - 2
    assert not any("that converged" in word for word in picture.legend())


def test_none_converged(dataset, drawing):
    dataset["converged"] = dataset.converged & False
    picture = drawing("convergence-pdf", dataset)
    # the initialisation and the two lines
    assert [len(panel.lines) for panel in picture.panels.flat] == [3 + 2] * 3
