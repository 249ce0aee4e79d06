"""Running experiments from a command: progress bar, and workers that exit with their parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rmt_rank.paper.experiments.experiment import Experiment, run_experiment

__all__ = ["processes", "run_with_bar", "workers"]


def run_with_bar(
    experiment: Experiment,
    size: str,
    *,
    folder: Path | None,
    seed: int,
    executor: Executor | None,
    quiet: bool = False,
) -> Any:
    """`run_experiment`, with a bar on the terminal's error stream unless it is to be quiet."""
    console = Console(stderr=True)
    columns = (
        TextColumn(experiment.name),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} cells"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=quiet or not console.is_terminal
    ) as bar:
        # show nothing before the number of cells is known
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
    with processes(max(1, min(jobs, cells, os.cpu_count() or 1))) as executor:
        yield executor


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[Executor | None]:
    """Worker processes that ignore Ctrl-C and exit with this process; None for one job."""
    if jobs == 1:
        yield None
        return
    others = multiprocessing.active_children()
    # fresh processes: threads of BLAS and locks do not survive a fork
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)
    with _interrupts_ignored():
        # workers start when they get a task, and must ignore Ctrl-C from the start
        for _ in range(jobs):
            pool.submit(int)
    try:
        yield pool
    except BaseException:  # Ctrl-C, too
        # cancel waiting cells, and kill the workers: a started cell may take minutes, and its
        # result would not be used
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            if child not in others:
                # not SIGTERM, which workers ignore if this process was started ignoring it
                child.kill()
                child.join()
        raise
    pool.shutdown()


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C, in this process and in processes that are started inside the context."""
    if threading.current_thread() is not threading.main_thread():
        # only the main thread is interrupted, and only it may set a signal handler
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin() -> None:
    """Leave Ctrl-C to the process that started this worker, and exit when that process exits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # exit at once, even in the middle of a long call: there is no process left for its result
        os._exit(1)
