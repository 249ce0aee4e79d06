"""Sources of images: local files, or scikit-learn's OpenML loader."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rmt_rank._lib.errors import DataUnavailableError
from rmt_rank._lib.optional import optional
from rmt_rank._lib.validation import shown
from rmt_rank.data.images import Images, of_bytes

__all__ = ["VARIABLE", "folders", "openml", "scikit_learn"]

# Environment variable that names a folder of local files.
VARIABLE = "RMT_RANK_DATA"


def scikit_learn() -> Any:
    """Import scikit-learn's `datasets`, with an explanation if it is not installed."""
    return optional("reading these images", "sklearn.datasets", "data")


def folders(path: str | Path | None, names: Sequence[str]) -> list[Path]:
    """Folders or files to look for images in: the path alone, or those of the variable.

    Raises
    ------
    DataUnavailableError
        If the path or the variable's folder does not exist.
    """
    if path is None and not os.environ.get(VARIABLE):
        return []
    if not (path is None or isinstance(path, str | Path)):
        raise TypeError(f"path must be a string or a Path, got {shown(path)}")
    given = Path(os.environ[VARIABLE] if path is None else path)
    if "\0" in str(given):
        raise ValueError(f"path must have no null character, got {shown(str(given))}")
    if not given.exists():
        what = f"the folder of {VARIABLE}" if path is None else "path"
        raise DataUnavailableError(f"{what} must exist, got {str(given)!r}")
    return [given, *(given / name for name in names)]


def openml(
    name: str, title: str, shape: tuple[int, ...], classes: int, *, train: float, part: str
) -> Images:
    """Part of a data set of OpenML, which scikit-learn caches on disk.

    The cache is in the folder `RMT_RANK_DATA`, if that is set.  Each reading takes minutes.

    Parameters
    ----------
    name : str
        Name for messages.
    title : str
        OpenML's name of the data set; the first version is used.
    shape, classes
        As in `Images`.
    train : float
        Share of the rows, counted from the first, that are for training.
    part : {"train", "test"}
        Whether to return the rows for training or the rest.

    Raises
    ------
    ImportError
        If scikit-learn is missing.
    DataUnavailableError
        If it was never fetched, and there is no network.
    ValueError
        If the cached file is damaged.
    """
    datasets = scikit_learn()
    try:
        bunch = datasets.fetch_openml(
            title,
            version=1,
            as_frame=False,
            # this parser is slow, but the faster one fails with pandas 3 if classes are numbers
            parser="liac-arff",
            # the smallest number of retries; scikit-learn warns before each
            n_retries=1,
            data_home=os.environ.get(VARIABLE) or None,
        )
    except OSError as error:
        raise DataUnavailableError(
            f"{name} is in no local file, and OpenML cannot be reached ({error}): give the path of "
            f"local files, or set {VARIABLE} to their folder"
        ) from error
    except ImportError:
        raise
    except Exception as error:  # a parser of damaged data may raise anything
        kept = datasets.get_data_home(os.environ.get(VARIABLE) or None)
        raise ValueError(
            f"{name} cannot be read from what scikit-learn has kept in {kept}: {error!r:.300}"
        ) from error
    stop = round(len(bunch.data) * train)
    rows = slice(0, stop) if part == "train" else slice(stop, None)
    # bytes, or scaled already
    data = bunch.data[rows] * (255 if bunch.data.max() <= 1 else 1)
    return of_bytes(name, data, bunch.target[rows].astype(np.intp), shape, classes)
