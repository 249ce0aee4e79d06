"""Singular values of balanced networks on whitened data: the equation itself, integrated.

    sigma' = d sigma^(2 - 2/d) (s - sigma)

Times are quadratures of d sigma/sigma', in the logarithm of sigma; values at a time are roots of
these.
"""

from __future__ import annotations

from typing import Any

from rmt_rank.exact._numbers import Number, as_mpf, bounded, check_digits, positive, shown
from rmt_rank.exact._precision import mp, rounded, working

__all__ = ["mode_singular_value", "mode_time"]

FINEST = 12  # doublings of the nodes of the quadrature before giving up


def _depth(depth: Number) -> Any:
    return bounded("depth", depth, 1, 10**6)


def _target(target: Number) -> Any:
    return bounded("target", target, 0, 10**6)


def _elapsed(value: Any, s: Any, start: Any, d: Any) -> Any:
    def integrand(y: Any) -> Any:
        sigma = mp.exp(y)
        return sigma ** (2 / d - 1) / (d * (s - sigma))

    # pieces that halve towards the target, where the integrand grows
    ends, begin, end = [mp.log(start)], mp.log(start), mp.log(value)
    pole = mp.log(s) if s > 0 else None
    if pole is not None:
        while abs(pole - ends[-1]) > 2 * abs(pole - end):
            ends.append((ends[-1] + pole) / 2)
    pieces = [*ends, end] if begin != end else [begin, begin]
    result, error = mp.quad(integrand, pieces, error=True, maxdegree=FINEST)
    if error > mp.mpf(10) ** (10 - mp.dps) * abs(result):
        raise ArithmeticError(f"quadrature has not converged: {result} with an error of {error}")
    return result


def mode_time(
    value: Number, target: Number, initial: Number, depth: Number, *, digits: int = 30
) -> Any:
    """Return the time that a singular value takes from the initial one to ``value``.

    Parameters
    ----------
    value : number
        Between initial and target.
    target : number
        Singular value s of the task, >= 0.
    initial : number
        Singular value at time 0, > 0.
    depth : number
        Real d >= 1.
    digits : int
        Significant decimal digits.

    Returns
    -------
    mpf
        The time at which the singular value is ``value``.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    ArithmeticError
        If the quadrature does not converge.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import mode_time
    >>> print(nstr(mode_time(1, 2, "0.01", 2), 12))
    1.32332620618
    """
    sigma, start = positive("value", value), bounded("initial", initial, "1e-100", 10**6)
    s, d, digits = _target(target), _depth(depth), check_digits(digits)
    if not (start <= sigma < s or s < sigma <= start):
        raise ValueError(
            f"value is {shown(value)}; allowed: from initial, {shown(initial)}, to below target, "
            f"{shown(target)}"
        )
    with working(digits + 25):
        result = _elapsed(as_mpf(sigma), as_mpf(s), as_mpf(start), as_mpf(d))
    return rounded(result, digits)


def mode_singular_value(
    time: Number, target: Number, initial: Number, depth: Number, *, digits: int = 30
) -> Any:
    """Return the singular value after a time: the root of `mode_time`, by bisection and Newton.

    Parameters
    ----------
    time : number
        > 0.
    target, initial, depth : number
        As for `mode_time`.
    digits : int, default 30
        As for `mode_time`.

    Returns
    -------
    mpf
        The singular value at that time.

    Raises
    ------
    ValueError, TypeError, ArithmeticError
        As `mode_time`.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import mode_singular_value
    >>> print(nstr(mode_singular_value(4, 2, "0.01", 2, digits=15), 12))
    1.999955212
    """
    t_exact, start_exact = positive("time", time), bounded("initial", initial, "1e-100", 10**6)
    bounded("time", time, 0, 10**6)
    s_exact, d_exact, digits = _target(target), _depth(depth), check_digits(digits)
    with working(digits + 25):
        t, s, start, d = (as_mpf(x) for x in (t_exact, s_exact, start_exact, d_exact))
        result = start
        if s == start:
            return rounded(result, digits)
        # in the logarithm of the distance to the target, of slope dt/dy = -1/(d sigma^(2 - 2/d))
        low, high = -t * d * max(s, start) ** (2 - 2 / d), mp.mpf(0)
        y = low / 2
        while high - low > mp.mpf(10) ** -(digits + 8):
            result = s + (start - s) * mp.exp(y)
            excess = _elapsed(result, s, start, d) - t
            if abs(excess) < mp.mpf(10) ** -(digits + 8) * t:
                break
            low, high = (y, high) if excess > 0 else (low, y)
            y += excess * d * result ** (2 - 2 / d)
            if not low < y < high:
                y = (low + high) / 2
    return rounded(result, digits)
