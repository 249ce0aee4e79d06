"""Residual networks with many weak layers by quadrature, at any precision.

Factors I + a G_l, l = 1, ..., L, a^2 = tau/L, as the width and then L grow.  The squared singular
values s have the S-transform S(t) = exp(-tau (1 + 2t)); 1F1, Bessel functions and the explicit
curve of the law are not used here.

Moments.  With h(x) = x/S(x - 1) it is E s^z = (sin(pi z)/(pi z)) int_0^1 (h(x)/(1-x))^z dx for
0 < z < 1 (Haagerup and Moeller), and the same as an integral around 0 <= x <= 1, divided by
2 pi i z, for any z.  At z = 1, where the integral on the axis ends, its pole gives the rank of the
Gram matrix,

    rho = 1 - int_0^1 (1 - h(x)/h(1))/(1-x) dx.

The law.  At a given s the equation log((1+t)/t) - log S(t) = log s is solved in the upper half
plane, by Newton's method from s = 1, where w = t + 1/2 is imaginary; the density of log s is
Im w/pi, and probabilities are integrals of Im(w d log s)/pi from that root, by quadrature. Below 1
the law is that of 1/s.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from rmt_rank.exact._numbers import Number, as_mpf, check_digits, exact, positive, shown
from rmt_rank.exact._precision import mp, rounded, working

__all__ = ["residual_limit_effective_rank", "residual_limit_law", "residual_limit_moment"]

FINEST = 12  # doublings of the nodes of the quadrature before giving up
AXIS_ENDS = 20  # above this z tau the integral on the axis converges slowly
PATH = 8  # steps from s = 1 to the s that is wanted
NEWTON_STEPS = 60
LEAST_TIME, MOST_TIME = Fraction(1, 10**40), 10**7


def _time(value: Number) -> Fraction:
    time = exact("time", value)
    if time and not LEAST_TIME <= time <= MOST_TIME:
        raise ValueError(
            f"time is {shown(value)}; allowed: a number >= 0, 0 or from {float(LEAST_TIME):g} to "
            f"{MOST_TIME:g}"
        )
    return time


def _quad(function: Callable[[Any], Any], points: list[Any]) -> Any:
    value, error = mp.quad(function, points, error=True, maxdegree=FINEST)
    if error > mp.mpf(10) ** (10 - mp.dps) * max(1, abs(value)):
        raise ArithmeticError(f"quadrature has not converged: {value} with an error of {error}")
    return value


def _log_square(w: Any, tau: Any) -> Any:
    """log((1+t)/t) - log S(t), t = w - 1/2, real for w > 1/2 and continuous in the half plane."""
    half = mp.mpf(1) / 2
    return mp.log(w + half) - mp.log(w - half) + 2 * tau * w


def _upper_edge(tau: Any) -> Any:
    """The w > 1/2 of the largest s, where d log s/dw = 2 tau - 1/(w^2 - 1/4) = 0."""
    return mp.sqrt(1 + 2 / tau) / 2


def _on_the_axis(z: Any, tau: Any) -> tuple[Any, Callable[[], Any]]:
    """log M and the integral for its derivative, 0 < z < 1, over v = log(x/(1-x))."""

    def integral(power: int) -> Any:
        def weighted(v: Any) -> Any:
            log_ratio = v + tau * mp.tanh(v / 2)
            return mp.exp(z * log_ratio) * log_ratio**power / (2 * mp.cosh(v / 2)) ** 2

        left_out = mp.prec * mp.log(2) + 2 * z * tau
        low, high = -left_out / (1 + z), left_out / (1 - z)
        return _quad(weighted, [low, low / 4, -4, 0, 4, high / 4, high])

    angle, total = mp.pi * z, integral(0)
    log_moment = mp.log(mp.sin(angle) / angle * total)
    return log_moment, lambda: integral(1) / total + mp.pi * mp.cot(angle) - 1 / z


def _around_the_axis(z: Any, tau: Any) -> tuple[Any, Callable[[], Any]]:
    """log M and the integral for its derivative, z > 0, on half of a circle."""
    radius = _upper_edge(tau)
    edge = _log_square(radius, tau)

    def integral(power: int) -> Any:
        def weighted(angle: Any) -> Any:
            w = radius * mp.expj(angle)
            log_ratio = _log_square(w, tau) - edge
            return mp.re(mp.exp(z * log_ratio) * log_ratio**power * w)

        return _quad(weighted, [mp.pi * k / 8 for k in (0, 1, 2, 4, 8)])

    total = integral(0)
    log_moment = z * edge + mp.log(total / (mp.pi * z))
    return log_moment, lambda: edge + integral(1) / total - 1 / z


def _log_moment(z: Any, tau: Any) -> tuple[Any, Callable[[], Any]]:
    on_the_axis = z < 1 and z * tau <= AXIS_ENDS
    return (_on_the_axis if on_the_axis else _around_the_axis)(z, tau)


def _gram_rank(tau: Any) -> Any:
    def lost(y: Any) -> Any:  # y = 1 - x
        return (1 - (1 - y) * mp.exp(-2 * tau * y)) / y

    return 1 - mp.quad(lost, mp.linspace(0, 1, 5))


def residual_limit_moment(time: Number, order: Number, *, digits: int = 30) -> Any:
    """Return E s^order of the squared singular values of the limit of residual networks.

    Parameters
    ----------
    time : number
        tau >= 0, the variance of the layers times their number.
    order : number
        Real; the law of s is that of 1/s, so that the sign does not matter.
    digits : int
        Significant decimal digits.

    Returns
    -------
    mpf
        The moment E s^order.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    ArithmeticError
        If the quadrature does not converge.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import residual_limit_moment
    >>> print(nstr(residual_limit_moment(1, 1), 12))
    2.71828182846
    """
    tau, z, digits = _time(time), abs(exact("order", order)), check_digits(digits)
    if tau == 0 or z == 0:
        return rounded(1, digits)
    with working(_working(digits, tau, z)):
        value = mp.exp(_log_moment(as_mpf(z), as_mpf(tau))[0])
    return rounded(value, digits)


def residual_limit_effective_rank(time: Number, *, power: Number = 1, digits: int = 30) -> Any:
    """Return the effective rank less log N of residual networks with many weak layers, in nats.

    Parameters
    ----------
    time : number
        tau >= 0, the variance of the layers times their number.
    power : number
        > 0; 2 is the Gram matrix.
    digits : int
        Decimal digits after the point.

    Returns
    -------
    mpf
        In nats; <= 0.

    Raises
    ------
    ValueError, TypeError, ArithmeticError
        As `residual_limit_moment`.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import residual_limit_effective_rank
    >>> print(nstr(residual_limit_effective_rank(1, digits=15), 10))
    -0.2549235673
    """
    tau, z, digits = _time(time), positive("power", power) / 2, check_digits(digits)
    if tau == 0:
        return rounded(0, digits)
    with working(_working(digits, tau, z)):
        if z == 1:
            value = _gram_rank(as_mpf(tau))
        else:
            log_moment, slope = _log_moment(as_mpf(z), as_mpf(tau))
            value = log_moment - as_mpf(z) * slope()
    return rounded(value, digits)


def _working(digits: int, tau: Fraction, z: Fraction) -> int:
    """Working digits that leave enough in rank and moments: log M is about tau z."""
    return digits + 25 + 2 * len(str(int(tau * z)))


def residual_limit_law(x: Number, time: Number, *, digits: int = 30) -> tuple[Any, ...]:
    """Return density, distribution function and survival function of a singular value at x.

    Parameters
    ----------
    x : number
        Singular value, > 0.
    time : number
        tau > 0, the variance of the layers times their number.
    digits : int
        Decimal digits.

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
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import residual_limit_law
    >>> [nstr(value, 10) for value in residual_limit_law(1, 1, digits=15)]
    ['0.4158853544', '0.5', '0.5']
    """
    tau_exact, x_exact, digits = positive("time", time), positive("x", x), check_digits(digits)
    zero, one = rounded(0, digits), rounded(1, digits)
    with working(2 * digits + 30):
        tau, log_s = as_mpf(tau_exact), 2 * mp.log(as_mpf(x_exact))
        top = _upper_edge(tau)
        if abs(log_s) >= _log_square(top, tau):
            return (zero, one, zero) if log_s > 0 else (zero, zero, one)
        w = _upper_root(abs(log_s), tau)
        # well above the poles 1/2 and -1/2
        path = [w, w + 1j, top + 1j, top]
        tail = mp.quad(lambda v: v * _slope(v, tau), path).imag / mp.pi
        pdf = 2 * w.imag / (mp.pi * as_mpf(x_exact))
        cdf, sf = (1 - tail, tail) if log_s > 0 else (tail, 1 - tail)
    return rounded(pdf, digits), rounded(cdf, digits), rounded(sf, digits)


def _slope(w: Any, tau: Any) -> Any:
    """d log s/dw."""
    return 2 * tau - 1 / (w * w - mp.mpf(1) / 4)


def _upper_root(log_s: Any, tau: Any) -> Any:
    """The w in the upper half plane for s >= 1, along a path from s = 1."""
    edge = _log_square(_upper_edge(tau), tau)
    # 2 tau y = arg((iy - 1/2)/(iy + 1/2)), below 1/(2y) and pi/2
    highest = min(1 / mp.sqrt(2 * tau), mp.pi / (2 * tau))
    y = mp.findroot(lambda y: tau * y - mp.acot(2 * y), (highest / 2, highest), solver="anderson")
    # w is nearly linear in the root of the distance to the edge
    last = mp.sqrt(1 - log_s / edge)
    w = before = mp.mpc(0, y)
    for k in range(1, PATH + 1):
        at = edge * (1 - (1 + (last - 1) * mp.mpf(k) / PATH) ** 2)
        before, w = w, _newton(2 * w - before, at, tau)
    return w


def _newton(w: Any, log_s: Any, tau: Any) -> Any:
    for _ in range(NEWTON_STEPS):
        step = (_log_square(w, tau) - log_s) / _slope(w, tau)
        w -= step
        if abs(step) < abs(w.imag) * mp.sqrt(mp.eps):
            break
    if not (w.imag > 0 and abs(step) < abs(w.imag) * mp.sqrt(mp.eps)):
        raise ArithmeticError(f"Newton's method found no root at log s = {log_s}")
    return w
