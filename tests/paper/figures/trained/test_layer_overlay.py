"""`layer-overlay`: spectra and ranks of the last hidden layer against the Dataset."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def test_spectra_and_ranks(tiny_runs, drawing):
    dataset = tiny_runs("dynamics")
    picture = drawing("layer-overlay", dataset)
    assert picture.panels.shape == (2, 2)
    shown = dataset.isel(initialisation=0, learning_rate=0).sel(layer=3)
    for (left, right), expansion in zip(picture.panels, (1, 4), strict=True):
        part = shown.sel(expansion=expansion)
        values = part.layer_values.isel(repeat=0).values.astype(float)
        for epoch in (0, -1):
            curve = values[epoch] / values[epoch, 0]
            assert picture.lines(left, np.arange(1, 9), curve)
        middle = part.layer_rank.median("repeat").values
        assert picture.lines(right, dataset.epoch.values, middle)
        assert picture.levels(right, 60)
    assert "layer 3" in picture.panels[0, 1].get_title("left")
    legend = picture.legend()
    assert "epoch 0" in legend
    assert "epoch 120" in legend
    # all spectra are in the legend
    epochs = [each for each in legend if each.startswith("epoch ")]
    assert len(epochs) == len(picture.panels[0, 0].lines)
