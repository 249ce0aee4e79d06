"""The tensors of a TorchScript archive, read without PyTorch and without its code.

The archive holds the code of the model as text, its tensors as plain bytes, and a pickle that
states which attribute of which module is which tensor.  The code is not read.  The pickle is
opened by an unpickler that replaces every class and function it names by an object of this file
that does nothing but keep its attributes, so that nothing of the pickle can be executed.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.npz import content_of
from rmt_rank.inspection.tensor import Skipped, Tensor

__all__ = ["is_script", "read"]

# NumPy's name of the elements of a storage and bytes per element; bfloat16 is widened by hand.
_STORAGES = {
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
}


class _Object:
    """An object of the pickle: its attributes, and nothing else."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.attributes: dict[Any, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {"state": state}


class _Storage:
    """A storage: the name of its type, and the member of the archive with its bytes."""

    def __init__(self, identity: Any) -> None:
        _, kind, key, *_ = identity
        if not isinstance(kind, _Global) or not isinstance(key, str):
            raise pickle.UnpicklingError("the pickle has a storage without a type or a name")
        self.kind, self.key = kind.name, key


class _Global:
    """A class or function that the pickle names; calling it makes an inert object."""

    __slots__ = ("name",)
    name: str

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "name", name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError("the pickle changes a global")

    def __call__(self, *arguments: Any) -> Any:
        if self.name == "OrderedDict":
            return dict(*arguments)
        made = _Object(*arguments)
        made.attributes["global"] = self.name
        return made


# The unpickler in C, pickle.Unpickler, allocates what a damaged pickle claims.
_Python: Any = pickle._Unpickler


class _Unpickler(_Python):
    """Python's unpickler in Python, whose memory is bounded by the length of the pickle.

    A pickle can call only what it names, and every name is a `_Global`; the values that it can
    make otherwise are numbers, text, containers, `_Object` and `_Storage`, which cannot be called.
    """

    def find_class(self, module: str, name: str) -> Any:
        return _Global(name)

    def persistent_load(self, identity: Any) -> Any:
        return _Storage(identity)

    def get_extension(self, code: int) -> Any:
        raise pickle.UnpicklingError("the pickle has an extension code")

    # the class of a new object must not be a class of this file, or of Python
    def load_newobj(self) -> None:
        arguments = self.stack.pop()
        named = self.stack.pop()
        if not isinstance(named, _Global):
            raise pickle.UnpicklingError("the pickle makes an object of a class that it has made")
        self.append(named(*arguments))

    def load_build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if not isinstance(made, _Object):
            raise pickle.UnpicklingError("the pickle changes an object that it has not made")
        made.__setstate__(state)

    def _refused(self) -> None:
        raise pickle.UnpicklingError("the pickle has an instruction that TorchScript does not use")

    dispatch: ClassVar[dict[int, Any]] = dict(_Python.dispatch)
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.BUILD[0]] = load_build
    for _code in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4):
        dispatch[_code[0]] = _refused


def is_script(archive: zipfile.ZipFile) -> bool:
    """Return whether an archive holds TorchScript rather than a plain checkpoint."""
    return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read(path: Path) -> Iterator[Tensor | Skipped]:
    """Yield the tensors of the modules' attributes, with dotted names.

    Raises
    ------
    ValueError
        If the pickle is damaged, or has instructions that TorchScript does not write.
    """
    archive = zipfile.ZipFile(path)  # by its path: it closes the file with its last user
    members = {info.filename: info for info in archive.infolist()}
    found = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} members data.pkl, a TorchScript archive has one")
    folder = found[0].removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order is not None and content_of(archive, order).strip() == b"big":
        raise ValueError("its numbers are stored in big-endian order, which is not read")
    try:
        root = _Unpickler(io.BytesIO(content_of(archive, members[found[0]]))).load()
    except Exception as error:  # unpicklers of damaged files raise nearly everything
        raise ValueError(f"its data.pkl cannot be read safely: {str(error)[:200]}") from error
    stack, seen, stored = [("", root)], set(), dict[Any, str]()
    while stack:
        name, value = stack.pop()
        if isinstance(value, _Object) and value.attributes.get("global") == "_rebuild_tensor_v2":
            each = _tensor(name, value.arguments, archive, members, folder, stored)
            if each is not None:
                yield each
            continue
        content = value.attributes if isinstance(value, _Object) else value
        if not isinstance(content, dict | list | tuple) or id(content) in seen:
            continue
        seen.add(id(content))
        items = content.items() if isinstance(content, dict) else enumerate(content)
        # other keys may be nested so that their text has no end
        named = [(key, each) for key, each in items if isinstance(key, str | int)]
        inner = [(f"{name}.{key}" if name else str(key), each) for key, each in named]
        stack += reversed(inner)


def _tensor(
    name: str,
    arguments: Any,
    archive: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    folder: str,
    stored: dict[Any, str],
) -> Tensor | Skipped | None:
    try:
        storage, offset, shape, strides, *_ = arguments
        dtype, itemsize = _STORAGES[storage.kind]
        info = members[f"{folder}data/{storage.key}"]
        sizes = (offset, *shape, *strides)
        if len(shape) != len(strides) or any(type(n) is not int or n < 0 for n in sizes):
            raise ValueError("its shape or its strides are not those of a tensor")
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        there = info.file_size // itemsize
        if math.prod(shape) > there or (math.prod(shape) and last >= there):
            raise ValueError(f"it claims {math.prod(shape)} numbers, but the file has {there}")
    except KeyError as error:
        return Skipped(name, f"the archive has no {error.args[0]}", error=True)
    except Exception as error:  # the pickle may give values of any class
        return Skipped(name, str(error)[:200], error=True)
    place = (storage.key, offset, tuple(shape), tuple(strides))
    if 0 not in shape:
        if place in stored:
            return Skipped(name, f"it is the same tensor as {stored[place]}")
        stored[place] = name

    def load() -> npt.NDArray[Any]:
        content = np.frombuffer(content_of(archive, info), "<u2" if dtype == "bfloat16" else dtype)
        if dtype == "bfloat16":
            content = (content.astype(np.uint32) << 16).view(np.float32)
        steps = [content.itemsize * step for step in strides]
        return np.lib.stride_tricks.as_strided(content[offset:], shape, steps).copy()

    return Tensor(name, tuple(shape), dtype, load)
