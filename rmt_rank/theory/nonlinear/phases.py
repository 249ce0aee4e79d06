r"""The phases of random networks of infinite width: the limit of correlations as depth grows.

At a fixed point v of the variance the map of the correlation has the slope chi = sw^2 E phi'^2 at
r = 1, and is convex on [0, 1]: all its coefficients in r are squares. So r -> 1 if chi <= 1, and r
tends to the one fixed point below 1 if chi > 1 (Poole et al., arXiv:1606.05340). Negative r follow,
as |f(r)| <= f(|r|).

Where the variance vanishes, as phi(0) = 0 and sw^2 phi'(0)^2 < 1, layers become linear
geometrically fast, and correlations freeze. For odd phi this holds at sw^2 phi'(0)^2 = 1 as well:
v ~ 1/l, and layers are linear up to terms of order v^2, whose sum is finite.  For odd phi without
bias, beyond that and not linear, E phi phi = sum_k a_k r^k of odd k has a slope above 1 at r = 1 at
every fixed point v > 0: chaos, in which r tends to 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.activations import Activation
from rmt_rank._lib.activations import activation as activation_of
from rmt_rank._lib.validation import LARGEST_INTEGER, integer, real
from rmt_rank.theory.nonlinear.correlation_maps import next_layer
from rmt_rank.theory.nonlinear.dual_activations import Dual, dual_of

__all__ = ["Phase", "critical_weight_variance", "phase"]

Array = npt.NDArray[np.float64]
Given = str | Callable[[Any], Any] | Activation

# Variances that stand for 0 and for infinity.
_VANISHING, _EXPLODING = 1e-12, 1e12
# A variance at which phi is linear to rounding.
_ORIGIN = 1e-20
# Tolerances on a slope that should be 1: computed at a fixed point, and known at 0.
_CRITICAL, _ROUNDING = 1e-5, 4 * float(np.finfo(float).eps)


class Phase(NamedTuple):
    """Limits of variance and correlation as depth grows.

    Attributes
    ----------
    name : {"ordered", "critical", "chaotic", "frozen"}
        slope < 1, = 1, > 1; frozen where layers become linear, as the variance vanishes, before
        the correlation has found its limit.
    variance : float
        Limit of the variance of the pre-activations, 0 (for any below 1e-12) and inf included.
    slope : float
        Limit of the slope of the map of correlations at 1.
    correlation : float or None
        Limit of the correlation of two inputs that are neither equal nor opposite; None where it
        depends on where they started.

    Examples
    --------
    >>> from rmt_rank.nonlinear import phase
    >>> limit = phase("tanh", 2.0)
    >>> print(limit.name, round(limit.slope, 3))
    chaotic 1.106
    """

    name: str
    variance: float
    slope: float
    correlation: float | None

    def limit_rank(self, samples: int) -> float | None:
        """Limit of the effective rank of the cosine kernel of samples in general position.

        Parameters
        ----------
        samples : int
            Number of samples, from 1 to 2^53.

        Returns
        -------
        float or None
            Limit in nats; None where it depends on the samples.
        """
        q = integer("samples", samples, at_least=1, at_most=LARGEST_INTEGER)
        if self.correlation is None:
            return None
        r = self.correlation
        others = (1 - r) * (1 - 1 / q)
        if others == 0:
            return 0.0
        return -(1 - others) * math.log1p(-others) - others * math.log((1 - r) / q)


def phase(
    activation: Given,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
    *,
    variance: float = 1.0,
) -> Phase:
    """The limits of variance and correlation as depth grows, at infinite width.

    Parameters
    ----------
    activation : str, callable or Activation
        phi, as in `rmt_rank.theory.nonlinear.correlation_maps.correlation_map`; one with kinks
        needs its derivative.
    weight_variance, bias_variance : float, default 1 and 0
        sw^2 > 0 and sb^2, as in `rmt_rank.theory.nonlinear.correlation_maps.variance_map`.
    variance : float, default 1
        Variance of the pre-activations of the first layer, on which the limits may depend.

    Returns
    -------
    Phase
        A slope within 1e-5 of 1 is taken for critical, but for odd activations without bias: they
        are chaotic as soon as sw^2 phi'(0)^2 > 1.

    Raises
    ------
    TypeError, ValueError
        As in `correlation_map`; also if E phi^2 does not grow with the variance, or there is no
        theory for the limit.

    References
    ----------
    .. [1] B. Poole et al., arXiv:1606.05340.
    .. [2] S. S. Schoenholz et al., arXiv:1611.01232.

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.phases import phase
    >>> phase("relu", 2.0)
    Phase(name='critical', variance=1.0, slope=1.0, correlation=1.0)
    >>> phase("tanh", 1.0).name, phase("tanh", 2.0).name
    ('frozen', 'chaotic')
    >>> round(phase("tanh", 2.0).limit_rank(256), 6)  # log 256
    5.545177
    """
    given = activation_of(activation)
    dual = dual_of(given)
    sw2 = real("weight_variance", weight_variance, above=0)
    sb2 = real("bias_variance", bias_variance, at_least=0)
    limit = _limit_of_variance(dual, given.name, real("variance", variance, above=0), sw2, sb2)
    # without bias, layers at both ends scale the inputs, which leaves correlations unchanged
    bias = sb2 if 0 < limit < math.inf else 0.0
    v = np.asarray(min(max(limit, _VANISHING), _EXPLODING))
    at = (dual, v, _own_weight_variance(dual, v, bias), bias)
    slope = float(at[2] * dual.slope_moment(v))
    if given.odd and sb2 == 0 and not dual.homogeneous and limit < math.inf:
        beyond = sw2 * _slope_at_origin(given, dual) > 1 + _ROUNDING
        if limit > 0 or beyond:
            return Phase("chaotic", limit, max(slope, 1.0), 0.0)
    orthogonal = _next_gap(1.0, *at)
    if limit == 0 and 1 - orthogonal < _CRITICAL and abs(slope - 1) < _CRITICAL:
        if not given.odd and abs(sw2 * float(dual.slope_moment(v)) - 1) < _CRITICAL:
            raise ValueError(
                f"weight_variance must not be critical where the variance vanishes and activation "
                f"{given.name!r} is not known to be odd, got {sw2!r}"
            )
        return Phase("frozen", 0.0, 1.0, None)
    if abs(slope - 1) < _CRITICAL:
        # a linear network keeps correlations, unless biases add up
        kept = _is_identity(at) and not (sb2 > 0 and sw2 * float(dual.slope_moment(v)) <= 1)
        return Phase("critical", limit, 1.0, None if kept else 1.0)
    if slope < 1:
        return Phase("ordered", limit, slope, 1.0)
    return Phase("chaotic", limit, slope, _fixed_correlation(at))


def _slope_at_origin(given: Activation, dual: Dual) -> float:
    """phi'(0)^2."""
    if given.derivative is None:
        return float(dual.slope_moment(np.asarray(_ORIGIN)))
    return float(np.asarray(given.derivative(np.zeros(1)))[0]) ** 2


