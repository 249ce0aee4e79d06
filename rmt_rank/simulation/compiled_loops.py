"""The compiled loops, where numba works, and where their code is kept.

Asked to keep code, numba fails where it may write nowhere, as in many containers, where a disk is
full, and where a file is damaged.  Here it then compiles without keeping the code.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["compiled", "compiled_loops"]


@functools.cache
def compiled_loops() -> ModuleType | None:
    """The module of compiled loops; None where numba is not installed or does not work.

    What is computed with it is the same without it, to rounding.
    """
    if importlib.util.find_spec("numba") is None:
        return None
    # numba does not load beside a NumPy that it does not know, which is no ImportError everywhere,
    # nor with some of the settings that it reads from the environment
    with contextlib.suppress(Exception):
        if not importlib.import_module("numba").config.DISABLE_JIT:
            return importlib.import_module("rmt_rank.simulation.kernels")
    return None


def compiled(**options: Any) -> Callable[[Any], Any]:
    """Decorate a function with `numba.njit`, and keep what it compiles where that is possible."""
    import numba

    def decorate(function: Any) -> Any:
        dispatcher = numba.njit(**options)(function)
        # where it can be kept nowhere, numba says so with a RuntimeError or what the system says
        with contextlib.suppress(RuntimeError, OSError):
            dispatcher._cache = _cache(function)
        return dispatcher

    return decorate


def _cache(function: Any) -> Any:
    """What `numba.njit(cache=True)` keeps code in, but that no file in it can do harm."""
    from numba.core.caching import CompileResultCacheImpl, FunctionCache
    from numba.core.serialize import dumps

    class Checked(CompileResultCacheImpl):
        """Code with its digest: damaged machine code would crash, or compute something else."""

        def reduce(self, result: Any) -> Any:
            content = dumps(super().reduce(result))
            return hashlib.sha256(content).digest(), content

        def rebuild(self, context: Any, kept: Any) -> Any:
            digest, content = kept
            if hashlib.sha256(content).digest() != digest:
                raise ValueError("damaged")
            return super().rebuild(context, pickle.loads(content))

    class Cache(FunctionCache):
        _impl_class = Checked

        def load_overload(self, signature: Any, context: Any) -> Any:
            try:
                return super().load_overload(signature, context)
            except Exception:  # unpickling a damaged file may raise anything
                with contextlib.suppress(OSError):
                    self.flush()
                return None

        def save_overload(self, signature: Any, result: Any) -> None:
            with contextlib.suppress(OSError):
                super().save_overload(signature, result)

    return Cache(function)
