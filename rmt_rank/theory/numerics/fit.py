"""Maximum likelihood estimates of the shape and the scale of a law, by SciPy's own `fit`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.fit_arguments import by_likelihood, require_density, start
from rmt_rank.theory.numerics.family import Family

__all__ = ["fit_family"]

Array = npt.NDArray[np.float64]


def fit_family(
    family: Family, data: Any, args: tuple[float, ...], kwds: dict[str, Any]
) -> tuple[float, ...]:
    """Shape, loc and scale, by `scipy.stats.rv_continuous.fit`."""
    fixed = [kwds[key] for key in ("f0", f"f{family.shape}", f"fix_{family.shape}") if key in kwds]
    first = fixed[0] if fixed else args[0] if args else None
    # the search also visits parameters without a density
    with np.errstate(all="ignore"):
        law = _Distribution(family)
        shape, scale = start(law.at, family.start, family.wider, data, first, kwds)
        args, kwds = args or (shape,), {"scale": scale} | kwds
        found = law.fit(data, *args, **kwds)
        if by_likelihood(kwds):
            require_density(law, data, found)
    return tuple(float(each) for each in found)


class _Distribution(scipy.stats.rv_continuous):
    """A family as SciPy has it; the latest law is kept."""

    def __init__(self, family: Family) -> None:
        super().__init__(name="family", shapes=family.shape)
        self._family = family
        self._latest: tuple[float, Any] | None = None

    def _law(self, shape: Any) -> Any:
        """The law of a shape, None if there is none."""
        if np.size(shape) == 0:
            return None
        one = float(np.ravel(shape)[0])
        if self._latest is None or self._latest[0] != one:
            try:
                self._latest = one, self.at(one)
            except (ValueError, ArithmeticError):
                self._latest = one, None
        return self._latest[1]

    def at(self, shape: float) -> Any:
        """The law of a shape; ValueError or ArithmeticError if there is none."""
        if self._latest is None or self._latest[0] != shape or self._latest[1] is None:
            low, high = self._family.limits
            if not low <= shape <= high:
                raise ValueError(f"{self._family.shape} must be in [{low:g}, {high:g}]")
            law = self._family.law(shape)
            law.logpdf(law.moment(1))  # some laws are computed when they are used
            self._latest = shape, law
        return self._latest[1]

    def _argcheck(self, shape: Any) -> Any:
        return np.full(np.shape(shape), self._law(shape) is not None)[()]

    def _get_support(self, shape: Any) -> tuple[float, float]:
        law = self._law(shape)
        return (np.nan, np.nan) if law is None else law.support()

    def _logpdf(self, x: Any, shape: Any) -> Any:
        law = self._law(shape)
        return np.full(np.shape(x), np.nan) if law is None else law.logpdf(x)

    def _pdf(self, x: Any, shape: Any) -> Any:
        return np.exp(self._logpdf(x, shape))

    def _cdf(self, x: Any, shape: Any) -> Any:
        law = self._law(shape)
        return np.full(np.shape(x), np.nan) if law is None else law.cdf(x)

    def _sf(self, x: Any, shape: Any) -> Any:
        law = self._law(shape)
        return np.full(np.shape(x), np.nan) if law is None else law.sf(x)

    def _munp(self, n: Any, shape: Any) -> Any:
        law = self._law(shape)
        return np.nan if law is None else law.moment(float(n))
