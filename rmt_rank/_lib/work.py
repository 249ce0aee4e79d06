"""Items of work that are loaded or computed, on any executor, and processes to compute them in."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import Any, TypeVar

from rmt_rank._lib.validation import function, shown

__all__ = ["Report", "completed", "no_report", "processes", "progress_bar", "require_runner"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Report = Callable[[int, int], None]

# Items that are submitted before results are waited for.
_IN_FLIGHT = 64


def no_report(_done: int, _total: int) -> None:
    """Report nothing."""


def require_runner(executor: Any, progress: Any) -> None:
    """TypeError unless these are an executor, or None, and a function to report progress to."""
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(f"executor must have the method submit, got {shown(executor)}")
    function("progress", progress)


def completed(
    items: Iterable[Item],
    compute: Callable[[Item], Result],
    load: Callable[[Item], Result | None],
    save: Callable[[Item, Result], None],
    executor: Executor | None = None,
    progress: Report = no_report,
) -> Iterator[tuple[Item, Result]]:
    """Yield items that can be loaded, then the others as they are computed, each saved at once.

    Items are computed by the executor, or in this process; loading and saving are done here.  The
    progress function is called with the number of items that are done and that of all.
    """
    missing, done = [], 0
    for item in items:
        if (found := load(item)) is None:
            missing.append(item)
        else:
            done += 1
            yield item, found
    total = done + len(missing)
    progress(done, total)
    for item, result in _computed(missing, compute, executor):
        save(item, result)
        done += 1
        progress(done, total)
        yield item, result


def _computed(
    items: Sequence[Item], compute: Callable[[Item], Result], executor: Executor | None
) -> Iterator[tuple[Item, Result]]:
    """Results in the order in which they are finished, few of them at a time in flight."""
    if executor is None:
        for item in items:
            yield item, compute(item)
        return
    waiting = iter(items)
    running: dict[Future[Result], Item] = {}
    try:
        for item in islice(waiting, _IN_FLIGHT):
            running[executor.submit(compute, item)] = item
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            failed = None
            for future in finished:
                item = running.pop(future)
                if future.exception() is not None:
                    failed = failed or future
                    continue
                yield item, future.result()
            if failed is not None:
                # what others have finished, or are about to, is not lost
                for future in [future for future in running if not future.cancel()]:
                    if future.exception() is None:
                        yield running[future], future.result()
                failed.result()
            for item in islice(waiting, len(finished)):
                running[executor.submit(compute, item)] = item
    finally:
        for future in running:
            future.cancel()


@contextlib.contextmanager
def progress_bar(name: str, unit: str, *, quiet: bool = False) -> Iterator[Report]:
    """Show a bar where standard error is a terminal; yield a function of the numbers done and all.

    The bar is shown from the first call on, with the name and the unit of the numbers.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    text = TextColumn(f"{{task.completed}}/{{task.total}} {unit}")
    with Progress(
        *(TextColumn(name), BarColumn(), text, TimeRemainingColumn()),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


@contextlib.contextmanager
def processes(
    jobs: int, items: int | None = None, *, devices: bool = False
) -> Iterator[Executor | None]:
    """Worker processes that ignore Ctrl-C and exit with this process; None for one job.

    With a number of items there are no more than those, or than processors.  With `devices` each
    process sees one CUDA device, and no two the same.
    """
    if items is not None:
        jobs = max(1, min(jobs, items, os.cpu_count() or 1))
    if jobs == 1:
        yield None
        return
    others = multiprocessing.active_children()
    # fresh processes: threads of BLAS and locks do not survive a fork
    context = multiprocessing.get_context("spawn")
    counter = context.Value("i", 0) if devices else None
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(counter,))
    with _interrupts_ignored():
        # workers start when they get a task, and must ignore Ctrl-C from the start
        for _ in range(jobs):
            pool.submit(int)
    try:
        yield pool
    except BaseException:  # Ctrl-C, too
        # cancel waiting items, and kill the workers: a started item may take minutes, and its
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


def _begin(counter: Any = None) -> None:
    """Leave Ctrl-C to the process that started this worker, and exit when that process exits.

    With a shared counter, see the CUDA device of that number alone.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if counter is not None:
        with counter.get_lock():
            number = counter.value
            counter.value += 1
        # before CUDA starts in this process
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        os.environ["CUDA_VISIBLE_DEVICES"] = seen.split(",")[number] if seen else str(number)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # exit at once, even in the middle of a long call: there is no process left for its result
        os._exit(1)
