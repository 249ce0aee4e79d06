"""Appendix H on training runs: single steps, conserved quantities, and the converged weight."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from rmt_rank.networks.identities import (
    balance,
    converged_weight,
    converged_weight_error,
    effective_weight,
    singular_value_velocity,
)
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.train import train

__all__ = ["CLAIMS"]

Array = npt.NDArray[np.float64]

# Products of a handful of matrices of side 8 and less with entries of order 1, as in appendix_h.
_ROUNDING = 1e-12

# Powers of two: steps of gradient descent, from one to half of it.
_STEPS = tuple(2.0**-k for k in range(4, 10))

_HALVING = (
    "log2 of the ratio of errors as the step halves, which tends to the order p like p + c step; "
    "the bound is twice the last change of it, and the last step, as c may be small"
)


def _problem(context: Context, features: int, outputs: int, examples: int) -> LeastSquaresProblem:
    """Orthogonal inputs of about equal lengths, on which every method converges soon."""
    key = (features, outputs, examples)
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=key))
    frame = np.linalg.qr(rng.normal(size=(features, features)))[0]
    x = frame[:examples] * np.sqrt(examples) * np.linspace(0.8, 1.2, examples)[:, np.newaxis]
    task = rng.normal(size=(outputs, features)) / np.sqrt(features)
    return LeastSquaresProblem(x, x @ task.T, task=task)


def _slope(problem: LeastSquaresProblem, weight: Array) -> Array:
    """Eq. 14 for the training loss, which is a mean over examples."""
    residual = weight @ problem.inputs.T - problem.targets.T
    return np.asarray(residual @ problem.inputs / problem.examples)


def _relative(a: Array, b: Array) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def _order(name: str, errors: Sequence[float], order: int) -> Evidence:
    """Exponent of the errors as the step is halved."""
    exponents = -np.diff(np.log2(errors))
    return at_most(
        name,
        abs(exponents[-1] - order),
        2 * abs(exponents[-1] - exponents[-2]) + _STEPS[-1],
        f"distance of the exponent from {order}: {_HALVING}",
    )


def _a_step(context: Context) -> Iterator[Evidence]:
    problem = _problem(context, 4, 3, 3)
    result = train(
        problem,
        LinearNetwork((4, 6, 3)),
        learning_rate=0.1,
        steps=1,
        rng=context.seed,
        unconverged="ignore",
    )
    w1, w2 = (w[0, 0] for w in result.initial_weights)
    weight = w2 @ w1
    slope = _slope(problem, weight)
    update = w2 @ w2.T @ slope + slope @ w1.T @ w1
    second = slope @ weight.T @ slope
    yield at_most(
        "Eq. 19 on two layers, learning rate 0.1",
        _relative(
            effective_weight([w[0, 0] for w in result.weights]),
            weight - 0.1 * update + 0.01 * second,
        ),
        _ROUNDING,
        "relative distance of the trained product from the formula",
    )
    result = train(
        problem,
        LinearNetwork((4, 6, 3, 5, 3)),
        learning_rate=_STEPS,
        steps=1,
        rng=context.seed,
        unconverged="ignore",
    )
    factors = [w[0, 0] for w in result.initial_weights]
    weight = effective_weight(factors)
    first = np.zeros_like(weight)
    for i in range(4):
        left = effective_weight([*factors[i + 1 :], np.eye(3)])
        right = effective_weight([np.eye(4), *factors[:i]])
        first += left @ left.T @ _slope(problem, weight) @ right.T @ right
    moved = effective_weight([w[:, 0] for w in result.weights])
    errors = [
        float(np.linalg.norm(after - (weight - eta * first)))
        for after, eta in zip(moved, result.arrays["learning_rate"][1], strict=True)
    ]
    yield _order("Eq. 24 on four layers is off by the square of the learning rate", errors, 2)


def _balance(context: Context) -> Iterator[Evidence]:
    problem, network = _problem(context, 4, 3, 3), LinearNetwork((4, 6, 5, 3))
    result = train(
        problem, network, learning_rate=0.1, steps=1, rng=context.seed, unconverged="ignore"
    )
    before = [w[0, 0] for w in result.initial_weights]
    after = [w[0, 0] for w in result.weights]
    gradients = [(a - b) / 0.1 for a, b in zip(before, after, strict=True)]
    changes = [b - a for a, b in zip(balance(before), balance(after), strict=True)]
    squares = [0.01 * each for each in balance(gradients)]
    yield at_most(
        "a step changes it by the square of the learning rate times that of the gradients",
        max(_relative(a, b) for a, b in zip(changes, squares, strict=True)),
        100 * _ROUNDING,
        "relative distance from eta^2 (G_(l+1)^T G_(l+1) - G_l G_l^T), eta = 0.1, which is a "
        "hundredth of what is subtracted; gradients from the step itself",
    )
    drift = []
    for eta in _STEPS:
        run = train(
            problem, network, learning_rate=eta, steps=round(2 / eta), tolerance=0, rng=context.seed
        )
        ends = balance([w[0, 0] for w in run.weights])
        drift.append(
            max(float(np.linalg.norm(b - a)) for a, b in zip(balance(before), ends, strict=True))
        )
    yield _order("over a fixed time it drifts in proportion to the learning rate", drift, 1)


def _singular_values(context: Context) -> Iterator[Evidence]:
    problem = _problem(context, 5, 5, 4)
    for depth in (2, 3, 5):
        errors = []
        for eta in _STEPS:
            # to the time 1, and a step further
            here, there = (
                train(
                    problem,
                    depth,
                    learning_rate=eta / 2,
                    steps=round(2 / eta) + more,
                    tolerance=0,
                    initialisation="balanced",
                    rng=context.seed,
                )
                for more in (0, 1)
            )
            weight = effective_weight([w[0, 0] for w in here.weights])
            velocity = singular_value_velocity(weight, _slope(problem, weight), depth)
            moved = (
                there.arrays["final_singular_values"][1] - here.arrays["final_singular_values"][1]
            )[0, 0]
            errors.append(float(np.linalg.norm(moved / (eta / 2) - velocity)))
        yield _order(
            f"depth {depth}: a run follows it up to the order of the learning rate", errors, 1
        )


_METHODS = {"gradient_descent": 0.05, "momentum": 0.01, "nesterov": 0.01, "lbfgs": None}


def _distance(problem: LeastSquaresProblem, result: TrainingResult) -> float:
    """Largest distance from the identity, in units of the bound that the final loss allows."""
    loss = result.arrays["final_loss"][1]
    expected = converged_weight(problem, result.initial_weights[0], result.weights[1:])
    error = np.linalg.norm(effective_weight(result.weights) - expected, axis=(-2, -1))
    # an error of the inputs' rounding comes on top
    return float(np.max(error / (converged_weight_error(problem, loss) + _ROUNDING)))


def _zero_error(context: Context) -> Iterator[Evidence]:
    problem = _problem(context, 8, 8, 4)
    how = (
        "largest distance of W_e from W* P + W_d ... W_2 W_1(0) (I - P) over depths 1, 2 and 3, "
        "three networks each, over sqrt(2 examples loss)/(least singular value of the data), "
        "what a training loss of at most 1e-10 allows"
    )
    for method, rate in _METHODS.items():
        worst = max(
            _distance(problem, _converged(problem, depth, method, rate, context.seed))
            for depth in (1, 2, 3)
        )
        yield at_most(f"{method.replace('_', ' ')} ends there", worst, 1, how)
    least = min(
        _distance(problem, _converged(problem, depth, "adam", 0.01, context.seed))
        for depth in (1, 2, 3)
    )
    yield below(
        "Adam does not: its steps leave the span of the data",
        1 / least,
        1,
        "the same, upside down, the least over depths",
    )


def _converged(
    problem: LeastSquaresProblem, depth: int, method: str, rate: float | None, seed: int
) -> TrainingResult:
    result = train(
        problem,
        depth,
        optimizer=method,
        learning_rate=rate,
        seeds=3,
        steps=20000,
        tolerance=1e-10,
        initialisation="orthogonal",
        record=[],
        rng=seed,
        unconverged="ignore",
    )
    if result.arrays["final_loss"][1].max() > 1e-10:
        raise RuntimeError(f"{method} at depth {depth} did not reach a loss of 1e-10")
    return result


def _outside(context: Context) -> Iterator[Evidence]:
    problem, network = _problem(context, 8, 8, 4), LinearNetwork((8, 8, 8, 8))
    begin = train(problem, network, seeds=400, steps=0, tolerance=0, record=[], rng=context.seed)
    first, *later = begin.initial_weights
    # W_1 as it is on the data for all, each with what it has outside
    on_data = first[:, :1] @ problem.projector
    outside = first - first @ problem.projector
    weights = [on_data + outside, *(np.repeat(w[:, :1], 400, axis=1) for w in later)]
    parameters = network.parameters(weights).reshape(400, -1)
    start = dataclasses.replace(
        begin,
        state=[parameters],
        arrays={**begin.arrays, "initial_parameters": (("", "", ""), parameters)},
    )
    end = train(
        problem,
        network,
        learning_rate=0.05,
        seeds=400,
        steps=2000,
        tolerance=0,
        record=[],
        start=start,
        rng=context.seed,
    )
    spread = max(float(np.max(np.ptp(w, axis=1))) for w in end.weights[1:])
    yield at_most(
        "W_2 ... W_d end the same whatever W_1 (I - P) was",
        spread,
        2000 * _ROUNDING,
        "largest difference of an entry between 400 networks that differ in it alone, after 2000 "
        "steps that each round",
    )
    upper = effective_weight(end.weights[1:])
    weight = effective_weight(end.weights)[0]
    excess = np.sum((weight @ (np.eye(8) - problem.projector)) ** 2, axis=(-2, -1))
    # Gaussian W_1 (I - P): entries of variance 1/8 in 8 - 4 dimensions
    expected = float(np.sum(upper[0, 0] ** 2)) * (8 - problem.rank) / 8
    z = abs(np.mean(excess) - expected) / (np.std(excess, ddof=1) / np.sqrt(excess.size))
    yield at_most(
        "what they carry adds |W_d ... W_2|_F^2 (n - q)/n to |W_e (I - P)|_F^2, on average",
        z,
        4.5,
        "standard errors of the mean over 400 networks; 4.5 are passed once in 150,000 seeds",
    )


_ARGUED = "docs/appendix-h.md"

CLAIMS = (
    Claim(
        name="appendix-h.training-step",
        statement="A training step moves the product as Eq. 19 and Eq. 24 say, repaired.",
        assumptions="gradient descent on half the mean squared error, any widths",
        reference="Eq. 19 and 24",
        status="proved",
        refuted_by="a distance beyond rounding on two layers, or not of second order on four",
        check=_a_step,
        argued=_ARGUED,
    ),
    Claim(
        name="appendix-h.balance",
        statement=(
            "Gradient flow keeps W_(i+1)^T W_(i+1) - W_i W_i^T; a step of size eta changes it by "
            "eta^2 times that of the gradients."
        ),
        assumptions="plain linear networks, any widths",
        reference="Appendix H; Arora, Cohen and Hazan, arXiv:1802.06509, Theorem 1",
        status="proved",
        refuted_by="another change in a step, or a drift over a fixed time of another order",
        check=_balance,
        argued=_ARGUED,
    ),
    Claim(
        name="appendix-h.singular-values",
        statement=(
            "In a balanced network sigma_r' = -d sigma_r^(2 - 2/d) <gradient, u_r v_r^T> under "
            "gradient flow."
        ),
        assumptions="distinct singular values; gradient descent up to the order of its step",
        reference="Appendix H; Arora, Cohen, Hu and Luo, arXiv:1905.13655, Theorem 3",
        status="known",
        refuted_by="an error of a run that is not of the order of its step",
        check=_singular_values,
        argued=_ARGUED,
    ),
    Claim(
        name="appendix-h.zero-error",
        statement=(
            "At zero training error W_e = W* P + W_d ... W_2 W_1(0) (I - P), P projecting on the "
            "inputs."
        ),
        assumptions=(
            "gradient descent, with momentum, Nesterov's, or L-BFGS from a multiple of the "
            "identity; not Adam"
        ),
        reference="ours, on Observations 2 to 4",
        status="proved",
        refuted_by="a distance from it that the training loss does not allow",
        check=_zero_error,
        argued=_ARGUED,
    ),
    Claim(
        name="appendix-h.outside-the-data",
        statement=(
            "Gradient descent does the same to W_2, ..., W_d whatever W_1(0) (I - P) is; so no "
            "depth has a lower mean test error than the solution of least norm, W* P."
        ),
        assumptions="zero training error, W_1(0) (I - P) of mean 0, independent of all else",
        reference="ours, on Section 4 and the ablation over task rank",
        status="proved",
        refuted_by="a difference between networks that differ in W_1(0) (I - P) alone",
        check=_outside,
        argued=_ARGUED,
    ),
)
