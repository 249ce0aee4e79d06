"""`layer-dynamics`: curves against the Dataset."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def test_curves(tiny_runs, drawing):
    dataset = tiny_runs("dynamics")
    # a layer with fewer values than are kept
    dataset["layer_values"] = dataset.layer_values.where(
        (dataset.layer < 4) | (dataset.layer_value < 5)
    )
    picture = drawing("layer-dynamics", dataset)
    assert picture.panels.shape == (4, 4)
    lines = [each for each in picture.panels[0, 0].lines if len(each.get_xdata()) > 2]
    (legend,) = picture.canvas.legends
    handles = {each.get_label(): each for each in legend.legend_handles}
    for label, line in (("largest singular value", lines[0]), ("smallest", lines[-1])):
        assert handles[label].get_color() == pytest.approx(line.get_color(), abs=1e-15)
    shown = dataset.isel(initialisation=0, learning_rate=0, repeat=0)
    for row, layer in zip(picture.panels, dataset.layer.values, strict=True):
        for place, expansion in enumerate((1, 4)):
            values = shown.sel(layer=layer, expansion=expansion).layer_values.values.astype(float)
            kept = 5 if layer == 4 else 8
            for panel, curves in (
                (row[2 * place], values),
                (row[2 * place + 1], values / values[:, :1]),
            ):
                drawn = [each for each in panel.lines if len(each.get_xdata()) > 2]
                assert len(drawn) == kept
                for line, curve in zip(drawn, curves.T[:kept], strict=True):
                    np.testing.assert_array_equal(line.get_ydata(), curve)
                    np.testing.assert_array_equal(line.get_xdata(), dataset.epoch.values)
                assert picture.levels(panel, 60)
                assert picture.levels(panel, 100)
    titles = [panel.get_title("left") for panel in picture.panels[0]]
    assert titles[0] == "original"
    assert titles[2] == "over-parameterized ×4"
    assert titles[1] == titles[3] == "σ$_i$ / σ$_1$"
    assert picture.panels[2, 0].get_ylabel().startswith("layer 3")
    assert "digits" in picture.canvas.get_suptitle()
