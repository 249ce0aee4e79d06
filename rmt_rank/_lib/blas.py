"""Limit BLAS to one thread while small matrices are decomposed, and restore the limit."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread"]

# The number of BLAS threads belongs to the process.  If several Python threads ask for one BLAS
# thread, the first to enter stores the previous number, and the last to leave restores it.
_lock = threading.Lock()
_inside: Counter[int] = Counter()  # entries by thread
_before: list[tuple[Any, int]] = []  # libraries, and their previous numbers of threads


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread; with more, small decompositions are up to five times slower.

    Several Python threads may use this at the same time, and leave in any order.
    """
    me, counted = threading.get_ident(), False
    try:
        with _lock:
            if not _inside:
                found = ThreadpoolController().select(user_api="blas").lib_controllers
                _before[:] = [(library, library.num_threads) for library in found]
            _inside[me] += 1
            counted = True
            for library, _ in _before:
                _set(library, 1)
        yield
    finally:
        with _lock:
            if counted:
                _leave(me)


def _leave(thread: int) -> None:
    _inside[thread] -= 1
    if not _inside[thread]:
        del _inside[thread]
    if not _inside:
        for library, threads in _before:
            _set(library, threads)


def _set(library: Any, threads: int) -> None:
    # since 3.8 threadpoolctl lets only one thread set the number, until that is undone
    undo = getattr(library, "clear_controlling_thread", lambda force: None)
    undo(force=True)
    library.set_num_threads(threads)
    undo(force=True)


def _after_fork() -> None:
    """Forget threads that a forked process does not have, and a lock that one of them may hold."""
    global _lock
    _lock = threading.Lock()
    for thread in set(_inside) - {threading.get_ident()}:
        _inside[thread] = 1
        _leave(thread)


os.register_at_fork(after_in_child=_after_fork)
