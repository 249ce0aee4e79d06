"""The expected effective rank of a network of finite width and depth, by the method that holds."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import default_namespace, namespace_or_default
from rmt_rank._lib.random import FIELDS, RNG, streams
from rmt_rank._lib.validation import (
    LARGEST_INTEGER,
    boolean,
    choice,
    integer,
    integer_widths,
    real,
    real_array,
    shown,
)
from rmt_rank.simulation.means.estimate import monte_carlo
from rmt_rank.simulation.means.result import Estimate
from rmt_rank.simulation.means.statistics import statistic
from rmt_rank.simulation.means.target import FIRST_SAMPLES, SMALLEST_TARGET, Target, TargetWarning
from rmt_rank.simulation.products.chain import (
    LARGEST_DEPTH,
    LARGEST_WIDTH,
    new_chain,
    several,
)
from rmt_rank.theory.finite_width.complex_moments import annealed_effective_rank
from rmt_rank.theory.finite_width.corrections import (
    LARGEST_DEPTH_PER_WIDTH,
    FiniteWidthCorrection,
    finite_width_correction,
)
from rmt_rank.theory.finite_width.exact_means import exact_expected_effective_rank
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
from rmt_rank.theory.rectangular.correction import rectangular_correction
from rmt_rank.theory.rectangular.law import rectangular_effective_rank

__all__ = ["RegimeWarning", "by_limit", "corrected", "expected_effective_rank"]

METHODS = ("auto", "exact", "limit", "corrected", "monte-carlo")

# Depth over width beyond which a single singular value outgrows the others.
_DEEP = 4
_LIMIT = "it was asked for; proved as the width goes to infinity, its error here is the correction"
# Reason for a formula outside its range; the braces stand for what is outside.
_FORCED = "it was asked for where it is not known to hold: {}"
# Powers at which the error of the corrected form was measured.
_POWERS = (1.0, 2.0)


class RegimeWarning(UserWarning):
    """A formula was asked for where it is not known to hold."""


def expected_effective_rank(
    width: int | Sequence[int],
    depth: npt.ArrayLike | None = None,
    *,
    field: str = "real",
    power: float = 1,
    method: str = "auto",
    target_error: float = 1e-3,
    rng: RNG = None,
    progress: bool = False,
    xp: ModuleType | None = None,
) -> Estimate:
    """Mean effective rank of a product of Gaussian matrices.

    Parameters
    ----------
    width : int or sequence of int
        Side N of the matrices, at least 1; or the widths n_0, ..., n_L of a network with layers of
        n_l x n_(l-1) entries, of which N is the smallest.
    depth : int or array_like of int, optional
        Number of matrices, at least 0; any real number for method "limit".  Not needed with a
        sequence of widths.
    field : {"real", "complex"}, default "real"
        Field of the entries.
    power : float, default 1
        Power of the singular values, as in `effective_rank`; 2 for the Gram matrix.
    method : {"auto", "exact", "limit", "corrected", "monte-carlo"}, default "auto"
        "exact": where `exact_expected_effective_rank` knows it.  "limit": log N plus
        `limit_effective_rank`.  "corrected": with its finite-width corrections.  "auto" takes the
        first of "exact", "corrected" and "monte-carlo" that holds to target_error.
    target_error : float, default 1e-3
        Target error in nats, at least 2.3e-16.  If it is out of reach, "monte-carlo" stops early,
        see `max_samples` of `estimate`, and `why` says so.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness of "monte-carlo".
    progress : bool, default False
        Show a progress bar of "monte-carlo" on a terminal.
    xp : module, optional
        Array API namespace that "monte-carlo" computes in, as in `estimate`; NumPy by default.

    Returns
    -------
    Estimate
        With arrays of the shape of depth.

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

    Notes
    -----
    Formulas take milliseconds.  For the time that "monte-carlo" takes see `estimate`.

    References
    ----------
    .. [1] G. Akemann, J. R. Ipsen, M. Kieburg, doi:10.1103/PhysRevE.88.052118, for complex entries.

    Examples
    --------
    >>> from rmt_rank import expected_effective_rank
    >>> expected_effective_rank(256, 4)
    Estimate: 4.84512 ± 5.8e-05 (estimate)
      corrected, conjectured: depth <= width/4, where the limit with its
      corrections holds: 1/N and 1/N^2
    >>> expected_effective_rank(256, [1, 2, 4]).value.round(3)
    array([5.327, 5.142, 4.845])
    """
    choice("field", field, FIELDS)
    power = real("power", power, at_least=sys.float_info.min)
    choice("method", method, METHODS)
    target_error = real("target_error", target_error, at_least=SMALLEST_TARGET)
    progress = boolean("progress", progress)
    options = _Options(field, power, method, target_error, progress, namespace_or_default(xp))
    if several(width):
        widths = integer_widths(width)
        layers = len(widths) - 1
        if depth is not None and integer("depth", depth) != layers:
            raise ValueError(
                f"depth must be None or {layers} with {layers + 1} widths, got {shown(depth)}"
            )
        if len(set(widths)) > 1:
            return _unequal(widths, options, rng)
        width, depth = widths[0], layers
    N = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
    if isinstance(depth, np.ndarray | list | tuple | range):
        depths = real_array("depth", depth, at_least=0, at_most=LARGEST_INTEGER)
        found = [
            _equal(N, each, options, source)
            for each, source in zip(depths.ravel().tolist(), streams(rng), strict=False)
        ]
        return Estimate.stacked(found, depths.shape)
    if isinstance(depth, bool):
        raise ValueError(f"depth must be a number, got {shown(depth)}")
    return _equal(N, depth, options, rng)


class _Options(NamedTuple):
    """Checked options of `expected_effective_rank`."""

    field: str
    power: float
    method: str
    target_error: float
    progress: bool
    xp: ModuleType


def _equal(N: int, depth: Any, options: _Options, rng: RNG) -> Estimate:
    """The mean for square matrices."""
    field, power, method, target_error = options[:4]
    L = real("depth", depth, at_least=0, at_most=LARGEST_INTEGER)
    if method != "limit":
        if not L.is_integer():
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
        return Estimate(exact.value, 0.0, "none", "exact", "proved", exact.why)
    outside = _outside(N, L, power)
    if method in ("limit", "corrected") and outside:
        name = "limit of infinite width" if method == "limit" else "corrected limit"
        warnings.warn(
            f"the {name} is not known to hold at width {N}, depth {L:g}, power {power:g}",
            RegimeWarning,
            stacklevel=3,
        )
    if method == "limit":
        return by_limit(N, L, field, power)
    if method == "corrected" or (method == "auto" and not outside):
        result = corrected(N, int(L), field, power)
        if method == "corrected" or result.error <= target_error:
            return result
        why = f"the corrected limit leaves out an estimated {result.error:.1g} nat here"
    elif method == "monte-carlo":
        why = "it was asked for"
    elif not _power_known(power):
        why = "the error of the corrected limit is known for powers from 1 to 2 only"
    else:
        why = f"no formula is known to hold for depth > {LARGEST_DEPTH_PER_WIDTH:g} width"
    if L > _DEEP * N:
        why += "; rare products carry the mean at such depths, and its standard error is too small"
    return _simulated(N, int(L), options, why, rng)


def _unequal(widths: tuple[int, ...], options: _Options, rng: RNG) -> Estimate:
    """The mean for layers of unequal widths."""
    field, power, method, target_error = options[:4]
    N, layers = min(widths), len(widths) - 1
    if N == 1 and method in ("auto", "exact"):
        return Estimate(0.0, 0.0, "none", "exact", "proved", "there is one singular value")
    if method == "exact":
        raise ValueError(
            f"there is no exact value for widths {shown(widths)}; method='auto' finds one that "
            "holds"
        )
    depth = _effective_depth(widths)
    in_regime = depth <= LARGEST_DEPTH_PER_WIDTH * N and _power_known(power)
    if method == "monte-carlo":
        why = "it was asked for"
    elif method != "auto" or in_regime:
        if not in_regime:
            warnings.warn(
                f"the {method} form is not known to hold at widths {shown(widths)}, power "
                f"{power:g}",
                RegimeWarning,
                stacklevel=3,
            )
        formula = _unequal_formula(widths, field, power, method, in_regime)
        if method != "auto" or formula.error <= target_error:
            return formula
        why = f"the corrected limit leaves out an estimated {formula.error:.1g} nat here"
    elif not _power_known(power):
        why = "the error of the corrected limit is known for powers from 1 to 2 only"
    else:
        why = f"no formula is known to hold for effective depth {depth:.3g} > width/4"
    return _simulated(widths, layers, options, why, rng)


def _effective_depth(widths: tuple[int, ...]) -> float:
    """Sum of N/n over all widths n except one of those that equal N; the depth if all are equal."""
    N = min(widths)
    return math.fsum(N / n for n in widths) - 1


def _unequal_formula(
    widths: tuple[int, ...], field: str, power: float, method: str, in_regime: bool
) -> Estimate:
    """The limit, or with the term of order 1/N (real) or exact annealed parts (complex)."""
    N, depth = min(widths), _effective_depth(widths)
    limit = math.log(N) + rectangular_effective_rank(widths, power=power)
    # Measured by Monte Carlo at N from 4 to 64, effective depths D from 0.02 to 4, powers 1 and 2
    # (validation/reports/rectangular_correction.md): real entries leave out at most 1.35 D/N^2 at
    # power 1 and (D^2 + 1.3 D)/N^2 at power 2, complex ones half of it.  The logarithm is that of
    # square matrices; D^2/5 stands for the fluctuation, D^2 (D+2)/(16 (D+1)) times 2.5.
    left = (1 + 0.5 * math.log(N)) * depth + (0.2 + 0.9 * max(power - 1, 0)) * depth**2
    left /= N**2
    if field == "complex":
        integer("widths", max(widths), at_least=1, at_most=LARGEST_WIDTH)
        term = annealed_effective_rank(widths, power=power) - limit
    else:
        term = rectangular_correction(widths, power=power) / N
    if not in_regime:
        left = math.inf
    if method == "limit":
        why = _LIMIT if in_regime else _FORCED.format(_outside(N, depth, power, "effective depth"))
        return Estimate(limit, abs(term) + left, "estimate", "limit", "proved", why)
    hard = field == "real" and widths.count(N) > 1
    status = "conjectured" if hard or not in_regime else "verified"
    why = "effective depth <= width/4: " + (
        "exact annealed part" if field == "complex" else "the term of order 1/N"
    )
    if not in_regime:
        why = _FORCED.format(_outside(N, depth, power, "effective depth"))
    return Estimate(limit + term, left, "estimate", "corrected", status, why)


def _simulated(
    width: int | tuple[int, ...], layers: int, options: _Options, why: str, rng: RNG
) -> Estimate:
    """The mean by Monte Carlo."""
    chosen = statistic("effective_rank", power=options.power)
    chain = new_chain(
        width,
        layers,
        10**9,
        field=options.field,
        numpy_doubles=options.xp is default_namespace(),
        least_size=FIRST_SAMPLES,
    )
    target = Target(options.target_error, chosen, chain)
    found = monte_carlo(chain, chosen, target, rng=rng, progress=options.progress, xp=options.xp)
    if not found.reached:
        why += f"; {found.why}"
        warnings.warn(why, TargetWarning, stacklevel=4)
    return replace(found, why=why)


def _outside(N: int, L: float, power: float, name: str = "depth") -> str:
    """Say what is outside the range of the formulas; "" inside."""
    reasons = []
    if L > LARGEST_DEPTH_PER_WIDTH * N:
        reasons.append(f"{name} > width/4")
    if not _power_known(power):
        reasons.append("power outside 1 to 2")
    return " and ".join(reasons)


def _power_known(power: float) -> bool:
    return _POWERS[0] <= power <= _POWERS[1]


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


def corrected(N: int, L: int, field: str = "real", power: float = 1) -> Estimate:
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
    if outside := _outside(N, L, power):
        status, why = "conjectured", _FORCED.format(outside)
    value = limit + correction.value
    return Estimate(value, error, "estimate", "corrected", status, why)


def by_limit(N: int, L: float, field: str = "real", power: float = 1) -> Estimate:
    """The limit of infinite width, inside or outside its regime."""
    limit = math.log(N) + float(differential_effective_rank(L, power=power))
    error = math.inf
    if L <= LARGEST_DEPTH_PER_WIDTH * N:
        whole = max(1, math.ceil(L))
        correction = _correction(N, whole, field, power)
        error = abs(correction.value) + correction.remainder
    outside = _outside(N, L, power)
    why = _FORCED.format(outside) if outside else _LIMIT
    return Estimate(limit, error, "estimate", "limit", "proved", why)
