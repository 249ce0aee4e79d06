r"""The derivative with respect to time of the effective rank of many weak residual layers.

In the notation of `rank`, M(z) = (1/(2 pi i z)) oint s^z dw, where log s at fixed w grows by 2 w
per unit of time.  With means <.> over the measure s^z dw it follows that

    d(log M)/d tau = z g(z),   g(z) = 2 <w>,   g'(z) = 2 (<w log s> - <w> <log s>),            (1)

and so d rho/d tau = -z^2 g'(z) at order 1, -q z [g(q z) - g(z)]/(q - 1) at order q, and
z [g(z) - 2 w_max] for the min-entropy, since log s is stationary at the upper edge w_max.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank.theory.residual_limit.rank import (
    LEAST_DISTANCE,
    MEAN_ORDERS,
    MEAN_WEIGHTS,
    NEAR_ONE,
    STEP_PER_DISTANCE,
    checked_arguments,
    distance_of,
    far_contour,
    log_upper_edge,
    mean_nodes,
    second_difference,
    trapezoid,
)

__all__ = ["residual_limit_effective_rank_derivative"]

Array = npt.NDArray[np.float64]


def residual_limit_effective_rank_derivative(
    time: npt.ArrayLike, *, power: float = 1, order: float = 1
) -> Array | np.float64:
    """Derivative with respect to time of the effective rank of many weak residual layers.

    Parameters
    ----------
    time, power, order
        As in `residual_limit_effective_rank`.

    Returns
    -------
    ndarray or float64
        In nats per unit of time; at time 0 it is -order power^2/4, and -inf at order inf.  Relative
        error below 1e-12 for times up to 1e6.

    Raises
    ------
    TypeError, ValueError
        As in `residual_limit_effective_rank`.

    Notes
    -----
    It is negative for powers from 1 to 2, where the rank is proved to decrease.  At order 1 and
    power 2 it is -[1 - (1 - exp(-2 tau))/(2 tau)]/tau.

    Examples
    --------
    >>> from rmt_rank.theory.residual_limit.rank_derivative import *
    >>> residual_limit_effective_rank_derivative([0, 1, 4], power=2).round(6)
    array([-1.      , -0.567668, -0.21876 ])
    """
    tau, z, q = checked_arguments(time, power, order)
    slopes = [_derivative(float(t), z, q) for t in tau.flat]
    return np.reshape(slopes, tau.shape)[()]


def _derivative(tau: float, z: float, q: float) -> float:
    if q == 0:
        return 0.0
    if tau == 0:  # Var(log s) = 2 tau + O(tau^2)
        return -q * z * z if q < math.inf else -math.inf
    if q == 1:
        return -z * z * _growth(tau, z).slope
    if q == math.inf:
        return z * _growth(tau, z).below_edge
    if MEAN_ORDERS[0] <= q <= MEAN_ORDERS[1]:
        slopes = [_growth(tau, s * z).slope for s in mean_nodes(q)]
        return -q * z * z * float(MEAN_WEIGHTS @ slopes)
    first, second = _growth(tau, z), _growth(tau, q * z)
    # g, or its distance from its largest value where that is small
    if max(q, 1) * z * log_upper_edge(tau) < NEAR_ONE:
        change = second.value - first.value
    else:
        change = second.below_edge - first.below_edge
    return -q * z * change / (q - 1)


class _Growth(NamedTuple):
    """The growth rate of moments, g of (1), at one z."""

    value: float  # g
    below_edge: float  # g - 2 w_max
    slope: float  # g'


def _growth(tau: float, z: float) -> _Growth:
    return (_near_one if z * log_upper_edge(tau) < NEAR_ONE else _far)(tau, z)


def _near_one(tau: float, z: float) -> _Growth:
    """From N_k = (1/(2 pi i)) oint w^k s^z dw; what integrates to 0 is left out of s^z."""
    edge = math.cosh(distance_of(tau))
    distance = max(distance_of(tau), LEAST_DISTANCE)
    phi, weights = trapezoid(math.pi, STEP_PER_DISTANCE * min(distance, 1))
    zeta = distance + 1j * phi
    measure, w = weights * np.sinh(zeta) / (2 * np.pi), np.cosh(zeta) / 2
    log_s = 2 * tau * w + 4 * np.arctanh(np.exp(-zeta))
    x = z * log_s
    N0, dN0, N1, dN1 = (
        float((measure * values).real.sum())
        for values in (
            np.expm1(x),
            log_s * np.exp(x),
            w * second_difference(x),
            w * log_s * np.expm1(x),
        )
    )
    value = 2 * N1 / N0
    return _Growth(value, value - edge, (2 * dN1 - value * dN0) / N0)


def _far(tau: float, z: float) -> _Growth:
    """From differences from the upper edge."""
    zeta, weights, rise, x = far_contour(tau, z)
    terms = weights * np.exp(x) * np.sinh(zeta)
    total = float(terms.real.sum())
    # 2 (w - w_max) is the rise
    fall, log_ratio, product = (
        float((terms * values).real.sum()) / total for values in (rise, x / z, rise * x / z)
    )
    return _Growth(math.cosh(distance_of(tau)) + fall, fall, product - fall * log_ratio)
