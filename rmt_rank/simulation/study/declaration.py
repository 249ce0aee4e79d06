"""Declaration of a study: a grid of widths and depths, and the statistics of its cells."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmt_rank._lib.names import did_you_mean
from rmt_rank._lib.paths import user_path
from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.validation import (
    boolean,
    choice,
    integer,
    integers,
    real,
    real_array,
    sequence,
    shown,
)
from rmt_rank.simulation.means.statistics import STATISTICS, Statistic, statistic
from rmt_rank.simulation.products.chain import LARGEST_DEPTH, LARGEST_WIDTH

__all__ = ["Study", "label"]

# Limits on products per cell, and on seeds (NumPy's own have 128 bits).
_LARGEST_SAMPLES, _LARGEST_SEED = 10**12, 2**128 - 1
_KEYS = ("name", "power", "order", "bins")


@dataclass(frozen=True)
class Study:
    """A grid of random products, and the statistics to estimate in each cell.

    Attributes
    ----------
    widths, depths : tuple of int
        Sides N and numbers L of the factors of a grid, each from 1 to 10**6.  The factors are
        square, so that a width is one integer: `rmt_rank.estimate` takes unequal widths.
    samples : int
        Products per cell, from 2 to 10**12; below 32 no standard errors are stated.
    fields : tuple of {"real", "complex"}
        Fields of the entries.
    statistics : tuple of dict, or of str
        Names, see `rmt_rank.estimate`, or dicts with the key "name" and options power, order, bins.
    seed : int
        Seed of all random numbers, below 2**128.
    control_variates : bool
        Whether control variates are used.

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong type or out of its range.

    Examples
    --------
    >>> from rmt_rank.study import Study
    >>> study = Study(widths=[8, 16], depths=[1, 4], samples=1000)
    >>> study.widths, study.fields
    ((8, 16), ('real',))
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    samples: int
    fields: tuple[str, ...] = ("real",)
    statistics: tuple[Mapping[str, Any], ...] = ({"name": "effective_rank"},)
    seed: int = 0
    control_variates: bool = True

    def __post_init__(self) -> None:
        replaced: dict[str, Any] = {}
        for name, most in (("widths", LARGEST_WIDTH), ("depths", LARGEST_DEPTH)):
            values = integers(name, getattr(self, name), at_least=1, at_most=most, fewest=1)
            replaced[name] = _without_repetition(name, values)
        replaced["samples"] = integer("samples", self.samples, at_least=2, at_most=_LARGEST_SAMPLES)
        replaced["seed"] = integer("seed", self.seed, at_least=0, at_most=_LARGEST_SEED)
        given = sequence("fields", self.fields, "names", at_least=1)
        fields = tuple(choice("fields", field, FIELDS) for field in given)
        replaced["fields"] = _without_repetition("fields", fields)
        replaced["control_variates"] = boolean("control_variates", self.control_variates)
        given = sequence("statistics", self.statistics, "names or dicts", at_least=1)
        replaced["statistics"] = tuple(map(_plain, given))
        for name, value in replaced.items():
            object.__setattr__(self, name, value)
        self.functions()
        _without_repetition("statistics", tuple(map(label, self.statistics)))

    def __hash__(self) -> int:
        """Hash of the fields, by the labels of statistics, so that equal studies have one hash."""
        labels = tuple(map(label, self.statistics))
        return hash((self.widths, self.depths, self.samples, self.fields, labels, self.seed))

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Study:
        """Read a study from the table [study] of a TOML file.

        Raises
        ------
        OSError
            If the file cannot be read.
        TypeError, ValueError
            If the file is not TOML in UTF-8, has no such table, or a key or a value is wrong.
        """
        path = user_path("path", path)
        try:
            text = path.read_bytes().decode("utf-8-sig")
            content = tomllib.loads(text)
        except OSError as error:
            raise type(error)(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not a TOML file: it is not UTF-8 ({error})") from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not a TOML file: {error}") from error
        if set(content) != {"study"} or not isinstance(content["study"], dict):
            raise ValueError(f"{path} must have one table, [study], got {shown(sorted(content))}")
        known = [each.name for each in dataclasses.fields(cls)]
        if unknown := sorted(set(content["study"]) - set(known)):
            hint = did_you_mean(unknown[0], known)
            raise ValueError(f"unknown keys in [study]: {shown(unknown)}; allowed: {known}{hint}")
        if missing := sorted({"widths", "depths", "samples"} - set(content["study"])):
            raise ValueError(f"missing keys in [study]: {missing}")
        try:
            return cls(**content["study"])
        except (TypeError, ValueError) as error:
            raise type(error)(f"{path}: {error}") from error

    def functions(self) -> list[Statistic]:
        """The statistics as functions."""
        return [
            statistic(each["name"], **{key: each[key] for key in _KEYS[1:] if key in each})
            for each in self.statistics
        ]

    def to_dict(self) -> dict[str, Any]:
        """The declaration in JSON's types; the order inf is stored as text, which `Study` reads."""
        content = dataclasses.asdict(self)
        for each in content["statistics"]:
            if each.get("order") == math.inf:
                each["order"] = "inf"
        plain: dict[str, Any] = json.loads(json.dumps(content, allow_nan=False))
        return plain


def _plain(given: Any) -> dict[str, Any]:
    """A statistic as a dict of Python's own types."""
    if isinstance(given, str):
        return {"name": given}
    if not isinstance(given, Mapping):
        raise TypeError(f"statistics must be names or dicts, got {shown(given)}")
    if unknown := [key for key in given if key not in _KEYS]:
        raise ValueError(
            f"statistics must have no options but {', '.join(_KEYS[1:])}, got {shown(unknown)}"
            f"{did_you_mean(str(unknown[0]), _KEYS)}"
        )
    if not isinstance(given.get("name"), str):
        raise TypeError(f"statistics must have names, got {shown(dict(given))}")
    plain = dict(given)
    choice("statistics", plain["name"], STATISTICS)
    if "power" in plain:
        plain["power"] = real("power", plain["power"], above=0)
    if "order" in plain:
        order = math.inf if plain["order"] == "inf" else plain["order"]
        plain["order"] = real("order", order, at_least=0, finite=False)
    if plain.get("bins") is not None:
        plain["bins"] = real_array("bins", plain["bins"]).tolist()
    return plain


def _without_repetition(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"{name} must not repeat a value, got {shown(values)}")
    return values


def label(each: Mapping[str, Any]) -> str:
    """Return a name for the results: that of the statistic, with its options except bins."""
    options = (
        f"{key}_{value:g}" for key, value in sorted(each.items()) if key in ("power", "order")
    )
    return "_".join([str(each.get("name")), *options])
