"""Studies: a declared grid of widths and depths, computed in blocks that survive anything.

A block is a number of products at one width, depth and field, with a random stream of its own:
seeded by the study's seed and the block's place, whoever computes it.  Its result, the moments of
statistics and control variates, is a small file, written whole or not at all.  The blocks of a cell
are added up in their order, so that the numbers are the same to the last bit whatever was
interrupted, and however many processes or machines computed them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import io
import json
import os
import platform
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from rmt_rank._output import write
from rmt_rank._random import FIELDS
from rmt_rank._validation import choice, integer
from rmt_rank.simulation.blocks import chain_blocks, in_threads
from rmt_rank.simulation.chain import Chain
from rmt_rank.simulation.controls import Controls
from rmt_rank.simulation.estimation import JointMoments, added, combined, observe
from rmt_rank.simulation.statistics import Statistic, statistic

__all__ = ["StoreError", "Study", "open_study", "run_study"]

# Entries of all factors in a block of a study: about half a second; logarithms take longer.
_BLOCK_ENTRIES = 2**26
_LOG_BLOCK_ENTRIES = 2**22
# Blocks that are submitted before results are waited for.
_IN_FLIGHT = 64


class StoreError(ValueError):
    """A store that cannot be used as it is; the message names the file."""


@dataclass(frozen=True)
class Study:
    """A grid of random products and what is estimated at each of its cells.

    Attributes
    ----------
    widths, depths : tuple of int
        Sides N and numbers L of the square factors.
    samples : int
        Products per cell.
    fields : tuple of {"real", "complex"}
        Fields of the entries.
    statistics : tuple of dict, or of str
        Names, see `rmt_rank.estimate`, or dicts with the key "name" and options power, order, bins.
    seed : int
        Seed of all random numbers.
    control_variates : bool
        Whether they are used.

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong type or out of its range.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    samples: int
    fields: tuple[str, ...] = ("real",)
    statistics: tuple[Mapping[str, Any], ...] = ({"name": "effective_rank"},)
    seed: int = 0
    control_variates: bool = True

    def __post_init__(self) -> None:
        replaced: dict[str, Any] = {}
        for name in ("widths", "depths"):
            values = tuple(integer(name, value, at_least=1) for value in self._sequence(name))
            replaced[name] = _without_repetition(name, values)
        replaced["samples"] = integer("samples", self.samples, at_least=2)
        replaced["seed"] = integer("seed", self.seed, at_least=0)
        fields = tuple(choice("fields", field, FIELDS) for field in self._sequence("fields"))
        replaced["fields"] = _without_repetition("fields", fields)
        if not isinstance(self.control_variates, bool):
            raise TypeError(f"control_variates must be a bool, got {self.control_variates!r}")
        replaced["statistics"] = tuple(map(_plain, self._sequence("statistics")))
        for name, value in replaced.items():
            object.__setattr__(self, name, value)
        self.functions()
        _without_repetition("statistics", tuple(map(_labelled, self.statistics)))

    def _sequence(self, name: str) -> list[Any]:
        given = getattr(self, name)
        if not isinstance(given, list | tuple | range | np.ndarray) or len(given) == 0:
            raise TypeError(f"{name} must be a sequence that is not empty, got {given!r}")
        return list(given)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Study:
        """Read a study from the table [study] of a TOML file.

        Raises
        ------
        OSError
            If the file cannot be read.
        TypeError, ValueError
            If it is no TOML, has no such table, or a key or a value is wrong.
        """
        with Path(path).open("rb") as file:
            try:
                content = tomllib.load(file)
            except tomllib.TOMLDecodeError as error:
                raise ValueError(f"{path} is no TOML file: {error}") from error
        if set(content) != {"study"} or not isinstance(content["study"], dict):
            raise ValueError(f"{path} must have one table, [study], got {sorted(content)}")
        known = [each.name for each in dataclasses.fields(cls)]
        if unknown := sorted(set(content["study"]) - set(known)):
            raise ValueError(f"unknown keys in [study]: {unknown}; allowed: {known}")
        if missing := sorted({"widths", "depths", "samples"} - set(content["study"])):
            raise ValueError(f"missing keys in [study]: {missing}")
        return cls(**content["study"])

    def functions(self) -> list[Statistic]:
        """The statistics as functions."""
        found = []
        for each in self.statistics:
            options = dict(each)
            name = options.pop("name", None)
            if unknown := sorted(set(options) - {"power", "order", "bins"}):
                raise ValueError(f"unknown options of a statistic: {unknown}")
            if not isinstance(name, str):
                raise TypeError(f"a statistic must have a name, got {dict(each)!r}")
            found.append(statistic(name, **options))
        return found

    def to_dict(self) -> dict[str, Any]:
        """The declaration in JSON's types."""
        content: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return content


