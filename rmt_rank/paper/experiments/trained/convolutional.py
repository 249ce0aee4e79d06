"""Section 4 on a convolutional network: plain, over-parameterised, and the controls.

The network is that of Appendix E, with fewer channels, and pooled while the image is large enough.
It is trained by PyTorch as the paper says: stochastic gradient descent with momentum 0.9, the
learning rate tuned for each network, and divided by ten after a half and after five sixths of the
epochs.  Products start with the variance of the plain weights.  There is no data augmentation and
no weight decay; the strength of a regulariser of Table 3 is tuned together with the rate.  Pairs of
networks share images, the order of examples and the seed of the weights.

Hidden widths do not limit the rank of a weight, as Section 2.1 asks.  The paper's own choice for
convolutions, as many hidden as input channels, does limit it: "4x-narrow" has that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    grid,
    shared_seed,
)
from rmt_rank.paper.experiments.image_problems import image_problem, images
from rmt_rank.paper.experiments.trained.convolutional_findings import judge
from rmt_rank.paper.experiments.trained.convolutional_networks import Split, build, train_stack

__all__ = ["EXPERIMENT", "halved", "run", "verdict"]

Array = npt.NDArray[np.float64]

_MAIN: dict[str, dict[str, Any]] = {"plain": {}, "2x": {"depth": 2}, "4x": {"depth": 4}}
_MORE: dict[str, dict[str, Any]] = {
    "8x": {"depth": 8},
    "2x-fc": {"depth": 2, "layers": "fc"},
    "2x-conv": {"depth": 2, "layers": "conv"},
    "4x-fc": {"depth": 4, "layers": "fc"},
    "4x-conv": {"depth": 4, "layers": "conv"},
    "8x-fc": {"depth": 8, "layers": "fc"},
    "8x-conv": {"depth": 8, "layers": "conv"},
    # between "plain" and "2x-conv", whose four layers are the first, and "2x", which has six
    "2x-first-1": {"depth": 2, "layers": 1},
    "2x-first-2": {"depth": 2, "layers": 2},
    "2x-first-3": {"depth": 2, "layers": 3},
    "2x-first-5": {"depth": 2, "layers": 5},
    "4x-residual": {"depth": 4, "residual": True},
    "8x-residual": {"depth": 8, "residual": True},
    "2x-kernels": {"depth": 2, "kernel_sizes": [2, 2]},
    "2x-kernels-1-3": {"depth": 2, "kernel_sizes": [1, 3]},
    "4x-narrow": {"depth": 4, "width": 1},
    # the products of "4x" are plain weights before training
    "low-rank-start": {"depth": 4, "collapsed": True},
    # ten layers in place of six
    "deeper": {"more": 4},
    "2x-deeper": {"depth": 2, "more": 4},
    # explicit regularisers, by their names in `convolutional_penalties`
    "l2": {"penalty": "l2"},
    "l1": {"penalty": "l1"},
    "nuclear": {"penalty": "nuclear"},
    "effective-rank": {"penalty": "effective-rank"},
    "stable-rank": {"penalty": "stable-rank"},
    "frobenius-squared": {"penalty": "frobenius-squared"},
    "2x-l2": {"depth": 2, "penalty": "l2"},
    "2x-l1": {"depth": 2, "penalty": "l1"},
}

# What a regulariser is multiplied by, for any of them.
_STRENGTHS = [0.0001, 0.001, 0.01, 0.1, 1.0]

_settings = by_size(
    data="digits",
    networks=(_MAIN | {"l1": _MORE["l1"]}, _MAIN, _MAIN | _MORE),
    channels=([2, 3, 4, 5], [8, 16, 32, 64], [8, 16, 32, 64]),
    hidden=(6, 32, 32),
    largest_side=16,
    examples=(40, 200, 200),
    validation=(30, 400, 400),
    test=(40, 600, 600),
    gram=(30, 256, 256),
    batch=(20, 40, 40),
    epochs=(3, 60, 60),
    rates=([0.003, 0.01], [0.0003, 0.001, 0.003, 0.01, 0.03], [0.0003, 0.001, 0.003, 0.01, 0.03]),
    strengths=([0.001, 0.01], _STRENGTHS, _STRENGTHS),
    tuning_repeats=(1, 3, 3),
    repeats=(2, 10, 10),
)

_PREFIXES = ("", "validation_", "test_")


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    rates, repeats = settings["rates"], settings["repeats"]
    penalised = "penalty" in settings["networks"][cell["network"]]
    strengths = settings["strengths"] if penalised else [0.0]
    choices = [(rate, strength) for strength in strengths for rate in rates]
    # the repeats of the tuning come after those that are reported, and have other images
    tuning = range(repeats, repeats + settings["tuning_repeats"])
    runs = [(each, *choice) for choice in choices for each in tuning]
    tuned = _trained(settings, cell, seed, runs, [settings["epochs"]])
    accuracy, loss = (
        np.array([each[f"validation_{name}"][-1] for each in tuned]).reshape(len(choices), -1)
        for name in ("accuracy", "loss")
    )
    accuracy, loss = accuracy.mean(axis=1), loss.mean(axis=1)
    order = np.lexsort((np.nan_to_num(loss, nan=np.inf), -np.nan_to_num(accuracy, nan=-1.0)))
    rate, strength = choices[int(order[0])]
    epochs = _recorded(settings["epochs"])
    found = _trained(
        settings, cell, seed, [(each, rate, strength) for each in range(repeats)], epochs
    )
    arrays: Arrays = {
        "epoch": (("epoch",), np.array(epochs)),
        "learning_rate": ((), np.array(rate)),
        "strength": ((), np.array(strength)),
        "at_edge": ((), np.array(_at_edge(rate, rates) or _at_edge(strength, strengths))),
        # the best of all strengths, of those that did not diverge
        "tuning_accuracy": (("rate",), np.fmax.reduce(accuracy.reshape(-1, len(rates)), axis=0)),
        "rate": (("rate",), np.array(rates)),
    }
    dims = {"gram_values": ("gram_value",), "layer_values": ("layer", "layer_value")}
    for name in found[0]:
        rest = dims.get(name, ("layer",) if name == "layer_rank" else ())
        values = np.stack([each[name] for each in found])
        kept = values.astype(np.float32) if name in dims else values
        arrays[name] = (("repeat", "epoch", *rest), kept)
    return arrays | _summary({name: values for name, (_, values) in arrays.items()})


def _at_edge(chosen: float, choices: list[float]) -> bool:
    """Return whether one of several choices is the least or the largest."""
    return len(choices) > 1 and chosen in (min(choices), max(choices))


def _summary(found: Mapping[str, Any]) -> Arrays:
    """Numbers of each repeat at the start, at the end, and where training is best stopped."""
    layers = found["layer_rank"].mean(axis=2)
    numbers = {
        "diverged": np.isnan(found["loss"][:, -1]),
        "initial_gram_rank": found["gram_rank"][:, 0],
        "final_gram_rank": found["gram_rank"][:, -1],
        "initial_weight_rank": layers[:, 0],
        "final_weight_rank": layers[:, -1],
    }
    for prefix in _PREFIXES:
        for name in (f"{prefix}loss", f"{prefix}accuracy"):
            numbers[f"final_{name}"] = found[name][:, -1]
    # epochs after a network diverged are not the best
    losses = np.nan_to_num(found["validation_loss"], nan=np.inf)
    rows, stop = np.arange(len(losses)), losses.argmin(axis=1)
    numbers["stopped_test_accuracy"] = found["test_accuracy"][rows, stop]
    numbers["best_test_accuracy"] = np.nanmax(found["test_accuracy"], axis=1)
    return {name: (("repeat",), np.asarray(values)) for name, values in numbers.items()}


def _recorded(epochs: int) -> list[int]:
    """Epochs that are recorded: even ones, and the first."""
    even = np.linspace(0, epochs, min(epochs, 12) + 1).round().astype(int)
    return sorted({*even.tolist(), *range(min(epochs, 5))})


class _Images(NamedTuple):
    """Parts of the images of one repeat."""

    parts: dict[str, Split]
    shape: tuple[int, int, int]
    classes: int


def _trained(
    settings: Mapping[str, Any],
    cell: Cell,
    seed: np.random.SeedSequence,
    runs: list[tuple[int, float, float]],
    epochs: list[int],
) -> list[dict[str, Array]]:
    """Train networks, each given by its repeat, learning rate and strength of the regulariser."""
    form = settings["networks"][cell["network"]]
    repeats = [repeat for repeat, _, _ in runs]
    parts = {repeat: _images(settings, seed, repeat) for repeat in set(repeats)}
    models = [
        build(*parts[repeat][1:], settings, form, _number(seed, weights=repeat))
        for repeat in repeats
    ]
    return train_stack(
        models,
        [parts[repeat].parts for repeat in repeats],
        [rate for _, rate, _ in runs],
        [_number(seed, order=repeat) for repeat in repeats],
        settings,
        epochs,
        penalty=form.get("penalty"),
        strengths=[strength for _, _, strength in runs],
    )


def _number(seed: np.random.SeedSequence, **names: int) -> int:
    return int(shared_seed(seed, **names).generate_state(1)[0])


def _images(settings: Mapping[str, Any], seed: np.random.SeedSequence, repeat: int) -> _Images:
    """Draw the images of a repeat, the same for all networks, and split them."""
    counts = {"training": settings["examples"]}
    counts |= {name: settings[name] for name in ("validation", "test")}
    data = settings["data"]
    problem = image_problem(
        data,
        counts["training"],
        sum(counts.values()) - counts["training"],
        shared_seed(seed, images=repeat),
    )
    shape = (1, *images(data).shape)[-3:]
    rows = np.concatenate([problem.inputs, problem.test_inputs]).reshape(-1, *shape)
    while min(rows.shape[2:]) > settings["largest_side"]:
        rows = halved(rows)
    labels = np.concatenate([problem.targets, problem.test_targets]).argmax(axis=1)
    parts, begin = {}, 0
    for name, count in counts.items():
        part = slice(begin, begin + count)
        parts[name] = Split(rows[part].astype(np.float32), labels[part])
        begin += count
    colours, height, width = rows.shape[1:]
    return _Images(parts, (colours, height, width), problem.outputs)


def halved(pixels: Array) -> Array:
    """Images of half the size, by means over blocks of 2 x 2 pixels; an odd edge is cut off.

    Parameters
    ----------
    pixels : ndarray, shape (..., rows, columns)

    Examples
    --------
    >>> import numpy as np
    >>> halved(np.array([[0.0, 2.0, 9.0], [4.0, 6.0, 9.0]]))
    array([[3.]])
    """
    rows, cols = pixels.shape[-2] // 2, pixels.shape[-1] // 2
    cut = pixels[..., : 2 * rows, : 2 * cols]
    return np.asarray(cut.reshape(*pixels.shape[:-2], rows, 2, cols, 2).mean(axis=(-3, -1)))


EXPERIMENT = Experiment(
    name="convolutional",
    title="Convolutional networks, plain and over-parameterized, trained by PyTorch",
    reference="Section 4, Appendices B and E",
    settings=_settings,
    cells=lambda settings: grid(network=settings["networks"]),
    compute=_compute,
    judge=judge,
    shown=columns(
        "learning_rate strength at_edge diverged initial_gram_rank final_gram_rank "
        "initial_weight_rank final_weight_rank final_loss final_test_loss final_accuracy "
        "final_test_accuracy stopped_test_accuracy best_test_accuracy"
    ),
    needs=("torch",),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
