"""Tensors of a model in a file, in a folder or in memory, one by one and without their content."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rmt_rank._lib.file_kinds import HEAD, kind
from rmt_rank._lib.paths import user_path
from rmt_rank._lib.reasons import reason, special
from rmt_rank.inspection.formats import memory, modules
from rmt_rank.inspection.tensor import Skipped, Tensor

__all__ = ["Skipped", "Tensor", "tensors"]

Reader = Callable[[Path], Iterator[Tensor | Skipped]]

_FORMATS = "rmt_rank.inspection.formats"
# Readers by the first bytes of a file; those of one kind are distinguished by the content.
_BY_CONTENT = {
    "a NumPy array (.npy)": "arrays",
    "a PyTorch file (.pt)": "torch",
    "a .safetensors file": "arrays",
    "an HDF5 file": "keras",
    "a GGUF file": "gguf",
}
# Readers by suffix, for content that does not say what it is.
_BY_SUFFIX = {
    ".npy": "arrays",
    ".npz": "arrays",
    ".safetensors": "arrays",
    ".pt": "torch",
    ".pth": "torch",
    ".bin": "torch",
    ".ckpt": "torch",
    ".jit": "torch",
    ".onnx": "onnx",
    ".keras": "keras",
    ".h5": "keras",
    ".hdf5": "keras",
    ".gguf": "gguf",
}


def tensors(source: Any, name: str = "source") -> Iterator[Tensor | Skipped]:
    """Yield the tensors of a model in the order of its file, and reasons for what is not read.

    Parameters
    ----------
    source : path, PyTorch module, mapping of arrays, or array
        A file (.safetensors, .pt, .pth, .bin, .ckpt, .jit, .npz, .npy, .onnx, .h5, .keras, .gguf),
        a folder such as that of a Hugging Face model, a module, a mapping from names to arrays of
        any library (also nested), or an array.
    name : str, default "source"
        Name of the argument, for messages.

    Yields
    ------
    Tensor or Skipped
        The content of a tensor is read by its function ``load``.  A file that cannot be read
        gives a `Skipped` with ``error=True``.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    TypeError, ValueError
        If the source is not one of these.

    Examples
    --------
    >>> import numpy as np
    >>> [(each.name, each.shape) for each in tensors({"a": np.ones((3, 2)), "b": np.ones(3)})]
    [('a', (3, 2)), ('b', (3,))]
    """
    if isinstance(source, str | os.PathLike):
        path = user_path(name, source)
        path.stat()  # a missing file is an error at once
        if path.is_dir():
            return _reader("folder")(path)
        return read_file(path)
    if isinstance(source, Mapping):
        return memory.of_mapping(source)
    if hasattr(source, "named_modules") and hasattr(source, "named_parameters"):
        return modules.of_module(source)
    return memory.of_array(name, source)


def read_file(path: Path) -> Iterator[Tensor | Skipped]:
    """Yield the tensors of a file; one `Skipped` with its name if the file cannot be read."""
    try:
        yield from _reader(_format(path))(path)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # parsers of damaged files raise nearly everything
        yield Skipped(path.name, reason(error), error=True)


def is_model(path: Path) -> bool:
    """Return whether the suffix of a file is that of a file of weights."""
    return path.suffix.lower() in _BY_SUFFIX


def _format(path: Path) -> str:
    """Return the name of the reader of a file; ValueError that says what the file is."""
    mode = path.stat().st_mode
    if what := special(mode):
        raise ValueError(f"it is {what}, not a file")
    with path.open("rb") as file:
        head = file.read(HEAD)
    found = kind(head)
    by_suffix = _BY_SUFFIX.get(path.suffix.lower())
    if found in _BY_CONTENT:
        return _BY_CONTENT[found]
    if by_suffix is None and found.startswith("a Python pickle"):
        return "torch"
    if by_suffix is None:
        raise ValueError(f"unknown kind of file; allowed: {', '.join(_BY_SUFFIX)}; it is {found}")
    recognised = {"keras": ("a ZIP",), "torch": ("a ZIP", "a Python pickle"), "gguf": ()}
    if by_suffix in recognised and not found.startswith(recognised[by_suffix]):
        raise ValueError(f"it is not a {path.suffix} file but {found}")
    if by_suffix == "onnx" and not found.startswith(("a file of unknown kind", "text")):
        raise ValueError(f"it is not a .onnx file but {found}")
    return by_suffix


def _reader(name: str) -> Reader:
    read: Reader = importlib.import_module(f"{_FORMATS}.{name}").read
    return read
