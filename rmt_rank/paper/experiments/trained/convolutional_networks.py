"""Convolutional networks in the manner of Appendix E, trained by PyTorch in stacks.

The networks of a stack have one form and different data, initial weights and learning rates.  A
step computes the gradients of all of them at once (`torch.func.vmap`), which gives each the
gradient that it has alone, and saves time where networks are small.  PyTorch is imported when a
function is called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.paper.experiments.trained.convolutional_penalties import penalised
from rmt_rank.paper.experiments.trained.dynamics import steps_of_the_rate

__all__ = ["Split", "build", "end_to_end_values", "gram_values", "train_stack"]

Array = npt.NDArray[np.float64]

# An image is pooled while its side is at least this: 8 to 4 to 2, 28 to 14 to 7 to 3.
_LEAST_SIDE = 4
# Number of fully connected layers.
_LINEAR = 2


class Split(NamedTuple):
    """Images, (examples, colours, rows, columns), and their labels."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.intp]


def build(
    shape: tuple[int, int, int],
    classes: int,
    settings: Mapping[str, Any],
    form: Mapping[str, Any],
    seed: int,
) -> Any:
    """Build a network with Kaiming's initial weights, plain or over-parameterised.

    Parameters
    ----------
    shape : tuple of int
        Colours, rows and columns of an image.
    classes : int
        Number of outputs.
    settings : mapping
        `channels` of the convolutions, and `hidden` units of the fully connected layer.
    form : mapping
        `depth`, the number of factors of a weight (default 1); `layers`, "all" (default), "conv",
        "fc", or a number, that of the layers from the first on; `residual` (default False) and
        `width`, as in `rmt_rank.torch.overparameterize`; `kernel_sizes` of the factors of a
        convolution; `collapsed` (default False), whether products become plain weights before
        training; `more` (default 0), the number of convolutions that are added after the last one,
        with its channels.
    seed : int
        Seed of the initial weights.

    Returns
    -------
    torch.nn.Sequential
        The layers up to the features, and the linear classifier.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    """
    # first, because its error says what to install where PyTorch is missing
    from rmt_rank.torch import OverparamConv2d, collapse, overparameterize  # noqa: I001
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[Any] = []
        inputs, side = shape[0], min(shape[1:])
        channels = [*settings["channels"], *settings["channels"][-1:] * form.get("more", 0)]
        for number, outputs in enumerate(channels, 1):
            if "kernel_sizes" in form:
                layers.append(OverparamConv2d(inputs, outputs, form["kernel_sizes"], padding=1))
            else:
                layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            if number < len(channels) and side >= _LEAST_SIDE:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            layers.append(nn.ReLU())
            inputs = outputs
        layers += [nn.AdaptiveMaxPool2d(1), nn.Flatten()]
        layers += [nn.Linear(inputs, settings["hidden"]), nn.ReLU()]
        model = nn.Sequential(nn.Sequential(*layers), nn.Linear(settings["hidden"], classes))
        for layer in _weighted(model):
            nn.init.zeros_(layer.bias)
            if isinstance(layer, OverparamConv2d):
                # PyTorch's variance is 1/3 over fan-in, and Kaiming's is 2 over fan-in
                chains: Any = layer.parametrizations
                with torch.no_grad():
                    chains.weight.original0.mul_(math.sqrt(6))
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        depth = form.get("depth", 1)
        if depth > 1:
            kinds: dict[str, Any] = {
                "all": (nn.Conv2d, nn.Linear),
                "conv": nn.Conv2d,
                "fc": nn.Linear,
            }
            which, weighted = form.get("layers", "all"), _weighted(model)
            if isinstance(which, int):
                chosen = weighted[:which]
            else:
                chosen = [each for each in weighted if isinstance(each, kinds[which])]
            places = {id(each) for each in chosen}
            overparameterize(
                model,
                depth,
                where=lambda path, layer: id(layer) in places,
                width=form.get("width"),
                bottleneck="width" in form,
                residual=form.get("residual", False),
            )
        if form.get("collapsed", False):
            collapse(model)
    return model


