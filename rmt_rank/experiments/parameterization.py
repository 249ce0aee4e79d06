"""Observation 4 and Figure 5: depth and rank where all networks begin with the same low rank.

A run that has not converged reads as lower rank: its small singular values have not grown yet.  At
a loss of 1e-3, of 16 for a map to 0, 24 examples of 32 features still hide 0.02 nats.  So every
network is looked at twice: where gradient descent ends, and after L-BFGS has taken it on to a loss
of 1e-5, which keeps to the same identity (`rmt_rank.networks.identities`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.experiments.convergence import references
from rmt_rank.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    run_experiment,
    shared_seed,
)
from rmt_rank.experiments.findings import (
    ENOUGH,
    Finding,
    Verdict,
    judge_converged,
    judge_shift,
    judge_trend,
)
from rmt_rank.metrics.gram import gram_effective_rank
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.networks.identities import (
    converged_weight,
    converged_weight_error,
    effective_weight,
)
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.training.ledger import Status
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.search import learning_rate_search
from rmt_rank.training.train import recording_schedule, train

__all__ = ["EXPERIMENT", "SHOWN", "blocks", "fitted_depths", "medians", "run"]
__all__ += ["train_to_the_end", "verdict"]

Array = npt.NDArray[np.float64]

# What reports of this and of similar experiments begin with.
SHOWN = (
    "converged",
    "fitted",
    "diverged",
    "initial_gram_rank",
    "gram_rank",
    "fitted_gram_rank",
    "identity_gram_rank",
    "minimal_gram_rank",
    "weight_rank",
    "fitted_weight_rank",
    "identity_weight_rank",
    "minimal_weight_rank",
    "loss",
    "fitted_loss",
    "steps",
    "learning_rate",
    "at_edge",
)

_INITIALISATIONS = {
    "normal": "default initialisation",
    "balanced": "all begin as the product of the deepest network",
    "marginals": "all weights begin with the entries of that product",
}

_SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "width": 8,
        "task_rank": 6,
        "examples": 6,
        "depths": [1, 2, 3],
        "as_depth": 3,
        "repeats": 3,
        "steps": 150,
        "last_steps": 1000,
        "last_depth": 3,
    },
    "quick": {
        "width": 32,
        "task_rank": 24,
        "examples": 24,
        "depths": [1, 2, 4, 8],
        "as_depth": 32,
        "repeats": 5,
        "steps": 2000,
        "last_steps": 5000,
        "last_depth": 4,
    },
    "full": {
        "width": 32,
        "task_rank": 24,
        "examples": 24,
        "depths": [1, 2, 4, 8, 16, 32],
        "as_depth": 32,
        "repeats": 9,
        "steps": 4000,
        "last_steps": 20000,
        "last_depth": 8,
    },
}


def _settings(size: str) -> dict[str, Any]:
    return {"initialisations": list(_INITIALISATIONS), "tolerance": 1e-5} | _SIZES[size]


def _cells(settings: Mapping[str, Any]) -> list[Cell]:
    return [
        {"initialisation": initialisation, "depth": depth, "repeat": repeat}
        for initialisation in settings["initialisations"]
        for depth in settings["depths"]
        for repeat in range(settings["repeats"])
    ]


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    repeat, initialisation = cell["repeat"], cell["initialisation"]
    problem = least_squares_problem(
        settings["width"],
        settings["task_rank"],
        settings["examples"],
        rng=shared_seed(seed, problem=repeat),
    )
    as_depth = None if initialisation == "normal" else settings["as_depth"]
    return train_to_the_end(
        problem,
        LinearNetwork((settings["width"],) * (cell["depth"] + 1)),
        settings,
        # the same for all depths: balanced ones begin with the same map
        shared_seed(seed, weights=repeat),
        initialisation=initialisation,
        as_depth=as_depth,
    )


def train_to_the_end(
    problem: LeastSquaresProblem,
    network: LinearNetwork,
    settings: Mapping[str, Any],
    rng: np.random.SeedSequence,
    **initialisation: Any,
) -> Arrays:
    """Gradient descent at its best learning rate, then L-BFGS to zero training error.

    Parameters
    ----------
    problem, network
        As for `train`.
    settings : mapping
        Of an experiment: "steps" of gradient descent, "tolerance", and "last_steps" of L-BFGS, for
        networks of at most "last_depth" layers.
    rng : numpy.random.SeedSequence
        Source of the initial weights.
    **initialisation
        Of `train`.

    Returns
    -------
    dict of str to (dimensions, ndarray)
        `..._path` over the steps of gradient descent, what it ends with, and `fitted_...` after
        L-BFGS; `minimal_...` of the solution of least norm, W* P.
    """
    found: dict[str, Any] = references(problem)
    depth = network.depth
    common: dict[str, Any] = {"seeds": 1, "tolerance": settings["tolerance"], "rng": _number(rng)}
    common |= initialisation
    steps = settings["steps"]
    # the largest stable rate is about 1/depth of that of one layer
    grid = [rate / depth for rate in (0.5, 0.25, 0.125, 0.0625)]
    search = learning_rate_search(problem, network, grid, steps=steps, extensions=10, **common)
    schedule = recording_schedule(steps, 40)
    result = train(
        problem, network, learning_rate=search.best, steps=steps, record=schedule, **common
    )
    last = result
    if depth <= settings["last_depth"]:
        last = train(
            problem,
            network,
            optimizer="lbfgs",
            steps=settings["last_steps"],
            start=result,
            record=[],
            **common,
        )
    arrays = _paths(result) | _ends(result, "") | _ends(last, "fitted_")
    status, fitted = (int(each.arrays["status"][1][0, 0]) for each in (result, last))
    found |= _identity(problem, last)
    found |= {
        "converged": status == Status.CONVERGED,
        "diverged": status == Status.DIVERGED,
        "fitted": fitted == Status.CONVERGED,
        "steps": result.arrays["taken"][1][0, 0],
        "learning_rate": search.best,
        "at_edge": search.at_edge,
        "minimal_test_loss": problem.test_loss(problem.minimum_norm_weight),
    }
    return arrays | {name: ((), np.array(value)) for name, value in found.items()}


def _number(rng: np.random.SeedSequence) -> int:
    """A seed that may be used again and again."""
    return int(rng.generate_state(1, np.uint64)[0])


_KEPT = {
    "gram_effective_rank": "gram_rank",
    "effective_rank": "weight_rank",
    "stable_rank": "stable_rank",
    "threshold_rank": "threshold_rank",
    "nuclear_norm": "nuclear_norm",
    "frobenius_norm": "frobenius_norm",
    "loss": "loss",
    "test_loss": "test_loss",
}


def _all_of(result: TrainingResult) -> dict[str, Array]:
    """What was recorded, without the dimensions learning_rate and seed, and the Frobenius norm."""
    found = {name: v[0, 0] for name, (_, v) in result.arrays.items() if v.ndim > 1}
    for prefix in ("", "final_"):
        if prefix + "singular_values" in found:
            s = found[prefix + "singular_values"]
            found[prefix + "frobenius_norm"] = np.linalg.norm(s, axis=-1)
    return found


def _paths(result: TrainingResult) -> Arrays:
    """Numbers along the way; those of a network that has stopped stay as they are."""
    found, step = _all_of(result), result.arrays["step"][1]
    after = step > found["taken"]
    arrays: Arrays = {"step": (("step",), step)}
    for name, short in _KEPT.items():
        values, end = found[name], found[f"final_{name}"]
        late = after.reshape(-1, *[1] * (values.ndim - 1))
        further = ("threshold",)[: values.ndim - 1]
        arrays[f"{short}_path"] = (("step", *further), np.where(late, end, values))
        if name != "frobenius_norm":
            arrays[f"initial_{short}"] = (further, values[0])
    return arrays | {"threshold": result.arrays["threshold"]}


def _ends(result: TrainingResult, prefix: str) -> Arrays:
    found = _all_of(result)
    return {
        prefix + short: (("threshold",)[: found[f"final_{name}"].ndim], found[f"final_{name}"])
        for name, short in _KEPT.items()
    }


def _identity(problem: LeastSquaresProblem, result: TrainingResult) -> dict[str, float]:
    """What the identity of gradient methods says of a network that fits; nan for others."""
    names = ("identity_weight_rank", "identity_gram_rank", "identity_error", "identity_bound")
    known = result.arrays["status"][1][0, 0] == Status.CONVERGED
    if not known or result.network.batch_norm or problem.test_inputs is None:
        return dict.fromkeys(names, float("nan"))
    skip, weights = result.network.skip, [w[0, 0] for w in result.weights]
    weight = effective_weight(weights, skip=skip)
    first, later = result.initial_weights[0][0, 0], weights[1:]
    predicted = converged_weight(problem, first, later, skip=skip)
    size = np.linalg.norm(weight)
    values = (
        effective_rank(np.linalg.svd(predicted)[1]),
        gram_effective_rank(problem.test_inputs @ predicted.T),
        np.linalg.norm(weight - predicted) / size,
        converged_weight_error(problem, result.arrays["final_loss"][1][0, 0]) / size,
    )
    return dict(zip(names, map(float, values), strict=True))


# --- what it says -----------------------------------------------------------------------------


def blocks(part: Any, name: str) -> Array:
    """Values with a row for each repeat, a column for each depth."""
    return np.asarray(part[name].transpose("repeat", "depth").values, dtype=np.float64)


def medians(part: Any, name: str) -> str:
    """Medians over repeats, by depth, in words; of `fitted_...` among those that fit."""
    values = part[name]
    if name.startswith("fitted_"):
        values = values.where(part.fitted == 1)
    shown = (
        f"{depth}: -" if np.isnan(value) else f"{depth}: {value:.4g}"
        for depth, value in zip(part.depth.values, values.median("repeat").values, strict=True)
    )
    return ", ".join(shown)


def _judge(dataset: Any) -> list[Finding]:
    names = dataset.initialisation.values.tolist()
    parts = {name: dataset.sel(initialisation=name) for name in names}
    findings = []
    for name, part in parts.items():
        findings.append(_after_descent(name, part, len(names)))
        findings.append(_at_zero_error(name, part, len(names)))
    findings.append(_reads_lower(dataset))
    findings += [_beyond_two(name, part, len(names)) for name, part in parts.items()]
    findings += [_below_least_norm(name, part, len(names)) for name, part in parts.items()]
    return findings


def _after_descent(name: str, part: Any, comparisons: int) -> Finding:
    steps = int(part.step.max())
    found = judge_trend(
        f"Deeper networks learn Gram matrices of lower rank in {steps} epochs "
        f"({_INITIALISATIONS[name]}).",
        "Observation 4, Figure 5",
        blocks(part, "gram_rank"),
        falls=True,
        complete=float(part.converged.astype(float).mean()),
        comparisons=comparisons,
    )
    text = (
        f"{found.statistic}; medians by depth {medians(part, 'gram_rank')}; where they began "
        f"{medians(part, 'initial_gram_rank')}; loss {medians(part, 'loss')}"
    )
    return Finding(found.sentence, found.reference, found.verdict, text)


def _at_zero_error(name: str, part: Any, comparisons: int) -> Finding:
    found = judge_converged(
        f"Deeper networks have Gram matrices of lower rank at zero training error "
        f"({_INITIALISATIONS[name]}).",
        "Observation 4, Figure 5",
        blocks(part, "fitted_gram_rank"),
        blocks(part, "fitted") == 1,
        part.depth.values.tolist(),
        falls=True,
        comparisons=comparisons,
    )
    text = (
        f"{found.statistic}; medians by depth {medians(part, 'fitted_gram_rank')}; by the "
        f"identity {medians(part, 'identity_gram_rank')}; the solution of least norm W* P, which "
        f"knows no depth: {float(part.minimal_gram_rank.median()):.4g}"
    )
    return Finding(found.sentence, found.reference, found.verdict, text)


def _reads_lower(dataset: Any) -> Finding:
    """Whether lack of convergence alone looks like low rank."""
    late = (dataset.converged == 0) & (dataset.fitted == 1)
    difference = (dataset.gram_rank - dataset.fitted_gram_rank).where(late)
    # a number for each repeat: its networks share a problem
    return judge_shift(
        "Networks that have not converged read as lower rank than the same ones do at zero "
        "training error.",
        "ours",
        difference.median([d for d in difference.dims if d != "repeat"]),
    )


def fitted_depths(part: Any) -> list[int]:
    """Depths at which enough runs reached zero training error."""
    share = part.fitted.astype(float).mean("repeat")
    return [d for d in part.depth.values.tolist() if share.sel(depth=d) >= ENOUGH]


def _beyond_two(name: str, part: Any, comparisons: int) -> Finding:
    """Whether the trend is more than that from one layer to two."""
    sentence = (
        f"The Gram matrix's rank falls on beyond two layers, at zero training error "
        f"({_INITIALISATIONS[name]})."
    )
    enough = fitted_depths(part)
    if 2 not in enough or enough[-1] == 2:
        return Finding(sentence, "ours", Verdict.UNDECIDED, "too few runs converged")
    rank = part.fitted_gram_rank.where(part.fitted == 1)
    change = rank.sel(depth=enough[-1]) - rank.sel(depth=2)
    found = judge_shift(sentence, "ours", change, comparisons=comparisons)
    text = f"depth {enough[-1]} less depth 2: {found.statistic}"
    return Finding(sentence, "ours", found.verdict, text)


def _below_least_norm(name: str, part: Any, comparisons: int) -> Finding:
    """Whether depth does more than to forget the initial weights outside the data."""
    sentence = f"Depth takes the weight's rank below that of W* P ({_INITIALISATIONS[name]})."
    reference = "ours: what an implicit bias towards low rank would do"
    enough = fitted_depths(part)
    if not enough:
        return Finding(sentence, reference, Verdict.UNDECIDED, "no depth converged")
    deepest = part.sel(depth=enough[-1])
    difference = (deepest.fitted_weight_rank - deepest.minimal_weight_rank).where(
        deepest.fitted == 1
    )
    found = judge_shift(sentence, reference, difference, comparisons=comparisons)
    text = (
        f"depth {enough[-1]}: {found.statistic}; medians by depth "
        f"{medians(part, 'fitted_weight_rank')}; by the identity "
        f"{medians(part, 'identity_weight_rank')}; W* P "
        f"{float(part.minimal_weight_rank.median()):.4g}"
    )
    return Finding(sentence, reference, found.verdict, text)


EXPERIMENT = Experiment(
    name="parameterization",
    title="Rank from initialisation to convergence, with default and with low-rank initial weights",
    reference="Observation 4, Figure 5",
    settings=_settings,
    cells=_cells,
    compute=_compute,
    judge=_judge,
    shown=SHOWN,
)


def run(
    size: str = "quick",
    *,
    folder: str | Path | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Any:
    """Run it; see `rmt_rank.experiments.experiment.run_experiment`."""
    return run_experiment(
        EXPERIMENT, size, folder=folder, seed=seed, executor=executor, progress=progress
    )


def verdict(dataset: Any) -> list[Finding]:
    """What the numbers say, a finding for each sentence."""
    return EXPERIMENT.judge(dataset)
