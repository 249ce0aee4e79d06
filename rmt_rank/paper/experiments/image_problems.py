"""Classification of images, as problems for networks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from rmt_rank._lib.validation import choice, integer
from rmt_rank.data import load_cifar, load_digits, load_mnist, load_mnist_sample
from rmt_rank.data.images import Images
from rmt_rank.networks.problem import LeastSquaresProblem
from rmt_rank.paper.experiments.experiment import SIZES, Experiment

__all__ = ["DATA", "image_problem", "images", "on"]

# MNIST and CIFAR are read from the folder that RMT_RANK_DATA names; the others are in packages.
_LOADERS = {
    "digits": load_digits,
    "mnist": load_mnist,
    "cifar": load_cifar,
    "mnist-sample": load_mnist_sample,
}
DATA = tuple(_LOADERS)


@cache
def images(data: str) -> Images:
    """Images by name, loaded once."""
    return _LOADERS[choice("data", data, DATA)]()


def on(experiment: Experiment, data: str) -> Experiment:
    """The same experiment on other images.

    Parameters
    ----------
    experiment : Experiment
        One whose settings name its data.
    data : {"digits", "mnist", "cifar", "mnist-sample"}
        Which images; MNIST and CIFAR need files, see `rmt_rank.data`.

    Raises
    ------
    ValueError
        If the data are unknown, or the experiment is not about images.
    """
    choice("data", data, DATA)
    if "data" not in experiment.settings(SIZES[0]):
        raise ValueError(f"data goes with experiments on images, and {experiment.name!r} is not")
    settings = experiment.settings
    return replace(experiment, settings=lambda size: settings(size) | {"data": data})


def image_problem(data: str, examples: int, held_out: int, rng: Any) -> LeastSquaresProblem:
    """Images drawn at random, with one-hot labels as targets.

    Parameters
    ----------
    data : {"digits", "mnist", "cifar", "mnist-sample"}
        Which images.
    examples, held_out : int
        Numbers of images for training, and of others.
    rng : {None, int, SeedSequence, BitGenerator, Generator}
        Source of randomness.

    Returns
    -------
    LeastSquaresProblem
        Pixels less their means, scaled to a mean square of 1.

    Raises
    ------
    ValueError
        If the data are unknown, or there are not as many images.
    ImportError, DataUnavailableError
        If they cannot be loaded.
    """
    choice("data", data, DATA)
    examples = integer("examples", examples, at_least=1)
    held_out = integer("held_out", held_out, at_least=0)
    drawn = images(data).subset(examples + held_out, rng).standardised()
    x, y = drawn.inputs, drawn.one_hot
    return LeastSquaresProblem(x[:examples], y[:examples], x[examples:], y[examples:])
