r"""One linear layer after least squares: the limit law of its weight, and the effective rank.

Gradient descent without training error ends at W_e = W* P + W_1(0) (I - P), where P projects on the
inputs (`rmt_rank.networks.identities`).  The second term is a Gaussian matrix in n - q dimensions,
of variance g^2/n, independent of the first; so W_e W_e^T is B + G G^T, B = W* P W*^T, a free
additive convolution as the width grows.  With w = t + c(t) its resolvent is that of B,

    E 1/(s + t) = mean_i 1/(b_i + w),    c (1 + (m g^2/n) E 1/(s + t)) = (n - q) g^2/n,

b_i being the m eigenvalues of B.  The equation of c is monotone.  Mean powers of s follow from

    E s^z = (sin(pi z)/pi) int_0^oo t^(z-1) E[s/(s + t)] dt,    0 < z < 1,

and E[s log s] = int_0^oo (E s/(1 + t) - E[s/(s + t)]) dt.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.validation import LARGEST_INTEGER, integer, real, real_array
from rmt_rank.theory.numerics.monotone_root import increasing_root

__all__ = ["one_layer_effective_rank"]

Array = npt.NDArray[np.float64]

# Trapezoidal rule in log t.  Singularities of E[s/(s + t)] lie on Im(log t) = pi: its error is
# exp(-2 pi^2/_STEP) = exp(-39).  Integrands that fall like t^(1/2), t^(-1/2) end at exp(-_END/2).
_STEP, _END = 0.5, 88.0


def one_layer_effective_rank(
    singular_values: npt.ArrayLike,
    features: int,
    examples: int,
    *,
    scale: float = 1.0,
    power: int = 1,
) -> float:
    """Effective rank of one layer that gradient descent has fitted to few examples.

    Parameters
    ----------
    singular_values : array_like, shape (outputs,)
        Those of the least-squares solution of least norm, W* P, one for each output; zeros count.
    features : int
        Number n of inputs of the layer, from 1 to 2^53.
    examples : int
        Number q of examples, with linearly independent inputs.  q >= n determines the layer.
    scale : float, default 1
        Initial entries have variance scale^2/n, and mean 0.
    power : {1, 2}, default 1
        Power of the singular values that is normalised; 2 is the Gram matrix.

    Returns
    -------
    float
        In nats, to about 1e-13: that of the limit law of large widths, with as many singular values
        as there are outputs.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If one is out of its range, or the weight would be 0.

    See Also
    --------
    rmt_rank.networks.minimal_norm.minimal_norm_effective_rank : that of W* P alone, whatever the
        depth.

    Notes
    -----
    The mean of real networks is lower by O(1/n): by 0.1/n to 0.2/n in samples of n = 32 and 128
    with n/2 examples, see `rmt_rank.paper.experiments.trained.converged_rank`.  More layers have no
    such law.

    References
    ----------
    .. [1] J. W. Silverstein, Z. D. Bai, "On the empirical distribution of eigenvalues of a class of
       large dimensional random matrices", doi:10.1006/jmva.1995.1051.

    Examples
    --------
    A task of rank 2 on 8 features, 4 examples; the initial weights raise the rank from log(2).

    >>> from rmt_rank.theory.trained.least_squares import one_layer_effective_rank
    >>> fitted = [1, 1, 0, 0, 0, 0, 0, 0]
    >>> [round(one_layer_effective_rank(fitted, 8, 4, scale=g), 4) for g in (1, 0.1, 0)]
    [1.671, 1.1684, 0.6931]
    """
    sigma = real_array("singular_values", singular_values, at_least=0)
    if sigma.ndim != 1:
        raise ValueError(f"singular_values must have one axis, got the shape {sigma.shape}")
    n = integer("features", features, at_least=1, at_most=LARGEST_INTEGER)
    q = integer("examples", examples, at_least=0, at_most=LARGEST_INTEGER)
    g = real("scale", scale, at_least=0)
    if real("power", power) not in (1.0, 2.0):
        raise ValueError(f"power must be 1 or 2, got {power!r}")
    power = int(power)
    free = g * g * max(n - q, 0) / n
    largest = float(sigma.max())
    unit = largest * largest + free  # so that no square of what follows overflows
    if unit == 0 or not math.isfinite(unit):
        raise ValueError(
            "singular_values and scale must leave a weight that is finite and not 0, got a largest "
            f"value {largest!r} and scale {g!r}"
        )
    if free == 0:
        return _entropy(sigma**power)
    b = np.sort(sigma) ** 2 / unit
    mean = float(b.mean()) + free / unit
    log_t = math.log(mean) + np.arange(-_END - math.log(sigma.size), _END, _STEP)
    share = _share(np.exp(log_t), b, free / unit, sigma.size * g * g / n / unit)
    if power == 1:
        terms = np.exp(log_t / 2) * share
        total = terms.sum()
        log_mean = math.log(total * _STEP / math.pi)
        return math.log(sigma.size) + log_mean - float(terms @ log_t / total) / 2
    t = np.exp(log_t) / mean
    surplus = _STEP * float(np.sum(t * (1 / (1 + t) - share)))
    return math.log(sigma.size) - surplus


def _share(t: Array, b: Array, free: float, ratio: float) -> Array:
    """E[s/(s + t)], from the c of c (1 + ratio mean 1/(b + t + c)) = free."""
    a = b + t[:, np.newaxis]

    def excess(log_c: Array) -> tuple[Array, Array]:
        c = np.exp(log_c)
        part = c[:, np.newaxis] / (a + c[:, np.newaxis])
        value = c + ratio * part.mean(axis=1)
        slope = c + ratio * (part * (1 - part)).mean(axis=1)
        return np.log(value / free), slope / value

    # 1/(b + t + c) is at most 1/(b + t), and at least 0
    low = math.log(free) - np.log1p(ratio * (1 / a).mean(axis=1))
    c = np.exp(increasing_root(excess, low, np.full_like(low, math.log(free))))[:, np.newaxis]
    return np.asarray(((b + c) / (a + c)).mean(axis=1))


def _entropy(values: Array) -> float:
    return float(special.entr(values / values.sum()).sum())
