"""The expected effective rank of a network of finite width and depth, by the method that holds."""

from __future__ import annotations

import math
import sys
import warnings
from dataclasses import dataclass

from rmt_rank._lib.random import FIELDS, RNG
from rmt_rank._lib.validation import LARGEST_INTEGER, choice, integer, real, shown
from rmt_rank.simulation.means.estimate import monte_carlo
from rmt_rank.simulation.means.statistics import statistic
from rmt_rank.simulation.means.target import FIRST_SAMPLES, SMALLEST_TARGET, Target, TargetWarning
from rmt_rank.simulation.products.chain import LARGEST_DEPTH, LARGEST_WIDTH, new_chain
from rmt_rank.theory.finite_width.corrections import (
    LARGEST_DEPTH_PER_WIDTH,
    FiniteWidthCorrection,
    finite_width_correction,
)
from rmt_rank.theory.finite_width.small_cases import exact_expected_effective_rank
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

__all__ = ["ExpectedRank", "RegimeWarning", "by_limit", "corrected", "expected_effective_rank"]

METHODS = ("auto", "exact", "limit", "corrected", "monte-carlo")

# Depth over width beyond which a single singular value outgrows the others.
_DEEP = 4
_LARGEST_LOG = math.log(sys.float_info.max)
# Powers at which the error of the corrected form was measured.
_POWERS = (1.0, 2.0)


class RegimeWarning(UserWarning):
    """A formula was asked for where it is not known to hold."""


@dataclass(frozen=True)
class ExpectedRank:
    """The mean effective rank of a random product, and how sure it is.

    Attributes
    ----------
    width : int
        Side N of the matrices.
    depth : float
        Number of factors L.
    value : float
        E[entropy] in nats.
    error : float
        See error_kind.
    error_kind : {"none", "estimate", "standard error"}
        "none": exact.  "estimate": of the size of what a formula leaves out, not a bound.
    method : {"exact", "limit", "corrected", "monte-carlo"}
        How it was found.
    status : {"proved", "verified", "conjectured"}
        How sure the method is.
    why : str
        Why this method, in a sentence.
    """

    width: int
    depth: float
    value: float
    error: float
    error_kind: str
    method: str
    status: str
    why: str

    @property
    def exponentiated(self) -> float:
        """exp(value); far outside its regime a formula may give inf."""
        return math.exp(self.value) if self.value < _LARGEST_LOG else math.inf

    @property
    def regime(self) -> str:
        """One of "wide" (depth <= width/4), "proportional" (up to 4 width) and "deep"."""
        if self.depth <= LARGEST_DEPTH_PER_WIDTH * self.width:
            return "wide"
        return "proportional" if self.depth <= _DEEP * self.width else "deep"


