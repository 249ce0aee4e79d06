"""`least-squares-ablation`: its lines against the Dataset."""

import pytest


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("least-squares-ablation")


def test_lines(dataset, drawing):
    dataset["fitted"] = dataset.fitted | True
    picture = drawing("least-squares-ablation", dataset)
    assert picture.panels.shape == (4, 2)
    for column, rank in zip(picture.panels.T, (7, 2), strict=True):
        part = dataset.sel(task_rank=rank)
        test, training, effective, threshold = column
        assert test.get_title("left") == f"task rank {rank}"
        for panel, name in (
            (test, "fitted_test_loss"),
            (effective, "fitted_weight_rank"),
        ):
            assert picture.lines(panel, part.depth, part[name].median("repeat"))
            assert picture.hollow(panel) == set()
        assert picture.levels(test, float(part.minimal_test_loss.median()))
        assert picture.levels(effective, float(part.minimal_weight_rank.median()))
        for tau in part.threshold.values:
            counts = part.fitted_threshold_rank.sel(threshold=tau).median("repeat")
            assert picture.lines(threshold, part.depth, counts)
        assert training.get_yscale() == "log"
        assert threshold.get_xlabel() == "depth"
    labels = [panel.get_ylabel() for panel in picture.panels[:, 0]]
    assert labels[1] == "training loss\nafter 150 epochs"
    assert labels[2] == "effective rank\nof W, nats"
    assert [word for word in picture.legend() if word.startswith("τ")] == [
        "τ = 0.001",
        "τ = 0.005",
        "τ = 0.01",
    ]


def test_hollow(dataset, drawing):
    fitted, converged = dataset.fitted | True, dataset.converged | True
    fitted[{"task_rank": 1, "depth": 0, "repeat": 2}] = False
    converged[{"task_rank": 0, "depth": 1}] = False
    dataset["fitted"], dataset["converged"] = fitted, converged
    picture = drawing("least-squares-ablation", dataset)
    part = dataset.isel(task_rank=1, depth=0)
    test = float(part.fitted_test_loss.median())
    assert picture.hollow(picture.panels[0, 1]) == {(1.0, test)}
    assert picture.hollow(picture.panels[0, 0]) == set()
    loss = float(dataset.loss.isel(task_rank=0, depth=1).median())
    assert picture.hollow(picture.panels[1, 0]) == {(2.0, loss)}
