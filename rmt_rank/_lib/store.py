"""Stores: folders with a declaration, and a sealed file of arrays for each item that is done.

Files are written whole or not at all.  Each has a mark of the declaration that it belongs to, and
its own name, so that a declaration that is lost can be restored, and files cannot be swapped.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.archive import described, dump_json, load_json, pack, unpack
from rmt_rank._lib.atomic import write
from rmt_rank._lib.folder import begin

__all__ = ["Store", "StoreError", "StoreKind", "store_errors"]

Content = dict[str, Any]


class StoreError(ValueError):
    """A store that cannot be used as it is; the message names the file."""


class StoreKind(NamedTuple):
    """A kind of store.

    Attributes
    ----------
    folder : str
        What its folder is, for messages.
    file : str
        Name of the file with the declaration.
    declaration, item : str
        Kinds of files, as named in their seals.
    keys : tuple of two str
        What an item belongs to and what it is, in a word each: names of arrays in its file.
    mark : callable
        From a declaration to the mark of it in every item, text or bytes.
    """

    folder: str
    file: str
    declaration: str
    item: str
    keys: tuple[str, str]
    mark: Callable[[Content], str | bytes]


class Store:
    """A folder with a declaration and a file for each item that is done."""

    def __init__(self, path: Path, kind: StoreKind, content: Content) -> None:
        self.path, self.kind, self.content = path, kind, content
        self.mark = kind.mark(content)

    @classmethod
    def open(cls, path: Path, kind: StoreKind, remedy: str) -> Store:
        """Open an existing store; StoreError with the remedy if its declaration is damaged."""
        declaration = path / kind.file
        if not declaration.exists():
            if any(path.glob("*.npz")):
                raise StoreError(f"{declaration} is missing: {remedy}")
            raise StoreError(f"{path} is not {kind.folder}: there is no {kind.file}")
        with store_errors(remedy):
            return cls(path, kind, load_json(declaration, kind.declaration))

    @classmethod
    def begin(
        cls,
        path: Path,
        kind: StoreKind,
        content: Callable[[], Content],
        kept: Callable[[Collection[Any]], Content | None],
    ) -> Store:
        """Open a store, or make it in a new or empty folder.

        If the declaration is missing or damaged, it is written again, with a warning, provided that
        `kept` returns it for the marks of all readable items, and not None.  Otherwise, or if the
        folder holds something else, a StoreError is raised.
        """
        file = path / kind.file
        with store_errors():
            if path.is_dir() and _lost(file, kind) and (found := kept(_marks(path, kind))):
                write(file, dump_json(kind.declaration, found))
                warnings.warn(
                    f"{file} was missing or damaged, and was written again: the results beside it "
                    "belong to this run",
                    stacklevel=2,
                )
            begin(path, kind.file, lambda: dump_json(kind.declaration, content()), kind.folder)
        with store_errors("remove it, or choose another folder"):
            return cls(path, kind, load_json(file, kind.declaration))

    def save(self, name: str, arrays: Mapping[str, npt.ArrayLike]) -> None:
        """Write the arrays of an item, completely or not at all."""
        place = dict(zip(self.kind.keys, map(np.array, (self.mark, name)), strict=True))
        write(self._file(name), pack(self.kind.item, {**place, **arrays}))

    def load(self, name: str, read: Callable[[dict[str, Any]], Any]) -> Any:
        """Return what the function reads from the arrays of an item; None if it is not done.

        StoreError if the file is damaged, belongs to another store or item, or cannot be read.
        """
        path, (owner, item) = self._file(name), self.kind.keys
        with store_errors("remove it"):
            try:
                arrays = unpack(path, self.kind.item)
            except FileNotFoundError:
                return None
            with described(path, self.kind.item):
                if (arrays.pop(owner).item(), arrays.pop(item).item()) != (self.mark, name):
                    raise ValueError(f"it belongs to another {owner} or {item}")
                return read(arrays)

    def _file(self, name: str) -> Path:
        return self.path / f"{name.removesuffix('.npz')}.npz"


@contextlib.contextmanager
def store_errors(remedy: str = "") -> Iterator[None]:
    """Turn any other ValueError into a StoreError, and add a remedy."""
    try:
        yield
    except ValueError as error:
        raise StoreError(f"{error}; {remedy}" if remedy else str(error)) from error


def _lost(path: Path, kind: StoreKind) -> bool:
    try:
        load_json(path, kind.declaration)
    except (FileNotFoundError, ValueError):
        return True
    return False


def _marks(path: Path, kind: StoreKind) -> set[Any]:
    """Marks of the declarations that the readable items in a folder belong to."""
    found = set()
    for each in path.glob("*.npz"):
        with contextlib.suppress(OSError, ValueError), described(each, kind.item):
            found.add(unpack(each, kind.item)[kind.keys[0]].item())
    return found
