"""Figure 3: Gram matrices of networks that classify images, by activation and depth.

Networks are trained to a small training loss; the cosine Gram matrix is that of the last hidden
layer on held-out images.  Blocks are found by the clustering that orders the figure.
The paper names neither images, widths nor initial weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rmt_rank.metrics.gram import gram_matrix
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding, listed
from rmt_rank.paper.experiments.image_problems import image_problem
from rmt_rank.paper.experiments.judges import judge_each, judge_over
from rmt_rank.paper.experiments.trained.gram_blocks import (
    agreement,
    block_share,
    clustered,
    clusters,
)
from rmt_rank.training.ledger import Status
from rmt_rank.training.train import train

__all__ = ["EXPERIMENT", "run", "verdict"]

_REFERENCE = "Observation 2, Figure 3"

# Initial weights have this variance over fan-in: it keeps a signal's size through ReLUs, and is
# what SIREN takes for sin(omega x), where omega is 1 if the weights have it in them.
_VARIANCES = {"relu": 2.0, "tanh": 1.0, "gelu": 2.0, "sine": 2.0, "identity": 1.0}

_settings = by_size(
    data="digits",
    activations=list(_VARIANCES),
    width=(16, 32, 64),
    examples=(60, 256, 1024),
    held_out=(40, 256, 256),
    depths=([1, 2, 4], [1, 2, 4, 8], [1, 2, 4, 8]),
    repeats=(2, 9, 9),
    tolerance=(0.1, 0.01, 0.001),
    learning_rate=(0.01, 0.003, 0.002),
    steps=(200, 1500, 3000),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    found = [_one(settings, cell, seed, repeat) for repeat in range(settings["repeats"])]
    arrays: Arrays = {
        name: (("repeat",), np.array([each[name] for each in found]))
        for name in found[0]
        if name != "gram"
    }
    # the figure shows the first repeat only
    gram = clustered(found[0]["gram"]).astype(np.float32)
    return arrays | {"gram": (("image", "other"), gram)}


def _one(
    settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence, repeat: int
) -> dict[str, Any]:
    """Train a network; images and seeds of weights are those of other depths and activations."""
    problem = image_problem(
        settings["data"],
        settings["examples"],
        settings["held_out"],
        shared_seed(seed, images=repeat),
    )
    network = NonlinearNetwork(
        (problem.features, *[settings["width"]] * cell["depth"], problem.outputs),
        cell["activation"],
        criterion="cross-entropy",
    )
    result = train(
        problem,
        network,
        optimizer="adam",
        learning_rate=settings["learning_rate"],
        steps=settings["steps"],
        tolerance=settings["tolerance"],
        scale=math.sqrt(_VARIANCES[cell["activation"]]),
        record=[0],
        rng=shared_seed(seed, weights=repeat),
        unconverged="ignore",
    )
    end = {
        name.removeprefix("final_"): values.item()
        for name, (_, values) in result.arrays.items()
        if values.size == 1
    }
    initial = result.arrays["initial_parameters"][1].ravel()
    labels = np.asarray(problem.test_targets).argmax(axis=1)
    found = {
        "converged": end["status"] == Status.CONVERGED,
        "gram_rank": result.arrays["final_gram_effective_rank"][1].item(),
        "initial_gram_rank": result.arrays["gram_effective_rank"][1].item(),
        "loss": end["loss"],
        "accuracy": end["accuracy"],
        "test_accuracy": end["test_accuracy"],
        "steps": end["taken"],
    }
    for prefix, parameters in (("initial_", initial), ("", result.state[0][0])):
        gram = gram_matrix(network.features(parameters, problem.test_inputs))
        groups = clusters(gram, problem.outputs)
        found |= {
            f"{prefix}block_share": block_share(gram, groups),
            f"{prefix}class_share": block_share(gram, labels),
            f"{prefix}agreement": agreement(groups, labels),
        }
    return found | {"gram": gram}


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    parts = {name: dataset.sel(activation=name) for name in dataset.activation.values.tolist()}
    findings = [_falls(part, name, len(parts)) for name, part in parts.items()]
    findings.append(_before(parts))
    for variable, sentence, reference in (
        (
            "block_share",
            "Block structures emerge with depth: as many clusters as there are classes explain "
            "more of the Gram matrix's variance.",
            _REFERENCE,
        ),
        (
            "class_share",
            "With depth the classes explain more of the Gram matrix's variance.",
            "ours: whether blocks are classes",
        ),
        (
            "agreement",
            "With depth the clusters agree better with the classes (adjusted Rand index).",
            "ours: whether blocks are classes",
        ),
    ):
        findings.append(_blocks(parts, variable, sentence, reference))
    return findings


def _medians(part: Any, name: str) -> str:
    """By depth, among the runs that converged."""
    values = part[name].where(part.converged == 1).median("repeat").values
    return listed(part.depth.values, values, ".3g")


def _falls(part: Any, name: str, comparisons: int) -> Finding:
    found = judge_over(
        f"Deeper networks learn Gram matrices of lower rank ({name}).",
        _REFERENCE,
        part,
        "gram_rank",
        falls=True,
        comparisons=comparisons,
    )
    return found.saying(
        f"; medians by depth {_medians(part, 'gram_rank')}; before training "
        f"{_medians(part, 'initial_gram_rank')}; loss at most {float(part.loss.max()):.2g}; "
        f"held-out accuracy {_medians(part, 'test_accuracy')}"
    )


def _before(parts: Mapping[str, Any]) -> Finding:
    return judge_each(
        "Before training, deeper networks have Gram matrices of lower rank.",
        "Observation 1",
        parts,
        "initial_gram_rank",
        falls=True,
        flag=None,
    )


def _blocks(parts: Mapping[str, Any], variable: str, sentence: str, reference: str) -> Finding:
    details = (
        f"{name}, medians by depth {_medians(part, variable)}" for name, part in parts.items()
    )
    found = judge_each(sentence, reference, parts, variable, falls=False)
    return found.saying(f" | {'; '.join(details)}")


EXPERIMENT = Experiment(
    name="gram-matrices",
    title="Gram matrices of trained networks, over activations and depth",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(activation="activations", depth="depths"),
    compute=_compute,
    judge=_judge,
    shown=columns(
        "converged initial_gram_rank gram_rank initial_block_share block_share "
        "initial_class_share class_share initial_agreement agreement loss accuracy "
        "test_accuracy steps"
    ),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
