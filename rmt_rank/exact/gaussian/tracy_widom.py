"""Tracy-Widom laws by the Hastings-McLeod solution of Painleve II, at any precision.

q'' = s q + 2 q^3 with q ~ Ai(s) at +infinity [1]_ gives, for the largest eigenvalue of complex and
of real matrices,

    F_2(s) = exp(-K),  F_1(s) = exp(-(I + K)/2),   I = int_s^oo q,  K = int_s^oo (x - s) q(x)^2 dx.

It starts at a point where Ai is as good as q, and follows Taylor series of q to the left; I, K
and J = -K' = int_s^oo q^2 are integrals of the same series.  At s < 0 the solution is unstable: a
deviation grows like exp(2 sqrt(2)/3 |s|^(3/2)), so that many more digits are carried.

.. [1] C. A. Tracy, H. Widom, "On orthogonal and symplectic matrix ensembles", Commun. Math. Phys.
   177 (1996) 727-754, Eqs. 52, 53; doi:10.1007/BF02099545.
"""

from __future__ import annotations

import math
from typing import Any

from rmt_rank.exact._numbers import Number, as_mpf, bounded, check_digits, expm1, integer
from rmt_rank.exact._precision import mp, rounded, working

__all__ = ["tracy_widom"]

LEAST, MOST = -40, 100  # range of s


def tracy_widom(x: Number, beta: int = 1, *, digits: int = 30) -> tuple[Any, ...]:
    """Return density, distribution function and survival function of a Tracy-Widom law at x.

    Parameters
    ----------
    x : number
        From -40 to 100.
    beta : {1, 2}, default 1
        1 for real and 2 for complex matrices.
    digits : int, default 30
        Significant decimal digits, of both tails.

    Returns
    -------
    tuple of three mpf
        (pdf, cdf, sf).

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from rmt_rank.exact import tracy_widom
    >>> print(tracy_widom(0, digits=15)[1])
    0.831908066202952
    """
    s_exact, digits = bounded("x", x, LEAST, MOST), check_digits(digits)
    beta = integer("beta", beta, 1, 2)
    # decimal digits that a deviation gains, so that the error Ai^2 of the start must have more
    gain = 2 * math.sqrt(2) / 3 * max(0.0, -float(s_exact)) ** 1.5 / math.log(10)
    small = digits + 10 + gain
    start = max((0.75 * math.log(10) * small) ** (2 / 3), float(s_exact))
    # int Ai is a difference from 1/3
    with working(int(small + 10 + 2 / 3 * start**1.5 / math.log(10))):
        s = as_mpf(s_exact)
        q, first, J, K = _followed(max(mp.mpf(start), s), s)
        log_cdf, rate = (-K, J) if beta == 2 else (-(first + K) / 2, (q + J) / 2)
        cdf = mp.exp(log_cdf)
        pdf, sf = rate * cdf, -expm1(log_cdf)
    return rounded(pdf, digits), rounded(cdf, digits), rounded(sf, digits)


def _followed(t: Any, s: Any) -> tuple[Any, ...]:
    """q, I, J and K at s, from t >= s on."""
    q, slope = mp.airyai(t), mp.airyai(t, derivative=1)
    first = mp.mpf(1) / 3 - mp.airyai(t, derivative=-1)
    # antiderivatives of Ai^2 and of x Ai^2
    J = slope**2 - t * q**2
    K = (-q * slope - 2 * t * slope**2 + 2 * t**2 * q**2) / 3
    order = mp.dps
    while t > s:
        series, squares = _taylor(t, q, slope, order)
        # terms beyond the last are below a unit of the last digit of q
        size = max(abs(series[-1] / q), abs(series[-2] / q) ** (mp.mpf(order) / (order - 1)))
        h = max(-((mp.eps / 16 / size) ** (mp.mpf(1) / order)), s - t)
        powers = [mp.mpf(1)]
        for _ in range(order + 2):
            powers.append(powers[-1] * h)
        count = range(order + 1)
        q = mp.fdot(series, powers)
        slope = mp.fdot([n * series[n] for n in count][1:], powers)
        first -= mp.fdot([series[n] / (n + 1) for n in count], powers[1:])
        K += mp.fdot([squares[n] / ((n + 1) * (n + 2)) for n in count], powers[2:]) - J * h
        J -= mp.fdot([squares[n] / (n + 1) for n in count], powers[1:])
        t = s if h == s - t else t + h
    return q, first, J, K


def _taylor(t: Any, q: Any, slope: Any, order: int) -> tuple[list[Any], list[Any]]:
    """Taylor coefficients of q and of q^2 at t, up to this order."""
    c, squares = [q, slope], []
    for n in range(order + 1):
        squares.append(mp.fdot(c[: n + 1], c[n::-1]))
        cube = mp.fdot(squares, c[n::-1])
        c.append((t * c[n] + (c[n - 1] if n else 0) + 2 * cube) / ((n + 1) * (n + 2)))
    return c[: order + 1], squares
