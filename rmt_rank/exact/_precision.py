"""The working precision, one thread at a time: a lock, a context of our own, and flint's.

Why a lock, and not a context per thread.  mpmath keeps the precision in a context, but the tables
behind its functions (pi, log 2, Bernoulli numbers, coefficients of the gamma function in
`mpmath.libmp`) belong to the module and are extended in place: each is two assignments, between
which a second thread could read the new digits with the old length.  python-flint has one precision
for the whole process, `flint.ctx`, and sympy calls mpmath, too.  So one lock lets in one thread at
a time, which costs nothing: all of this is Python, which the interpreter runs one thread at a time.

Why a context of our own as well.  `mpmath.mp` belongs to the caller, and may be changed by another
thread of theirs at any moment.  `mp` here is touched under the lock only, so that the caller's
precision is never changed, however a call ends, and never matters.

The lock is re-entrant, and it is the only one, so that a user's function that calls back into this
package does not wait for itself.  Such a function runs under the lock; it must not wait for another
thread that calls this package.  After a fork the child has a fresh lock: the thread that held the
old one does not exist there.

Results carry their digits: an mpf of `digits` prints that many, and arithmetic that has it on the
left rounds to that many.  They are instances of `mpmath.mpf`, and can be pickled.
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
"""Ours: used inside `working` only."""

_lock = threading.RLock()


def _renew() -> None:
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew)


def alone() -> Any:
    """Return the lock: a context manager in which no other thread computes."""
    return _lock


def one_at_a_time(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, to be run by one thread at a time."""

    @wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        with alone():
            return function(*arguments, **options)

    return called


@contextmanager
def working(digits: int) -> Iterator[None]:
    """Compute alone, at so many decimal digits of `mp`."""
    with alone(), mp.workdps(digits):
        yield


@contextmanager
def working_bits(bits: int) -> Iterator[None]:
    """Compute alone, at so many bits of flint's precision."""
    with alone():
        before = flint_context.prec
        try:
            flint_context.prec = bits
            yield
        finally:
            flint_context.prec = before


class _Results(mpmath.MPContext):  # type: ignore[misc]  # mpmath ships no types
    """A context that never computes here: it is what the results of so many digits belong to."""

    def init_builtins(self) -> None:
        # this replaces the class of numbers that mpmath has just made by one that callers know
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
    """Return a real number rounded to so many digits, which it shows."""
    return _results(digits).mpf(value)


def unrounded(value: Any, digits: int) -> Any:
    """Return an mpf with all of its bits, of which it shows so many digits."""
    return _results(digits).make_mpf(value._mpf_)


def from_caller(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a caller's function of an mpf as one of ours, for use inside `working`.

    It may use mpmath's functions, so while it runs `mpmath.mp` has the working precision.
    """

    @wraps(function)
    def ours(x: Any) -> Any:
        with mpmath.workprec(mp.prec):
            return mp.convert(function(mpmath.mp.convert(x)))

    return ours


def for_callers(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of ours as one that takes and gives numbers at mpmath's precision."""

    @wraps(function)
    def theirs(x: Any) -> Any:
        with alone(), mp.workprec(mpmath.mp.prec):
            return mpmath.mp.convert(function(mp.convert(x)))

    return theirs
