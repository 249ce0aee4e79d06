r"""Complex Gaussian products of finite width from their kernel, term by term; exact polynomials.

The squared singular values of a product of complex Gaussian matrices (entries of variance 1, widths
N + nu_j, nu_j >= 0, and N) form a biorthogonal ensemble (Akemann, Ipsen and Kieburg,
doi:10.1103/PhysRevE.88.052118) with K(x, y) = sum_(n<N) p_n(x) phi_n(y)/n!,

p_n(x) = sum_(k<=n) (-1)^(n+k) binom(n, k) x^k / prod_j (k+nu_j)!,
int x^(y-1) phi_n(x) dx = Gamma(y)/Gamma(y-n) prod_j Gamma(y+nu_j),

so that int p_m phi_n is n! if m = n and else 0.  With M_nm(z) = int x^z p_m phi_n / n!,
E sum s^z = sum_n M_nn(z) and

Cov(sum s^z, sum s^w) = int x^(z+w) K(x,x) dx - int int x^z y^w K(x,y) K(y,x) dx dy
                      = sum_n M_nn(z+w) - sum_nm M_nm(z) M_mn(w).

Nothing is telescoped or rearranged here; for integers z and w everything is rational, and computed
in rational numbers.  Otherwise terms cancel, and precision is raised until it does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from rmt_rank.exact._numbers import Number, as_mpf, check_digits, exact, integer, members, shown
from rmt_rank.exact._precision import mp, rounded, working

__all__ = ["complex_covariance", "complex_power_sum", "complex_power_sum_slope"]
__all__ += ["expected_characteristic_polynomial"]


# Limits on widths, on orders, and on orders that are not 0: each element of a sum is exact.
MOST_WIDTH, MOST_ORDER, LEAST_ORDER = 10**4, 10**3, Fraction(1, 10**60)
# How often the digits are doubled before a result is given up.
_MOST_DOUBLINGS = 12


def complex_power_sum(widths: Sequence[int], z: Number, *, digits: int = 30) -> Any:
    """Mean of (1/N) sum_i s_i^z of a product of complex Gaussian matrices, by the double sum.

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_L; layer l has n_l x n_(l-1) entries of variance 1/N, N = min(widths).
    z : number
        Greater than -1.
    digits : int
        Significant decimal digits.

    Returns
    -------
    Fraction or mpf
        A Fraction, exactly, if z is an integer.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside what is allowed.

    References
    ----------
    .. [1] G. Akemann, J. R. Ipsen, M. Kieburg, doi:10.1103/PhysRevE.88.052118.

    Examples
    --------
    >>> from rmt_rank.exact.finite_width.complex_kernel import complex_power_sum
    >>> complex_power_sum((3, 3), 3)
    Fraction(46, 9)
    >>> import mpmath
    >>> mp.nstr(complex_power_sum((1, 1), "1/2"), 20)
    '0.88622692545275801365'
    """
    N, shifts = _ensemble(widths)
    order, digits = _order("z", z), check_digits(digits)
    return _settled(lambda: _power_sum(N, shifts, _number(order)), digits)


def complex_power_sum_slope(widths: Sequence[int], z: Number, *, digits: int = 30) -> Any:
    """Derivative of `complex_power_sum` in z, E[(1/N) sum_i s_i^z log s_i].

    Parameters
    ----------
    widths : sequence of int
        As in `complex_power_sum`.
    z : number
        As in `complex_power_sum`.
    digits : int, default 30
        As in `complex_power_sum`.

    Returns
    -------
    mpf
        The derivative at z.

    Raises
    ------
    TypeError, ValueError
        As in `complex_power_sum`.

    Notes
    -----
    It is computed by differences at higher precision.

    Examples
    --------
    One number: Gamma'(2) = 1 - gamma.

    >>> from rmt_rank.exact.finite_width.complex_kernel import complex_power_sum_slope
    >>> import mpmath
    >>> mp.nstr(complex_power_sum_slope((1, 1), 1), 20)
    '0.42278433509846713939'
    """
    N, shifts = _ensemble(widths)
    order, digits = _order("z", z), check_digits(digits)

    def difference() -> Any:
        # the rounding of the sum, and what it cancels, must not reach the difference
        with mp.workdps(3 * mp.dps):
            step = mp.mpf(10) ** (-mp.dps // 3)
            low, high = (_power_sum(N, shifts, as_mpf(order) + sign * step) for sign in (-1, 1))
            return (high - low) / (2 * step)

    return _settled(difference, digits)


def complex_covariance(widths: Sequence[int], z: Number, w: Number, *, digits: int = 30) -> Any:
    """Covariance of (1/N) sum_i s_i^z and (1/N) sum_i s_i^w, from the kernel.

    Parameters
    ----------
    widths : sequence of int
        As in `complex_power_sum`.
    z, w : number
        Greater than -1, and so is their sum.
    digits : int
        Significant decimal digits.

    Returns
    -------
    Fraction or mpf
        A Fraction, exactly, if z and w are integers or one is 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside what is allowed.

    Notes
    -----
    A triple sum: minutes beyond N = 50.

    Examples
    --------
    >>> from rmt_rank.exact.finite_width.complex_kernel import complex_covariance
    >>> complex_covariance((3, 3), 1, 1)
    Fraction(1, 9)
    """
    N, shifts = _ensemble(widths)
    first, second, digits = _order("z", z), _order("w", w), check_digits(digits)
    if first + second <= -1:
        raise ValueError(f"z + w is {first + second}; allowed: a number > -1")
    if first == 0 or second == 0:
        return Fraction(0)

    def covariance() -> Any:
        a, b = _number(first), _number(second)
        if not (isinstance(a, int) and isinstance(b, int)):
            a, b = as_mpf(first), as_mpf(second)
        joint = _trace(N, shifts, a + b)
        A, B = _matrix(N, shifts, a), _matrix(N, shifts, b)
        product = sum(A[n][m] * B[m][n] for n in range(N) for m in range(N))
        return (joint - product) / _unit(N, shifts, a + b) / N**2

    return _settled(covariance, digits)


def expected_characteristic_polynomial(widths: Sequence[int]) -> list[Fraction]:
    """Coefficients of E det(x - W^H W), from x^N down to 1, for real and complex entries alike.

    Parameters
    ----------
    widths : sequence of int
        As in `complex_power_sum`; of W^H W and W W^H the smaller, if need be without the zeros that
        they have in common.

    Returns
    -------
    list of Fraction
        N + 1 of them, N = min(widths); the first is 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside what is allowed.

    Notes
    -----
    The coefficient of x^(N-k) is (-1)^k E e_k(s), with the elementary symmetric polynomials e_k and
    E e_k(s) = 1/k! prod_(l=0)^L [n_l!/(n_l-k)!] / N^(L k).  Proof: e_k(s) is the sum of all
    squared k x k minors of W, the minors of a product make up the product of the matrices of minors
    (Cauchy, Binet), and those of one layer are uncorrelated, with the mean square k! N^-k.  So each
    layer multiplies by k! N^-k binom(n_l, k), starting from binom(n_0, k).  It is the finite free
    multiplicative convolution of L Laguerre polynomials.

    References
    ----------
    .. [1] A. W. Marcus, D. A. Spielman, N. Srivastava, doi:10.1007/s00440-021-01105-w.

    Examples
    --------
    >>> from rmt_rank.exact.finite_width.complex_kernel import expected_characteristic_polynomial
    >>> print(*expected_characteristic_polynomial((2, 2)))
    1 -2 1/2
    """
    N, _ = _ensemble(widths)
    coefficients = []
    for k in range(N + 1):
        falling = math.prod(math.perm(n, k) for n in widths)
        scale = math.factorial(k) * N ** ((len(widths) - 1) * k)
        coefficients.append(Fraction((-1) ** k * falling, scale))
    return coefficients


def _ensemble(widths: Sequence[int]) -> tuple[int, list[int]]:
    """N and the nu_j."""
    first, *others = sorted(
        integer("widths", n, 1, MOST_WIDTH) for n in members("widths", widths, 2)
    )
    return first, [n - first for n in others]


def _order(name: str, value: Number) -> Fraction:
    order = exact(name, value)
    if not -1 < order <= MOST_ORDER or 0 < abs(order) < LEAST_ORDER:
        raise ValueError(
            f"{name} is {shown(value)}; allowed: 0, or a size >= {float(LEAST_ORDER):g}, above -1 "
            f"and at most {MOST_ORDER}"
        )
    return order


def _number(order: Fraction) -> Any:
    """An int if it is one, else an mpf."""
    return order.numerator if order.denominator == 1 else as_mpf(order)


def _settled(compute: Callable[[], Any], digits: int) -> Any:
    """Repeat with twice the digits until two results agree; a rational number is final."""
    work = digits + 20
    previous = None
    for _ in range(_MOST_DOUBLINGS):
        with working(work):
            value = compute()
            if isinstance(value, Fraction):
                return value
            if previous is not None and abs(value - previous) < abs(value) / 10 ** (digits + 5):
                return rounded(value, digits)
        previous, work = value, 2 * work
    raise ArithmeticError(f"{work // 2} working digits do not give {digits} digits of the result")


def _unit(N: int, shifts: list[int], z: Any) -> Any:
    """N^(L z), by which powers of entries of variance 1 and 1/N differ."""
    power = N ** len(shifts)
    return Fraction(power**z) if isinstance(z, int) else mp.mpf(power) ** z


def _power_sum(N: int, shifts: list[int], z: Any) -> Any:
    return _trace(N, shifts, z) / _unit(N, shifts, z) / N


def _trace(N: int, shifts: list[int], z: Any) -> Any:
    """sum_n M_nn(z)."""
    rises = _rises(N, shifts, z)
    return sum(_element(n, n, rises, z) for n in range(N))


def _matrix(N: int, shifts: list[int], z: Any) -> list[list[Any]]:
    rises = _rises(N, shifts, z)
    return [[_element(n, m, rises, z) for m in range(N)] for n in range(N)]


def _rises(N: int, shifts: list[int], z: Any) -> list[Any]:
    """prod_j Gamma(k+1+nu_j+z)/(k+nu_j)!, for every k."""
    if isinstance(z, int):
        return [
            math.prod(Fraction(math.factorial(k + nu + z), math.factorial(k + nu)) for nu in shifts)
            for k in range(N)
        ]
    return [
        math.prod(mp.gamma(k + 1 + nu + z) / mp.factorial(k + nu) for nu in shifts)
        for k in range(N)
    ]


def _element(n: int, m: int, rises: list[Any], z: Any) -> Any:
    """M_nm(z); Gamma(y)/Gamma(y-n) is (y-1) ... (y-n), with y = k + 1 + z."""
    total = sum(
        (-1) ** (m + k) * math.comb(m, k) * math.prod(z + k - i for i in range(n)) * rises[k]
        for k in range(m + 1)
    )
    return total / math.factorial(n)
