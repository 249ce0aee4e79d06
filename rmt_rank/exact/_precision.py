"""The working precision, for one thread at a time: a lock, a private mpmath context, and flint's.

A lock is needed, and a context per thread does not suffice.  mpmath keeps the precision in a
context, but the tables behind its functions (pi, log 2, Bernoulli numbers, coefficients of the
gamma function in `mpmath.libmp`) belong to the module and are extended in place by two assignments,
between which a second thread could read the new digits with the old length.  python-flint has one
precision for the whole process, `flint.ctx`, and sympy calls mpmath, too.  So one lock admits one
thread at a time.  This costs nothing, because all of it is Python code, which the interpreter runs
one thread at a time.

A private context is needed as well.  `mpmath.mp` belongs to the caller, and another thread of the
caller may change it at any moment.  `mp` here is used only under the lock, so that the caller's
precision has no effect and is never changed, even if a call raises.

The lock is re-entrant, and it is the only one, so that a user's function that calls back into this
package does not wait for itself.  Such a function runs under the lock; it must not wait for another
thread that calls this package.  After a fork the child has a fresh lock, because the thread that
held the old one does not exist there.

Results carry their precision: an mpf of `digits` prints that many digits, and arithmetic with it as
the left operand rounds to that many.  Results are instances of `mpmath.mpf`, and can be pickled.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import Any

import mpmath
from flint import ctx as flint_context
from mpmath import libmp

__all__ = [
    "alone",
    "for_callers",
    "from_caller",
    "mp",
    "one_at_a_time",
    "rounded",
    "unrounded",
    "working",
    "working_bits",
]

mp = mpmath.MPContext()
"""The private context of this package; used only inside `working`."""

_lock = threading.RLock()


def _renew() -> None:
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew)


def alone() -> Any:
    """Return the lock, a context manager inside which no other thread computes."""
    return _lock


def one_at_a_time(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function so that only one thread at a time runs it."""

    @wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        with alone():
            return function(*arguments, **options)

    return called


@contextmanager
def working(digits: int) -> Iterator[None]:
    """Hold the lock, and set the precision of `mp` in decimal digits."""
    with alone(), mp.workdps(digits):
        yield


@contextmanager
def working_bits(bits: int) -> Iterator[None]:
    """Hold the lock, and set flint's precision in bits."""
    with alone():
        before = flint_context.prec
        try:
            flint_context.prec = bits
            yield
        finally:
            flint_context.prec = before


class _Results(mpmath.MPContext):
    """The context of results with a given number of digits; this package never computes in it."""

    def init_builtins(self) -> None:
        # replace mpmath's new class of numbers by a subclass of mpmath.mpf, which callers expect
        def reduce(number: Any) -> Any:
            return _restored, (self.dps, libmp.to_pickable(number._mpf_))

        ours: Any = type("mpf", (mpmath.mpf,), {"context": self, "__reduce__": reduce})
        ours._ctxdata = self.constant._ctxdata = [ours, object.__new__, self._prec_rounding]
        self.mpf = self.types[0] = ours
        super().init_builtins()


@lru_cache(maxsize=256)
def _results(digits: int) -> Any:
    context = _Results()
    context.dps = digits
    return context


def _restored(digits: int, parts: Any) -> Any:
    return _results(digits).make_mpf(libmp.from_pickable(parts))


def rounded(value: Any, digits: int) -> Any:
    """Return a real number rounded to this many digits, which it prints."""
    return _results(digits).mpf(value)


def unrounded(value: Any, digits: int) -> Any:
    """Return an mpf that keeps all of its bits, but prints this many digits."""
    return _results(digits).make_mpf(value._mpf_)


def from_caller(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap a caller's function of an mpf for use inside `working`.

    It may use mpmath's functions, so `mpmath.mp` has the working precision while it runs.
    """

    @wraps(function)
    def ours(x: Any) -> Any:
        with mpmath.workprec(mp.prec):
            return mp.convert(function(mpmath.mp.convert(x)))

    return ours


def for_callers(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap one of our functions so that it takes and returns numbers at mpmath's precision."""

    @wraps(function)
    def theirs(x: Any) -> Any:
        with alone(), mp.workprec(mpmath.mp.prec):
            return mpmath.mp.convert(function(mp.convert(x)))

    return theirs
