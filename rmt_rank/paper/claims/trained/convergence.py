"""Solutions that training converges to: methods that keep the identity, and the rank."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank.exact._precision import mp, working
from rmt_rank.exact.trained import least_squares as exact_least_squares
from rmt_rank.exact.trained import mode_dynamics as exact_mode_dynamics
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.networks.identities import effective_weight
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.minimal_norm import minimal_norm_effective_rank
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.theory.rectangular.law import rectangular_effective_rank
from rmt_rank.theory.trained.least_squares import one_layer_effective_rank
from rmt_rank.theory.trained.mode_dynamics import (
    mode_effective_rank,
    mode_singular_values,
    mode_time,
)
from rmt_rank.training.converged import ConvergedDistance, converged_weight_distance
from rmt_rank.training.train import train

__all__ = ["CLAIMS"]

Array = npt.NDArray[np.float64]

# Products of a handful of small matrices with entries of order 1, after up to thousands of steps.
_ROUNDING = 1e-11


def _seed(context: Context, *key: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(context.seed, spawn_key=key)


# --- the identity -----------------------------------------------------------------------------

_IN_SPAN = {"gradient_descent": 0.02, "momentum": 0.01, "nesterov": 0.01, "lbfgs": None}
_OUT_OF_SPAN = {"adam": 0.01, "cma_es": 0.1, "random_search": None}
_STEPS = {"cma_es": 1500, "random_search": 1000}
# Share of the weight's norm: above rounding, and below the differences of random weights.
_LITTLE = 0.01


def _trained(
    problem: LeastSquaresProblem,
    network: LinearNetwork | int,
    optimizer: str,
    rate: float | None,
    steps: int,
    seed: int,
) -> ConvergedDistance:
    result = train(
        problem,
        network,
        optimizer=optimizer,
        learning_rate=rate,
        seeds=2,
        steps=steps,
        tolerance=1e-3,
        record=[],
        rng=seed,
        unconverged="ignore",
    )
    return converged_weight_distance(result, problem)


def _identity(context: Context) -> Iterator[Evidence]:
    problem = least_squares_problem(5, 2, 3, rng=_seed(context, 1))
    residual = LinearNetwork((5, 5, 5), skip=1)
    for method, rate in _IN_SPAN.items():
        found = [
            _trained(problem, network, method, rate, steps, context.seed)
            for network in (1, 2, residual)
            for steps in (3, 3000)
        ]
        yield at_most(
            f"{method.replace('_', ' ')}: outside the data, at any loss",
            max(float(each.outside.max()) for each in found),
            _ROUNDING,
            "relative distance of W_e (I - P) from W_d ... W_2 W_1(0) (I - P) after 3 steps, and "
            "at a loss of 1e-3; depths 1 and 2, and 2 residual layers; bound: rounding",
        )
        yield at_most(
            f"{method.replace('_', ' ')}: on the data",
            max(float(np.max(each.distance / (each.allowed + _ROUNDING))) for each in found),
            1 + _ROUNDING,
            "the same, distance of W_e from W* P + W_d ... W_2 W_1(0) (I - P) over what the loss "
            "allows, sqrt(2 examples loss)/(least singular value of the data)",
        )
    for method, rate in _OUT_OF_SPAN.items():
        least = min(
            float(
                _trained(
                    problem, depth, method, rate, _STEPS.get(method, 3000), context.seed
                ).outside.min()
            )
            for depth in (1, 2)
        )
        yield below(
            f"{method.replace('_', ' ')} leaves the span of the data",
            _LITTLE / least,
            1,
            f"{_LITTLE:g} over the least relative distance outside the data, depths 1 and 2",
        )


# --- minimal norm -----------------------------------------------------------------------------


def _minimal_norm(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(_seed(context, 2))
    problem = least_squares_problem(16, 3, 8, rng=rng)
    least = problem.minimum_norm_weight
    scales = 10.0 ** rng.uniform(-3, 1, (500, 1, 1))
    others = least + scales * rng.standard_normal((500, 16, 16)) @ (np.eye(16) - problem.projector)
    sigma = np.linalg.svd(least, compute_uv=False)
    yield at_most(
        "no fit has a smaller singular value, in any place, than W* P",
        float(np.max(sigma - np.linalg.svd(others, compute_uv=False))),
        1e-12,
        "largest excess over 500 random weights that fit; proof: W W^T = (W* P)(W* P)^T + "
        "Z (I - P) Z^T; bound: rounding of values up to 100",
    )
    ranks: dict[float, list[float]] = {}
    excess = 0.0
    for scale, depths in ((1.0, (1, 2, 4)), (0.1, (1, 2))):
        ranks[scale] = []
        for depth in depths:
            result = train(
                problem,
                depth,
                optimizer="lbfgs",
                seeds=4,
                steps=3000,
                tolerance=1e-8,
                scale=scale,
                record=[],
                rng=context.seed,
                unconverged="ignore",
            )
            values = np.linalg.svd(effective_weight(result.weights)[0], compute_uv=False)
            ranks[scale].append(float(np.mean(effective_rank(values))))
            p = 2 / depth
            excess = max(excess, float(np.max(np.sum(sigma**p) / np.sum(values**p, axis=-1))))
    yield at_most(
        "trained networks of depth d have a Schatten-2/d sum at least that of W* P",
        excess,
        1 + 1e-3,
        "largest ratio of that of W* P to that of W_e, depths 1, 2 and 4, scales 1 and 0.1; bound: "
        "1, and the error that a loss of 1e-8 leaves",
    )
    minimal = minimal_norm_effective_rank(problem)
    yield below(
        "yet their rank falls with depth",
        max(np.diff(ranks[1.0])),
        0,
        f"larger step of the mean rank from depth 1 to 2 to 4, scale 1; the ranks are "
        f"{', '.join(f'{r:.3f}' for r in ranks[1.0])}, that of W* P {minimal:.3f} at every depth",
    )
    yield below(
        "and with the scale of the start, at one depth: to that of W* P",
        max(
            abs((low - minimal) / (high - minimal))
            for low, high in zip(ranks[0.1], ranks[1.0][:2], strict=True)
        ),
        1,
        "distance from the rank of W* P at scale 0.1, over that at scale 1; depths 1 and 2",
    )


# --- one layer --------------------------------------------------------------------------------


def _one_layer(context: Context) -> Iterator[Evidence]:
    errors = [
        abs(
            float(
                one_layer_effective_rank(values, n, q, scale=scale, power=power)
                - exact_least_squares.one_layer_effective_rank(
                    values, n, q, scale=scale, power=power, digits=14
                )
            )
        )
        for values, n, q, scale, power in (
            ([1.0, 1.0, 0.0, 0.0], 4, 2, 0.125, 1),
            ([2.0, 0.5, 0.25], 3, 1, 1, 2),
        )
    ]
    yield at_most(
        "float64 against quadrature in the subordinated variable",
        max(errors),
        1e-12,
        "largest distance; 4 features and 2 examples at scale 1/8, 3 and 1 at scale 1, power 2",
    )
    known = math.log(4) + rectangular_effective_rank([8, 4])
    yield at_most(
        "a task of 0: the law of Marchenko and Pastur",
        abs(one_layer_effective_rank(np.zeros(8), 8, 4) - known),
        1e-13,
        "distance from the rank of a Gaussian matrix of 8 : 4",
    )
    for n, draws in ((32, 400), (128, 40)):
        rng = np.random.default_rng(_seed(context, 3, n))
        problem = least_squares_problem(n, n // 8, n // 2, rng=rng)
        least = problem.minimum_norm_weight
        start = rng.standard_normal((draws, n, n)) / math.sqrt(n)
        weights = least + start @ (np.eye(n) - problem.projector)
        ranks = effective_rank(np.linalg.svd(weights, compute_uv=False))
        law = one_layer_effective_rank(np.linalg.svd(least, compute_uv=False), n, n // 2)
        error = float(np.std(ranks, ddof=1)) / math.sqrt(draws)
        yield at_most(
            f"mean of {draws} weights of width {n} against the law",
            abs(float(np.mean(ranks)) - law),
            0.3 / n + errors_allowed(draws) * error,
            f"task rank n/8, n/2 examples, scale 1; bound: 0.3/n for the width, and sampling "
            f"error; false alarm {FALSE_ALARM:g}",
        )


# --- modes ------------------------------------------------------------------------------------

_TASK, _START = (3.0, 2.0, 1.0), 0.01


def _flow(depth: int, time: float) -> Array:
    """Singular values by the flow of all weights, from aligned layers of equal values."""
    target = np.diag(_TASK)
    shape = (depth, 3, 3)

    def velocity(_: float, flat: Array) -> Array:
        weights = flat.reshape(shape)
        error = target - effective_weight(list(weights))
        moved = np.empty(shape)
        for i in range(depth):
            left = effective_weight([np.eye(3), *weights[i + 1 :]])
            right = effective_weight([np.eye(3), *weights[:i]])
            moved[i] = left.T @ error @ right.T
        return moved.ravel()

    begin = np.broadcast_to(_START ** (1 / depth) * np.eye(3), shape).ravel()
    end = scipy.integrate.solve_ivp(
        velocity, (0, time), begin, method="DOP853", rtol=1e-11, atol=1e-13
    )
    weight = effective_weight(list(end.y[:, -1].reshape(shape)))
    return np.asarray(np.linalg.svd(weight, compute_uv=False))


def _modes(context: Context) -> Iterator[Evidence]:
    places = [(0.3, 1, 1e-12, 3), (1.999, 2, 0.01, 8), (0.7, 1, 1e-3, 2.5), (0.2, 0.1, 0.5, 4)]
    errors = [
        abs(float(mode_time(*place) / exact_mode_dynamics.mode_time(*place)) - 1)
        for place in places
    ]
    yield at_most(
        "times in float64 against quadrature of the equation",
        max(errors),
        1e-13,
        "largest relative distance; depths 2.5 to 8, starts down to 1e-12, ways up and down",
    )
    with working(30):
        sigma, start, s, d = (mp.mpf(x) for x in ("0.7", "0.01", "2", "5"))

        def printed(value: Any) -> Any:
            power = value ** ((2 - d) / d) / (s * (2 - d))
            return power * mp.hyp2f1(1, (2 - d) / d, 2 / d, value / s)

        time = float(printed(sigma) - printed(start))
    yield at_most(
        "the time as a hypergeometric function",
        abs(float(mode_time(0.7, 2, 0.01, 5) / time - 1)),
        1e-13,
        "relative distance of sigma^(2/d - 1)/(s (2 - d)) 2F1(1, 2/d - 1; 2/d; sigma/s), depth 5",
    )
    worst = max(
        float(np.max(np.abs(_flow(d, t) / mode_singular_values(t, _TASK, _START, d) - 1)))
        for d, t in ((1, 1.0), (2, 1.0), (3, 2.0), (4, 6.0))
    )
    yield at_most(
        "the flow of whole matrices",
        worst,
        1e-7,
        "largest relative distance of a singular value, depths 1 to 4; bound: the solver's "
        "tolerance of 1e-11 per step, a thousand steps, and ten for the growth of errors",
    )
    final = float(effective_rank(np.array(_TASK)))
    depths = (2, 3, 4, 8)
    paths = {}
    for d in (1, *depths):
        last = 3 * float(mode_time(0.5, 1, _START, d)) + 30
        paths[d] = np.asarray(mode_effective_rank(np.linspace(0, last, 4000), _TASK, _START, d))
    yield at_most(
        "in the end the rank is that of the task, whatever the depth",
        max(abs(path[-1] - final) for path in paths.values()),
        1e-9,
        "largest distance, depths 1 to 8; the modes are within exp(-30) of the task's",
    )
    dips = [final - float(paths[d].min()) for d in depths]
    yield below(
        "on the way it dips, the deeper the lower",
        max([-dips[0], *(-np.diff(dips))]),
        0,
        f"depths {', '.join(map(str, depths))}: below the end by "
        f"{', '.join(f'{dip:.3f}' for dip in dips)} nats",
    )
    yield at_most(
        "one layer does not dip",
        final - float(paths[1].min()),
        1e-9,
        "how far it falls below the end, from equal singular values",
    )


CLAIMS = (
    Claim(
        name="convergence.identity",
        statement=(
            "At any training loss, W_e - W* P - W_d ... W_2 W_1(0) (I - P) is 0 outside the data, "
            "and on the data at most sqrt(2 q loss) over their least singular value."
        ),
        assumptions=(
            "gradient descent, with momentum, Nesterov's, or L-BFGS; plain or residual networks; "
            "not Adam, CMA-ES, random search"
        ),
        reference="ours, on Observations 2 to 4",
        status="proved",
        refuted_by="a larger distance, or one of the others that keeps it",
        check=_identity,
        argued="docs/networks.md, What training converges to",
    ),
    Claim(
        name="convergence.minimal-norm",
        statement=(
            "Heuristics of least norm predict no dependence of the rank on depth: W* P has the "
            "least of every unitarily invariant norm, and Schatten-2/d sum, at once."
        ),
        assumptions="least squares; the dependence that is measured is of the initial weights",
        reference="ours, on Observations 2 to 4",
        status="proved",
        refuted_by="a fit with a smaller singular value, or ranks that do not depend on the start",
        check=_minimal_norm,
        argued="docs/networks.md, What training converges to",
    ),
    Claim(
        name="convergence.one-layer",
        statement=(
            "The effective rank of one converged layer is that of a free convolution of W* P with "
            "a Marchenko-Pastur law."
        ),
        assumptions="Gaussian initial weights; width -> infinity, and the law of the eigenvalues "
        "of W* P (W* P)^T converges and is bounded; O(1/n) lower at width n",
        reference="Marchenko and Pastur 1967, doi:10.1070/SM1967v001n04ABEH001994; Silverstein and "
        "Bai, doi:10.1006/jmva.1995.1051; ours for the rank",
        status="proved",
        refuted_by="a digit in which the implementations differ, or a mean rank off the law",
        check=_one_layer,
        argued="docs/networks.md, What training converges to",
    ),
    Claim(
        name="convergence.modes",
        statement=(
            "On whitened data, from a small balanced start along the task, the rank dips below "
            "that of the task and rises to it, at every depth of two and more."
        ),
        assumptions="gradient flow; modes do not interact; the dip: in the examples looked at",
        reference="Saxe, McClelland and Ganguli, arXiv:1312.6120; ours for the rank",
        status="verified",
        refuted_by="a time or a flow that differs, an end that depends on depth, or no dip",
        check=_modes,
        argued="docs/networks.md, What training converges to",
    ),
)
