"""An experiment: cells that are computed one by one, kept in a folder, and put together.

A cell is a small dictionary such as {"depth": 4, "task_rank": 8}; its result is a dictionary of
arrays with named dimensions.  Every cell has a seed of its own, and `shared_seed` gives those that
cells have in common, so the numbers depend on the seed of the run and the cell alone, not on
earlier computations or on the machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.archive import check, parsed
from rmt_rank._lib.array import backend_of, namespace, namespace_or_default
from rmt_rank._lib.blas import one_blas_thread
from rmt_rank._lib.optional import not_installed
from rmt_rank._lib.paths import user_path
from rmt_rank._lib.store import Store, StoreError, StoreKind
from rmt_rank._lib.validation import choice, instance, integer, shown
from rmt_rank._lib.work import Report, completed, no_report, require_runner
from rmt_rank.paper.experiments.findings import Finding
from rmt_rank.training.train import whole_runs

__all__ = [
    "SIZES",
    "Arrays",
    "Cell",
    "Experiment",
    "by_size",
    "columns",
    "grid",
    "namespace_in",
    "over",
    "run_experiment",
    "shared_seed",
]

SIZES = ("tiny", "quick", "full")

# NetCDF 3, the format of the numbers of figures, has no larger integers.
_LARGEST = 2**31 - 1
# Limit on seeds; NumPy's own have 128 bits.
_LARGEST_SEED = 2**128 - 1

Cell = dict[str, Any]
Arrays = dict[str, tuple[tuple[str, ...], npt.NDArray[Any]]]


@dataclass(frozen=True)
class Experiment:
    """Definition of an experiment: its settings, its cells, and the sentences that it tests.

    Attributes
    ----------
    name : str
        As on the command line.
    title : str
        One line.
    reference : str
        Section and figure of the paper.
    settings : callable
        From a size to a dictionary of settings, JSON's types alone.
    cells : callable
        From settings to the cells; all have the same keys, which become dimensions.
    compute : callable
        From settings, a cell and a SeedSequence to arrays with the names of their dimensions.  A
        function of a module, so that processes can be sent it.
    judge : callable
        From the Dataset to findings.
    shown : tuple of str
        Variables that a report tabulates.
    backends : tuple of str
        Array libraries that `compute` takes from the setting "backend", which is there if it is
        not the first.
    needs : tuple of str
        Modules that `compute` imports, and that no extra but its own installs.
    """

    name: str
    title: str
    reference: str
    settings: Callable[[str], dict[str, Any]]
    cells: Callable[[Mapping[str, Any]], list[Cell]]
    compute: Callable[[Mapping[str, Any], Cell, np.random.SeedSequence], Arrays]
    judge: Callable[[Any], list[Finding]]
    shown: tuple[str, ...] = ()
    backends: tuple[str, ...] = ("numpy",)
    needs: tuple[str, ...] = ()

    def run(self, size: str = "quick", **options: Any) -> Any:
        """Compute the cells that are missing, and combine all cells; see `run_experiment`."""
        return run_experiment(self, size, **options)


def by_size(**settings: Any) -> Callable[[str], dict[str, Any]]:
    """Settings of each size: a tuple has a value for each of `SIZES`, anything else is for all.

    Examples
    --------
    >>> by_size(width=(8, 32, 64), depths=[1, 2])("quick")
    {'width': 32, 'depths': [1, 2]}
    """

    def chosen(size: str) -> dict[str, Any]:
        place = SIZES.index(size)
        return {
            name: value[place] if isinstance(value, tuple) else value
            for name, value in settings.items()
        }

    return chosen


def grid(**keys: Iterable[Any]) -> list[Cell]:
    """Cells for all combinations of the values of keys, the last varying fastest."""
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*keys.values())]


def over(**keys: str) -> Callable[[Mapping[str, Any]], list[Cell]]:
    """Cells of a `grid` over settings: from the key of a cell to the name of the setting.

    A setting is a list of values, a number of them from 0, or a mapping whose keys are integers.

    Examples
    --------
    >>> over(depth="depths", repeat="repeats")({"depths": [1, 4], "repeats": 1})
    [{'depth': 1, 'repeat': 0}, {'depth': 4, 'repeat': 0}]
    """

    def values(setting: Any) -> Iterable[Any]:
        if isinstance(setting, Mapping):
            return map(int, setting)
        return range(setting) if isinstance(setting, int) else setting

    return lambda settings: grid(**{key: values(settings[name]) for key, name in keys.items()})


def columns(text: str) -> tuple[str, ...]:
    """Names of variables, the columns of a report, from a text with blanks between them."""
    return tuple(text.split())


def run_experiment(
    experiment: Experiment,
    size: str = "quick",
    *,
    folder: str | Path | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Report = no_report,
    xp: ModuleType | None = None,
) -> Any:
    """Compute the cells that are missing, and combine all cells.

    Parameters
    ----------
    experiment : Experiment
        What to compute.
    size : {"tiny", "quick", "full"}
        A smoke test, a minute, or the sizes of the paper.
    folder : str or Path, optional
        Folder for the results of cells; a run of the same experiment resumes from it.
    seed : int, default 0
        Seed of all randomness, below 2**128.
    executor : concurrent.futures.Executor, optional
        Where cells are computed; in this process by default.
    progress : callable, optional
        Told how many cells are done, and of how many.
    xp : module, optional
        Array API namespace to compute in, one of the experiment's `backends`; NumPy by default.
        CuPy draws other numbers than NumPy, so that a folder is of one of them.

    Returns
    -------
    xarray.Dataset
        Dimensions are the keys of the cells and those of their arrays; `seconds` is the processor
        time of a cell.  Settings, seed and versions are attributes; a seed beyond 32 bits is
        there as text.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, the folder holds something else, or
        one of its files is damaged.
    ImportError
        If xarray is not installed (the extra `study`).

    Warns
    -----
    UserWarning
        If the declaration in the folder was missing or damaged, and was written again.

    Examples
    --------
    >>> from rmt_rank.paper.experiments import find
    >>> from rmt_rank.paper.experiments.experiment import run_experiment
    >>> data = run_experiment(find("singular-values"), "tiny")
    >>> list(data.sizes)
    ['width', 'depth', 'repeat', 'edge', 'bin']
    """
    instance("experiment", experiment, Experiment)
    choice("size", size, SIZES)
    seed = integer("seed", seed, at_least=0, at_most=_LARGEST_SEED)
    path = None if folder is None else user_path("folder", folder)
    require_runner(executor, progress)
    backend = backend_of(namespace_or_default(xp))
    choice(f"the backend of {experiment.name!r}", backend, experiment.backends)
    if importlib.util.find_spec("xarray") is None:
        raise ImportError(not_installed("an experiment", "xarray", "study"))
    settings = experiment.settings(size)
    cells = experiment.cells(settings)
    if backend != experiment.backends[0]:
        settings |= {"backend": backend}
    content = {"experiment": experiment.name, "size": size, "settings": settings, "seed": seed}
    tasks = [_Task(experiment.compute, settings, cell, _seed(seed, cell)) for cell in cells]
    store = None if path is None else _store(path, content)

    def load(task: _Task) -> Arrays | None:
        arrays: Arrays | None = None if store is None else store.load(_key(task.cell), _checked)
        return arrays

    def save(task: _Task, arrays: Arrays) -> None:
        if store is not None:
            dimensions = json.dumps({name: list(dims) for name, (dims, _) in arrays.items()})
            values = {f"_{name}": values for name, (_, values) in arrays.items()}
            store.save(_key(task.cell), {"dimensions": np.array(dimensions)} | values)

    found = completed(tasks, _compute, load, save, executor, progress)
    results = {_key(task.cell): arrays for task, arrays in found}
    return _together(cells, [results[_key(cell)] for cell in cells], content)


def namespace_in(settings: Mapping[str, Any]) -> ModuleType:
    """The array API namespace that the settings of a run ask for."""
    return namespace(settings.get("backend", "numpy"))


class _Task(NamedTuple):
    """A cell, and all that a worker needs to know to compute it."""

    compute: Callable[[Mapping[str, Any], Cell, np.random.SeedSequence], Arrays]
    settings: Mapping[str, Any]
    cell: Cell
    seed: np.random.SeedSequence


def _compute(task: _Task) -> Arrays:
    start = time.process_time()
    # the matrices are small, so BLAS threads would wait for each other; partial results of
    # interrupted training do not count
    with one_blas_thread(), whole_runs():
        arrays = task.compute(task.settings, task.cell, task.seed)
    return arrays | {"seconds": ((), np.array(time.process_time() - start))}


def _key(cell: Cell) -> str:
    return "_".join(f"{name}-{value}" for name, value in cell.items())


def _seed(seed: int, cell: Cell) -> np.random.SeedSequence:
    """A seed for each cell, from its name."""
    digest = hashlib.sha256(_key(cell).encode()).digest()
    return np.random.SeedSequence([seed, *np.frombuffer(digest, np.uint32).tolist()])


def shared_seed(seed: np.random.SeedSequence, **names: int | float | str) -> np.random.SeedSequence:
    """A seed that cells have in common, such as that of a problem on which depths are compared.

    Parameters
    ----------
    seed : numpy.random.SeedSequence
        Seed of any cell of the run.
    **names
        What the seed is for, such as `task_rank=4, repeat=0`.
    """
    entropy = getattr(seed, "entropy", None)
    if not isinstance(entropy, Sequence):
        raise TypeError(f"seed must be that of a cell, got {shown(seed)}")
    return _seed(int(entropy[0]), {"shared": "", **names})


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


_KIND = StoreKind(
    "the folder of an experiment",
    "experiment.json",
    "declaration of an experiment",
    "cell of an experiment",
    ("run", "cell"),
    _digest,
)


def _store(path: Path, content: dict[str, Any]) -> Store:
    """Open the store of a run, or make it; restore its declaration if that is lost."""
    store = Store.begin(
        path,
        _KIND,
        lambda: content,
        lambda marks: content if set(marks) == {_digest(content)} else None,
    )
    if store.content != content:
        theirs = store.content["settings"].get("backend", "numpy")
        ours = content["settings"].get("backend", "numpy")
        if ours != theirs:
            raise StoreError(f"{path} was computed by {theirs}, not {ours}; choose another folder")
        raise StoreError(f"{path} holds another run; choose another folder")
    return store


def _checked(content: dict[str, Any]) -> Arrays:
    """Return the arrays of a cell with their dimensions; ValueError if these do not match."""
    dimensions = parsed(str(content.pop("dimensions")))
    if content.keys() != {f"_{name}" for name in dimensions} or "seconds" not in dimensions:
        raise ValueError(f"it holds the arrays {', '.join(content)}")
    lengths: dict[str, int] = {}
    arrays: Arrays = {}
    for name, dims in dimensions.items():
        array = content[f"_{name}"]
        if not isinstance(dims, list) or not all(isinstance(each, str) for each in dims):
            raise ValueError(f"the dimensions of its {name} must be words, got {dims!r}")
        if len(set(dims)) != array.ndim or len(dims) != array.ndim:
            raise ValueError(f"its {name} must have the dimensions {dims}, got {array.shape}")
        shape = tuple(lengths.setdefault(*each) for each in zip(dims, array.shape, strict=True))
        arrays[name] = tuple(dims), check(name, array, "biufcSU", shape)
    check("seconds", content["_seconds"], "f", (), finite=True, at_least=0)
    return arrays


def _together(cells: Sequence[Cell], results: Iterable[Any], content: dict[str, Any]) -> Any:
    """One Dataset with the keys of the cells as dimensions."""
    import xarray

    parts = []
    for cell, arrays in zip(cells, results, strict=True):
        coordinates = {k: v for k, v in arrays.items() if v[0] == (k,)}
        part = xarray.Dataset(
            {k: v for k, v in arrays.items() if k not in coordinates}, coords=coordinates
        )
        parts.append(part.assign_coords(cell).expand_dims(list(cell)))
    # not every combination of keys needs to be a cell
    whole = xarray.combine_by_coords(parts, combine_attrs="drop", join="outer")
    # in the order of the cells, not of the alphabet
    whole = whole.sel({key: list(dict.fromkeys(cell[key] for cell in cells)) for key in cells[0]})
    for name in whole.data_vars:
        if any(name in part and part[name].dtype == bool for part in parts):
            whole[name].attrs["flag"] = 1  # where a cell is missing its type is no longer bool
    whole.attrs = {name: _attribute(value) for name, value in content.items()}
    whole.attrs["versions"] = json.dumps(
        {"Python": platform.python_version(), "NumPy": np.__version__, "SciPy": scipy.__version__}
    )
    whole.attrs["machine"] = f"{platform.machine()}, {os.cpu_count()} processors"
    return whole


def _attribute(value: Any) -> str | int:
    if isinstance(value, str) or (isinstance(value, int) and value <= _LARGEST):
        return value
    return json.dumps(value)
