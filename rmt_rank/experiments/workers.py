"""Running experiments from a command: processes that leave Ctrl-C to their parent, and a bar."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rmt_rank.experiments.experiment import Experiment, run_experiment

__all__ = ["run_with_bar", "workers"]


def run_with_bar(
    experiment: Experiment, size: str, *, folder: Path | None, seed: int, executor: Executor | None
) -> Any:
    """`run_experiment`, with a bar on the terminal's error stream."""
    console = Console(stderr=True)
    columns = (
        TextColumn(experiment.name),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} cells"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        # not shown before the number of cells is known
        task = bar.add_task("", total=None, visible=False)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        return run_experiment(
            experiment, size, folder=folder, seed=seed, executor=executor, progress=progress
        )


@contextlib.contextmanager
def workers(jobs: int, cells: int) -> Iterator[Executor | None]:
    """Processes to compute cells in; None for one job, which is computed here.

    There are no more than processors, or cells.
    """
    jobs = max(1, min(jobs, cells, os.cpu_count() or 1))
    if jobs == 1:
        yield None
        return
    # fresh processes: threads of BLAS and locks do not survive a fork
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_to_parent)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # workers begin with a task, and leave Ctrl-C to their parent even while they begin
        for _ in range(jobs):
            pool.submit(int)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield pool
    except BaseException:
        # the pool forgets the cells that it has not begun; those that it has may take minutes, and
        # what they have does not count
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
            child.join()
        raise
    pool.shutdown()


def _leave_to_parent() -> None:
    """Let the process that started a worker say what Ctrl-C means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
