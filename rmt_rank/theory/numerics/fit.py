"""Maximum likelihood estimates of the shape and the scale of a law, by SciPy's own `fit`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank.theory.numerics.family import Family

__all__ = ["fit_family"]

Array = npt.NDArray[np.float64]

# Number of steps to wider laws before the search starts.
_WIDENED = 40


def fit_family(
    family: Family, data: Any, args: tuple[float, ...], kwds: dict[str, Any]
) -> tuple[float, ...]:
    """Shape, loc and scale, by `scipy.stats.rv_continuous.fit`."""
    fixed = [kwds[key] for key in ("f0", f"f{family.shape}", f"fix_{family.shape}") if key in kwds]
    first = fixed[0] if fixed else args[0] if args else None
    # the search also visits parameters without a density
    with np.errstate(all="ignore"):
        law = _Distribution(family)
        shape, scale = law.start(_values(data) - kwds["floc"], first, kwds.get("fscale"))
        args, kwds = args or (shape,), {"scale": scale} | kwds
        found = law.fit(data, *args, **kwds)
    return tuple(float(each) for each in found)


def _values(data: Any) -> Array:
    """Data, and the ends of those that are censored."""
    if isinstance(data, scipy.stats.CensoredData):
        data = data._uncensor()
    return np.asarray(data, dtype=np.float64)


class _Distribution(scipy.stats.rv_continuous):  # type: ignore[misc]  # SciPy ships no types
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
            low, high = self._family.limits
            law = None
            if low <= one <= high:
                try:
                    law = self._family.law(one)
                    law.logpdf(law.moment(1))  # some laws are computed when they are used
                except (ValueError, ArithmeticError):
                    law = None
            self._latest = one, law
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

    def start(self, values: Array, shape: float | None, scale: float | None) -> tuple[float, float]:
        """A shape and a scale at which all values are inside the support, if there are any.

        SciPy's search does not find its way where the likelihood is 0.
        """
        values = values[values > 0]
        first, last = (float(values.min()), float(values.max())) if values.size else (1.0, 1.0)
        mean = float(values.mean()) if values.size else 1.0
        at = self._family.start(values) if shape is None else shape
        for _ in range(_WIDENED):
            law = self._law(at)
            if law is None:
                break
            low, high = law.support()
            least, most = last / high, first / low if low > 0 else np.inf
            unit = mean / law.moment(1) if scale is None else scale
            if scale is None and least < most:
                unit = min(max(unit, 1.001 * least), max(0.999 * most, (least * most) ** 0.5))
            if least < unit < most:
                return at, unit
            at = self._family.wider(at)
        at = self._family.start(values) if shape is None else shape
        return at, mean if scale is None else scale
