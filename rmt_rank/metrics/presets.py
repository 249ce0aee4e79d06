"""The measures that other tools call effective rank, to reproduce numbers of other tools.

Each takes features or weights of shape (..., m, n), rows being samples, from any array library.
They differ in the spectrum, in what is added to the normalised values, in centring, and in whether
the entropy is exponentiated; none is wrong, but they cannot be compared with one another.
"""

from __future__ import annotations

from typing import Any

from rmt_rank._lib.array import inf_as_nan
from rmt_rank._lib.array_input import as_floating
from rmt_rank.metrics import matrix, spectrum
from rmt_rank.metrics.scaling import centred, to_unit_scale

__all__ = ["rankme", "reptrix_rankme", "srank", "weightwatcher_entropy"]


def rankme(features: Any, *, eps: float = 1e-7, stack: bool = False) -> Any:
    """RankMe: exponential of the entropy of sigma/sum + eps, of features without centring.

    Parameters
    ----------
    features : array, shape (..., samples, features)
        Embeddings; rows are samples.
    eps : float, default 1e-7
        Added after normalising; some libraries use 1e-5.
    stack : bool, default False
        As in `effective_rank`.

    Returns
    -------
    array, shape (...)
        The additive eps multiplies the result by about exp(k eps log(1/eps)), k = min(samples,
        features): 0.3 % for 1e-7 and 27 % for 1e-5 at k = 2048.

    References
    ----------
    .. [1] Q. Garrido et al., "RankMe: Assessing the Downstream Performance of Pretrained
       Self-Supervised Representations by Their Rank", Eq. 1; arXiv:2210.02885.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics import rankme
    >>> print(round(float(rankme(np.diag([3.0, 2.0, 1.0]))), 4))
    2.7495
    """
    decomposed = matrix.decompose(features, name="features", stack=stack)
    return spectrum.effective_rank(decomposed, exponentiate=True, eps=eps)


def reptrix_rankme(features: Any, *, eps: float = 1e-7, stack: bool = False) -> Any:
    """RankMe as in reptrix: from PCA's explained variance ratios, thus squared and centred.

    Parameters
    ----------
    features : array, shape (..., samples, features)
        Embeddings; rows are samples.
    eps : float, default 1e-7
        Added after normalising.
    stack : bool, default False
        As in `effective_rank`.

    Returns
    -------
    array, shape (...)
        Exponential of the entropy of sigma^2/sum sigma^2 + eps of the centred features.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics import reptrix_rankme
    >>> print(round(float(reptrix_rankme(np.diag([3.0, 2.0, 1.0]))), 4))
    1.7548
    """
    xp, features = as_floating("features", features, least_dimensions=2, stack=stack)
    if 0 not in features.shape[-2:]:
        features, _ = to_unit_scale(xp, inf_as_nan(xp, features), (-2, -1))
        features = centred(xp, features, -2)
    return matrix.effective_rank(features, exponentiate=True, power=2, eps=eps, stack=True)


def srank(features: Any, *, delta: float = 0.01, stack: bool = False) -> Any:
    """srank: fewest singular values that hold a share 1 - delta of their sum.

    Parameters
    ----------
    features : array, shape (..., samples, features)
        Embeddings; rows are samples.
    delta : float, default 0.01
        Share that may be missing.
    stack : bool, default False
        As in `effective_rank`.

    Returns
    -------
    array, shape (...)
        Integers, as floats.

    References
    ----------
    .. [1] A. Kumar et al., "Implicit Under-Parameterization Inhibits Data-Efficient Deep
       Reinforcement Learning"; arXiv:2010.14498.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics import srank
    >>> float(srank(np.diag([3.0, 2.0, 1.0, 0.01])))
    3.0
    """
    return spectrum.energy_rank(matrix.decompose(features, name="features", stack=stack), delta)


def weightwatcher_entropy(weights: Any, *, eps: float = 1e-10, stack: bool = False) -> Any:
    """WeightWatcher's matrix entropy: that of the eigenvalues sigma^2, over the log of the rank.

    Parameters
    ----------
    weights : array, shape (..., m, n)
        Weight matrices.
    eps : float, default 1e-10
        Added after normalising.
    stack : bool, default False
        As in `effective_rank`.

    Returns
    -------
    array, shape (...)
        -sum p log p / log(rank) with p = sigma^2/sum sigma^2 + eps and NumPy's rank; 0 at rank 1,
        where the tool itself divides by 0, and at rank 0.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.metrics import weightwatcher_entropy
    >>> print(round(float(weightwatcher_entropy(np.diag([3.0, 2.0, 1.0]))), 4))
    0.7559
    """
    decomposed = matrix.decompose(weights, name="weights", stack=stack)
    entropy = spectrum.effective_rank(decomposed, power=2, eps=eps)
    rank = spectrum.numerical_rank(decomposed)
    xp = decomposed.xp
    low = rank <= 1
    quotient = xp.where(low, xp.zeros_like(rank), entropy) / xp.log(
        xp.where(low, xp.full_like(rank, 2.0), rank)
    )
    return quotient[()] if quotient.ndim == 0 else quotient
