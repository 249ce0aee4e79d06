"""`optimizers`: its points and lines against the Dataset."""

import numpy as np
import pytest


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("optimizers")


def places(dataset):
    """Depths of each optimizer's points, which are side by side."""
    count = dataset.optimizer.size
    octaves = 0.09 * (np.arange(count) - (count - 1) / 2)
    return [dataset.depth.values * 2**shift for shift in octaves]


def points(picture, marker):
    """Full and hollow points of a shape."""
    (panel,) = picture.panels.flat
    return picture.full(panel, marker), picture.hollow(panel, marker)


def test_runs_and_medians(dataset, drawing):
    picture = drawing("optimizers", dataset)
    (panel,) = picture.panels.flat
    assert panel.get_ylabel() == "rank of the Gram matrix (nats)"
    words = picture.legend()
    assert words[:2] == ["gradient descent", "momentum"]
    assert words[5:8] == ["CMA-ES", "random search", "hollow: not converged"]
    whole = dataset.squeeze("task_rank")
    initial = whole.initial_gram_rank.isel(optimizer=0).median("repeat")
    (line,) = picture.lines(panel, whole.depth, initial)
    assert line.get_linestyle() == ":"
    assert picture.levels(panel, float(whole.minimal_gram_rank.median()))
    for i, (x, marker) in enumerate(zip(places(whole), "osD^v<>", strict=True)):
        part = whole.isel(optimizer=i)
        for found, flag in zip(points(picture, marker), (True, False), strict=True):
            runs = {
                (float(x[j]), float(part.gram_rank.isel(depth=j).sel(repeat=repeat)))
                for j in range(part.depth.size)
                for repeat in part.repeat.values
                if bool(part.converged.isel(depth=j).sel(repeat=repeat)) is flag
            }
            assert found == runs
    # random search never fits
    assert points(picture, ">")[0] == set()


def test_all_begin_from_the_same_weights(dataset):
    initial = dataset.initial_gram_rank
    for i in range(1, dataset.optimizer.size):
        np.testing.assert_array_equal(initial.isel(optimizer=i), initial.isel(optimizer=0))


def test_medians_are_those_of_converged_runs(dataset, drawing):
    flags = dataset.converged | True
    flags[{"optimizer": 1, "repeat": 0}] = False
    flags[{"optimizer": 2, "depth": 0}] = False
    dataset["converged"] = flags
    picture = drawing("optimizers", dataset)
    (panel,) = picture.panels.flat
    part, x = dataset.squeeze("task_rank").gram_rank, places(dataset)
    some = part.isel(optimizer=1, repeat=slice(1, None)).median("repeat")
    assert picture.lines(panel, x[1], some)
    # where none did, of all
    every = part.isel(optimizer=2).median("repeat")
    assert picture.lines(panel, x[2], every)


def test_depths_without_cells(dataset, drawing):
    dataset["converged"] = dataset.converged.astype(float)
    for name in dataset.data_vars:
        if dataset[name].dtype == float and "repeat" in dataset[name].dims:
            dataset[name][{"optimizer": 5, "depth": 2}] = np.nan
    picture = drawing("optimizers", dataset)
    full, hollow = points(picture, "<")
    assert {x for x, _ in full | hollow} == set(places(dataset)[5][:2])


def test_one_task_rank(dataset, drawing):
    other = dataset.assign_coords(task_rank=[2])
    xarray = pytest.importorskip("xarray")
    with pytest.raises(ValueError, match="dimension to squeeze"):
        drawing("optimizers", xarray.concat([dataset, other], "task_rank"))
