"""`optimizers`: its points and lines against the Dataset."""

import numpy as np
import pytest


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("optimizers")


def test_panels(dataset, drawing):
    picture = drawing("optimizers", dataset)
    assert picture.panels.shape == (2, 4)
    titles = [panel.get_title("left") for panel in picture.panels.flat]
    assert titles[:2] == ["gradient descent", "momentum"]
    assert titles[5:] == ["CMA-ES", "random search", ""]
    assert "least norm W* P" in picture.legend()
    assert picture.panels[0, 0].get_ylabel() == "effective rank of the\nGram matrix, nats"
    whole = dataset.squeeze("task_rank")
    descent = whole.sel(optimizer="gradient_descent")
    for panel, name in zip(picture.panels.flat, whole.optimizer.values, strict=False):
        part = whole.sel(optimizer=name)
        initial = part.initial_gram_rank.median("repeat")
        (line,) = picture.lines(panel, whole.depth, initial)
        assert line.get_linestyle() == ":"
        assert picture.lines(panel, whole.depth, descent.gram_rank.median("repeat"))
        assert picture.levels(panel, float(whole.minimal_gram_rank.median()))
        for kind, flag in ((picture.full, True), (picture.hollow, False)):
            runs = {
                (float(depth), float(part.gram_rank.sel(depth=depth, repeat=repeat)))
                for depth in part.depth.values
                for repeat in part.repeat.values
                if bool(part.converged.sel(depth=depth, repeat=repeat)) is flag
            }
            assert kind(panel) == runs
    # it never fits
    assert picture.full(picture.panels[1, 2]) == set()


def test_medians_are_those_of_converged_runs(dataset, drawing):
    flags = dataset.converged | True
    flags[{"optimizer": 1, "repeat": 0}] = False
    flags[{"optimizer": 2, "depth": 0}] = False
    dataset["converged"] = flags
    picture = drawing("optimizers", dataset)
    part = dataset.squeeze("task_rank").gram_rank
    some = part.isel(optimizer=1, repeat=slice(1, None)).median("repeat")
    assert picture.lines(picture.panels[0, 1], part.depth, some)
    # where none did, of all
    every = part.isel(optimizer=2).median("repeat")
    assert picture.lines(picture.panels[0, 2], part.depth, every)


def test_depths_without_cells(dataset, drawing):
    dataset["converged"] = dataset.converged.astype(float)
    for name in dataset.data_vars:
        if dataset[name].dtype == float and "repeat" in dataset[name].dims:
            dataset[name][{"optimizer": 5, "depth": 2}] = np.nan
    picture = drawing("optimizers", dataset)
    assert {x for x, _ in picture.full(picture.panels[1, 1])} == {1, 2}


def test_one_task_rank(dataset, drawing):
    other = dataset.assign_coords(task_rank=[2])
    xarray = pytest.importorskip("xarray")
    with pytest.raises(ValueError, match="dimension to squeeze"):
        drawing("optimizers", xarray.concat([dataset, other], "task_rank"))
