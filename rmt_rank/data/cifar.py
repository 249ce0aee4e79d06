"""CIFAR-10 and CIFAR-100, from their files for Python or OpenML."""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.archive import check, described, regular
from rmt_rank._lib.errors import DataUnavailableError
from rmt_rank._lib.validation import choice, integer
from rmt_rank.data.images import Images, of_bytes
from rmt_rank.data.sources import folders, openml

__all__ = ["load_cifar"]

_SHAPE = (3, 32, 32)
_OPENML = {10: "CIFAR_10", 100: "CIFAR-100"}
_FOLDERS = {10: "cifar-10-batches-py", 100: "cifar-100-python"}
# Limit on the memo indices of a pickle; memory is allocated for so many entries.
_MOST_KEPT = 1 << 20
_INTEGERS = [f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)]
_FILES = {
    (10, "train"): [f"data_batch_{i}" for i in range(1, 6)],
    (10, "test"): ["test_batch"],
    (100, "train"): ["train"],
    (100, "test"): ["test"],
}


def load_cifar(path: str | Path | None = None, *, classes: int = 10, part: str = "train") -> Images:
    """Small colour images of 3 x 32 x 32 pixels, 50000 for training and 10000 held out.

    Parameters
    ----------
    path : str or Path, optional
        The folder of the files for Python (cifar-10-batches-py or cifar-100-python), or the one
        that it is in.  By default the folder that the environment variable RMT_RANK_DATA names;
        and if there is nothing, scikit-learn's OpenML loader, which keeps what it fetched.
    classes : {10, 100}
        CIFAR-10 or CIFAR-100, with its fine labels.
    part : {"train", "test"}
        Which of them; of OpenML's rows the first 50000 are taken to be for training.

    Returns
    -------
    Images
        The images, with pixels in [0, 1], and their labels.

    Raises
    ------
    DataUnavailableError
        If the path holds none, or there are no local files and no network.
    ImportError
        If scikit-learn (the extra `data`) would be needed and is not installed.
    ValueError
        If a file is damaged, or an argument is not one of those allowed.

    Notes
    -----
    The files are pickles.  Of those, nothing but arrays, and lists and dicts of them, is read.

    References
    ----------
    .. [1] A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

    Examples
    --------
    >>> from rmt_rank.data import load_cifar
    >>> images = load_cifar("cifar", classes=10)  # doctest: +SKIP
    """
    choice("part", part, ("train", "test"))
    if integer("classes", classes, at_least=10, at_most=100) not in _OPENML:
        raise ValueError(f"classes must be 10 or 100, got {classes}")
    name, names = f"CIFAR-{classes}", _FILES[classes, part]
    for place in folders(path, [_FOLDERS[classes]]):
        files = [place / each for each in names]
        if all(file.is_file() for file in files):
            batches = [_batch(file, classes) for file in files]
            pixels, labels = (np.concatenate(each) for each in zip(*batches, strict=True))
            return of_bytes(name, pixels, labels, _SHAPE, classes)
    if path is not None:
        raise DataUnavailableError(
            f"path must be the folder of {name}'s files for Python ({', '.join(names)}), or the "
            f"one that {_FOLDERS[classes]} is in, got {str(path)!r}"
        )
    return openml(name, _OPENML[classes], _SHAPE, classes, train=5 / 6, part=part)


def _batch(file: Path, classes: int) -> tuple[Any, Any]:
    """Pixels and labels of a file."""
    content = regular(file).read_bytes()
    with described(file, f"batch of CIFAR-{classes}"):
        for code, value, _place in pickletools.genops(content):
            if code.name.endswith("PUT") and int(value or 0) > _MOST_KEPT:
                raise ValueError(f"its pickle has memo indices up to {value}")
        found = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        labels = found[b"labels" if classes == 10 else b"fine_labels"]
        labels = labels.array() if isinstance(labels, _Recorded) else np.asarray(labels)
        pixels = found[b"data"].array()
        if pixels.dtype != np.uint8:
            raise ValueError(f"its data must be bytes, got {pixels.dtype}")
        if pixels.size != len(pixels) * math.prod(_SHAPE):
            raise ValueError(f"its data must be images of the shape {_SHAPE}, got {pixels.shape}")
        check("labels", labels, "iu", (len(pixels),), at_least=0, at_most=classes - 1)
        return pixels.reshape(len(pixels), -1), labels


class _Unpickler(pickle.Unpickler):
    """Unpickler that records the types NumPy arrays are made of, and calls nothing."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name == "_reconstruct":
            return lambda *_: _Recorded()
        if (module, name) == ("numpy", "dtype"):
            return _Recorded
        if (module, name) == ("numpy", "ndarray"):
            return None  # the type that `_reconstruct` is to make
        if (module, name) == ("_codecs", "encode"):  # bytes of Python 3 in old protocols
            return lambda text, _coding: text.encode("latin-1")
        raise pickle.UnpicklingError(f"it holds {module}.{name}")


class _Recorded:
    """Record of an array, or of its type, from a pickle."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> npt.NDArray[Any]:
        """Return the array; only integers are allowed."""
        _version, shape, kind, fortran, content = self.state
        code, order = (
            word.decode() if isinstance(word, bytes) else word
            for word in (kind.arguments[0], kind.state[1])
        )
        if code not in _INTEGERS or not all(isinstance(n, int) for n in shape):
            raise ValueError(f"it holds an array of the type {code!r} and the shape {shape!r}")
        array = np.frombuffer(content, np.dtype(order + code))
        return array.reshape(shape, order="F" if fortran else "C")
