r"""Dual activations by double integrals, and their closed forms as published, at any precision.

For u = sqrt(a) x and w = sqrt(b) (r x + s y), s^2 = 1 - r^2, x and y independent standard normal,
E phi(u) phi(w) is a double sum over equidistant points where phi is analytic: its error is squared
with each halving of the step, so that two sums that agree to half the digits have all of them in
the finer one. Where phi has a kink at 0 the plane is cut into the four sectors between its lines,
and integrated in polar coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from rmt_rank.exact._numbers import Number, as_mpf, bounded, check_digits, exact, positive, shown
from rmt_rank.exact._precision import from_caller, mp, rounded, working

__all__ = ["dual_activation", "dual_activation_closed"]

FINEST = 9  # halvings of the step before giving up


def _gelu(x: Any) -> Any:
    return x * mp.ncdf(x)


def _relu(x: Any) -> Any:
    return max(x, mp.mpf(0))


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "relu": _relu,
    "tanh": mp.tanh,
    "gelu": _gelu,
    "erf": mp.erf,
}


def dual_activation(
    activation: str | Callable[[Any], Any],
    first: Number,
    second: Number,
    correlation: Number,
    *,
    omega: Number = 1,
    digits: int = 30,
) -> Any:
    """E phi(u) phi(w) for Gaussian u and w, by quadrature of the double integral.

    Parameters
    ----------
    activation : {"identity", "relu", "tanh", "gelu", "erf", "sine"} or callable
        phi, or a function of one mpf that is analytic near the real line.
    first, second : int, float, str, Fraction, Decimal or mpf
        Variances of u and w, > 0.
    correlation : int, float, str, Fraction, Decimal or mpf
        From -1 to 1.
    omega : int, float, str, Fraction, Decimal or mpf, default 1
        Frequency of "sine", sin(omega x).
    digits : int, default 30
        Decimal digits that are right, relative to the root of E phi(u)^2 E phi(w)^2.

    Returns
    -------
    mpf
        The mean E phi(u) phi(w).

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.
    ArithmeticError
        If the quadrature does not converge.

    Examples
    --------
    >>> from rmt_rank import exact
    >>> print(exact.dual_activation("tanh", 1, 4, "1/2", digits=15))
    0.225879726495651
    """
    a, b, r, frequency = _checked(first, second, correlation, omega)
    bounded("first", first, "1e-20", 10**6)
    bounded("second", second, "1e-20", 10**6)
    bounded("omega", omega, "1e-20", 1000)
    check_digits(digits)
    with working(digits + 10):
        function = _function(activation, as_mpf(frequency))
        integral = _sectors if activation == "relu" else _lattice
        value = integral(function, as_mpf(a), as_mpf(b), as_mpf(r), digits)
    return rounded(value, digits)


def dual_activation_closed(
    activation: str,
    first: Number,
    second: Number,
    correlation: Number,
    *,
    omega: Number = 1,
    digits: int = 30,
) -> Any:
    """E phi(u) phi(w) in closed form, as published.

    Parameters
    ----------
    activation : {"identity", "relu", "gelu", "erf", "sine"}
        phi.
    first, second, correlation : number
        As in `dual_activation`.
    omega : number, default 1
        As in `dual_activation`.
    digits : int, default 30
        As in `dual_activation`.

    Returns
    -------
    mpf
        The mean E phi(u) phi(w).

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    References
    ----------
    .. [1] Y. Cho, L. K. Saul, "Kernel Methods for Deep Learning", NeurIPS 2009 (relu).
    .. [2] C. K. I. Williams, "Computing with infinite networks", NeurIPS 1996 (erf).

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import dual_activation_closed
    >>> print(nstr(dual_activation_closed("relu", 1, 1, 0), 12))  # 1/(2 pi)
    0.159154943092
    """
    a, b, r, frequency = _checked(first, second, correlation, omega)
    check_digits(digits)
    if not isinstance(activation, str) or activation not in _CLOSED:
        raise ValueError(f"activation is {shown(activation)}; allowed: {', '.join(_CLOSED)}")
    with working(digits + 10):
        w = as_mpf(frequency)
        value = _CLOSED[activation](as_mpf(a), as_mpf(b), as_mpf(r), w)
    return rounded(value, digits)


def _checked(
    first: Number, second: Number, correlation: Number, omega: Number
) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    r = exact("correlation", correlation)
    if abs(r) > 1:
        raise ValueError(f"correlation is {shown(correlation)}; allowed: a number from -1 to 1")
    return positive("first", first), positive("second", second), r, positive("omega", omega)


def _function(activation: str | Callable[[Any], Any], omega: Any) -> Callable[[Any], Any]:
    if callable(activation):
        return from_caller(activation)
    if isinstance(activation, str) and activation == "sine":
        return lambda x: mp.sin(omega * x)
    if not isinstance(activation, str) or activation not in _FUNCTIONS:
        listed = ", ".join([*_FUNCTIONS, "sine"])
        raise ValueError(f"activation is {shown(activation)}; allowed: {listed} or a function")
    return _FUNCTIONS[activation]


def _lattice(function: Callable[[Any], Any], a: Any, b: Any, r: Any, digits: int) -> Any:
    reach = mp.sqrt(2 * (digits + 8) * mp.log(10))
    x_scale, y_scale, s = mp.sqrt(a), mp.sqrt(b), mp.sqrt((1 - r) * (1 + r))
    sums: list[Any] = []
    for halving in range(FINEST):
        h = mp.mpf(1) / 2**halving
        count = int(reach / h) + 1
        points = [k * h for k in range(-count, count + 1)]
        weights = [h * mp.npdf(x) for x in points]
        least = mp.mpf(10) ** -(digits + 8)
        total, size = mp.mpf(0), mp.mpf(0)
        for x, p in zip(points, weights, strict=True):
            u = function(x_scale * x)
            size += p * u * u
            inner = mp.fsum(
                q * function(y_scale * (r * x + s * y))
                for y, q in zip(points, weights, strict=True)
                if p * q > least
            )
            total += p * u * inner
        sums.append(total)
        # the error of the last is the square of this difference, up to a factor
        if halving and abs(sums[-1] - sums[-2]) < mp.mpf(10) ** (-digits / 2 - 3) * size:
            return total
    raise ArithmeticError(f"the double sum has not converged: {sums[-2:]}")


def _sectors(function: Callable[[Any], Any], a: Any, b: Any, r: Any, digits: int) -> Any:
    t, x_scale, y_scale = mp.acos(r), mp.sqrt(a), mp.sqrt(b)
    half = mp.pi / 2
    cuts = sorted({-half, half, t - half, t + half, 3 * half})
    reach = mp.sqrt(2 * (digits + 8) * mp.log(10))

    def ray(angle: Any) -> Any:
        u, w = x_scale * mp.cos(angle), y_scale * mp.cos(angle - t)
        return mp.quad(
            lambda p: p * mp.exp(-p * p / 2) * function(p * u) * function(p * w),
            mp.linspace(0, reach, 5),
            method="gauss-legendre",
        )

    value, error = mp.quad(ray, cuts, method="gauss-legendre", error=True)
    if error > mp.mpf(10) ** -(digits + 2):
        raise ArithmeticError(f"quadrature has not converged: {value} with an error of {error}")
    return value / (2 * mp.pi)


def _closed_relu(a: Any, b: Any, r: Any, _omega: Any) -> Any:
    t = mp.acos(r)
    return mp.sqrt(a * b) * (mp.sin(t) + (mp.pi - t) * r) / (2 * mp.pi)


def _closed_erf(a: Any, b: Any, r: Any, _omega: Any) -> Any:
    c = r * mp.sqrt(a * b)
    return 2 / mp.pi * mp.asin(2 * c / mp.sqrt((1 + 2 * a) * (1 + 2 * b)))


def _closed_sine(a: Any, b: Any, r: Any, omega: Any) -> Any:
    c = r * mp.sqrt(a * b)
    return mp.exp(-(omega**2) * (a + b) / 2) * mp.sinh(omega**2 * c)


def _closed_gelu(a: Any, b: Any, r: Any, _omega: Any) -> Any:
    c = r * mp.sqrt(a * b)
    rest = (1 + a) * (1 + b) - c**2
    arcsine = mp.asin(c / mp.sqrt((1 + a) * (1 + b)))
    last = (a * b - c**2 + c**2 / (1 + a) + c**2 / (1 + b)) / mp.sqrt(rest)
    return c / 4 + (c * arcsine + last) / (2 * mp.pi)


_CLOSED: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "identity": lambda a, b, r, _omega: r * mp.sqrt(a * b),
    "relu": _closed_relu,
    "gelu": _closed_gelu,
    "erf": _closed_erf,
    "sine": _closed_sine,
}
