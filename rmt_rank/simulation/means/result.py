"""A mean, its error, and how both were found."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from rmt_rank._lib.content import ByContent

__all__ = ["Estimate"]

_LARGEST_LOG = math.log(sys.float_info.max)
# Elements of an array that the text shows.
_SHOWN = 4


@dataclass(frozen=True, eq=False, repr=False)
class Estimate(ByContent):
    """A mean over random networks, its error, and how both were found.

    Attributes
    ----------
    value : float or ndarray
        The mean; of ranks, the entropy in nats.
    error : float or ndarray
        See error_kind.  A standard error is nan for fewer than 32 samples.  If a statistic never
        varied, it is the length of the interval of possible values over the samples, or nan if that
        is unknown.  inf where the error of a formula is not known.
    error_kind : {"none", "estimate", "standard error"}
        "none": the value is exact, to rounding.  "estimate": the size of what a formula leaves
        out, which is not a bound.
    method : {"exact", "limit", "corrected", "monte-carlo"}
        How the value was found.
    status : {"proved", "verified", "conjectured"}
        How sure the method is.
    why : str
        Why this method was used, or what was drawn, in a sentence.
    samples : int
        Number of independent networks that were drawn; 0 for a formula.
    reached : bool
        Whether the error is as small as `target_error`; True if none was given.
    variance_reduction : float or ndarray
        Variance without control variates over that with them; 1 if there are none.
    controls : tuple of str
        The control variates.
    seconds : float
        Elapsed time of sampling; it is ignored when estimates are compared.

    Notes
    -----
    For an array of depths, error_kind, method, status and why are arrays of strings.

    Examples
    --------
    >>> import rmt_rank as rr
    >>> result = rr.expected_effective_rank(64, 4)
    >>> print(round(result.value, 3), result.error < 1e-3, result.method)
    3.451 True corrected
    """

    value: Any
    error: Any
    error_kind: Any
    method: Any
    status: Any
    why: Any
    samples: int = 0
    reached: bool = True
    variance_reduction: Any = 1.0
    controls: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @staticmethod
    def stacked(estimates: Sequence[Estimate], shape: tuple[int, ...]) -> Estimate:
        """Return one estimate with arrays of this shape."""

        def array(name: str) -> Any:
            return np.reshape([getattr(each, name) for each in estimates], shape)

        return Estimate(
            array("value"),
            array("error"),
            array("error_kind"),
            array("method"),
            array("status"),
            array("why"),
            samples=sum(each.samples for each in estimates),
            reached=all(each.reached for each in estimates),
            variance_reduction=array("variance_reduction"),
            seconds=sum(each.seconds for each in estimates),
        )

    @property
    def exponentiated(self) -> Any:
        """exp(value), a number of dimensions; a formula far outside its range may give inf."""
        if np.ndim(self.value) == 0:
            return math.exp(self.value) if self.value < _LARGEST_LOG else math.inf
        with np.errstate(over="ignore"):
            return np.exp(self.value)

    def _lines(self) -> list[tuple[str, str]]:
        """Names and texts of what is shown."""
        if np.ndim(self.method) == 0:
            found = f"{self.method}, {self.status}"
        else:
            pairs = zip(self.method.flat, self.status.flat, strict=True)
            found = "; ".join(dict.fromkeys(f"{method}, {status}" for method, status in pairs))
        kinds = dict.fromkeys(np.ravel(self.error_kind).tolist())
        lines = [
            ("value", _numbers(self.value)),
            ("error", f"{_numbers(self.error, digits=2)} ({', '.join(kinds)})"),
            ("method", found),
        ]
        reasons = dict.fromkeys(np.ravel(self.why).tolist())
        return [*lines, ("why", "; ".join(reasons))]

    def __repr__(self) -> str:
        (_, value), (_, error), (_, method), (_, why) = self._lines()
        text = textwrap.fill(f"{method}: {why}", 79, initial_indent="  ", subsequent_indent="  ")
        between = " " if np.ndim(self.value) == 0 else "\n  "
        return f"Estimate: {value}{between}± {error}\n{text}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td>{escape(text)}</td></tr>"
            for name, text in self._lines()
        )
        return f"<table>{rows}</table>"


def _numbers(value: Any, digits: int = 6) -> str:
    array = np.atleast_1d(np.asarray(value, dtype=np.float64))
    texts = [f"{each:.{digits}g}" for each in array.ravel()[:_SHOWN]]
    if np.ndim(value) == 0:
        return texts[0]
    more = f", ... {array.size} values" if array.size > _SHOWN else ""
    return f"[{', '.join(texts)}{more}]"
