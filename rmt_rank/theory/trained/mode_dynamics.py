r"""Singular values of a linear network on whitened data, from a small aligned start.

With X X^T = I, a loss of |W - T|^2/2 and layers that are balanced, their singular vectors being
those of T, gradient flow moves every singular value of W on its own towards that of T:

    sigma' = d sigma^(2 - 2/d) (s - sigma).                                                     (1)

Let r = sigma/s, gamma = 2/d - 1 on the way up, and r = s/sigma, gamma = 2 - 2/d on the way down.
Both rise to 1, and the time that (1) takes is

    t = s^(2/d - 2)/d int r^(gamma - 1)/(1 - r) dr,
    r^(gamma - 1)/(1 - r) = r^(gamma - 1) + r^gamma/(1 - r),

of which the first part is a power or a logarithm, and the second an incomplete beta function: a
series in r up to r = 1/2, in 1 - r beyond.  The inverse is a root in the logit of r, in which the
integral has the slope r^gamma.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial
from scipy import special

from rmt_rank._lib.validation import broadcast, real, real_array
from rmt_rank.theory.numerics.monotone_root import increasing_root

__all__ = ["mode_effective_rank", "mode_singular_values", "mode_time"]

Array = npt.NDArray[np.float64]

# Number of terms of series in numbers up to 1/2.
_TERMS = np.arange(1, 60)
# Ratios of target and start that leave room for their squares.
_LARGEST_RATIO = 1e100
# Beyond this logit, r rounds to 1.
_END = 500.0


class _Beta:
    """Incomplete beta function int_0^r x^gamma/(1 - x) dx minus first^(gamma+1)/(gamma+1).

    gamma >= -1.  The subtracted term cancels in differences; at great depth, where gamma tends to
    -1, it would be so large that the differences would lose their digits.
    """

    def __init__(self, gamma: float, first: Array) -> None:
        self.gamma, self.first = gamma, first
        self.near_zero = np.concatenate([[0], 1 / (gamma + _TERMS[1:])])
        binomials = np.cumprod((_TERMS - 1 - gamma) / _TERMS)  # (-1)^k binomial(gamma, k)
        self.near_one = np.concatenate([[0], -binomials / _TERMS])
        self.harmonic = float(special.digamma(gamma + 2)) + np.euler_gamma

    def __call__(self, r: Array, rest: Array) -> Array:
        """The integral at r, given also as 1 - r to full relative accuracy."""
        low, high = np.minimum(r, 0.5), np.minimum(rest, 0.5)
        power = self.gamma + 1
        rise = self.first**power * special.boxcox(low / self.first, power)
        begin = rise + low**power * polynomial.polyval(low, self.near_zero)
        end = -np.log(high) - self.harmonic + polynomial.polyval(high, self.near_one)
        end = end - special.boxcox(self.first, power)
        return np.asarray(np.where(r < 0.5, begin, end))


def mode_singular_values(
    time: npt.ArrayLike, targets: npt.ArrayLike, initial: npt.ArrayLike, depth: float
) -> Array | np.float64:
    """Singular values of a balanced, aligned network on whitened data after a training time.

    Parameters
    ----------
    time : array_like of float
        Time of gradient flow, >= 0.
    targets : array_like of float
        Singular values s of the task, >= 0.
    initial : array_like of float
        Singular values of the network at time 0, > 0, and from 1e-100 to 1e100 times the target
        where that is not 0.  All three are broadcast against each other.
    depth : float
        Number d of layers, from 1 to 1e300.

    Returns
    -------
    ndarray or float64
        Relative error about 1e-15 times the factor d log(sigma)/d log(t), which is the one that
        errors of the arguments have.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real, or out of its range.

    See Also
    --------
    mode_time : the inverse.
    mode_effective_rank : the effective rank of these.

    Notes
    -----
    d = 1: s + (sigma_0 - s) exp(-t); d = 2: s/(1 + (s/sigma_0 - 1) exp(-2 s t)).  From a start that
    is not aligned this is only a picture: the singular vectors have to turn first.

    References
    ----------
    .. [1] A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of
       learning in deep linear neural networks", arXiv:1312.6120.
    .. [2] S. Arora, N. Cohen, W. Hu, Y. Luo, "Implicit Regularization in Deep Matrix
       Factorization", arXiv:1905.13655, Theorem 3.

    Examples
    --------
    The larger mode is learned first, the more so the deeper the network.

    >>> from rmt_rank.theory.trained.mode_dynamics import mode_singular_values
    >>> mode_singular_values(4, [2, 1], 0.01, 2).round(3)
    array([2.   , 0.968])
    >>> mode_singular_values(4, [2, 1], 0.01, 4).round(3)
    array([2.   , 0.181])
    """
    t = real_array("time", time, at_least=0)
    s, start, d = _checked(targets, initial, depth)
    t, s, start = broadcast(time=t, targets=s, initial=start)
    result = start.astype(np.float64)
    rising, falling, to_zero = (s > start), (s > 0) & (s < start), (s == 0)
    with np.errstate(over="ignore"):
        result[rising] = s[rising] * _risen(
            start[rising] / s[rising],
            (s - start)[rising] / s[rising],
            _scaled(d * t[rising], s[rising] * start[rising] ** (1 - 2 / d)),
            2 / d - 1,
        )
        k = 2 - 2 / d
        risen = _risen(
            s[falling] / start[falling],
            (start - s)[falling] / start[falling],
            _scaled(d * t[falling], start[falling] ** k),
            k,
        )
        result[falling] = s[falling] / risen
        zero = start[to_zero]
        result[to_zero] = zero / special.inv_boxcox(_scaled(d * t[to_zero], zero**k), k)
    return result[()]


def mode_time(
    values: npt.ArrayLike, targets: npt.ArrayLike, initial: npt.ArrayLike, depth: float
) -> Array | np.float64:
    """Time that singular values take from one value to another, see (1).

    Parameters
    ----------
    values : array_like of float
        Singular values that are reached, from the initial ones up to the targets.
    targets, initial : array_like of float
        As for `mode_singular_values`.
    depth : float
        As for `mode_singular_values`.

    Returns
    -------
    ndarray or float64
        inf where a value is its target, or 0.  `mode_time(targets / 2, ...)` is how long the start
        holds a mode back.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real, or out of its range.

    Notes
    -----
    For a small start sigma_0, the time to reach half the target is log(s/sigma_0)/(2 s) for two
    layers and sigma_0^(2/d - 1)/((d - 2) s) for more, both to leading order.

    Examples
    --------
    >>> from rmt_rank.theory.trained.mode_dynamics import mode_time
    >>> [round(float(mode_time(0.5, 1, 1e-4, depth)), 3) for depth in (1, 2, 3)]
    [0.693, 4.605, 20.693]
    """
    s, start, d = _checked(targets, initial, depth)
    sigma = real_array("values", values, at_least=0)
    sigma, s, start = broadcast(values=sigma, targets=s, initial=start)
    off = (sigma < np.minimum(s, start)) | (sigma > np.maximum(s, start))
    if off.any():
        raise ValueError(
            "values must lie between initial and targets, got "
            f"{float(sigma[off].flat[0])!r} for {float(start[off].flat[0])!r} and "
            f"{float(s[off].flat[0])!r}"
        )
    result = np.zeros(s.shape)
    rising, falling, to_zero = (s > start), (s > 0) & (s < start), (s == 0)
    k = 2 - 2 / d
    with np.errstate(divide="ignore"):
        result[rising] = _elapsed(
            start[rising] / s[rising],
            (s - start)[rising] / s[rising],
            sigma[rising] / s[rising],
            (s - sigma)[rising] / s[rising],
            2 / d - 1,
        ) / (d * s[rising] * start[rising] ** (1 - 2 / d))
        result[falling] = _elapsed(
            s[falling] / start[falling],
            (start - s)[falling] / start[falling],
            s[falling] / sigma[falling],
            (sigma - s)[falling] / sigma[falling],
            k,
        ) / (d * start[falling] ** k)
        zero = start[to_zero]
        result[to_zero] = special.boxcox(zero / sigma[to_zero], k) / (d * zero**k)
    return result[()]


def mode_effective_rank(
    time: npt.ArrayLike, targets: npt.ArrayLike, initial: npt.ArrayLike, depth: float
) -> Array | np.float64:
    """Effective rank of a balanced, aligned network on whitened data during training.

    Parameters
    ----------
    time : array_like of float, shape (...)
        Times of gradient flow, >= 0.
    targets, initial : array_like of float, shape (modes,)
        As for `mode_singular_values`; one of them may be one number.
    depth : float
        Number of layers, >= 1.

    Returns
    -------
    ndarray or float64, shape (...)
        In nats.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real, or out of its range, shapes do not fit, or all singular values
        are so small that they round to 0.

    Notes
    -----
    From a small start it dips while the largest modes are learned, the deeper the network the lower
    and longer, and rises to that of the targets, whatever the depth.

    Examples
    --------
    >>> from rmt_rank.theory.trained.mode_dynamics import mode_effective_rank
    >>> mode_effective_rank([0, 1, 4, 16], [3, 2, 1], 0.01, 2).round(2)
    array([1.1 , 0.62, 1.01, 1.01])
    """
    t = real_array("time", time, at_least=0)
    values = np.asarray(mode_singular_values(t[..., np.newaxis], targets, initial, depth))
    total = values.sum(axis=-1, keepdims=True)
    if (zero := total[..., 0] == 0).any():
        raise ValueError(
            "time must leave a singular value that does not round to 0, got "
            f"{float(np.broadcast_to(t, zero.shape)[zero].flat[0])!r}"
        )
    share = values / total
    return np.asarray(special.entr(share).sum(axis=-1))[()]


def _checked(
    targets: npt.ArrayLike, initial: npt.ArrayLike, depth: float
) -> tuple[Array, Array, float]:
    s = real_array("targets", targets, at_least=0)
    start = real_array("initial", initial, above=0)
    broadcast(targets=s, initial=start)
    with np.errstate(over="ignore"):
        ratio = np.where(s > 0, s, start) / start
    if (bad := (ratio > _LARGEST_RATIO) | (ratio < 1 / _LARGEST_RATIO)).any():
        raise ValueError(
            "initial must be within 1e100 of the targets that are not 0, got a ratio of "
            f"{float(ratio[bad].flat[0])!r}"
        )
    return s, start, real("depth", depth, at_least=1, at_most=1e300)


def _scaled(time: Array, speed: Array) -> Array:
    """Product of two factors, one of which may underflow while the other overflows."""
    known = np.isfinite(time) & np.isfinite(speed)
    product = np.where(known, time, 0) * np.where(known, speed, 0)
    # with an infinite factor the product is 0 at time 0, and infinite otherwise
    return np.where(known, product, np.where(time > 0, np.inf, 0.0))


def _elapsed(first: Array, first_rest: Array, r: Array, rest: Array, gamma: float) -> Array:
    """first^(-gamma) int_first^r x^(gamma - 1)/(1 - x) dx."""
    beta = _Beta(gamma, first)
    ratio = r / first
    # one power for both: x^gamma is large where gamma is negative, or first is small
    more = first**-gamma * (beta(r, rest) - beta(first, first_rest))
    return np.asarray(special.boxcox(ratio, gamma) + more)


def _risen(first: Array, first_rest: Array, elapsed: Array, gamma: float) -> Array:
    """The inverse of `_elapsed` in r."""
    if first.size == 0:
        return first
    begin = np.log(first) - np.log(first_rest)
    # above 1/2 the slope is r^gamma/first^gamma, r^gamma being from 1 to 2^-gamma
    span = elapsed * first**gamma * max(1.0, 2.0**gamma)
    end = np.maximum(begin, 0) + np.minimum(span, _END)
    # below 1/2, not beyond the point that the power alone would take as long to reach
    with np.errstate(all="ignore"):
        most = first * special.inv_boxcox(elapsed, gamma) * (1 + 4 * np.finfo(np.float64).eps)
        end = np.where(most < 0.5, np.clip(np.log(most) - np.log1p(-most), begin, end), end)

    def missing(logit: Array) -> tuple[Array, Array]:
        r, rest = special.expit(logit), special.expit(-logit)
        return _elapsed(first, first_rest, r, rest, gamma) - elapsed, (r / first) ** gamma

    return np.asarray(special.expit(increasing_root(missing, begin, end)))
