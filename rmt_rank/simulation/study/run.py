"""Running a study on any executor, and opening its results.

Blocks are added up in their order, so that the numbers are the same to the last bit whatever was
interrupted, and however many processes or machines computed them.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import Executor
from types import ModuleType
from typing import Any

import numpy as np

from rmt_rank._lib.array import backend_of, namespace_or_default
from rmt_rank._lib.optional import optional
from rmt_rank._lib.paths import user_path
from rmt_rank._lib.validation import instance, shown
from rmt_rank._lib.work import Report, completed, no_report, require_runner
from rmt_rank.simulation.means.joint_moments import JointMoments, added, combined
from rmt_rank.simulation.products.blocks import require_room
from rmt_rank.simulation.study.declaration import Study, label
from rmt_rank.simulation.study.store import BACKENDS, StudyStore
from rmt_rank.simulation.study.work import (
    Engine,
    StudyBlock,
    block_samples,
    blocks,
    cells,
    chain_of,
    components,
    compute,
    controls_of,
)

__all__ = ["open_study", "run_study"]

# Largest number of blocks of a study; each is a file.
_MOST_BLOCKS = 10**6


def run_study(
    study: Study,
    store: str | os.PathLike[str],
    *,
    executor: Executor | None = None,
    progress: Report | None = None,
    xp: ModuleType | None = None,
) -> Any:
    """Compute what is missing of a study, and open it.

    Parameters
    ----------
    study : Study
        What to compute.
    store : path
        A folder: new, empty, or the store of the same study, which is resumed.
    executor : concurrent.futures.Executor, optional
        Where blocks are computed; this process by default.  Any executor works: a process pool,
        that of a Dask client (`Client.get_executor()`), or mpi4py's.  Only this process writes
        files.
    progress : callable, optional
        Called with the number of blocks that are done and that of all.
    xp : module, optional
        Array API namespace to compute in: NumPy's, the default, or CuPy's.  A store keeps the
        results of one of them, since CuPy draws other numbers.  With an executor each process
        computes on the device that is current there.

    Returns
    -------
    xarray.Dataset
        See `open_study`.

    Raises
    ------
    ImportError
        If xarray is not installed (the extra `study`).
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or there is not enough memory.
    StoreError
        If the folder is not empty and holds something else, or one of its files is damaged.

    Warns
    -----
    UserWarning
        If the declaration in the folder was missing or damaged, and was written again.

    Notes
    -----
    Every block is written as soon as it is done.  A study that was interrupted or killed at any
    point resumes when it is run again, and gives the same numbers to the last bit on machines of
    the same kind.

    Examples
    --------
    >>> import tempfile
    >>> from rmt_rank.study import Study, run_study
    >>> study = Study(widths=[8, 16], depths=[1, 4], samples=100, seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:  # in reality, a folder to keep
    ...     data = run_study(study, folder + "/grid.study")
    >>> dict(data.sizes)
    {'field': 1, 'width': 2, 'depth': 2}
    """
    instance("study", study, Study)
    path = user_path("store", store)
    report = no_report if progress is None else progress
    require_runner(executor, report)
    xp = namespace_or_default(xp)
    if (backend := backend_of(xp)) not in BACKENDS:
        raise ValueError(f"xp must be the namespace of NumPy or CuPy, got {shown(xp)}")
    _require_feasible(study, xp)
    _xarray()
    opened = StudyStore.begin(path, study, backend)
    todo = (block for cell in cells(study) for block in blocks(study, opened.engine, cell))
    for _ in completed(todo, compute, opened.load, opened.save, executor, report):
        pass  # results are read from the store, in the order of blocks
    return open_study(path)


def _require_feasible(study: Study, xp: ModuleType) -> None:
    """Refuse studies with too many blocks, or with blocks that do not fit into memory."""
    log = any(each.log for each in study.functions())
    count = 0
    for cell in cells(study):
        engine = Engine(backend_of(xp), compiled=False)
        block = StudyBlock(study, engine, *cell, 0, 0)
        most = block_samples(study, *cell[1:], engine.backend)
        count += -(-study.samples // most)
        require_room(chain_of(block), min(most, study.samples), xp=xp, log=log)
    if count > _MOST_BLOCKS:
        raise ValueError(
            f"samples must be such that there are at most {_MOST_BLOCKS} blocks, got "
            f"{study.samples} and {count:.3g} blocks"
        )


def open_study(store: str | os.PathLike[str]) -> Any:
    """Open the results of a study.

    Parameters
    ----------
    store : path
        Folder of a study that was started.

    Returns
    -------
    xarray.Dataset
        Over field, width and depth: for every statistic its mean under its name, and with the
        endings _error (one standard error, nan below 32 samples) and _variance_reduction; and
        `samples`, the number of samples done.  Cells without samples are nan.  Attributes hold the
        declaration and provenance.

    Raises
    ------
    ImportError
        If xarray is not installed (the extra `study`).
    StoreError
        If the folder is not a store, or a file is truncated or belongs to another study.

    Examples
    --------
    >>> import tempfile
    >>> from rmt_rank.study import Study, open_study, run_study
    >>> study = Study(widths=[8], depths=[1, 4], samples=100, seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = run_study(study, folder + "/grid.study")
    ...     data = open_study(folder + "/grid.study")
    >>> data.depth.values
    array([1, 4])
    """
    xarray = _xarray()
    opened = StudyStore.open(user_path("store", store))
    study = opened.study
    shape = (len(study.fields), len(study.widths), len(study.depths))
    samples = np.zeros(shape, dtype=np.int64)
    sizes = [components(each, max(study.widths)) for each in study.statistics]
    arrays = [[np.full((*shape, size), np.nan) for size in sizes] for _ in range(3)]
    for place, cell in zip(np.ndindex(shape), cells(study), strict=True):
        halves: list[JointMoments | None] = [None, None]
        for block in blocks(study, opened.engine, cell):
            halves = added(halves, opened.load(block) or [None, None])
        samples[place] = sum(half.count for half in halves if half is not None)
        if samples[place] < 2:
            continue
        chain = chain_of(StudyBlock(study, opened.engine, *cell, 0, 0))
        spans = [
            np.full(components(each, cell[1]), chosen.span(cell[1]))
            for each, chosen in zip(study.statistics, study.functions(), strict=True)
        ]
        found = combined(halves, controls_of(study, chain), np.concatenate(spans))[:3]
        for values, result in zip(arrays, found, strict=True):
            start = 0
            for array, each in zip(values, study.statistics, strict=True):
                size = components(each, cell[1])
                array[place][:size] = result[start : start + size]
                start += size
    data: dict[str, Any] = {"samples": (("field", "width", "depth"), samples)}
    for i, each in enumerate(study.statistics):
        axes: tuple[str, ...] = ("field", "width", "depth")
        name = label(each)
        if each["name"] != "effective_rank":
            axes += ("bin",) if each["name"] == "spectral_measure" else ("index",)
        for values, ending in zip(arrays, ("", "_error", "_variance_reduction"), strict=True):
            array = values[i] if len(axes) == 4 else values[i][..., 0]
            data[name + ending] = (axes, array)
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
        "provenance": json.dumps(opened.provenance),
        "backend": opened.engine.backend,
        "complete": int(np.all(samples == study.samples)),
    }
    return xarray.Dataset(data, coords=coordinates, attrs=attributes)


def _xarray() -> Any:
    return optional("a study", "xarray", "study")
