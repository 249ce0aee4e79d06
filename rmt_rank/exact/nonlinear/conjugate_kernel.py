"""Gram matrices of activations by the density of their spectrum, at any precision.

Odd activations, q Gaussian inputs of n_0 features, layers of widths n_l, gamma_l = q/n_l > 1.  With
b^2 the linear share of a layer, K_l has the limit law mu_l = MP_gamma_l (x) [(1-b^2) + b^2
mu_(l-1)], free product with the law of Marchenko and Pastur (Fan and Wang, arXiv:2005.11879).  In
Silverstein's form, m the Stieltjes transform of the n_l x n_l companion of K_l at z, and z', m'
those of K_(l-1) itself,

    m = -1/(1 - b^2 + b^2 z'),  z = -1/m + (gamma_l/m) (1 - m'/(b^2 m)),

and K_0 has z = -1/m + gamma_0/(1 + m).  All is explicit from the m of the innermost layer, and the
density at z = x is found on the complex curve where z is real.

The identity needs no density: with the S-transforms of the factors the entropy is an integral.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rmt_rank.exact._numbers import Number, as_mpf, bounded, check_digits, positive, shown
from rmt_rank.exact._precision import from_caller, mp, rounded, working

__all__ = ["conjugate_kernel_entropy", "linear_kernel_entropy"]

_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": mp.tanh,
    "erf": mp.erf,
    "sine": mp.sin,
}

# Nodes of the midpoint rule over the density, doubled until the entropy keeps its digits.
_FEWEST, _MOST = 32, 1024
_NEWTON_STEPS = 60


def linear_kernel_entropy(samples_per_width: Number, depth: int, *, digits: int = 30) -> Any:
    """Return the entropy of the Gram matrix of a deep linear network less log n, in nats.

    Parameters
    ----------
    samples_per_width : number
        gamma = q/n >= 1, for inputs of n features.
    depth : int
        Number of layers, >= 0.
    digits : int
        Decimal digits.

    Returns
    -------
    mpf
        1 - int_0^1 [1 - x^(L+1) (x + gamma - 1)/gamma]/(1-x) dx, by quadrature.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import linear_kernel_entropy
    >>> print(nstr(linear_kernel_entropy(1, 1, digits=15), 10))
    -0.8333333333
    """
    gamma = positive("samples_per_width", samples_per_width)
    if gamma < 1:
        raise ValueError(f"samples_per_width is {shown(samples_per_width)}; allowed: a number >= 1")
    L, digits = _checked_depth(depth, 0), check_digits(digits)
    with working(digits + 15):
        ratio = as_mpf(gamma)
        value = 1 - mp.quad(
            lambda x: (1 - x ** (L + 1) * (x + ratio - 1) / ratio) / (1 - x), [0, 1]
        )
    return rounded(value, digits)


def conjugate_kernel_entropy(
    samples_per_width: Number | Sequence[Number],
    depth: int,
    activation: str | Callable[[Any], Any],
    *,
    weight_variance: Number = 1,
    digits: int = 15,
) -> Any:
    """Return the entropy of the limit law of the Gram matrix of activations less log n, in nats.

    Parameters
    ----------
    samples_per_width : number or sequence of numbers
        gamma = q/n > 1, for inputs of n features and layers of width n; or q/n_0, ..., q/n_L, for
        inputs of n_0 features and layers of widths n_l, of which n is the last.
    depth : int
        Number of layers, >= 1.
    activation : {"tanh", "erf", "sine"} or callable
        An odd, smooth function of an mpf; not linear.
    weight_variance : number
        Variance of the weights times the width, > 0.
    digits : int
        Decimal digits.

    Returns
    -------
    mpf
        The entropy less log n, in nats.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    ArithmeticError
        If the density is not found: its mass and mean are known and compared.

    Examples
    --------
    >>> from mpmath import nstr
    >>> from rmt_rank.exact import conjugate_kernel_entropy
    >>> print(nstr(conjugate_kernel_entropy(2, 1, "tanh", digits=8), 6))
    -0.59944
    """
    L, digits = _checked_depth(depth, 1), check_digits(digits)
    several = isinstance(samples_per_width, list | tuple)
    ratios = list(samples_per_width) if several else [samples_per_width] * (L + 1)
    if len(ratios) != L + 1:
        raise ValueError(
            f"samples_per_width is {shown(samples_per_width)}; allowed: a number, or {L + 1} of "
            "them for the features and the layers"
        )
    gammas = [bounded("samples_per_width", each, 0, 10**6) for each in ratios]
    if min(gammas) <= 1:
        raise ValueError(f"samples_per_width is {shown(samples_per_width)}; allowed: numbers > 1")
    variance = bounded("weight_variance", weight_variance, "1e-20", 10**6)
    if not (isinstance(activation, str) or callable(activation)):
        raise TypeError(f"activation is {shown(activation)}; allowed: a name or a function")
    if isinstance(activation, str) and activation not in _ACTIVATIONS:
        raise ValueError(f"activation is {shown(activation)}; allowed: {', '.join(_ACTIVATIONS)}")
    phi = _ACTIVATIONS[activation] if isinstance(activation, str) else from_caller(activation)
    with working(2 * digits + 15):
        shares = _linear_shares(phi, L, as_mpf(variance))
        value = _entropy([as_mpf(gamma) for gamma in gammas], shares, mp.mpf(10) ** (-digits - 2))
    return rounded(value, digits)


def _checked_depth(depth: int, least: int) -> int:
    if isinstance(depth, bool) or not isinstance(depth, int):
        raise TypeError(f"depth is {shown(depth)}; allowed: an int >= {least}")
    if depth < least:
        raise ValueError(f"depth is {depth}; allowed: an int >= {least}")
    return depth


def _linear_shares(phi: Callable[[Any], Any], depth: int, variance: Any) -> list[Any]:
    """b^2 = (E phi z)^2/E phi^2 of every layer, phi at sqrt(v) z, v' = variance E phi^2."""
    shares, v = [], variance
    for _ in range(depth):
        square, slope = _gaussian_means(phi, mp.sqrt(v))
        shares.append(slope**2 / square)
        v = variance * square
    return shares


