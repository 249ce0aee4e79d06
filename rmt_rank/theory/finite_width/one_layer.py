r"""The mean effective rank of one rectangular Gaussian matrix, to first order in 1/width.

For an n x N matrix, n >= N, r = n/N, with real entries of variance 1/N, the sum of g(s) over the
squared singular values s has the mean [1]_

    N int g dF + g(a)/4 + g(b)/4 - (1/(2 pi)) int_a^b g(s)/sqrt((b-s)(s-a)) ds + O(1/N),

F the Marchenko-Pastur law on [a, b], sqrt(a) = sqrt(r) - 1, sqrt(b) = sqrt(r) + 1; for complex
entries the second to fourth terms are absent.  The entropy of s^z/sum s^z is
log P - T/P with P = sum s^z, T = sum s^z log s^z, so that the terms of order 1/N are those of its
differential; fluctuations add terms of order 1/N^2.

.. [1] Z. D. Bai, J. W. Silverstein, "CLT for linear spectral statistics of large-dimensional sample
   covariance matrices", Ann. Probab. 32 (2004) 553-605; doi:10.1214/aop/1078415845.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import integer, real, require_memory

__all__ = ["one_layer_effective_rank_correction"]

# The rule in the angle converges like exp(-nodes log(r)), the distance of s = 0; its nodes are
# midpoints.  exp(-40) is below rounding.
_DECAY, _FEWEST = 40.0, 64


def one_layer_effective_rank_correction(rows: int, columns: int, *, power: float = 1) -> float:
    """Term of order 1/width of the mean effective rank of one real, not square Gaussian matrix.

    Parameters
    ----------
    rows, columns : int
        Different sides of the matrix, at least 1.
    power : float, default 1
        Power of the singular values that is normalised.

    Returns
    -------
    float
        In nats: the mean entropy is log(min(rows, columns)) plus the limit of
        `rmt_rank.limit_effective_rank` plus this, up to terms of order 1/width^2.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    References
    ----------
    .. [1] Z. D. Bai, J. W. Silverstein, Ann. Probab. 32 (2004) 553-605;
       doi:10.1214/aop/1078415845.

    Examples
    --------
    >>> from rmt_rank.theory.finite_width.one_layer import one_layer_effective_rank_correction
    >>> round(one_layer_effective_rank_correction(128, 64), 6)
    -0.00132
    """
    n, N = (
        integer(name, value, at_least=1) for name, value in (("rows", rows), ("columns", columns))
    )
    n, N = max(n, N), min(n, N)
    z = real("power", power, above=0) / 2
    if n == N:
        raise ValueError(f"rows and columns must differ, got {n} and {N}")
    r = n / N
    count = max(_FEWEST, math.ceil(_DECAY / math.log(r)))
    require_memory("rows", 100.0 * count)
    theta = (np.arange(count) + 0.5) * (math.pi / count)
    # s = (r + 1 + 2 sqrt(r) cos theta), without cancellation near its lower edge
    s = (math.sqrt(r) - 1) ** 2 + 4 * math.sqrt(r) * np.cos(theta / 2) ** 2
    a, b = (math.sqrt(r) - 1) ** 2, (math.sqrt(r) + 1) ** 2

    def means(g: npt.NDArray[np.float64], edges: float) -> tuple[float, float]:
        """Mean over the law, and the term of order 1/N."""
        law = 2 * r * np.sin(theta) ** 2 / s
        return float(np.mean(law * g)), edges / 4 - float(np.mean(g)) / 2

    shares = s**z
    P, dP = means(shares, a**z + b**z)
    T, dT = means(z * shares * np.log(s), z * (a**z * math.log(a) + b**z * math.log(b)))
    return (dP / P - dT / P + T * dP / P**2) / N