def train_stack(
    models: Sequence[Any],
    splits: Sequence[Mapping[str, Split]],
    rates: Sequence[float],
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    epochs: Sequence[int],
    *,
    penalty: str | None = None,
    strengths: Sequence[float] = (),
) -> list[dict[str, Array]]:
    """Train networks by stochastic gradient descent with momentum 0.9, and record them.

    The rate is divided by ten after a half and after five sixths of the epochs, as in Appendix E.

    Parameters
    ----------
    models : sequence of torch.nn.Sequential
        Networks of one form from `build`; they are trained in place.
    splits : sequence of mapping
        For each network its `Split` for "training", "validation" and "test".
    rates : sequence of float
        Learning rate of each network.
    seeds : sequence of int
        Seed of the order of examples of each network.
    settings : mapping
        `epochs`, `batch`, the number of examples in a step, and `gram`, the number of test images
        in the Gram matrix.
    epochs : sequence of int
        Epochs that are recorded.
    penalty : str, optional
        Name of a regulariser of `convolutional_penalties`, which is added to the loss.
    strengths : sequence of float, optional
        What each network's regulariser is multiplied by.

    Returns
    -------
    list of dict
        For each network: arrays over epochs, "loss", "accuracy", those of the other two splits,
        "gram_values" and "layer_values", singular values of the Gram matrix and of the layers'
        end-to-end weights, and "gram_rank" and "layer_rank" in nats.  All are nan after a network
        diverged.
    """
    import torch
    from torch import nn
    from torch.func import functional_call, grad, stack_module_state, vmap

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        parameters, _ = stack_module_state(list(models))
        parameters = {name: each.detach() for name, each in parameters.items()}
        speed = {name: torch.zeros_like(each) for name, each in parameters.items()}
        images, labels = (
            torch.from_numpy(np.stack([split["training"][i] for split in splits])) for i in (0, 1)
        )

        network = penalised(models[0], _weighted(models[0]), penalty)
        weight = torch.tensor(strengths or [0.0] * len(models))

        def loss(own: Any, strength: Any, x: Any, y: Any) -> Any:
            named = {f"model.{name}": each for name, each in own.items()}
            outputs, size = functional_call(network, named, (x,))
            return nn.functional.cross_entropy(outputs, y) + strength * size

        gradient = vmap(grad(loss))
        orders = [np.random.default_rng(seed) for seed in seeds]
        count, batch = images.shape[1], settings["batch"]
        rows = torch.arange(len(models))[:, None]
        drops = steps_of_the_rate(settings["epochs"])
        records: list[list[dict[str, Any]]] = [[] for _ in models]
        for epoch in range(settings["epochs"] + 1):
            if epoch in epochs:
                for i, model in enumerate(models):
                    _assign(model, parameters, i)
                    records[i].append(_measured(model, splits[i], settings))
            if epoch == settings["epochs"]:
                break
            factor = 0.1 ** sum(epoch >= drop for drop in drops)
            order = torch.from_numpy(np.stack([each.permutation(count) for each in orders]))
            for start in range(0, count - batch + 1, batch):
                chosen = order[:, start : start + batch]
                slopes = gradient(parameters, weight, images[rows, chosen], labels[rows, chosen])
                for name, each in parameters.items():
                    speed[name].mul_(0.9).add_(slopes[name])
                    rate = torch.tensor([factor * rate for rate in rates])
                    each.sub_(rate.reshape(-1, *[1] * (each.ndim - 1)) * speed[name])
    finally:
        torch.set_num_threads(threads)
    return [{name: np.stack([each[name] for each in one]) for name in one[0]} for one in records]


def _weighted(model: Any) -> list[Any]:
    """Layers with weights, from the first to the last."""
    return [each for each in model.modules() if hasattr(each, "weight") and hasattr(each, "bias")]


def _assign(model: Any, parameters: Mapping[str, Any], place: int) -> None:
    """Give a network its parameters of the stack."""
    import torch

    with torch.no_grad():
        for name, each in model.named_parameters():
            each.copy_(parameters[name][place])


def _measured(
    model: Any, splits: Mapping[str, Split], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Losses, accuracies, spectra and ranks of a network as it is.

    Layers are those that all networks have, which leaves out the ones that `more` adds.
    """
    import torch
    from torch import nn

    found: dict[str, Any] = {}
    with torch.no_grad():
        for prefix, name in (("", "training"), ("validation_", "validation"), ("test_", "test")):
            split = splits[name]
            features = model[0](torch.from_numpy(split.images))
            outputs, labels = model[1](features), torch.from_numpy(split.labels)
            loss = float(nn.functional.cross_entropy(outputs.double(), labels))
            accuracy = float((outputs.argmax(1) == labels).double().mean())
            known = np.isfinite(loss)
            found[f"{prefix}loss"] = loss if known else np.nan
            found[f"{prefix}accuracy"] = accuracy if known else np.nan
        values = gram_values(features[: settings["gram"]].double().numpy())
        weighted = _weighted(model)
        common = weighted[: len(settings["channels"])] + weighted[-_LINEAR:]
        layers = [end_to_end_values(each.weight.double().numpy()) for each in common]
    longest = max(map(len, layers))
    padded = np.full((len(layers), longest), np.nan)
    for row, each in zip(padded, layers, strict=True):
        row[: len(each)] = each
    return found | {
        "gram_values": values,
        "gram_rank": _rank(values),
        "layer_values": padded,
        "layer_rank": np.array([_rank(each) for each in layers]),
    }


def _rank(values: Array) -> float:
    """Effective rank in nats; nan if there are no values, or only zeros."""
    return float(effective_rank(values)) if np.isfinite(values).all() and values.any() else np.nan


def gram_values(features: Array) -> Array:
    """Singular values of the cosine Gram matrix that its rank leaves free, in descending order.

    Parameters
    ----------
    features : ndarray, shape (samples, features)

    Returns
    -------
    ndarray, shape (min(samples, features),)
        The others are 0 for any features.  All are nan if a feature is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> gram_values(np.array([[3.0, 0.0], [5.0, 0.0], [0.0, 2.0]])).round(12)
    array([2., 1.])
    """
    if not np.isfinite(features).all():
        return np.full(min(features.shape), np.nan)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    directions = features / np.where(norms > 0, norms, 1)
    return np.asarray(np.linalg.svd(directions, compute_uv=False) ** 2)


def end_to_end_values(weight: Array) -> Array:
    """Singular values of a weight as a matrix of outputs x (inputs * taps); nan if it diverged."""
    matrix = weight.reshape(len(weight), -1)
    if not np.isfinite(matrix).all():
        return np.full(min(matrix.shape), np.nan)
    return np.asarray(np.linalg.svd(matrix, compute_uv=False))
