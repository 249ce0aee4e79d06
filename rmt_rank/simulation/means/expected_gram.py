"""The expected effective rank of the Gram matrix of a network at initialisation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

import numpy as np
import numpy.typing as npt

from rmt_rank._lib import activations as _activations
from rmt_rank._lib.activations import Activation, Function
from rmt_rank._lib.array import namespace_or_default, to_numpy
from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import LARGEST_INTEGER, choice, integer, integers, real, shown
from rmt_rank.simulation.means.expected import RegimeWarning
from rmt_rank.simulation.means.gram_formulas import (
    IDENTITY,
    IMPOSSIBLE,
    UNMEASURED,
    GramCase,
    best_formula,
    by_formula,
)
from rmt_rank.simulation.means.result import Estimate
from rmt_rank.simulation.means.standard_errors import FEWEST_SAMPLES, standard_error
from rmt_rank.simulation.means.target import SMALLEST_TARGET, TargetWarning
from rmt_rank.simulation.products.chain import LARGEST_DEPTH, several
from rmt_rank.simulation.products.random_features import KERNELS, sample_gram_effective_ranks

__all__ = ["expected_gram_effective_rank"]

METHODS = ("auto", "limit", "corrected", "monte-carlo")

# Number of networks in the first round of Monte Carlo, largest number, and smallest number of those
# with activations that are not all 0 for a standard error.
_FIRST, _MOST, _ALIVE = 64, 4096, FEWEST_SAMPLES
# Activations of a network, and entries of its Gram matrix, that are simulated.
_LARGEST = 2**27


def expected_gram_effective_rank(
    width: int | Sequence[int],
    depth: int | None,
    samples: int,
    activation: str | Function | Activation = "identity",
    *,
    kernel: str = "cosine",
    weight_variance: float = 1.0,
    method: str = "auto",
    target_error: float = 0.02,
    rng: RNG = None,
    xp: ModuleType | None = None,
) -> Estimate:
    """Mean effective rank of the Gram matrix of `samples` inputs after `depth` random layers.

    Inputs are independent standard Gaussian vectors, of `width` features or n_0; weights are
    Gaussian, and there are no biases.

    Parameters
    ----------
    width : int or sequence of int
        Width n of all layers and of the inputs, at least 1; or n_0, ..., n_L: the number of
        features of the inputs and the widths of L layers, of which n is the smallest.
    depth : int or None
        Number L of layers, at least 0; the activation follows every layer.  None with a sequence
        of widths.
    samples : int
        Number q of inputs, at least 1.
    activation : str, Activation or callable, default "identity"
        Activation: "identity", "relu", "tanh", "gelu", "erf", "sine", or a function on arrays.
    kernel : {"cosine", "linear"}, default "cosine"
        As in `rmt_rank.gram_matrix`.
    weight_variance : float, default 1
        Variance of the weights times the width, from 1e-250 to 1e250.
    method : {"auto", "limit", "corrected", "monte-carlo"}, default "auto"
        "limit": widths and samples large in proportion.  "corrected": with the terms of order 1/n,
        known for the identity and equal widths.  "auto" takes the first of "corrected" (there) or
        "limit" (elsewhere, activations with a name), and "monte-carlo", that holds to target_error;
        a formula with a larger error where networks are too large to simulate.
    target_error : float, default 0.02
        Error that is asked for, in nats.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness of "monte-carlo".
    xp : module, optional
        Array API namespace that "monte-carlo" computes in; NumPy by default.

    Returns
    -------
    Estimate
        The mean in nats, its error, and how both were found.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or there is no correction; if
        simulation is needed and networks are too large for it, or nearly all have activations that
        are all 0.

    Warns
    -----
    RegimeWarning
        If a formula is forced where it is not known to hold: depth > width/10 (the smallest),
        samples < width/2 (the largest), a user's activation, or a value that min(samples, width)
        eigenvalues cannot have as entropy.
    TargetWarning
        If 4096 networks do not reach target_error.

    Notes
    -----
    The limit for odd activations is a theorem of [1]_ for nearly orthogonal inputs; for others it
    is a conjecture of ours, see `rmt_rank.theory.nonlinear.conjugate_kernel`.  Errors are
    estimates from simulations at widths 32 to 128 and samples from width/2 to 8 widths; unequal
    widths have that of the smallest one, and simulations are within it.  Fast-growing activations
    have much larger errors, so that those of users' functions are not estimated.

    Networks whose activations are all 0 have no effective rank: "monte-carlo" takes the mean over
    all others, and says so in `why`.

    References
    ----------
    .. [1] Z. Fan, Z. Wang, arXiv:2005.11879.

    Examples
    --------
    >>> from rmt_rank.simulation.means.expected_gram import expected_gram_effective_rank
    >>> result = expected_gram_effective_rank(512, 4, 4096, "tanh")
    >>> round(result.value, 3), result.method, result.status
    (5.043, 'limit', 'verified')
    >>> round(expected_gram_effective_rank([512, 1024, 512], None, 4096, "tanh").value, 3)
    5.637
    """
    widths = _widths(width, depth)
    q = integer("samples", samples, at_least=1, at_most=LARGEST_INTEGER)
    found = _activations.activation(activation)
    choice("kernel", kernel, KERNELS)
    variance = real("weight_variance", weight_variance, at_least=1e-250, at_most=1e250)
    choice("method", method, METHODS)
    target_error = real("target_error", target_error, at_least=SMALLEST_TARGET)
    xp = namespace_or_default(xp)
    if method == "corrected" and found is not IDENTITY:
        raise ValueError(
            f"method 'corrected' is for the identity, got {found.name!r}; 'limit' takes any"
        )
    case = GramCase(widths, q, found, kernel, variance)
    if method == "corrected" and not case.equal:
        raise ValueError(
            f"method 'corrected' is for equal widths, got {shown(width)}; 'limit' takes any"
        )
    if method in ("limit", "corrected"):
        result = by_formula(case, method, "it was asked for")
        if not case.in_regime or math.isinf(result.error):
            warnings.warn(
                f"the {method} form is not known to hold at {case.place}, {q} samples of "
                f"{found.name!r}",
                RegimeWarning,
                stacklevel=2,
            )
        return result
    if method == "monte-carlo":
        why = "it was asked for"
    elif not case.in_regime:
        why = "no formula is known to hold for depth > width/10 or samples < width/2"
    elif not case.measured:
        why = UNMEASURED
    else:
        best = best_formula(case)
        result = by_formula(case, best, "depth <= width/10 and samples >= width/2, where it holds")
        if result.error <= target_error:
            return result
        if math.isinf(result.error):
            why = f"the {best} form gives {IMPOSSIBLE}"
        elif case.entries > _LARGEST:
            why = f"{result.why}, and networks are too large to simulate"
            return replace(result, why=why)
        else:
            why = f"the {best} form leaves out an estimated {result.error:.1g} nat here"
    return _by_simulation(case, target_error, why, rng, xp)


def _widths(width: int | Sequence[int], depth: int | None) -> tuple[int, ...]:
    """n_0, ..., n_L."""
    if not several(width):
        n = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
        return (n,) * (1 + integer("depth", depth, at_least=0, at_most=LARGEST_DEPTH))
    widths = integers("width", width, at_least=1, fewest=1, at_most=LARGEST_INTEGER)
    if depth is not None and integer("depth", depth) != len(widths) - 1:
        raise ValueError(
            f"depth must be None or {len(widths) - 1} with {len(widths)} widths, got {shown(depth)}"
        )
    return widths


def _by_simulation(
    case: GramCase, target_error: float, why: str, rng: RNG, xp: ModuleType
) -> Estimate:
    """Rounds of networks, until the standard error is small enough; blocks of q x n activations."""
    (features, *layers), q, found, kernel, variance = case
    if case.entries > _LARGEST:
        raise ValueError(
            f"samples and width must be such that a network of at most {_LARGEST} activations can "
            f"be simulated, got {q} and {max(case.widths)}; {why}"
        )
    source = next(streams(rng))
    rounds: list[npt.NDArray[np.float64]] = []
    size = _FIRST
    while True:
        ranks = sample_gram_effective_ranks(
            (q, features),
            [len(layers)],
            found,
            size,
            width=layers or None,
            kernel=kernel,
            weight_variance=variance,
            rng=source,
            xp=xp,
        )
        rounds.append(to_numpy(ranks)[:, 0])
        drawn = np.concatenate(rounds)
        values = drawn[drawn > -math.inf]
        enough = len(values) >= _ALIVE
        error = float(standard_error(values)) if enough else math.inf
        if len(values) == 0 or (len(drawn) >= _MOST and not enough):
            raise ValueError(
                f"activation {found.name!r} must leave networks alive: of {len(drawn)} networks of "
                f"{case.place}, all but {len(values)} have activations that are all 0"
            )
        if error <= target_error or len(drawn) >= _MOST:
            break
        # a tenth more than the estimate asks for
        ratio = error / target_error
        more = 1.1 * ratio * ratio if enough else 2 * _ALIVE / len(values)
        size = max(1, math.ceil(min(more * len(drawn), _MOST)) - len(drawn))
    if dead := len(drawn) - len(values):
        why += f"; it leaves out {dead} of {len(drawn)} networks, whose activations are all 0"
    if error > target_error:
        why += f"; it stopped at {_MOST} networks, target_error {target_error:.3g} was not reached"
        warnings.warn(why, TargetWarning, stacklevel=3)
    mean = float(values.mean())
    return Estimate(
        mean,
        error,
        "standard error",
        "monte-carlo",
        "verified",
        why,
        samples=len(drawn),
        reached=error <= target_error,
    )
