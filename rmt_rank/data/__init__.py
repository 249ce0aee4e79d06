"""Images with labels: small ones that come with scikit-learn, MNIST and CIFAR."""

from typing import TYPE_CHECKING

from rmt_rank._lib.names import getattr_with_hint
from rmt_rank.data.cifar import load_cifar
from rmt_rank.data.digits import load_digits
from rmt_rank.data.images import Images
from rmt_rank.data.mnist import load_mnist
from rmt_rank.data.mnist_sample import load_mnist_sample

__all__ = ["Images", "load_cifar", "load_digits", "load_mnist", "load_mnist_sample"]

if not TYPE_CHECKING:  # which would let a type checker accept every name
    __getattr__ = getattr_with_hint(__name__, __all__)
