"""Handwritten digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from rmt_rank.data.images import Images
from rmt_rank.data.sources import scikit_learn

__all__ = ["load_digits"]


def load_digits() -> Images:
    """1797 handwritten digits of 8 x 8 pixels, which need no network.

    Returns
    -------
    Images
        The images, with pixels in [0, 1], and their labels.

    Raises
    ------
    ImportError
        If scikit-learn (the extra `data`) is not installed.

    References
    ----------
    .. [1] E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
       Repository, doi:10.24432/C50P49.

    Examples
    --------
    >>> from rmt_rank.data import load_digits
    >>> digits = load_digits()
    >>> digits.inputs.shape, digits.shape, digits.classes
    ((1797, 64), (8, 8), 10)
    """
    bunch = scikit_learn().load_digits()
    return Images("digits", bunch.data / 16, bunch.target.astype(np.intp), (8, 8), 10)
