"""Images with labels, as rows of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import LARGEST_INTEGER, boolean, integer, integers, shown, string

__all__ = ["Images", "of_bytes"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Images:
    """Images and their labels.

    Attributes
    ----------
    name : str
        Name of the data set.
    inputs : ndarray, shape (examples, features)
        Pixels; rows are samples.  In [0, 1] as they are loaded.
    labels : ndarray of int, shape (examples,)
        Classes, from 0 to classes - 1.
    shape : tuple of int
        Shape of one image: rows and columns, preceded by colours if it has any.
    classes : int
        Number of classes.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, or the arguments do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.data import Images
    >>> pixels = np.arange(12.0).reshape(3, 4)
    >>> images = Images("three", pixels, np.array([0, 1, 0]), (2, 2), 2)
    >>> images.one_hot
    array([[1., 0.],
           [0., 1.],
           [1., 0.]])
    """

    name: str
    inputs: Array
    labels: npt.NDArray[np.intp]
    shape: tuple[int, ...]
    classes: int

    def __post_init__(self) -> None:
        string("name", self.name)
        classes = integer("classes", self.classes, at_least=1, at_most=LARGEST_INTEGER)
        shape = integers("shape", self.shape, at_least=1, at_most=LARGEST_INTEGER)
        if not isinstance(self.inputs, np.ndarray) or self.inputs.dtype.kind not in "iuf":
            raise TypeError(f"inputs must be an array of real numbers, got {shown(self.inputs)}")
        if not isinstance(self.labels, np.ndarray) or self.labels.dtype.kind not in "iu":
            raise TypeError(f"labels must be an array of integers, got {shown(self.labels)}")
        if self.inputs.ndim != 2 or self.inputs.shape != (self.labels.size, math.prod(shape)):
            raise ValueError(
                "inputs and labels must have one row and one label per image of the shape "
                f"{shown(shape)}, got the shapes {self.inputs.shape} and {self.labels.shape}"
            )
        if self.labels.ndim != 1 or not np.all((self.labels >= 0) & (self.labels < classes)):
            raise ValueError(f"labels must be from 0 to classes - 1, got {shown(self.labels)}")
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "shape", shape)

    def __repr__(self) -> str:
        return f"Images({self.name!r}, {len(self)} of shape {self.shape}, {self.classes} classes)"

    def __len__(self) -> int:
        return len(self.inputs)

    @cached_property
    def one_hot(self) -> Array:
        """Labels as targets of a network, shape (examples, classes)."""
        return np.eye(self.classes)[self.labels]

    def subset(self, count: int, rng: RNG = None, *, balanced: bool = False) -> Images:
        """Images drawn at random, without repetition.

        Parameters
        ----------
        count : int
            Their number.
        rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
            Source of randomness.
        balanced : bool, default False
            Whether there are as many of every class; it must then divide the count.

        Returns
        -------
        Images
            In random order.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong type, or there are not as many images.

        Examples
        --------
        >>> from rmt_rank.data import load_digits
        >>> some = load_digits().subset(20, rng=0, balanced=True)
        >>> some.inputs.shape, sorted(set(some.labels.tolist())) == list(range(10))
        ((20, 64), True)
        """
        count = integer("count", count, at_least=1)
        balanced = boolean("balanced", balanced)
        order = next(streams(rng)).permutation(len(self))
        if balanced:
            order = order[self._balanced(order, count)]
        elif count > len(self):
            raise ValueError(
                f"count must be at most {len(self)}, the number of images, got {shown(count)}"
            )
        chosen = order[:count]
        return replace(self, inputs=self.inputs[chosen], labels=self.labels[chosen])

    def _balanced(self, order: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
        """Indices, in a given order, of the first images of each class."""
        share, rest = divmod(count, self.classes)
        least = int(np.bincount(self.labels, minlength=self.classes).min())
        if rest or share > least:
            raise ValueError(
                f"count must be a multiple of the {self.classes} classes if balanced, and at most "
                f"{least} images per class, got {shown(count)}"
            )
        labels = self.labels[order]
        places = [np.flatnonzero(labels == label)[:share] for label in range(self.classes)]
        return np.sort(np.concatenate(places))

    def standardised(self) -> Images:
        """Return the images less the mean of each pixel, scaled to a mean square of 1."""
        centred = self.inputs - self.inputs.mean(axis=0)
        size = np.sqrt(np.mean(centred**2))
        return replace(self, inputs=centred / (size if size > 0 else 1.0))


def of_bytes(
    name: str,
    pixels: npt.NDArray[np.uint8],
    labels: npt.ArrayLike,
    shape: tuple[int, ...],
    classes: int,
) -> Images:
    """Images of pixels from 0 to 255, (examples, ...); ValueError if they do not fit together."""
    whole = np.asarray(labels).astype(np.intp)
    features = int(np.prod(shape))
    if whole.ndim != 1 or len(pixels) != len(whole) or pixels.size != len(pixels) * features:
        raise ValueError(
            f"{name}: expected as many labels as images of shape {shape}, got {whole.shape} and "
            f"{pixels.shape}"
        )
    if whole.size and not 0 <= whole.min() <= whole.max() < classes:
        raise ValueError(f"{name}: expected labels from 0 to {classes - 1}, got {whole.max()}")
    return Images(name, pixels.reshape(len(pixels), features) / 255, whole, shape, classes)
