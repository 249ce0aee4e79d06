"""`convergence-pdf`: its areas and lines against the Dataset."""

import numpy as np
import pytest

from rmt_rank.paper.figures.ridges import ROOM, curve


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("convergence")


def heights(area, place):
    """Extent of an area to the sides, and its height over its row's line."""
    x, y = area.get_paths()[0].vertices.T
    far = int(np.argmax(abs(y + place)))
    return x.min(), x.max(), y[far] + place


def test_areas(dataset, drawing):
    dataset["converged"] = dataset.converged | True
    picture = drawing("convergence-pdf", dataset)
    assert picture.panels.shape == (1, 3)
    for panel, rank in zip(picture.panels[0], dataset.task_rank.values, strict=True):
        assert panel.get_title("left") == f"task rank {rank}"
        assert panel.get_xlabel() == "rank of the Gram matrix (nats)"
        areas = iter(panel.collections)
        for place, depth in enumerate(dataset.depth.values):
            part = dataset.sel(task_rank=rank, depth=depth)
            found = [curve(part[name].values) for name in ("gram_rank", "initial_gram_rank")]
            top = max(y.max() for _, y in found)
            for (x, y), sign in zip(found, (1, -1), strict=True):
                expected = x[0], x[-1], sign * ROOM * y.max() / top
                assert heights(next(areas), place) == pytest.approx(expected)
        part = dataset.sel(task_rank=rank)
        assert picture.levels(panel, float(part.task_gram_rank.median()))
        assert picture.levels(panel, float(part.minimal_gram_rank.median()))
    assert "the task: ρ(K) under W*" in picture.legend()
    assert not any("that converged" in word for word in picture.legend())


def test_only_converged_runs_are_drawn(dataset, drawing):
    part = {"task_rank": 0, "depth": 1}
    flags = dataset.converged | True
    flags[part | {"seed": slice(0, 3)}] = False
    dataset["converged"] = flags
    # as of runs that diverged
    dataset.gram_rank[part | {"seed": 0}] = np.nan
    picture = drawing("convergence-pdf", dataset)
    x, _ = curve(dataset.gram_rank.isel(part).values[0, 3:])
    first, few, *_ = picture.panels[0, 0].collections[::2]
    assert heights(few, 1)[:2] == pytest.approx((x[0], x[-1]))
    # an outline alone
    assert few.get_facecolor().size == 0
    assert first.get_facecolor().size == 4
    assert "the less than 90% that converged" in picture.legend()


def test_depths_without_cells(dataset, drawing):
    dataset["converged"] = dataset.converged.astype(float)
    for name in dataset.data_vars:
        if "depth" in dataset[name].dims and dataset[name].dtype == float:
            dataset[name][{"task_rank": 2, "depth": 2}] = np.nan
    picture = drawing("convergence-pdf", dataset)
    assert picture.panels[0, 2].get_title("left") == "task rank 4, up to depth 2"
    counts = [len(panel.collections) for panel in picture.panels[0]]
    assert counts[2] == counts[1] - 2
    assert not any("that converged" in word for word in picture.legend())


def test_none_converged(dataset, drawing):
    dataset["converged"] = dataset.converged & False
    picture = drawing("convergence-pdf", dataset)
    # the initialisation alone
    assert [len(panel.collections) for panel in picture.panels.flat] == [3] * 3
