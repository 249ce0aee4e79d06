"""The store of a study: its declaration, and a file for every block that is done."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import json
import math
import platform
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from rmt_rank._lib.archive import check, described, parsed
from rmt_rank._lib.store import Store, StoreError, StoreKind, store_errors
from rmt_rank._lib.validation import choice
from rmt_rank.simulation.means.controls import Controls
from rmt_rank.simulation.means.joint_moments import JointMoments
from rmt_rank.simulation.products.chain import Chain
from rmt_rank.simulation.products.compiled_loops import compiled_loops
from rmt_rank.simulation.study.declaration import Study
from rmt_rank.simulation.study.work import Engine, StudyBlock, chain_of, components

__all__ = ["BACKENDS", "StudyStore"]

# Array libraries whose results are kept; all others see NumPy's numbers, with other last bits.
BACKENDS = ("numpy", "cupy")

_KIND = StoreKind(
    "a store of a study",
    "study.json",
    "declaration of a study",
    "block of a study",
    ("study", "block"),
    lambda content: json.dumps(content).encode(),  # every block has a copy
)


class StudyStore:
    """A folder with the declaration of a study and a file for each block that is done."""

    def __init__(self, store: Store) -> None:
        content = store.content
        with store_errors(), described(store.path / _KIND.file, _KIND.declaration):
            self.study, self.engine = _declared(content)
        self.store, self.provenance = store, content["provenance"]

    @classmethod
    def open(cls, path: Path) -> StudyStore:
        """Open an existing store; StoreError if there is none, or it is damaged."""
        remedy = "run the study again with the same TOML file, and it is restored from the blocks"
        return cls(Store.open(path, _KIND, remedy))

    @classmethod
    def begin(cls, path: Path, study: Study, backend: str) -> StudyStore:
        """Open the store of a study, or make it; restore its declaration if that is lost."""

        def content() -> dict[str, Any]:
            return {
                "study": study.to_dict(),
                "backend": backend,
                "compiled": backend == "numpy" and compiled_loops() is not None,
                "provenance": _provenance(),
            }

        def kept(marks: Collection[bytes]) -> dict[str, Any] | None:
            with contextlib.suppress(ValueError), described(path, _KIND.folder):
                (found,) = (parsed(mark.decode()) for mark in marks)
                if _declared(found)[0].to_dict() == study.to_dict():
                    return found
            return None

        store = cls(Store.begin(path, _KIND, content, kept))
        if store.study.to_dict() != study.to_dict():
            raise StoreError(f"{path} holds another study; choose another folder")
        if store.engine.backend != backend:
            raise StoreError(
                f"{path} was computed by {store.engine.backend}, which draws other random numbers "
                f"than {backend}; use that, or choose another folder"
            )
        if store.engine.compiled and compiled_loops() is None:
            raise StoreError(
                f"{path} was computed with numba, which does not work here: last bits would differ"
            )
        return store

    def save(self, block: StudyBlock, halves: Sequence[JointMoments | None]) -> None:
        """Write the result of a block atomically; StoreError if it is not a valid result."""
        arrays = {
            f"{each.name}_{i}": np.asarray(getattr(half, each.name))
            for i, half in enumerate(halves)
            if half is not None
            for each in dataclasses.fields(half)
        }
        with store_errors(), described(self.store.path / block.name, _KIND.item):
            _halves(arrays, block)
        self.store.save(block.name, arrays)

    def load(self, block: StudyBlock) -> list[JointMoments | None] | None:
        """Return the result of a block, or None if it is not done; raise as `Store.load`."""
        halves: list[JointMoments | None] | None = self.store.load(
            block.name, lambda arrays: _halves(arrays, block)
        )
        return halves


def _declared(content: Mapping[str, Any]) -> tuple[Study, Engine]:
    """Return the study of a declaration, and what computes it; check the rest."""
    # older declarations, all of NumPy, name no backend
    if not {"study", "backend", "compiled", "provenance"} == content.keys() | {"backend"}:
        raise ValueError(f"it holds {', '.join(content) or 'nothing'}")
    if not isinstance(content["study"], dict) or not isinstance(content["provenance"], dict):
        raise ValueError("its study and its provenance must be objects")
    if not isinstance(content["compiled"], bool):
        raise ValueError(f"compiled must be true or false, got {content['compiled']!r}")
    backend = choice("backend", content.get("backend", "numpy"), BACKENDS)
    return Study(**content["study"]), Engine(backend, content["compiled"])


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


def _provenance() -> dict[str, Any]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    versions |= {"scipy": scipy.__version__}
    for package in ("rmt_rank", "numba", "cupy-cuda12x", "cupy-cuda13x"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "none"
    return {
        "versions": versions,
        "machine": f"{platform.system()} {platform.machine()}",
        "initial": datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"),
        "dtype": "float64",
        "blas_threads": 1,
    }