def _plain(given: Any) -> dict[str, Any]:
    """A statistic as a dict of Python's own types."""
    if isinstance(given, str):
        return {"name": given}
    if not isinstance(given, Mapping):
        raise TypeError(f"a statistic must be a name or a dict, got {given!r}")
    return {
        key: np.asarray(value).tolist() if key in ("bins", "power", "order") else value
        for key, value in given.items()
    }


def _without_repetition(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"{name} must not repeat a value, got {values!r}")
    return values


def _labelled(each: Mapping[str, Any]) -> str:
    """A name for the results: that of the statistic and its options but bins."""
    options = (
        f"{key}_{value:g}" for key, value in sorted(each.items()) if key in ("power", "order")
    )
    return "_".join([str(each.get("name")), *options])


# --- blocks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Block:
    """A block of a study: all that a worker needs to know."""

    study: Study
    compiled: bool
    field: str
    width: int
    depth: int
    index: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.field}-{self.width:05d}-{self.depth:05d}-{self.index:06d}.npz"


def _block_samples(study: Study, width: int, depth: int) -> int:
    log = any(each.log for each in study.functions())
    return max(16, (_LOG_BLOCK_ENTRIES if log else _BLOCK_ENTRIES) // (width * width * depth))


def _cells(study: Study) -> Iterator[tuple[str, int, int]]:
    return (
        (field, width, depth)
        for field in study.fields
        for width in study.widths
        for depth in study.depths
    )


def _blocks(study: Study, compiled: bool, cell: tuple[str, int, int]) -> Iterator[_Block]:
    most = _block_samples(study, *cell[1:])
    return (
        _Block(study, compiled, *cell, index, min(most, study.samples - begin))
        for index, begin in enumerate(range(0, study.samples, most))
    )


def _chain(block: _Block) -> Chain:
    widths = (block.width,) * (block.depth + 1)
    return Chain(widths, block.field, "triangular", block.compiled)


def _controls(study: Study, chain: Chain) -> Controls | None:
    return Controls.of(chain) if study.control_variates else None


def compute(block: _Block) -> list[JointMoments | None]:
    """Compute a block, anywhere."""
    functions = block.study.functions()
    chain = _chain(block)
    controls = _controls(block.study, chain)
    place = (FIELDS.index(block.field), block.width, block.depth, block.index)
    work = chain_blocks(
        chain,
        (block.depth,),
        block.size,
        rng=np.random.SeedSequence(block.study.seed, spawn_key=place),
        log=any(each.log for each in functions),
        log_diagonal=controls is not None,
    )
    halves: list[JointMoments | None] = [None, None]
    for part in in_threads(work, 1):
        halves = added(halves, observe(part, functions, controls))
    return halves


# --- the store --------------------------------------------------------------------------------


class _Store:
    """A folder with the declaration of a study and a file for each block that is done."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self.path, self.content = path, content
        self.study = Study(**content["study"])
        self.compiled = bool(content["compiled"])
        self.digest = _digest(content)

    @classmethod
    def open(cls, path: Path) -> _Store:
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
    def begin(cls, path: Path, study: Study) -> _Store:
        """Open the store of a study, or make it."""
        if (path / "study.json").exists():
            store = cls.open(path)
            if store.study.to_dict() != study.to_dict():
                raise StoreError(f"{path} holds another study; choose another folder")
            if store.compiled and importlib.util.find_spec("numba") is None:
                raise StoreError(
                    f"{path} was begun with numba, which is not installed here: last bits would "
                    "differ"
                )
            return store
        if path.exists() and (not path.is_dir() or any(map(_foreign, path.iterdir()))):
            raise StoreError(f"{path} exists and is no store of a study; choose another folder")
        path.mkdir(parents=True, exist_ok=True)
        content = {
            "study": study.to_dict(),
            "compiled": importlib.util.find_spec("numba") is not None,
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

    def save(self, block: _Block, halves: Sequence[JointMoments | None]) -> None:
        arrays: dict[str, Any] = {"study": np.array(self.digest), "block": np.array(block.name)}
        for i, half in enumerate(halves):
            if half is not None:
                for each in dataclasses.fields(half):
                    arrays[f"{each.name}_{i}"] = getattr(half, each.name)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write(self.path / block.name, buffer.getvalue())

    def load(self, block: _Block) -> list[JointMoments | None] | None:
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
    import datetime
    from importlib.metadata import PackageNotFoundError, version

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


# --- running and opening ----------------------------------------------------------------------


def run_study(
    study: Study,
    store: str | os.PathLike[str],
    *,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Any:
    """Compute what is missing of a study, and open it.

    Parameters
    ----------
    study : Study
        What to compute.
    store : path
        A folder: new, empty, or the store of the same study, which is gone on with.
    executor : concurrent.futures.Executor, optional
        Where blocks are computed; this process by default.  Any executor does: a process pool, that
        of a Dask client (`Client.get_executor()`), or mpi4py's.  Only this process writes files.
    progress : callable, optional
        Called with the number of blocks that are done and that of all.

    Returns
    -------
    xarray.Dataset
        See `open_study`.

    Raises
    ------
    ImportError
        If xarray is not installed (the extra `study`).
    StoreError
        If the folder is not empty and holds something else, or one of its files is damaged.

    Notes
    -----
    What is done is written at once.  Interrupted or killed at any point, and run again, the study
    goes on, and ends with the same numbers to the last bit on machines of the same kind.
    """
    _xarray()
    opened = _Store.begin(Path(store), study)
    missing, total = [], 0
    for cell in _cells(study):
        for block in _blocks(study, opened.compiled, cell):
            total += 1
            if opened.load(block) is None:
                missing.append(block)
    done = total - len(missing)
    report = progress or (lambda _done, _total: None)
    report(done, total)
    for block, halves in _computed(missing, executor):
        opened.save(block, halves)
        done += 1
        report(done, total)
    return open_study(store)


def _computed(
    blocks: Sequence[_Block], executor: Executor | None
) -> Iterator[tuple[_Block, list[JointMoments | None]]]:
    """Results in the order in which they are finished, few of them at a time in flight."""
    if executor is None:
        for block in blocks:
            yield block, compute(block)
        return
    waiting = iter(blocks)
    running: dict[Future[Any], _Block] = {}
    try:
        for block in islice(waiting, _IN_FLIGHT):
            running[executor.submit(compute, block)] = block
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            failed = None
            for future in finished:
                block = running.pop(future)
                if future.exception() is not None:
                    failed = failed or future
                    continue
                yield block, future.result()
            if failed is not None:
                # what others have finished, or are about to, is not lost
                for future in [future for future in running if not future.cancel()]:
                    if future.exception() is None:
                        yield running[future], future.result()
                failed.result()
            for block in islice(waiting, len(finished)):
                running[executor.submit(compute, block)] = block
    finally:
        for future in running:
            future.cancel()


def open_study(store: str | os.PathLike[str]) -> Any:
    """Open the results of a study.

    Parameters
    ----------
    store : path
        Folder of a study that was begun.

    Returns
    -------
    xarray.Dataset
        Over field, width and depth: for every statistic its mean under its name, and with the
        endings _error (one standard error) and _variance_reduction; and `samples`, how many of them
        are done.  Cells without samples are nan.  Attributes hold the declaration and provenance.

    Raises
    ------
    ImportError
        If xarray is not installed (the extra `study`).
    StoreError
        If it is no store, or a file is truncated or belongs to another study.
    """
    xarray = _xarray()
    opened = _Store.open(Path(store))
    study = opened.study
    shape = (len(study.fields), len(study.widths), len(study.depths))
    samples = np.zeros(shape, dtype=np.int64)
    sizes = [_components(each, study) for each in study.statistics]
    arrays = [[np.full((*shape, size), np.nan) for size in sizes] for _ in range(3)]
    for place, cell in zip(np.ndindex(shape), _cells(study), strict=True):
        halves: list[JointMoments | None] = [None, None]
        for block in _blocks(study, opened.compiled, cell):
            halves = added(halves, opened.load(block) or [None, None])
        samples[place] = sum(half.count for half in halves if half is not None)
        if samples[place] < 2:
            continue
        chain = _chain(_Block(study, opened.compiled, *cell, 0, 0))
        found = combined(halves, _controls(study, chain))[:3]
        for values, result in zip(arrays, found, strict=True):
            start = 0
            for array, each in zip(values, study.statistics, strict=True):
                size = cell[1] if _components(each, None) == -1 else array.shape[-1]
                array[place][:size] = result[start : start + size]
                start += size
    data: dict[str, Any] = {"samples": (("field", "width", "depth"), samples)}
    for i, each in enumerate(study.statistics):
        axes: tuple[str, ...] = ("field", "width", "depth")
        label = _labelled(each)
        if each["name"] != "effective_rank":
            axes += ("bin",) if each["name"] == "spectral_measure" else ("index",)
        for values, ending in zip(arrays, ("", "_error", "_variance_reduction"), strict=True):
            array = values[i] if len(axes) == 4 else values[i][..., 0]
            data[label + ending] = (axes, array)
    coordinates: dict[str, Any] = {
        "field": list(study.fields),
        "width": list(study.widths),
        "depth": list(study.depths),
    }
    for each in study.statistics:
        if each["name"] == "spectral_measure":
            coordinates["bin"] = list(each["bins"])[:-1]
    attributes = {
        "study": json.dumps(study.to_dict()),
        "provenance": json.dumps(opened.content["provenance"]),
        "complete": int(np.all(samples == study.samples)),
    }
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _components(each: Mapping[str, Any], study: Study | None) -> int:
    """Numbers that a statistic has, at most; -1 without a study where that is the width."""
    if each["name"] == "effective_rank":
        return 1
    if each["name"] == "spectral_measure":
        return len(each["bins"]) - 1
    return -1 if study is None else max(study.widths)


def _xarray() -> Any:
    try:
        import xarray
    except ImportError:
        raise ImportError(
            "studies need xarray: install the extra 'study', for example pip install xarray"
        ) from None
    return xarray
