"""MNIST, from its own files, NumPy's, or OpenML."""

from __future__ import annotations

import gzip
import io
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.archive import arrays_in, check, described, regular
from rmt_rank._lib.errors import DataUnavailableError
from rmt_rank._lib.validation import choice
from rmt_rank.data.images import Images, of_bytes
from rmt_rank.data.sources import folders, openml

__all__ = ["load_mnist"]

_SHAPE = (28, 28)
_OPENML = "mnist_784"
# Largest number of unpacked bytes of a file; the largest one of MNIST has 47 million.
_MOST = 1 << 30
_PREFIXES = {"train": "train", "test": "t10k"}


def load_mnist(path: str | Path | None = None, *, part: str = "train") -> Images:
    """Handwritten digits of 28 x 28 pixels, 60000 for training and 10000 held out.

    Parameters
    ----------
    path : str or Path, optional
        A folder with the original files (train-images-idx3-ubyte and so on, .gz or not) or with
        mnist.npz (arrays x_train, y_train, x_test, y_test), or that file.  By default the folder
        that the environment variable RMT_RANK_DATA names, or its subfolder mnist; and if there is
        nothing, scikit-learn's OpenML loader, which keeps what it fetched.
    part : {"train", "test"}
        Which of them.

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
        If a file is damaged, or part is unknown.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
       recognition", doi:10.1109/5.726791.

    Examples
    --------
    >>> from rmt_rank.data import load_mnist
    >>> images = load_mnist("mnist")  # doctest: +SKIP
    """
    choice("part", part, ("train", "test"))
    for place in folders(path, ["mnist", "MNIST/raw"]):
        for file in (place, place / "mnist.npz"):
            if file.suffix == ".npz" and file.is_file():
                return _images(file, *_npz(file, part))
        files = [_idx_file(place, f"{_PREFIXES[part]}-{kind}") for kind in ("images", "labels")]
        if files[0] and files[1]:
            pair = files[0].with_name(f"{files[0].name} with {files[1].name}")
            return _images(pair, _idx(files[0]), _idx(files[1]))
    if path is not None:
        raise DataUnavailableError(
            f"path must be mnist.npz, or a folder with it or with MNIST's files "
            f"{_PREFIXES[part]}-images-idx3-ubyte and {_PREFIXES[part]}-labels-idx1-ubyte, got "
            f"{str(path)!r}"
        )
    return openml("MNIST", _OPENML, _SHAPE, 10, train=6 / 7, part=part)


def _images(file: Path, pixels: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Images:
    with described(file, "file of MNIST"):
        return of_bytes("MNIST", pixels, labels, _SHAPE, 10)


def _idx_file(folder: Path, start: str) -> Path | None:
    """Return the file of a folder whose name starts so, with a dot or hyphen, compressed or not."""
    kind = "idx3" if start.endswith("images") else "idx1"
    names = [f"{start}{dot}{kind}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _idx(file: Path) -> npt.NDArray[np.uint8]:
    """An array of bytes: 0, 0, 8, the number of axes, their lengths (big-endian), the entries."""
    content = regular(file).read_bytes()
    with described(file, "file of MNIST"):
        if file.suffix == ".gz":
            with gzip.open(io.BytesIO(content)) as stream:
                content = stream.read(_MOST + 1)
        if len(content) > _MOST:
            raise ValueError(f"it holds more than {_MOST} bytes")
        zeros, kind, axes = struct.unpack(">HBB", content[:4])
        begin = 4 + 4 * axes
        shape = struct.unpack(f">{axes}I", content[4:begin])
        if (zeros, kind) != (0, 8):
            raise ValueError(f"it is not an idx file of bytes: it starts with {content[:4]!r}")
        if math.prod(shape) != len(content) - begin:
            raise ValueError(f"it claims {math.prod(shape)} entries of {len(content) - begin}")
        return np.frombuffer(content, np.uint8, offset=begin).reshape(shape)


def _npz(file: Path, part: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    content = regular(file).read_bytes()
    with described(file, "file of MNIST"):
        found = arrays_in(content, _MOST, (f"x_{part}", f"y_{part}"))
        pixels, labels = found[f"x_{part}"], found[f"y_{part}"]
        if pixels.dtype != np.uint8:
            raise ValueError(f"its x_{part} must be bytes, got {pixels.dtype}")
        return pixels, check(f"y_{part}", labels, "iu", (len(pixels),))
