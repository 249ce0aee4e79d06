"""The measures that other tools call effective rank, against a transcription of each."""

import numpy as np
import pytest

from rmt_rank import metrics
from rmt_rank._lib.array import to_numpy

FEATURES = np.random.default_rng(0).normal(size=(40, 9)) * np.geomspace(1, 1e-3, 9) + 0.3


def test_rankme(make):
    sigma = np.linalg.svdvals(FEATURES)
    for eps in (1e-7, 1e-5):
        p = sigma / sigma.sum() + eps
        expected = np.exp(-np.sum(p * np.log(p)))
        value = metrics.rankme(make(FEATURES), eps=eps)
        assert to_numpy(value) == pytest.approx(expected, rel=1e-13)


def test_reptrix(make):
    centred = FEATURES - FEATURES.mean(axis=0)
    variance = np.linalg.eigvalsh(centred.T @ centred)
    p = variance / variance.sum() + 1e-7
    expected = np.exp(-np.sum(p * np.log(p)))
    assert to_numpy(metrics.reptrix_rankme(make(FEATURES))) == pytest.approx(expected, rel=1e-12)


def test_srank(make):
    sigma = np.linalg.svdvals(FEATURES)
    share = np.cumsum(sigma) / np.sum(sigma)
    expected = np.argmax(share >= 1 - 0.01) + 1
    assert to_numpy(metrics.srank(make(FEATURES))) == expected


def test_weightwatcher(make):
    eigenvalues = np.linalg.svdvals(FEATURES) ** 2
    p = eigenvalues / eigenvalues.sum() + 1e-10
    expected = -np.sum(p * np.log(p)) / np.log(np.linalg.matrix_rank(FEATURES))
    assert to_numpy(metrics.weightwatcher_entropy(make(FEATURES))) == pytest.approx(
        expected, rel=1e-13
    )
    # the tool divides by 0 at rank 1
    assert to_numpy(metrics.weightwatcher_entropy(make(np.ones((3, 2))))) == 0
    stack = np.stack([FEATURES, np.zeros_like(FEATURES)])
    assert to_numpy(metrics.weightwatcher_entropy(make(stack))).tolist() == [
        pytest.approx(expected),
        0,
    ]


def test_defaults_are_those_of_the_papers():
    assert metrics.rankme(FEATURES) == metrics.rankme(FEATURES, eps=1e-7)
    # a share of 0.015 may be missing only at a larger delta than 0.01
    assert metrics.srank(np.diag([0.985, 0.015])) == 2


PRESETS = [metrics.rankme, metrics.reptrix_rankme, metrics.srank, metrics.weightwatcher_entropy]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_stack_has_the_values_of_its_matrices(preset):
    # scales so far apart that each matrix needs its own
    stack = np.stack([FEATURES, 1e200 * FEATURES**2]).reshape(2, 1, *FEATURES.shape)
    expected = [[preset(matrix) for (matrix,) in stack]]
    # the same decompositions, of matrices that differ by powers of two
    np.testing.assert_allclose(preset(stack, stack=True).T, expected, rtol=1e-12)


@pytest.mark.parametrize("preset", PRESETS)
def test_odd_input(preset):
    assert preset(np.zeros((3, 2))) == 0
    assert preset(np.zeros((0, 4))) == 0
    for value in (np.nan, np.inf):
        assert np.isnan(preset(np.array([[1.0, value], [1.0, 2.0]])))
    assert preset([[1, 0], [0, 2]]) > 0
    with pytest.raises(ValueError, match="must have at least 2 axes"):
        preset(np.ones(3))
    with pytest.raises(TypeError, match="must be an array of numbers"):
        preset([["a"]])
