"""Loading of the compiled loops, and the cache of their machine code.

If asked to cache code, numba fails where it cannot write, as in many containers, where a disk is
full, and where a file is damaged.  In these cases the loops are compiled without a cache.
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
    """Return the module of compiled loops; None if numba is not installed or does not work.

    Results with and without it are the same to rounding.
    """
    if importlib.util.find_spec("numba") is None:
        return None
    # numba does not load with an unsupported NumPy (not always with an ImportError), nor with
    # certain settings that it reads from the environment
    with contextlib.suppress(Exception):
        if not importlib.import_module("numba").config.DISABLE_JIT:
            return importlib.import_module("rmt_rank.simulation.products.compiled")
    return None


def compiled(**options: Any) -> Callable[[Any], Any]:
    """Decorate a function with `numba.njit`, and cache its machine code where that is possible."""
    import numba

    def decorate(function: Any) -> Any:
        dispatcher = numba.njit(**options)(function)
        # if there is no place for a cache, numba raises RuntimeError or the system's own error
        with contextlib.suppress(RuntimeError, OSError):
            dispatcher._cache = _cache(function)
        return dispatcher

    return decorate


def _cache(function: Any) -> Any:
    """The cache of `numba.njit(cache=True)`, made safe against damaged files."""
    from numba.core.caching import CompileResultCacheImpl, FunctionCache
    from numba.core.serialize import dumps

    class Checked(CompileResultCacheImpl):
        """Code with its digest: damaged machine code would crash, or compute wrong numbers."""

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
