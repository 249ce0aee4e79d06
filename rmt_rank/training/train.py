"""Train networks on a problem: many seeds and learning rates as one batch."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import namespace_or_default
from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import (
    LARGEST_INTEGER,
    boolean,
    choice,
    instance,
    integer,
    real,
    real_array,
    require_memory,
    shown,
)
from rmt_rank.networks.fingerprint import fingerprint
from rmt_rank.networks.initialisation import initial_parameters
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.networks.objective import Objective
from rmt_rank.networks.problem import LeastSquaresProblem, require_problem
from rmt_rank.training.ledger import Standing, Status
from rmt_rank.training.loop import Run, run_batches
from rmt_rank.training.optimizers import LEARNING_RATES, OPTIMIZERS
from rmt_rank.training.optimizers.setup import Setup
from rmt_rank.training.recording import THRESHOLDS, Arrays, Observer, joined, with_measures
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.schedule import scheduled, wanted_steps
from rmt_rank.training.unconverged import UNCONVERGED, advice_for, respond, unconverged_message

__all__ = ["train", "whole_runs"]

Array = npt.NDArray[Any]

# Largest number of layers of a network that is given by its depth.
MOST_LAYERS = 10**5
_WITHOUT_GRADIENT = ("cma_es", "random_search")
_WHOLE_RUNS = ContextVar("whole_runs", default=False)


@contextmanager
def whole_runs() -> Iterator[None]:
    """Let Ctrl-C end `train` with KeyboardInterrupt instead of a partial result."""
    token = _WHOLE_RUNS.set(True)
    try:
        yield
    finally:
        _WHOLE_RUNS.reset(token)


def train(
    problem: LeastSquaresProblem,
    network: LinearNetwork | NonlinearNetwork | int,
    *,
    optimizer: str = "gradient_descent",
    learning_rate: float | Sequence[float] | None = None,
    seeds: int = 1,
    steps: int = 4000,
    tolerance: float = 1e-6,
    divergence: float = 1e6,
    initialisation: str = "normal",
    scale: float = 1.0,
    as_depth: int | None = None,
    record: int | Iterable[int] = 50,
    layers: bool = False,
    start: TrainingResult | None = None,
    rng: RNG = None,
    dtype: str = "float64",
    xp: Any = None,
    progress: bool = False,
    unconverged: str = "warn",
) -> TrainingResult:
    """Train networks and record their rank during training.

    Parameters
    ----------
    problem : LeastSquaresProblem
        Data.
    network : LinearNetwork, NonlinearNetwork or int
        Shape of the networks; an int is the depth of a plain linear one, at most 10^5, whose hidden
        layers are as wide as the wider end.
    optimizer : str, default "gradient_descent"
        "gradient_descent", "momentum", "nesterov", "adam", "lbfgs", "cma_es" or
        "random_search".
    learning_rate : float or sequence of float, optional
        Learning rate, or several, each for all seeds; for "cma_es" its initial step.  Not for
        "lbfgs" and "random_search".  The default is a modest one for the optimizer.
    seeds : int, default 1
        Number of networks for each learning rate; the same initial weights for each of them.
    steps : int, default 4000
        Budget: gradient steps, generations of "cma_es", draws of "random_search".
    tolerance : float, default 1e-6
        Loss, half the mean squared error or the network's own, at which a network has converged
        and stops.
    divergence : float, default 1e6
        A network has diverged where its loss exceeds this multiple of the first.
    initialisation : str, default "normal"
        See `rmt_rank.networks.initialisation.initial_parameters`.
    scale : float, default 1
        See `rmt_rank.networks.initialisation.initial_parameters`.
    as_depth : int, optional
        See `rmt_rank.networks.initialisation.initial_parameters`.
    record : int or iterable of int, default 50
        Number of steps at which networks are measured, denser at the beginning, or a list of
        steps; at most 10^6 of them.
    layers : bool, default False
        Whether the singular values of every layer are recorded; for a layer that is a product of
        weights, those of the product.
    start : TrainingResult, optional
        Resume that run, each network from its own step and with the optimizer's memory (except that
        "lbfgs" restarts from the parameters).  Networks that diverged, or whose loss is within the
        tolerance, stay as they are.  From another optimizer's run only the parameters are taken.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of the initial weights; each seed has a stream of its own.
    dtype : {"float64", "float32"}
        Precision of training.  Spectra are recorded in it, too.
    xp : module, optional
        Array API namespace; NumPy by default.
    progress : bool, default False
        Show progress on a terminal.
    unconverged : {"warn", "raise", "ignore"}
        Response to networks that end above the tolerance.  Ranks should be compared among converged
        networks only; ``result.arrays["status"]`` identifies them.

    Returns
    -------
    TrainingResult
        Ctrl-C ends training early with a warning, and the result is partial.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    RuntimeError
        If a network has not converged and `unconverged` is "raise".

    Warns
    -----
    ConvergenceWarning
        Once per call, if a network has not converged and `unconverged` is "warn".
    UserWarning
        If a hidden layer is narrower than both ends, which bounds the rank; or on Ctrl-C.

    Examples
    --------
    >>> import rmt_rank as rr
    >>> problem = rr.networks.least_squares_problem(16, task_rank=2, examples=6, rng=0)
    >>> result = rr.networks.train(problem, 2, learning_rate=0.1, seeds=3, rng=1)
    >>> result.arrays["final_loss"][1].shape, bool((result.arrays["final_loss"][1] <= 1e-6).all())
    ((1, 3), True)
    """
    require_problem(problem)
    if not isinstance(network, LinearNetwork | NonlinearNetwork):
        network = _plain(network, problem)
    if (network.widths[0], network.widths[-1]) != (problem.features, problem.outputs):
        raise ValueError(
            f"network must have {problem.features} inputs and {problem.outputs} outputs, got the "
            f"widths {network.widths}"
        )
    choice("optimizer", optimizer, OPTIMIZERS)
    rates = _rates(optimizer, learning_rate)
    shape = len(rates), integer("seeds", seeds, at_least=1, at_most=LARGEST_INTEGER)
    steps = integer("steps", steps, at_least=0, at_most=LARGEST_INTEGER)
    # initial and current parameters, gradients, and the results
    require_memory("network, learning_rate and seeds", 32.0 * shape[0] * shape[1] * network.size)
    layers, progress = boolean("layers", layers), boolean("progress", progress)
    tolerance = real("tolerance", tolerance, at_least=0)
    divergence = real("divergence", divergence, above=1)
    choice("dtype", dtype, ("float64", "float32"))
    choice("unconverged", unconverged, UNCONVERGED)
    xp = namespace_or_default(xp)
    wanted = wanted_steps(record)
    reduced, held_out = network.data(problem)
    if isinstance(network, NonlinearNetwork) and optimizer not in _WITHOUT_GRADIENT:
        network.require_derivative()
    if isinstance(network, LinearNetwork) and network.bottleneck is not None:
        warnings.warn(
            f"a hidden width of {network.bottleneck} is a bottleneck: the weight's rank is at most "
            "that",
            UserWarning,
            stacklevel=2,
        )

    def draw(count: int, stream: np.random.Generator) -> Array:
        return initial_parameters(
            network,
            count,
            stream,
            initialisation=initialisation,
            scale=scale,
            as_depth=as_depth,
        )

    own = list(itertools.islice(streams(rng), shape[1]))
    drawn = np.concatenate([draw(1, stream) for stream in own])
    if start is None:
        initial = np.tile(drawn, (shape[0], 1))
        standing = Standing.at(initial)
    else:
        standing = _resumed(start, network, shape, optimizer, tolerance)
        initial = start.arrays["initial_parameters"][1].reshape(-1, network.size)
        # use new random numbers, not those of the previous run
        own = [_another(stream, int(standing.taken.max())) for stream in own]
    batches = standing.batches()
    methods = [
        OPTIMIZERS[optimizer](
            Setup(
                np.repeat(rates, shape[1])[members],
                # copies: what a network sees does not depend on its neighbours
                [copy.deepcopy(own[member % shape[1]]) for member in members],
                network,
                draw,
                initialisation,
                scale,
            )
        )
        for _, members in batches
    ]
    kind = getattr(xp, dtype)
    data = reduced.to(xp, kind)
    observer = Observer(network, problem, data, held_out, layers)
    schedule = scheduled(wanted, batches[0][0], batches[-1][0] + steps) if batches else ()
    run = Run(
        Objective(network, data),
        observer,
        optimizer,
        steps,
        tolerance,
        divergence,
        schedule,
        xp,
        kind,
        progress,
    )
    history, interrupted = run_batches(run, standing, batches, methods)
    if interrupted:
        if _WHOLE_RUNS.get():
            raise KeyboardInterrupt
        warnings.warn(
            f"interrupted at step {standing.taken.max()}: returning partial results; resume with "
            "train(start=result)",
            UserWarning,
            stacklevel=2,
        )
    with np.errstate(over="ignore", invalid="ignore"):
        final = observer(xp.asarray(standing.state[0], dtype=kind))
    for name, values in final.items():
        if name != "loss":
            values[standing.status == Status.DIVERGED] = np.nan
    settings = {
        "optimizer": optimizer,
        "steps": steps,
        "tolerance": tolerance,
        "divergence": divergence,
        "initialisation": initialisation,
        "scale": scale,
        "as_depth": as_depth,
        "dtype": dtype,
        "depth": network.depth,
        "problem": fingerprint(problem),
    }
    if isinstance(network, NonlinearNetwork):
        settings |= {
            "activation": network.activation.name,
            "expansion": network.expansion,
            "criterion": network.criterion,
        }
    arrays: Arrays = {
        "learning_rate": (("learning_rate",), rates),
        "seed": (("seed",), np.arange(shape[1])),
        "step": (("step",), np.array(schedule, dtype=np.intp)),
        "threshold": (("threshold",), np.array(THRESHOLDS)),
    }
    batch = ("learning_rate", "seed")
    kept = {
        "status": standing.status,
        "taken": standing.taken,
        "initial_loss": standing.first,
        "initial_parameters": initial,
    }
    for prefix, found, dimensions in (
        ("", kept, batch),
        ("", history, (*batch, "step")),
        ("final_", final, batch),
    ):
        split = {name: v.reshape(*shape, *v.shape[1:]) for name, v in found.items()}
        named = with_measures(split, dimensions)
        arrays |= {prefix + name: value for name, value in named.items()}
    if start is not None:
        arrays = joined(start.arrays, arrays)
    if not interrupted:
        message = unconverged_message(standing.status, tolerance, steps, advice_for(optimizer))
        respond(message, unconverged, stacklevel=2)
    return TrainingResult(network, settings, arrays, standing.state)


def _plain(depth: Any, problem: LeastSquaresProblem) -> LinearNetwork:
    """Return the plain linear network of a depth."""
    try:
        depth = integer("network", depth, at_least=1, at_most=MOST_LAYERS)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "network must be a LinearNetwork, a NonlinearNetwork or a depth from 1 to "
            f"{MOST_LAYERS}, got {shown(depth)}"
        ) from None
    hidden = max(problem.features, problem.outputs)
    return LinearNetwork((problem.features, *[hidden] * (depth - 1), problem.outputs))


def _rates(optimizer: str, learning_rate: float | Sequence[float] | None) -> Array:
    default = LEARNING_RATES[optimizer]
    if default is None:
        if learning_rate is not None:
            raise ValueError(
                f"learning_rate must be None: {optimizer} has no learning rate, got "
                f"{shown(learning_rate)}"
            )
        return np.array([np.nan])
    chosen = default if learning_rate is None else learning_rate
    rates = real_array("learning_rate", chosen, above=0)
    if rates.ndim > 1:
        raise ValueError(f"learning_rate must be a number or a list, got the shape {rates.shape}")
    return np.atleast_1d(rates)


def _resumed(
    start: TrainingResult,
    network: LinearNetwork | NonlinearNetwork,
    shape: tuple[int, int],
    optimizer: str,
    tolerance: float,
) -> Standing:
    """State from which a run resumes; networks within the tolerance stay unchanged."""
    instance("start", start, TrainingResult)
    theirs = start.arrays["status"][1].shape
    if start.network != network or theirs != shape:
        raise ValueError(
            f"start must be a result of networks of the same shape, and of as many learning rates "
            f"and seeds, {shape}, got {start.network} and {theirs}"
        )
    state = list(start.state)
    if start.settings["optimizer"] != optimizer:
        if optimizer == "adam":
            raise ValueError(
                "start must be a run of 'adam', which counts its steps from the first, got one of "
                f"{start.settings['optimizer']!r}"
            )
        state = state[:1]
    status, taken, first, loss = (
        start.arrays[name][1].ravel().copy()
        for name in ("status", "taken", "initial_loss", "final_loss")
    )
    status[(status != Status.DIVERGED) & (loss > tolerance)] = Status.RUNNING
    return Standing(state, status, taken, first)


def _another(stream: np.random.Generator, number: int) -> np.random.Generator:
    """Derive a stream from another stream and a number."""
    return np.random.Generator(np.random.SFC64([int(stream.integers(2**63)), number]))
