"""The store of a study: its declaration, and a file for every block that is done.

Files are written whole or not at all, and name the study and the block that they belong to.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import io
import json
import os
import platform
import zipfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from rmt_rank._output import write
from rmt_rank.simulation.compiled_loops import compiled_loops
from rmt_rank.simulation.estimation import JointMoments
from rmt_rank.simulation.study import Study
from rmt_rank.simulation.study_blocks import StudyBlock

__all__ = ["Store", "StoreError"]


class StoreError(ValueError):
    """A store that cannot be used as it is; the message names the file."""


class Store:
    """A folder with the declaration of a study and a file for each block that is done."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self.path, self.content = path, content
        self.study = Study(**content["study"])
        self.compiled = bool(content["compiled"])
        self.digest = _digest(content)

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open a store that was begun; StoreError if there is none."""
        declared = path / "study.json"
        try:
            content = json.loads(declared.read_text())
            return cls(path, content)
        except FileNotFoundError:
            raise StoreError(
                f"{path} is no store of a study: there is no {declared.name}"
            ) from None
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(f"{declared} is no declaration of a study ({error})") from error

    @classmethod
    def begin(cls, path: Path, study: Study) -> Store:
        """Open the store of a study, or make it."""
        if (path / "study.json").exists():
            store = cls.open(path)
            if store.study.to_dict() != study.to_dict():
                raise StoreError(f"{path} holds another study; choose another folder")
            if store.compiled and compiled_loops() is None:
                raise StoreError(
                    f"{path} was begun with numba, which does not work here: last bits would differ"
                )
            return store
        if path.exists() and (not path.is_dir() or any(map(_foreign, path.iterdir()))):
            raise StoreError(f"{path} exists and is no store of a study; choose another folder")
        path.mkdir(parents=True, exist_ok=True)
        content = {
            "study": study.to_dict(),
            "compiled": compiled_loops() is not None,
            "provenance": _provenance(),
        }
        # linked, not replaced: of two processes that begin at once, the second goes on with the
        # declaration of the first
        temporary = path / f".study.json.{os.getpid()}"
        write(temporary, f"{json.dumps(content, indent=1)}\n".encode())
        try:
            os.link(temporary, path / "study.json")
        except FileExistsError:
            return cls.begin(path, study)
        finally:
            temporary.unlink()
        return cls(path, content)

    def save(self, block: StudyBlock, halves: Sequence[JointMoments | None]) -> None:
        """Write the result of a block, whole or not at all."""
        arrays: dict[str, Any] = {"study": np.array(self.digest), "block": np.array(block.name)}
        for i, half in enumerate(halves):
            if half is not None:
                for each in dataclasses.fields(half):
                    arrays[f"{each.name}_{i}"] = getattr(half, each.name)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write(self.path / block.name, buffer.getvalue())

    def load(self, block: StudyBlock) -> list[JointMoments | None] | None:
        """The result of a block; None if it is not done.

        Raises
        ------
        StoreError
            If its file is truncated, or belongs to another study or another block.
        """
        path = self.path / block.name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                if str(archive["study"]) != self.digest or str(archive["block"]) != block.name:
                    raise StoreError(f"{path} belongs to another study or block; remove it")
                halves = [_half(archive, i) for i in (0, 1)]
        except (zipfile.BadZipFile, KeyError, EOFError, ValueError, OSError, RuntimeError) as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{path} is truncated or damaged ({error}); remove it") from error
        if sum(half.count for half in halves if half is not None) != block.size:
            raise StoreError(f"{path} has another number of samples than its block; remove it")
        return halves


def _foreign(path: Path) -> bool:
    """Whether a file is not what is left of a beginning that was killed."""
    return not path.name.startswith(".study.json.")


def _half(archive: Any, i: int) -> JointMoments | None:
    if f"count_{i}" not in archive:
        return None
    fields = (each.name for each in dataclasses.fields(JointMoments))
    values = {name: archive[f"{name}_{i}"] for name in fields}
    return JointMoments(**(values | {"count": int(values["count"])}))


def _digest(content: dict[str, Any]) -> str:
    """What tells a store from all others: declaration, way of computing and beginning."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


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
        "begun": datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"),
        "backend": "numpy",
        "dtype": "float64",
        "blas_threads": 1,
    }
