"""The store of a study: its declaration, and a file for every block that is done.

Files are written whole or not at all, and each has a copy of the declaration and the name of the
block that it belongs to, so that a declaration that is lost can be restored.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import json
import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from rmt_rank._lib.archive import check, described, load_json, pack, parsed, unpack
from rmt_rank._lib.atomic import write
from rmt_rank._lib.folder import declared
from rmt_rank.simulation.means.controls import Controls
from rmt_rank.simulation.means.joint_moments import JointMoments
from rmt_rank.simulation.products.chain import Chain
from rmt_rank.simulation.products.compiled_loops import compiled_loops
from rmt_rank.simulation.study.declaration import Study
from rmt_rank.simulation.study.work import StudyBlock, chain_of, components

__all__ = ["Store", "StoreError"]


_DECLARATION, _BLOCKS = "study.json", "*.npz"
# Kinds of files, as named in their seals.
_DECLARED, _BLOCK = "declaration of a study", "block of a study"


class StoreError(ValueError):
    """A store that cannot be used as it is; the message names the file."""


class Store:
    """A folder with the declaration of a study and a file for each block that is done."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        if not {"study", "compiled", "provenance"} == content.keys():
            raise ValueError(f"it holds {', '.join(content) or 'nothing'}")
        if not isinstance(content["study"], dict) or not isinstance(content["provenance"], dict):
            raise ValueError("its study and its provenance must be objects")
        if not isinstance(content["compiled"], bool):
            raise ValueError(f"compiled must be true or false, got {content['compiled']!r}")
        self.path, self.content = path, content
        self.study = Study(**content["study"])
        self.compiled: bool = content["compiled"]
        self.declared = json.dumps(content).encode()  # every block has a copy

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open an existing store; StoreError if there is none, or it is damaged."""
        declaration = path / _DECLARATION
        remedy = "run the study again with the same TOML file, and it is restored from the blocks"
        if not declaration.exists():
            if any(path.glob(_BLOCKS)):
                raise StoreError(f"{declaration} is missing: {remedy}")
            raise StoreError(f"{path} is not a store of a study: there is no {declaration.name}")
        with _store_errors(remedy):
            return cls._of(path, load_json(declaration, _DECLARED))

    @classmethod
    def begin(cls, path: Path, study: Study) -> Store:
        """Open the store of a study, or make it; restore its declaration if that is lost."""

        def content() -> dict[str, Any]:
            return {
                "study": study.to_dict(),
                "compiled": compiled_loops() is not None,
                "provenance": _provenance(),
            }

        def kept() -> dict[str, Any] | None:
            with contextlib.suppress(ValueError):
                stores = [cls._of(path, each) for each in _declarations(path)]
                if len(stores) == 1 and stores[0].study.to_dict() == study.to_dict():
                    return stores[0].content
            return None

        with _store_errors():
            found = declared(path, _DECLARATION, _DECLARED, "a store of a study", content, kept)
            store = cls._of(path, found)
        if store.study.to_dict() != study.to_dict():
            raise StoreError(f"{path} holds another study; choose another folder")
        if store.compiled and compiled_loops() is None:
            raise StoreError(
                f"{path} was computed with numba, which does not work here: last bits would differ"
            )
        return store

    @classmethod
    def _of(cls, path: Path, content: dict[str, Any]) -> Store:
        with described(path / _DECLARATION, _DECLARED):
            return cls(path, content)

    def save(self, block: StudyBlock, halves: Sequence[JointMoments | None]) -> None:
        """Write the result of a block atomically; StoreError if it is not a valid result."""
        arrays = {
            f"{each.name}_{i}": np.asarray(getattr(half, each.name))
            for i, half in enumerate(halves)
            if half is not None
            for each in dataclasses.fields(half)
        }
        path = self.path / block.name
        with _store_errors(), described(path, _BLOCK):
            _halves(arrays, block)
        place = {"study": np.array(self.declared), "block": np.array(block.name)}
        write(path, pack(_BLOCK, place | arrays))

    def load(self, block: StudyBlock) -> list[JointMoments | None] | None:
        """Return the result of a block, or None if it is not done.

        Raises
        ------
        StoreError
            If its file is truncated or damaged, or belongs to another study or another block.
        """
        path = self.path / block.name
        with _store_errors("remove it"):
            try:
                arrays = unpack(path, _BLOCK)
            except FileNotFoundError:
                return None
            with described(path, _BLOCK):
                place = arrays.pop("study").item(), str(arrays.pop("block"))
                if place != (self.declared, block.name):
                    raise ValueError("it belongs to another study or block")
                return _halves(arrays, block)


@contextlib.contextmanager
def _store_errors(remedy: str = "") -> Iterator[None]:
    """Turn any other ValueError into a StoreError."""
    try:
        yield
    except ValueError as error:
        raise StoreError(f"{error}; {remedy}" if remedy else str(error)) from error


def _halves(arrays: Mapping[str, Any], block: StudyBlock) -> list[JointMoments | None]:
    """Return the halves of a block from its arrays; ValueError if they are not valid."""
    names = [each.name for each in dataclasses.fields(JointMoments)]
    present = [i for i in (0, 1) if f"count_{i}" in arrays]
    if arrays.keys() != {f"{name}_{i}" for name in names for i in present}:
        raise ValueError(f"it holds the arrays {', '.join(arrays)}")
    halves: list[JointMoments | None] = [None, None]
    for i in present:
        count, mean, products, squares = (arrays[f"{name}_{i}"] for name in names)
        p = _controls(chain_of(block)) if block.study.control_variates else 0
        sizes = [components(each, block.width) for each in block.study.statistics]
        q = sum(sizes)
        check("count", count, "iu", (), at_least=1, at_most=block.size)
        check("mean", mean, "f", (p + q,), finite=True)
        check("products", products, "f", (p, p + q), finite=True)
        check("products of a control with itself", np.diagonal(products), "f", (p,), at_least=0)
        check("squares", squares, "f", (q,), finite=True, at_least=0)
        parts = np.split(mean[p:], np.cumsum(sizes)[:-1])
        for each, part in zip(block.study.statistics, parts, strict=True):
            low, high = _bounds(each["name"], block.width)
            check(f"mean of {each['name']}", part, "f", part.shape, at_least=low, at_most=high)
        halves[i] = JointMoments(int(count), mean, products, squares)
    if sum(half.count for half in halves if half is not None) != block.size:
        raise ValueError(f"it has another number of samples than its block, {block.size}")
    return halves


@functools.lru_cache(maxsize=64)
def _controls(chain: Chain) -> int:
    """Number of control variates of a chain."""
    return len(Controls.of(chain).means)


def _bounds(statistic: str, width: int) -> tuple[float, float]:
    """Bounds of the mean of a statistic, widened by the rounding of a sum of positive terms."""
    slack = 1e-9
    if statistic == "effective_rank":
        return -slack, math.log(width) + slack
    if statistic == "spectral_measure":
        return -slack, 1 + slack
    return 0 if statistic == "singular_values" else -math.inf, math.inf


def _declarations(path: Path) -> list[dict[str, Any]]:
    """The different declarations that the readable blocks of a store have copies of."""
    found = set()
    for each in path.glob(_BLOCKS):
        with contextlib.suppress(OSError, ValueError), described(each, _BLOCK):
            found.add(unpack(each, _BLOCK)["study"].item().decode())
    return [parsed(text) for text in found]


def _provenance() -> dict[str, Any]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    versions |= {"scipy": scipy.__version__}
    for package in ("rmt_rank", "numba"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "none"
    return {
        "versions": versions,
        "machine": f"{platform.system()} {platform.machine()}",
        "initial": datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"),
        "backend": "numpy",
        "dtype": "float64",
        "blas_threads": 1,
    }