def _gaussian_means(phi: Callable[[Any], Any], root: Any) -> tuple[Any, Any]:
    """E phi(root z)^2 and E[phi(root z) z]."""
    points = mp.linspace(0, mp.sqrt(2 * (mp.dps + 5) * mp.log(10)), 9)
    square = mp.quad(lambda z: phi(root * z) ** 2 * mp.npdf(z), points)
    slope = mp.quad(lambda z: phi(root * z) * z * mp.npdf(z), points)
    return 2 * square, 2 * slope


def _curve(m: Any, gammas: list[Any], shares: list[Any]) -> list[tuple[Any, Any, Any]]:
    """(m, z, dz/dm of the innermost layer) of all layers."""
    z, dz = -1 / m + gammas[0] / (1 + m), 1 / m**2 - gammas[0] / (1 + m) ** 2
    layers, dm = [(m, z, dz)], mp.mpf(1)
    for share, before, gamma in zip(shares, gammas[:-1], gammas[1:], strict=True):
        whole = (m + (1 - before) / z) / before  # the transform of the q x q matrix
        dwhole = (dm - (1 - before) * dz / z**2) / before
        m = -1 / (1 - share + share * z)
        dm = share * dz * m**2
        ratio = whole / (share * m)
        dratio = dwhole / (share * m) - ratio * dm / m
        z = -1 / m + gamma / m * (1 - ratio)
        dz = dm / m**2 * (1 - gamma * (1 - ratio)) - gamma / m * dratio
        layers.append((m, z, dz))
    return layers


def _edge(gammas: list[Any], shares: list[Any], upper: bool) -> Any:
    """The real m of the innermost layer at which the outermost z is an edge of the spectrum."""

    def outside(m: Any) -> bool:
        layers = _curve(m, gammas, shares)
        sides = all((m < 0) == upper and dz > 0 for m, _, dz in layers)
        return sides and (upper or all(z < 0 for _, z, _ in layers[:-1]))

    inside, good = (mp.mpf(-1) if upper else 1 / (gammas[0] - 1)), mp.mpf(0)
    for _ in range(2 * mp.prec):
        middle = (inside + good) / 2
        inside, good = (inside, middle) if outside(middle) else (middle, good)
    return good


def _entropy(gammas: list[Any], shares: list[Any], tolerance: Any) -> Any:
    gamma, top = gammas[-1], _edge(gammas, shares, upper=True)
    ends = [_curve(m, gammas, shares)[-1][1] for m in (_edge(gammas, shares, upper=False), top)]
    low, high = (mp.log(z) for z in ends)
    count, previous = _FEWEST, mp.inf
    while count <= _MOST:
        mass, mean, value = _sums(gammas, shares, top, low, high, count)
        if max(abs(mass - 1 / gamma), abs(mean - 1), abs(value - previous)) < tolerance:
            return mp.log(gamma) - value
        count, previous = 2 * count, value
    raise ArithmeticError(
        f"the density has mass {mass} for {1 / gamma} and mean {mean} for 1: no single interval?"
    )


def _sums(
    gammas: list[Any], shares: list[Any], m: Any, low: Any, high: Any, count: int
) -> list[Any]:
    """Mass, mean and E[x log x], by the midpoint rule in theta, log x = middle + half cos theta.

    The density is sin theta times an analytic function of cos theta: a periodic integrand.
    """
    middle, half = (low + high) / 2, (high - low) / 2
    sums = [mp.mpf(0)] * 3
    step = mp.pi / count
    for i in range(count):
        theta = (i + mp.mpf(1) / 2) * step
        log_x = middle + half * mp.cos(theta)
        x = mp.exp(log_x)
        m = _upper_root(gammas, shares, m, x, first=i == 0)
        outer = _curve(m, gammas, shares)[-1][0]
        weight = outer.imag / (mp.pi * gammas[-1]) * x * half * mp.sin(theta) * step
        terms = (weight, weight * x, weight * x * log_x)
        sums = [a + b for a, b in zip(sums, terms, strict=True)]
    return sums


def _upper_root(gammas: list[Any], shares: list[Any], m: Any, x: Any, *, first: bool) -> Any:
    """The m in the upper half plane where the outermost z is x, by Newton's method from nearby."""
    if first:  # z is quadratic in m at the edge
        small = abs(m) * mp.mpf(10) ** (-mp.dps // 3)
        (
            z,
            _,
        ) = _curve(m, gammas, shares)[-1][1:]
        bend = _curve(m + small, gammas, shares)[-1][2] / small
        m = m + 1j * mp.sqrt(2 * (z - x) / bend)
    for _ in range(_NEWTON_STEPS):
        _, z, dz = _curve(m, gammas, shares)[-1]
        change = (x - z) / dz
        while (m + change).imag <= 0:
            change /= 2
        m = m + change
        if abs(change) < abs(m) * mp.mpf(10) ** (-2 * mp.dps // 3):
            return m
    raise ArithmeticError(f"Newton's method has not found the density at {x}")