def expected_effective_rank(
    width: int,
    depth: float,
    *,
    field: str = "real",
    power: float = 1,
    method: str = "auto",
    target_error: float = 1e-3,
    rng: RNG = None,
) -> ExpectedRank:
    """Mean effective rank of a product of `depth` Gaussian matrices of side `width`.

    Parameters
    ----------
    width : int
        Side N, at least 1.
    depth : int
        Number of factors L, at least 0; any real number for method "limit".
    field : {"real", "complex"}, default "real"
        Field of the entries.
    power : float, default 1
        Power of the singular values, as in `effective_rank`; 2 for the Gram matrix.
    method : {"auto", "exact", "limit", "corrected", "monte-carlo"}, default "auto"
        "exact": where `exact_expected_effective_rank` knows it.  "limit": log N + rho(L).
        "corrected": with its finite-width corrections.  "auto" takes the first of "exact",
        "corrected" and "monte-carlo" that holds to target_error.
    target_error : float, default 1e-3
        Target error in nats, at least 2.3e-16.  If it is out of reach, "monte-carlo" stops early,
        see `max_samples` of `estimate`, and `why` says so.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness of "monte-carlo".

    Returns
    -------
    ExpectedRank

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, there is no exact value, or there
        is not enough memory for "monte-carlo"; complex corrections are limited to width and depth
        10**6.

    Warns
    -----
    RegimeWarning
        If a method is forced where it is not known to hold.
    TargetWarning
        If target_error is not reached.

    References
    ----------
    .. [1] G. Akemann, J. R. Ipsen, M. Kieburg, doi:10.1103/PhysRevE.88.052118, for complex entries.

    Examples
    --------
    >>> from rmt_rank import expected_effective_rank
    >>> result = expected_effective_rank(256, 4)
    >>> round(result.value, 3), result.method, result.status
    (4.845, 'corrected', 'conjectured')
    """
    N = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
    choice("field", field, FIELDS)
    power = real("power", power, at_least=sys.float_info.min)
    choice("method", method, METHODS)
    target_error = real("target_error", target_error, at_least=SMALLEST_TARGET)
    L = real("depth", depth, at_least=0, at_most=LARGEST_INTEGER)
    if method != "limit":
        if isinstance(depth, bool) or not L.is_integer():
            raise ValueError(
                f"depth must be an integer where matrices are multiplied, got {shown(depth)}; "
                "method='limit' takes any"
            )
        L = int(L)
    exact = None
    if method in ("auto", "exact"):
        exact = exact_expected_effective_rank(N, int(L), field, power=power)
    if method == "exact" and exact is None:
        raise ValueError(
            f"there is no exact value for width {N}, depth {L}, power {power:g}; method='auto' "
            "finds one that holds"
        )
    if exact is not None:
        return ExpectedRank(N, L, exact.value, 0.0, "none", "exact", "proved", exact.why)
    if method == "limit":
        if L > LARGEST_DEPTH_PER_WIDTH * N:
            warnings.warn(
                f"the limit of infinite width is not known to hold at width {N}, depth {L:g}",
                RegimeWarning,
                stacklevel=2,
            )
        return by_limit(N, L, field, power)
    in_regime = _in_regime(N, L, power)
    if method == "corrected" and not in_regime:
        warnings.warn(
            f"the corrected limit is not known to hold at width {N}, depth {L}, power {power:g}",
            RegimeWarning,
            stacklevel=2,
        )
    if method == "corrected" or (method == "auto" and in_regime):
        result = corrected(N, int(L), field, power)
        if method == "corrected" or result.error <= target_error:
            return result
        why = f"the corrected limit leaves out an estimated {result.error:.1g} nat here"
    elif method == "monte-carlo":
        why = "it was asked for"
    elif not _POWERS[0] <= power <= _POWERS[1]:
        why = "the error of the corrected limit is known for powers from 1 to 2 only"
    else:
        why = f"no formula is known to hold for depth > {LARGEST_DEPTH_PER_WIDTH:g} width"
    chosen = statistic("effective_rank", power=power)
    chain = new_chain(N, int(L), 10**9, field=field, least_size=FIRST_SAMPLES)
    found = monte_carlo(chain, chosen, Target(target_error, chosen, chain), rng=rng)
    if not found.reached:
        why += f"; {found.how}"
        warnings.warn(why, TargetWarning, stacklevel=2)
    if L > _DEEP * N:
        why += "; rare products carry the mean at such depths, and its standard error is too small"
    return ExpectedRank(
        N, L, found.value, found.standard_error, "standard error", "monte-carlo", "verified", why
    )


def _in_regime(N: int, L: float, power: float) -> bool:
    return L <= LARGEST_DEPTH_PER_WIDTH * N and _POWERS[0] <= power <= _POWERS[1]


def _correction(N: int, L: int, field: str, power: float) -> FiniteWidthCorrection:
    """The finite-width correction; ValueError if it takes too long or is not a float."""
    if field == "complex":
        # sums over the width (2e-5 s and 120 bytes per term) and over the factors
        integer("width", N, at_least=1, at_most=LARGEST_WIDTH)
        integer("depth", L, at_least=1, at_most=LARGEST_DEPTH)
    try:
        return finite_width_correction(N, L, field, power=power)
    except ArithmeticError as error:
        raise ValueError(
            f"power and depth must be such that the correction is a float, got {power:g} and {L}; "
            "method='monte-carlo' needs none"
        ) from error


def corrected(N: int, L: int, field: str = "real", power: float = 1) -> ExpectedRank:
    """The limit with its corrections, inside or outside its regime."""
    correction = _correction(N, L, field, power)
    limit = math.log(N) + float(differential_effective_rank(L, power=power))
    # What is left out, as Monte Carlo sees it at widths 8 to 128, depths up to a quarter of them
    # and powers 1 and 2 (validation/reports/finite_width.md): about twice the square of the
    # fluctuation, and for real entries of the order 1/N^2, with a logarithm at depth 1.
    error = 5 * correction.remainder**2 + 0.2 / N**4
    if field == "real":
        error += (1 + 0.5 * math.log(N)) / N**2
    status = "conjectured" if field == "real" and L > 1 else "verified"
    why = "depth <= width/4, where the limit with its corrections holds: " + (
        "exact annealed part and fluctuation, 1/N^2" if field == "complex" else "1/N and 1/N^2"
    )
    value = limit + correction.value
    return ExpectedRank(N, L, value, error, "estimate", "corrected", status, why)


def by_limit(N: int, L: float, field: str = "real", power: float = 1) -> ExpectedRank:
    """The limit of infinite width, inside or outside its regime."""
    limit = math.log(N) + float(differential_effective_rank(L, power=power))
    error = math.inf
    if L <= LARGEST_DEPTH_PER_WIDTH * N:
        whole = max(1, math.ceil(L))
        correction = _correction(N, whole, field, power)
        error = abs(correction.value) + correction.remainder
    return ExpectedRank(
        N,
        L,
        limit,
        error,
        "estimate",
        "limit",
        "proved",
        "it was asked for; proved as the width goes to infinity, its error here is the correction",
    )
