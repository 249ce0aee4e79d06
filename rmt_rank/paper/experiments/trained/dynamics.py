"""Figure 6: a network over training, plain and with each layer a product of four weights.

The paper trains a convolutional network on CIFAR100 by stochastic gradient descent; here it is one
of dense layers, on small images, trained by full-batch steps with the same momentum and the same
steps of the learning rate.  A product starts with the variance of the single layer, so both
networks start with signals of the same size, and both have the same learning rates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.image_problems import image_problem
from rmt_rank.paper.experiments.trained.dynamics_findings import judge
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.schedule import recording_schedule
from rmt_rank.training.train import train

__all__ = ["EXPERIMENT", "run", "steps_of_the_rate", "subsample_spectrum", "verdict"]

Array = npt.NDArray[np.float64]

# Variance of a layer's initial entries over fan-in: PyTorch's default, and the one that keeps a
# signal's size through ReLUs.
_VARIANCES = {"pytorch": 1 / 3, "he": 2.0}

_settings = by_size(
    data="digits",
    activation="relu",
    hidden=3,
    expansions=[1, 4],
    initialisations=list(_VARIANCES),
    width=(12, 32, 64),
    examples=(40, 256, 512),
    held_out=(40, 256, 256),
    epochs=(120, 900, 1800),
    learning_rates=([0.02], [0.01], [0.01, 0.005]),
    repeats=(2, 9, 12),
    kept=(8, 24, 24),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    repeat = cell["repeat"]
    problem = image_problem(
        settings["data"],
        settings["examples"],
        settings["held_out"],
        shared_seed(seed, images=repeat),
    )
    network = NonlinearNetwork(
        (problem.features, *[settings["width"]] * settings["hidden"], problem.outputs),
        settings["activation"],
        cell["expansion"],
        criterion="cross-entropy",
    )
    epochs = _recorded(settings["epochs"])
    result = _trained(
        problem,
        network,
        epochs,
        cell["learning_rate"],
        scale=math.sqrt(_VARIANCES[cell["initialisation"]]),
        rng=int(shared_seed(seed, weights=repeat).generate_state(1, np.uint64)[0]),
    )
    arrays: Arrays = {
        "epoch": (("epoch",), epochs),
        "layer": (("layer",), np.arange(1, network.depth + 1)),
    }
    grams = _path(result, "gram_values", epochs)
    arrays["gram_values"] = (("epoch", "gram_value"), grams.astype(np.float32))
    arrays["gram_rank"] = (("epoch",), _path(result, "gram_effective_rank", epochs))
    spectra = [
        _path(result, f"layer_{layer}_singular_values", epochs)
        for layer in range(1, network.depth + 1)
    ]
    layers = ("layer", "epoch")
    arrays["layer_rank"] = (layers, np.stack([effective_rank(each) for each in spectra]))
    kept = np.stack([subsample_spectrum(each, settings["kept"]) for each in spectra])
    arrays["layer_values"] = ((*layers, "layer_value"), kept.astype(np.float32))
    for name in ("loss", "test_loss", "accuracy", "test_accuracy"):
        arrays[name] = (("epoch",), _path(result, name, epochs))
    for name in ("gram_rank", "loss", "test_loss", "accuracy", "test_accuracy"):
        arrays[f"final_{name}"] = ((), arrays[name][1][-1])
    arrays["initial_gram_rank"] = ((), arrays["gram_rank"][1][0])
    return arrays | {"diverged": ((), np.array(bool(np.isnan(grams[-1]).any())))}


def steps_of_the_rate(epochs: int) -> tuple[int, int]:
    """Epochs after which the learning rate is divided by ten: 90 and 150 of 180 in the paper."""
    return epochs // 2, 5 * epochs // 6


def _recorded(epochs: int) -> npt.NDArray[np.intp]:
    """Epochs that are recorded: even ones, and the first steps."""
    even = np.linspace(0, epochs, min(epochs, 60) + 1).round().astype(np.intp)
    return np.union1d(even, recording_schedule(epochs, 20))


def _trained(
    problem: LeastSquaresProblem,
    network: NonlinearNetwork,
    epochs: npt.NDArray[np.intp],
    rate: float,
    **options: Any,
) -> TrainingResult:
    """Train by momentum, in three runs with different learning rates."""
    first, second = steps_of_the_rate(int(epochs[-1]))
    result: TrainingResult | None = None
    for begin, end, divisor in ((0, first, 1), (first, second, 10), (second, epochs[-1], 100)):
        result = train(
            problem,
            network,
            optimizer="momentum",
            learning_rate=rate / divisor,
            steps=int(end - begin),
            tolerance=0,
            record=epochs.tolist(),
            layers=True,
            start=result,
            **options,
        )
    assert result is not None
    return result


def _path(result: TrainingResult, name: str, epochs: npt.NDArray[np.intp]) -> Array:
    """Recorded values at all epochs; nan after the network diverged, or its features died."""
    found = result.arrays[name][1][0, 0]
    # features that are 0 for all examples have the rank -inf
    found = np.where(np.isfinite(found), found, np.nan)
    path = np.full((len(epochs), *found.shape[1:]), np.nan)
    path[np.searchsorted(epochs, result.arrays["step"][1])] = found
    return path


def subsample_spectrum(singular_values: npt.ArrayLike, count: int = 24) -> Array:
    """A given number of singular values, evenly spaced by rank, including the first and the last.

    Parameters
    ----------
    singular_values : array_like, shape (..., k)
        In descending order.
    count : int, default 24
        How many, at least 2; where there are fewer, all, and then nan.

    Returns
    -------
    ndarray, shape (..., count)

    Examples
    --------
    >>> subsample_spectrum([5.0, 4.0, 3.0, 2.0, 1.0], 3)
    array([5., 3., 1.])
    """
    s = np.asarray(singular_values, dtype=np.float64)
    if s.shape[-1] < count:
        missing = np.full((*s.shape[:-1], count - s.shape[-1]), np.nan)
        return np.concatenate([s, missing], axis=-1)
    return s[..., np.linspace(0, s.shape[-1] - 1, count).round().astype(np.intp)]


EXPERIMENT = Experiment(
    name="dynamics",
    title="Singular values over training, with and without over-parameterization",
    reference="Section 4.1, Figure 6",
    settings=_settings,
    cells=over(
        initialisation="initialisations",
        learning_rate="learning_rates",
        expansion="expansions",
        repeat="repeats",
    ),
    compute=_compute,
    judge=judge,
    shown=columns(
        "diverged initial_gram_rank final_gram_rank final_loss final_test_loss "
        "final_accuracy final_test_accuracy"
    ),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
