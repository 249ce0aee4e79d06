r"""One matrix of independent entries: how its effective rank varies, and what moves its mean.

X has p rows and n >= p columns of independent entries of variance 1/n and excess kurtosis k, and
y = p/n, h = sqrt(y).  Its squared singular values have the Marchenko-Pastur law, on the interval of
the values s = (1 + h xi)(1 + h/xi), |xi| = 1.  With the Fourier coefficients of a function on it,

    f(s) = a_0 + sum_(j >= 1) a_j (xi^j + xi^-j),

the sum over the squared singular values has in the limit the variance and the shifts of its mean

    Var sum_i f(s_i) = (2/beta) sum_j j a_j^2 + k a_1^2,                                     (1)
    k a_2                                           for the excess kurtosis [1]_, [2]_,      (2)
    sum_j a_j t^j                                   for t <= 1,
    f(s_t) - a_0 - sum_j a_j t^-j                   for t > 1                                (3)

for a matrix of rank one that is added, of singular value sqrt(t h) and with vectors that are
independent of X; beta is 1 for real and 2 for complex entries.  (3) is the integral of f times
d log(1 - t/xi), for 1 - t/xi is the determinant whose zeros are the singular values that rank one
adds [3]_; beyond t = 1 one of them is s_t = (1 + h t)(1 + h/t), outside the bulk.

The effective rank S = log T - Q/T, of T = sum s^z and Q = sum s^z log s^z, z = power/2, does not
change with the scale.  So a_1 = 0 for its first variation, and the kurtosis moves its mean, but
not its variance.

.. [1] Z. D. Bai, J. W. Silverstein, "CLT for linear spectral statistics of large-dimensional sample
   covariance matrices", Ann. Probab. 32 (2004) 553-605; doi:10.1214/aop/1078415845.
.. [2] S. Zheng, "Central limit theorems for linear spectral statistics of large dimensional
   F-matrices", Ann. Inst. H. Poincare 48 (2012) 444-476; doi:10.1214/11-AIHP414.
.. [3] F. Benaych-Georges, R. R. Nadakuditi, "The singular values and vectors of low rank
   perturbations of large rectangular random matrices", J. Multivariate Anal. 111 (2012) 120-135;
   doi:10.1016/j.jmva.2012.04.019.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.validation import LARGEST_INTEGER, choice, integers, real

__all__ = ["CircleCoefficients", "EntryStatistics", "circle_coefficients", "entry_statistics"]

Array = npt.NDArray[np.float64]

# Points on the circle.  Coefficients fall like h^j, and for square matrices, where s^z has a kink
# of s = 0 in it, like 1/j^(1+2z); the last ones are then 1e-7 of the first at power 1.
_POINTS = 2**14
_POWERS = (0.1, 16.0)


@dataclass(frozen=True)
class EntryStatistics:
    """Influence of the entries of one matrix on its effective rank, to leading order, in nats.

    Attributes
    ----------
    standard_deviation : float
        Standard deviation of the effective rank.
    kurtosis_slope : float
        Shift of the mean effective rank for each unit of excess kurtosis of the entries.
    """

    standard_deviation: float
    kurtosis_slope: float
    _sides: tuple[int, int]
    _power: float

    def rank_one_shift(self, strength: float) -> float:
        """Shift of the mean effective rank by a matrix of rank one that is added.

        Parameters
        ----------
        strength : float
            t = theta^2/(sqrt(rows columns) variance) >= 0, theta being the singular value of the
            added matrix; beyond 1 it moves a singular value out of the bulk.  Entries of mean m
            have t = m^2 sqrt(rows columns)/variance.

        Returns
        -------
        float
            In nats.
        """
        t = real("strength", strength, at_least=0, at_most=1e12)
        rows, columns = self._sides
        z = self._power / 2
        laws = circle_coefficients(rows / columns, z)
        if t > 1:
            h = math.sqrt(rows / columns)
            beyond = (1 + h * t) * (1 + h / t)
            values = beyond**z, z * beyond**z * math.log(beyond)
        shifts = []
        for index, a in enumerate((laws.power, laws.entropy)):
            if t <= 1:
                shifts.append(_series(a, t) - float(a[0]))
            else:
                shifts.append(values[index] - _series(a, 1 / t))
        T, Q = laws.mean_power, laws.mean_entropy
        moved = T + shifts[0] / rows, Q + shifts[1] / rows
        return math.log(moved[0] / T) - moved[1] / moved[0] + Q / T


def _series(a: Array, t: float) -> float:
    """Sum of a_j t^j, 0 <= t <= 1, without terms below 1e-20 of the largest a_j."""
    terms = a.size if t > 0.99 else 2 + int(46 / -math.log(max(t, 1e-20)))
    return float(np.polynomial.polynomial.polyval(t, a[:terms]))


@dataclass(frozen=True)
class CircleCoefficients:
    """Coefficients and means over the law of the functions in the effective rank.

    Attributes
    ----------
    power, entropy : ndarray of float, shape (8192,)
        a_j of s^z and of s^z log s^z.
    mean_power, mean_entropy : float
        Their means T and Q.
    """

    power: Array
    entropy: Array
    mean_power: float
    mean_entropy: float

    def first_variation(self) -> Array:
        """Return the a_j of the first variation of log T - Q/T."""
        T, Q = self.mean_power, self.mean_entropy
        return np.asarray((1 / T + Q / T**2) * self.power - self.entropy / T)


@functools.lru_cache(maxsize=256)
def circle_coefficients(ratio: float, z: float) -> CircleCoefficients:
    """Return the coefficients for ratio = p/n <= 1 and the power s^z."""
    angle = 2 * np.pi * np.arange(_POINTS) / _POINTS
    h = math.sqrt(ratio)
    # s = (1 - h)^2 + 4 h cos(angle/2)^2, without cancellation
    s = np.maximum((1 - h) ** 2 + 4 * h * np.cos(angle / 2) ** 2, np.finfo(float).tiny)
    power = s**z
    entropy = z * power * np.log(s)
    # the law on the circle: 2 sin^2/s = 1 - cos for square matrices
    weight = 2 * np.sin(angle) ** 2 / s if ratio < 1 else 1 - np.cos(angle)
    half = _POINTS // 2

    def fourier(values: Array) -> Array:
        return np.asarray(np.fft.rfft(values).real[:half] / _POINTS)

    return CircleCoefficients(
        fourier(power),
        fourier(entropy),
        float(np.mean(weight * power)),
        float(np.mean(weight * entropy)),
    )


def entry_statistics(
    shape: Sequence[int], *, field: str = "real", power: float = 1
) -> EntryStatistics:
    """Leading terms of the variation of the effective rank of a matrix of independent entries.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns, at least 2 each, in either order.
    field : {"real", "complex"}, default "real"
        Field of the entries.
    power : float, default 1
        Power of the singular values that is normalised, from 0.1 to 16; 1 is Definition 6 of the
        paper.

    Returns
    -------
    EntryStatistics
        Standard deviation, and what kurtosis and mean of the entries do.  All three are of order 1
        over the smaller side; the next terms are of the order of its square.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> from rmt_rank.theory.rectangular.one_layer import entry_statistics
    >>> found = entry_statistics((64, 192))
    >>> print(f"{found.standard_deviation:.5f} {-1.2 * found.kurtosis_slope:.5f}")
    0.00149 0.00079
    """
    sides = integers("shape", shape, at_least=2, fewest=2, at_most=LARGEST_INTEGER)
    if len(sides) != 2:
        raise ValueError(f"shape must hold two integers, got {len(sides)}")
    rows, columns = sorted(sides)
    beta = 2 if choice("field", field, FIELDS) == "complex" else 1
    z = real("power", power, at_least=_POWERS[0], at_most=_POWERS[1]) / 2
    a = circle_coefficients(rows / columns, z)
    first = a.first_variation() / rows
    order = np.arange(first.size)
    variance = 2 / beta * float(np.sum(order * first**2))
    return EntryStatistics(math.sqrt(variance), float(first[2]), (rows, columns), power)
