"""Experiments on other images than the digits: local files of MNIST's format."""

import numpy as np
import pytest

from rmt_rank.__main__ import run
from rmt_rank.paper.experiments.image_problems import image_problem, images, on
from rmt_rank.paper.experiments.landscapes import kernel_vs_weight, landscape
from rmt_rank.paper.experiments.trained import dynamics, gram_matrices

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A folder with 200 random images, forgotten afterwards."""
    stream = np.random.default_rng(0)
    pixels = stream.integers(0, 256, (200, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=pixels, y_train=np.arange(200) % 10)
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path))
    images.cache_clear()
    yield pixels
    images.cache_clear()


@pytest.mark.parametrize("module", [dynamics, gram_matrices, kernel_vs_weight])
def test_other_images(mnist, module):
    changed = on(module.EXPERIMENT, "mnist")
    assert changed.settings("tiny") == module.EXPERIMENT.settings("tiny") | {"data": "mnist"}


def test_kernels_of_other_images(mnist):
    changed = on(kernel_vs_weight.EXPERIMENT, "mnist")
    settings = changed.settings("tiny") | {"images": 200}
    seed = np.random.SeedSequence([0, 1])
    cell = {"pixels": "as they are", "depth": 1}
    digits, found = (
        kernel_vs_weight.EXPERIMENT.compute(settings | {"data": data}, cell, seed)
        for data in ("digits", "mnist")
    )
    assert (digits["gram_rank"][1] != found["gram_rank"][1]).all()


def test_standardised(mnist):
    problem = image_problem("mnist", 150, 50, 3)
    assert (problem.inputs.shape, problem.targets.shape) == ((150, 784), (150, 10))
    both = np.concatenate([problem.inputs, problem.test_inputs])
    np.testing.assert_allclose(both.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((both**2).mean(), 1, rtol=1e-12)


def test_refusals(tmp_path, monkeypatch, capsys):
    with pytest.raises(ValueError, match="data must be one of 'digits', 'mnist', 'cifar'"):
        on(gram_matrices.EXPERIMENT, "letters")
    with pytest.raises(ValueError, match="'landscape' is not"):
        on(landscape.EXPERIMENT, "mnist")
    # there is no such folder: a sentence that says how to point at files, and no download
    images.cache_clear()
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path / "nothing"))
    with pytest.raises(SystemExit) as caught:
        run(["figure", "kernel-vs-weight", "--tiny", "--data", "mnist", "--out", str(tmp_path)])
    assert caught.value.code == 2
    assert "RMT_RANK_DATA" in capsys.readouterr().err
