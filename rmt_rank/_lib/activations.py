"""Activation functions by name, for arrays of any library, with their derivatives."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from rmt_rank._lib.array import erf, namespace_of
from rmt_rank._lib.names import did_you_mean
from rmt_rank._lib.validation import boolean, function, real, sequence, shown, string

__all__ = ["ACTIVATIONS", "Activation", "activation", "is_named", "sine"]

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Activation:
    """An activation function and its known properties.

    Parameters
    ----------
    name : str
        Name for tables and messages.
    function : callable
        Maps an array to one of the same shape, entry by entry.
    derivative : callable, optional
        Its derivative, in the same form; functions that need one refuse an activation without.
    odd : bool, default False
        Whether f(-x) = -f(x).
    kinks : sequence of float
        Points where the function is not smooth; quadrature is split there.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, or a kink is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> Activation("sinh", np.sinh, np.cosh, odd=True)
    Activation('sinh', a user's)
    """

    name: str
    function: Function
    derivative: Function | None = None
    odd: bool = False
    kinks: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        string("name", self.name)
        function("function", self.function)
        if self.derivative is not None:
            function("derivative", self.derivative)
        kinks = sequence("kinks", self.kinks, "numbers")
        object.__setattr__(self, "odd", boolean("odd", self.odd))
        object.__setattr__(self, "kinks", tuple(real("kinks", kink) for kink in kinks))

    def __call__(self, x: Any) -> Any:
        """The function."""
        return self.function(x)

    def __repr__(self) -> str:
        whose = "" if is_named(self) else ", a user's"
        if self.derivative is None:
            whose += ", without derivative"
        return f"Activation({self.name!r}{whose})"

    def __reduce__(self) -> tuple[Any, ...]:
        # those with names are the same objects afterwards, as `is_named` and others expect
        if is_named(self):
            return _named, (self.name,)
        return Activation, (self.name, self.function, self.derivative, self.odd, self.kinks)


def sine(omega: float = 1.0) -> Activation:
    """sin(omega x), the activation of SIREN; its authors' omega is 30.

    Parameters
    ----------
    omega : float, default 1
        Frequency, > 0.

    References
    ----------
    .. [1] V. Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions",
       arXiv:2006.09661.
    """
    return _sine(real("omega", omega, above=0))


@cache
def _sine(omega: float) -> Activation:
    """The same object for the same frequency, so that it equals itself."""
    short = f"{omega:g}"
    return Activation(
        "sine" if omega == 1 else f"sine({short if float(short) == omega else repr(omega)})",
        partial(_sin, omega),
        partial(_sin_slope, omega),
        odd=True,
    )


def _sin(omega: float, x: Any) -> Any:
    return namespace_of(x).sin(omega * x)


def _sin_slope(omega: float, x: Any) -> Any:
    return omega * namespace_of(x).cos(omega * x)


def _identity(x: Any) -> Any:
    return x


def _identity_slope(x: Any) -> Any:
    return namespace_of(x).ones_like(x)


def _relu(x: Any) -> Any:
    return x * _relu_slope(x)


def _relu_slope(x: Any) -> Any:
    xp = namespace_of(x)
    return xp.astype(x > 0, x.dtype)


def _tanh(x: Any) -> Any:
    return namespace_of(x).tanh(x)


def _tanh_slope(x: Any) -> Any:
    t = namespace_of(x).tanh(x)
    return 1 - t * t


def _gaussian(x: Any) -> Any:
    return namespace_of(x).exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _gaussian_cdf(x: Any) -> Any:
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def _gelu(x: Any) -> Any:
    # one array instead of four, where arrays can be changed in place
    y = erf(x * math.sqrt(0.5))
    y += 1
    y *= x
    y *= 0.5
    return y


def _gelu_slope(x: Any) -> Any:
    return _gaussian_cdf(x) + x * _gaussian(x)


def _erf_slope(x: Any) -> Any:
    return math.sqrt(2) * 2 * _gaussian(math.sqrt(2) * x)


ACTIVATIONS = {
    "identity": Activation("identity", _identity, _identity_slope, odd=True),
    "relu": Activation("relu", _relu, _relu_slope, kinks=(0.0,)),
    "tanh": Activation("tanh", _tanh, _tanh_slope, odd=True),
    "gelu": Activation("gelu", _gelu, _gelu_slope),
    "erf": Activation("erf", erf, _erf_slope, odd=True),
    "sine": sine(),
}


def activation(given: str | Function | Activation) -> Activation:
    """Return the activation that a name, an Activation or a function on arrays stands for.

    Parameters
    ----------
    given : str, Activation or callable
        One of `ACTIVATIONS`, "sine(30)" for another frequency, or a function of arrays that works
        entry by entry.

    Raises
    ------
    TypeError
        If it is none of these, or the function is not vectorised.
    ValueError
        If the name is unknown, or the function gives numbers that are not finite near 0.
    """
    if isinstance(given, Activation):
        found = given
    elif isinstance(given, str):
        return _named(given)
    elif callable(given):
        found = Activation(getattr(given, "__name__", "activation"), given)
    else:
        raise TypeError(f"activation must be a name or a function on arrays, got {shown(given)}")
    _check(found)
    return found


def _named(name: str) -> Activation:
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if omega := re.fullmatch(r"sine\((\d+\.?\d*(?:e[+-]?\d+)?)\)", name):
        return sine(float(omega[1]))
    listed = ", ".join(map(repr, ACTIVATIONS))
    raise ValueError(
        f"activation must be one of {listed}, 'sine(30)' or a function, got {shown(name)}"
        f"{did_you_mean(name, ACTIVATIONS)}"
    )


def is_named(found: Activation) -> bool:
    """Return whether the activation is one of those with names, not a user's function."""
    try:
        return _named(found.name) is found
    except ValueError:
        return False


def _check(found: Activation) -> None:
    """Refuse functions that do not work on arrays entry by entry."""
    x = np.linspace(-1.5, 1.5, 12).reshape(3, 4)
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(found.function(x))
            alone = np.asarray(found.function(x[1:2, 2:3]))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"activation {shown(found.name)} must take arrays of any shape, got {error}"
        ) from error
    except Exception as error:  # a user's function may raise anything
        raise ValueError(
            f"activation {shown(found.name)} must be defined on [-1.5, 1.5], it raises "
            f"{type(error).__name__}: {error}"
        ) from error
    if values.shape != x.shape or values.dtype.kind not in "iuf":
        raise TypeError(
            f"activation {found.name!r} must give real arrays of the shape it is given, got "
            f"{values.dtype} of shape {values.shape} for {x.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"activation {found.name!r} must be finite on [-1.5, 1.5]")
    if alone.shape != (1, 1) or not np.isclose(alone[0, 0], values[1, 2], rtol=1e-12, atol=1e-300):
        raise TypeError(f"activation {found.name!r} must work entry by entry")
