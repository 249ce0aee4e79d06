"""The expected effective rank of the Gram matrix of a network at initialisation."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from types import ModuleType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank._lib import activations as _activations
from rmt_rank._lib.activations import ACTIVATIONS, Activation, Function, is_named
from rmt_rank._lib.array import namespace_or_default, to_numpy
from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import LARGEST_INTEGER, choice, integer, real
from rmt_rank.simulation.means.expected import RegimeWarning
from rmt_rank.simulation.means.result import Estimate
from rmt_rank.simulation.means.standard_errors import FEWEST_SAMPLES, standard_error
from rmt_rank.simulation.means.target import SMALLEST_TARGET, TargetWarning
from rmt_rank.simulation.products.chain import LARGEST_DEPTH
from rmt_rank.simulation.products.random_features import KERNELS, sample_gram_effective_ranks
from rmt_rank.theory.finite_width.corrections import finite_width_correction
from rmt_rank.theory.nonlinear.conjugate_kernel import conjugate_kernel
from rmt_rank.theory.nonlinear.gram_corrections import cosine_correction

__all__ = ["expected_gram_effective_rank", "gram_rank_by_formula"]

_IDENTITY = ACTIVATIONS["identity"]

METHODS = ("auto", "limit", "corrected", "monte-carlo")

# Depth over width, and samples over width, at which the errors of the formulas were measured.
LARGEST_DEPTH_PER_WIDTH = 0.1
FEWEST_SAMPLES_PER_WIDTH = 0.5

_UNMEASURED = "the error of the limit form was measured for activations with a name only"
_OUTSIDE = "it is not known to hold for depth > width/10 or samples < width/2"
_IMPOSSIBLE = "a value that is not between 0 and log min(samples, width)"

# Networks of the first round of Monte Carlo, the most of any, and those alive that a standard error
# takes.
_FIRST, _MOST, _ALIVE = 64, 4096, FEWEST_SAMPLES
# Activations of a network, and entries of its Gram matrix, that are simulated.
_LARGEST = 2**27


def expected_gram_effective_rank(
    width: int,
    depth: int,
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

    Inputs are independent standard Gaussian vectors of `width` features, weights are Gaussian, and
    there are no biases.

    Parameters
    ----------
    width : int
        Width n of all layers and of the inputs, at least 1.  Not a list: the formulas and their
        measured errors are those of equal widths.
    depth : int
        Number L of layers, at least 0; the activation follows every layer.
    samples : int
        Number q of inputs, at least 1.
    activation : str, Activation or callable, default "identity"
        Activation: "identity", "relu", "tanh", "gelu", "erf", "sine", or a function on arrays.
    kernel : {"cosine", "linear"}, default "cosine"
        As in `rmt_rank.gram_matrix`.
    weight_variance : float, default 1
        Variance of the weights times the width, from 1e-250 to 1e250.
    method : {"auto", "limit", "corrected", "monte-carlo"}, default "auto"
        "limit": width and samples large in proportion.  "corrected": with the terms of order 1/n,
        known for the identity.  "auto" takes the first of "corrected" (identity) or "limit" (other
        activations with a name), and "monte-carlo", that holds to target_error; a formula with a
        larger error where networks are too large to simulate.
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
        If a formula is forced where it is not known to hold: depth > width/10, samples < width/2,
        a user's activation, or a value that min(samples, width) eigenvalues cannot have as entropy.
    TargetWarning
        If 4096 networks do not reach target_error.

    Notes
    -----
    The limit for odd activations is a theorem of [1]_ for nearly orthogonal inputs; for others it
    is a conjecture of ours, see `rmt_rank.theory.nonlinear.conjugate_kernel`.  Errors are
    estimates from simulations at widths 32 to 128 and samples from width/2 to 8 widths;
    fast-growing activations have much larger ones, so that those of users' functions are not
    estimated.

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
    """
    n = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
    L = integer("depth", depth, at_least=0, at_most=LARGEST_DEPTH)
    q = integer("samples", samples, at_least=1, at_most=LARGEST_INTEGER)
    found = _activations.activation(activation)
    choice("kernel", kernel, KERNELS)
    variance = real("weight_variance", weight_variance, at_least=1e-250, at_most=1e250)
    choice("method", method, METHODS)
    target_error = real("target_error", target_error, at_least=SMALLEST_TARGET)
    xp = namespace_or_default(xp)
    if method == "corrected" and found is not _IDENTITY:
        raise ValueError(
            f"method 'corrected' is for the identity, got {found.name!r}; 'limit' takes any"
        )
    case = _Case(n, L, q, found, kernel, variance)
    if method in ("limit", "corrected"):
        result = _by_formula(case, method, "it was asked for")
        if not case.in_regime or math.isinf(result.error):
            warnings.warn(
                f"the {method} form is not known to hold at width {n}, depth {L}, {q} samples of "
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
        why = _UNMEASURED
    else:
        best = _best_formula(found)
        result = _by_formula(case, best, "depth <= width/10 and samples >= width/2, where it holds")
        if result.error <= target_error:
            return result
        if math.isinf(result.error):
            why = f"the {best} form gives {_IMPOSSIBLE}"
        elif case.entries > _LARGEST:
            why = f"{result.why}, and networks are too large to simulate"
            return replace(result, why=why)
        else:
            why = f"the {best} form leaves out an estimated {result.error:.1g} nat here"
    return _by_simulation(case, target_error, why, rng, xp)


class _Case(NamedTuple):
    """The validated arguments."""

    width: int
    depth: int
    samples: int
    activation: Activation
    kernel: str
    weight_variance: float

    @property
    def in_regime(self) -> bool:
        return (
            self.depth <= LARGEST_DEPTH_PER_WIDTH * self.width
            and self.samples >= FEWEST_SAMPLES_PER_WIDTH * self.width
        )

    @property
    def measured(self) -> bool:
        """True if errors of the formulas are known for the activation."""
        return self.depth == 0 or is_named(self.activation)

    @property
    def entries(self) -> int:
        """Numbers in the largest array of a network."""
        n, q = self.width, self.samples
        return max(q * n, n * n)


def gram_rank_by_formula(
    width: int, depth: int, samples: int, activation: str, *, weight_variance: float
) -> Estimate:
    """Result of `expected_gram_effective_rank` by the best formula, even outside its regime."""
    found = _activations.activation(activation)
    case = _Case(width, depth, samples, found, "cosine", weight_variance)
    return _by_formula(case, _best_formula(found), "it was asked for")


def _best_formula(activation: Activation) -> str:
    return "corrected" if activation is _IDENTITY else "limit"


def _by_formula(case: _Case, method: str, why: str) -> Estimate:
    n, L, q, found, kernel, variance = case
    (limit,) = conjugate_kernel(q / n, [L], found, weight_variance=variance)
    value, status = limit.effective_rank(n), limit.status
    if L == 0:  # Gaussian inputs, the kernel of any activation
        error = 0.5 / q + 0.5 / n
    elif found is _IDENTITY:
        correction, left = _correction(n, L, q, kernel)
        error = left + abs(correction)
        if method == "corrected":
            value, error = value + correction, left
            status = "conjectured" if L > 1 else "verified"
    elif found.odd:
        # Error of the identity, of which normalised rows are the larger part.  Measured: at most
        # 0.7 of it, widths 32 to 128, either kernel.
        error = cosine_correction(n, L) + 1 / n**2
    else:
        # The outlier fluctuates, and takes log(q) with it.  Measured: up to (1 + L/2) log(n)/n for
        # ReLU, (1 + L) log(n)/n for GELU, and much less for the cosine kernel beyond depth 2.
        error = (1 + L) * math.log(n) / n + 1 / n**2
    if not case.measured:
        error, why = math.inf, f"{why}; {_UNMEASURED}"
    elif not 0 <= value <= math.log(min(q, n)):
        error, why = math.inf, f"{why}; it gives {_IMPOSSIBLE}"
    if not case.in_regime:
        why = f"{why}; {_OUTSIDE}"
    return Estimate(value, error, "estimate", method, status, why)


def _correction(n: int, L: int, q: int, kernel: str) -> tuple[float, float]:
    """Terms of order 1/n of a linear network, and an estimate of what they leave out.

    Measured at widths 32 to 128 and q/n from 1/2 to 32: the cosine kernel is below its terms by 1
    to 1.9 (L/n)^2, and by up to 0.1/q more at small q/n; the linear kernel, whose (L/n)^2 is kept,
    is below by up to 0.3/q.
    """
    own = finite_width_correction(n, L, "real", power=2)
    if kernel == "linear":
        return own.value, 0.3 * own.remainder + 0.4 / q + 1 / n**2
    value = own.value - own.remainder + cosine_correction(n, L)
    return value, 2 * (L / n) ** 2 + 0.2 / q + 1 / n**2


def _by_simulation(
    case: _Case, target_error: float, why: str, rng: RNG, xp: ModuleType
) -> Estimate:
    """Rounds of networks, until the standard error is small enough; blocks of q x n activations."""
    n, L, q, found, kernel, variance = case
    if case.entries > _LARGEST:
        raise ValueError(
            f"samples and width must be such that a network of at most {_LARGEST} activations can "
            f"be simulated, got {q} and {n}; {why}"
        )
    source = next(streams(rng))
    rounds: list[npt.NDArray[np.float64]] = []
    size = _FIRST
    while True:
        ranks = sample_gram_effective_ranks(
            (q, n), [L], found, size, kernel=kernel, weight_variance=variance, rng=source, xp=xp
        )
        rounds.append(to_numpy(ranks)[:, 0])
        drawn = np.concatenate(rounds)
        values = drawn[drawn > -math.inf]
        enough = len(values) >= _ALIVE
        error = float(standard_error(values)) if enough else math.inf
        if len(values) == 0 or (len(drawn) >= _MOST and not enough):
            raise ValueError(
                f"activation {found.name!r} must leave networks alive: of {len(drawn)} networks of "
                f"width {n}, after layer {L} all but {len(values)} have activations that are all 0"
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