_Layer = tuple[Dual, Array, float, float]


def _own_weight_variance(dual: Dual, v: Array, sb2: float) -> float:
    """The weight variance that keeps a variance."""
    return float((v - sb2) / dual.second_moment(v))


def _next_gap(gap: float, dual: Dual, v: Array, sw2: float, sb2: float) -> float:
    return float(next_layer(dual, v, np.asarray(gap), sw2, sb2)[1])


def _is_identity(at: _Layer) -> bool:
    """Return whether layers leave correlations unchanged, as linear networks do."""
    return abs(_next_gap(0.5, *at) - 0.5) < 1e-12


def _fixed_correlation(at: _Layer) -> float:
    """The fixed point below 1, where the slope at 1 exceeds 1."""
    if 1 - _next_gap(1.0, *at) < 1e-13:
        return 0.0
    gap = scipy.optimize.brentq(
        lambda d: _next_gap(d, *at) / d - 1, 1e-9, 1.0, xtol=1e-15, rtol=1e-14
    )
    return float(1 - gap)


def _limit_of_variance(dual: Dual, name: str, start: float, sw2: float, sb2: float) -> float:
    """The first fixed point on the way from the start: the map of the variance is increasing."""
    if dual.homogeneous:
        factor = sw2 * float(dual.second_moment(np.ones(())))
        if sb2 == 0:
            growth = 0.0 if abs(factor - 1) < 1e-15 else factor - 1
            return start if growth == 0 else (math.inf if growth > 0 else 0.0)
        return math.inf if factor >= 1 else sb2 / (1 - factor)

    def growth_at(v: float) -> float:
        return (sw2 * float(dual.second_moment(np.asarray(v))) + sb2) / v - 1

    here = growth_at(start)
    end = _EXPLODING if here > 0 else _VANISHING
    v = start
    while v != end:
        if here == 0:
            return v
        following = min(v * 2, end) if here > 0 else max(v / 2, end)
        there = growth_at(following)
        if ((1 + there) * following - (1 + here) * v) * (following - v) < 0:
            raise ValueError(
                f"activation {name!r} must have a mean square that grows with the variance; it "
                f"does not between {v:.6g} and {following:.6g}"
            )
        if here * there <= 0:
            return float(scipy.optimize.brentq(growth_at, *sorted((v, following)), rtol=1e-14))
        v, here = following, there
    return math.inf if here > 0 else 0.0


