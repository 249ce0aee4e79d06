"""Keras files: .keras archives, and .h5 files of a model or of its weights.

Kernels have the outputs on the last axis.  The path of a weight states the class of its layer, or
the configuration of the model does; groups of convolutions are in the configuration only.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.npz import UNPACKED, UNPACKED_RATIO, content_of
from rmt_rank._lib.reasons import reason, short, too_large
from rmt_rank.inspection.tensor import UNKNOWN, Layer, Skipped, Tensor, needed

__all__ = ["read"]

_WEIGHTS = "model.weights.h5"
# Errors of h5py for a damaged file: those that it makes of HDF5's codes, and Python's for numbers
# and texts that are out of range.
_DAMAGE = (OSError, RuntimeError, LookupError, TypeError, ValueError, OverflowError, MemoryError)
_GATES = {
    "lstm": ("input", "forget", "cell", "output"),
    "gru": ("update", "reset", "new"),
    "rnn": ("",),
}
# Weights by position, in files that number them.
_NUMBERED = {
    "lstm": ("kernel", "recurrent_kernel", "bias"),
    "gru": ("kernel", "recurrent_kernel", "bias"),
    "rnn": ("kernel", "recurrent_kernel", "bias"),
    "separable conv": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "depthwise conv": ("depthwise_kernel", "bias"),
    "embedding": ("embeddings",),
    "norm": ("gamma", "beta", "moving_mean", "moving_variance"),
}


def read(path: Path) -> Iterator[Tensor | Skipped]:
    """Yield the datasets of a file.

    Raises
    ------
    ValueError
        If it is not a file of Keras or HDF5, or is damaged.
    """
    h5py = needed("h5py", "inspect", path.suffix)
    if not zipfile.is_zipfile(path):
        file = _opened(h5py, path)
        described = None
        with contextlib.suppress(*_DAMAGE):
            described = file.attrs.get("model_config")
        yield from _datasets(h5py, file, _configuration(described), path)
        return
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if _WEIGHTS not in members:
            raise ValueError(f"it is not a Keras file: the archive has no {_WEIGHTS}")
        content = content_of(archive, members[_WEIGHTS])
        config = members.get("config.json")
        described = None
        with contextlib.suppress(zipfile.BadZipFile, zlib.error, EOFError, ValueError):
            described = content_of(archive, config) if config is not None else None
    file = _opened(h5py, io.BytesIO(content))
    yield from _datasets(h5py, file, _configuration(described), path)


def _opened(h5py: Any, place: Any) -> Any:
    try:
        return h5py.File(place, "r")
    except _DAMAGE as error:
        raise ValueError(f"it is not an HDF5 file, or is damaged: {short(error)}") from error


def _configuration(text: Any) -> list[dict[str, Any]]:
    """Return the layers of a configuration in order, with nested models; none if it is damaged."""
    try:
        stack, layers = [json.loads(text)], []
    except (TypeError, ValueError, RecursionError):
        return []
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict):
                layers.append(value)
            stack += reversed(list(value.values()))
        elif isinstance(value, list):
            stack += reversed(value)
    return layers


def _datasets(h5py: Any, root: Any, layers: list[dict[str, Any]], path: Path) -> Iterator[Any]:
    """Walk through groups by their own links, each once; links to other files are not followed."""
    stack, seen = [("", root)], set()
    limit = max(UNPACKED, UNPACKED_RATIO * path.stat().st_size)
    while stack:
        name, group = stack.pop()
        if isinstance(group, h5py.Dataset):
            try:
                yield _dataset(name, group, layers, limit)
            except _DAMAGE as error:
                yield Skipped(name, _damage(error), error=True)
            continue
        if not isinstance(group, h5py.Group):
            continue
        inner: list[tuple[str, Any]] = []
        keys: list[str] = []
        try:
            place = h5py.h5o.get_info(group.id)
            if (place.fileno, place.addr) in seen:
                continue
            seen.add((place.fileno, place.addr))
            keys.extend(group)
        except _DAMAGE as error:  # the keys before the damage are still read
            yield Skipped(name or "/", _damage(error), error=True)
        for key in keys:
            full = f"{name}/{key}" if name else str(key)
            try:
                if isinstance(group.get(key, getlink=True), h5py.HardLink):
                    inner.append((full, group[key]))
                else:
                    yield Skipped(full, "it is a link to another place, which is not followed")
            except _DAMAGE as error:
                yield Skipped(full, _damage(error), error=True)
        if not name.startswith("optimizer"):
            stack += reversed(inner)
        elif inner:
            yield Skipped(name, "it is the state of an optimizer, not of the model")


def _damage(error: BaseException) -> str:
    return reason(error) if isinstance(error, MemoryError) else f"it is damaged: {short(error)}"


def _dataset(name: str, data: Any, layers: list[dict[str, Any]], limit: int) -> Tensor | Skipped:
    if data.is_virtual or data.external:
        return Skipped(name, "its numbers are in another file, which is not read", error=True)
    dtype = data.dtype
    if dtype.kind == "O" or dtype.kind not in "biufcV":
        return Skipped(name, f"its type is {dtype}")
    shape = tuple(data.shape or ())
    size = math.prod(shape) * dtype.itemsize
    there = data.id.get_storage_size()
    if data.compression is None and size > there:
        return Skipped(name, f"it claims {size} bytes, but the file has {there}", error=True)
    if size > limit:
        return Skipped(name, f"it unpacks from {there} bytes to {size}", error=True)

    def load() -> npt.NDArray[Any]:
        if refusal := too_large(8 * math.prod(shape)):
            raise ValueError(refusal)
        values: npt.NDArray[Any] = data[()]
        return values.astype(np.float32) if values.dtype.kind == "V" else values

    return Tensor(name, shape, str(dtype), load, _layer(name, data, layers))


def _layer(name: str, data: Any, layers: list[dict[str, Any]]) -> Layer:
    """Return the layer of a weight from its path, such as layers/conv2d_1/vars/0."""
    parts = name.removesuffix(":0").split("/")
    last = parts[-1]
    found, config = _class(parts, layers)
    if last.isdigit() and not found and "cell" in parts:
        found = _cell(data)
    if last.isdigit():
        names = _NUMBERED.get(found, ("kernel", "bias"))
        last = names[int(last)] if int(last) < len(names) else "other"
    if found == "embedding" or last == "embeddings":
        return Layer("embedding", init="uniform")
    if last == "depthwise_kernel" or (found == "depthwise conv" and last == "kernel"):
        return Layer("depthwise conv")
    if last in {"kernel", "pointwise_kernel"}:
        if found in _GATES:
            return Layer(found, out_last=True, gates=_GATES[found], init="uniform")
        if found == "transposed conv":  # (kernel, out, in)
            return Layer(found, groups=1, out_last=True, init="uniform")
        groups = config.get("groups")
        kind = "conv" if "conv" in found else "dense"
        groups = groups if kind == "conv" and type(groups) is int and groups > 0 else None
        init = "uniform" if found else None
        return Layer(kind, groups=groups, out_last=True, init=init)
    if last == "recurrent_kernel":
        gates = _GATES.get(found, ())
        return Layer(found, out_last=True, gates=gates, init="orthogonal")
    if last in {"bias", "gamma", "beta", "moving_mean", "moving_variance"}:
        return Layer(why_not=f"it is not a kernel but {last}")
    return UNKNOWN


def _class(parts: list[str], layers: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return the kind and the configuration of the innermost layer that a path names."""
    numbered = parts[-1].isdigit()  # such paths have classes and the others names of layers
    nested = parts.count("layers") > 1
    for part in reversed(parts[:-1]):
        for layer in () if numbered else layers:
            if layer["config"].get("name") == part and (kind := _kind(layer["class_name"])):
                return kind, layer["config"]
        stem, _, number = part.rpartition("_")
        stem, place = (stem, int(number)) if number.isdigit() else (part, 0)
        if kind := _kind(stem):
            same = [each for each in layers if _snake(each["class_name"]) == stem]
            return kind, same[place]["config"] if place < len(same) and not nested else {}
    return "", {}


def _cell(data: Any) -> str:
    """Return the kind of a recurrent cell from the shape of its second weight, (h, gates x h)."""
    second = data.parent.get("1")
    shape: tuple[int, ...] = getattr(second, "shape", None) or ()
    gates = shape[1] // shape[0] if len(shape) == 2 and shape[0] else 0
    return {4: "lstm", 3: "gru", 1: "rnn"}.get(gates, "")


def _snake(name: str) -> str:
    """Return the name of a class as Keras writes it in paths: Conv2DTranspose, conv2d_transpose."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _kind(name: str) -> str:
    snake = _snake(name)
    for pattern, kind in (
        (r"depthwise_conv", "depthwise conv"),
        (r"separable_conv", "separable conv"),
        (r"conv\d?d?_transpose|conv\dd_transpose", "transposed conv"),
        (r"conv\dd$|conv_\dd$", "conv"),
        (r"lstm", "lstm"),
        (r"gru", "gru"),
        (r"simple_rnn", "rnn"),
        (r"embedding", "embedding"),
        (r"normalization", "norm"),
        (r"dense$|multi_head_attention$|attention$", "dense"),
    ):
        if re.search(pattern, snake):
            return kind
    return ""
