"""`gram-matrices`: its images against the Dataset."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("gram-matrices")


def test_images(dataset, drawing):
    picture = drawing("gram-matrices", dataset)
    rows = zip(picture.panels, dataset.activation.values, strict=True)
    names = [row[0].get_ylabel() for row in picture.panels]
    assert names == ["ReLU", "tanh", "GELU", "sine", "linear"]
    for row, activation in rows:
        for panel, depth in zip(row, dataset.depth.values, strict=True):
            part = dataset.sel(activation=activation, depth=depth)
            (image,) = panel.images
            np.testing.assert_array_equal(image.get_array(), part.gram.values)
            assert image.get_clim() == (-1, 1)
            title = panel.get_title("center")
            assert title == f"ρ = {float(part.gram_rank[0]):.2f}"
    below = [panel.get_xlabel() for panel in picture.panels[-1]]
    assert below == ["1 hidden layer", "2 hidden layers", "4 hidden layers"]


def test_networks_that_did_not_converge_are_marked(dataset, drawing):
    reached = dataset.converged | True
    reached[{"activation": 2, "depth": 1, "repeat": 0}] = False
    dataset["converged"] = reached
    dataset["loss"] = dataset.loss * 0 + 0.25
    picture = drawing("gram-matrices", dataset)
    marked = [[panel.get_title("center") for panel in row] for row in picture.panels]
    assert ["loss 0.2" in title for row in marked for title in row].index(True) == 7
    assert sum("loss" in title for row in marked for title in row) == 1