def critical_weight_variance(activation: Given, bias_variance: float = 0.0) -> float:
    """The weight variance between order and chaos: slope 1 at a fixed point of the variance.

    Parameters
    ----------
    activation : str, callable or Activation
        phi, as in `phase`.
    bias_variance : float, default 0
        sb^2.

    Returns
    -------
    float
        The one of the smallest variance; without bias 1/phi'(0)^2 for smooth phi with phi(0) = 0.

    Raises
    ------
    TypeError, ValueError
        As in `phase`; also if there is none.

    References
    ----------
    .. [1] S. S. Schoenholz et al., arXiv:1611.01232.

    Examples
    --------
    >>> from rmt_rank.theory.nonlinear.phases import critical_weight_variance
    >>> round(critical_weight_variance("tanh"), 9), round(critical_weight_variance("relu"), 9)
    (1.0, 2.0)
    >>> round(critical_weight_variance("tanh", 0.05), 6)
    1.760955
    """
    given = activation_of(activation)
    dual = dual_of(given)
    sb2 = real("bias_variance", bias_variance, at_least=0)

    def excess(log_v: float) -> float:
        """chi - 1 for the weight variance that keeps v."""
        v = np.asarray(math.exp(log_v))
        return _own_weight_variance(dual, v, sb2) * float(dual.slope_moment(v)) - 1

    if sb2 == 0:
        log_v = math.log(_ORIGIN)
        if abs(excess(log_v)) < _CRITICAL:
            return 1 / float(dual.slope_moment(np.asarray(_ORIGIN)))
    else:
        log_v = math.log(sb2) + 1e-9
    here = excess(log_v)
    while log_v < math.log(_EXPLODING):
        there = excess(log_v + 0.25)
        if here * there <= 0:
            root = scipy.optimize.brentq(excess, log_v, log_v + 0.25, xtol=1e-14, rtol=1e-14)
            return 1 / float(dual.slope_moment(np.asarray(math.exp(root))))
        log_v, here = log_v + 0.25, there
    raise ValueError(
        f"activation {given.name!r} must have a critical weight variance at the bias variance "
        f"{sb2!r}; it has none"
    )
