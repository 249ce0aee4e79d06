"""A study, declared: a grid of widths and depths, and what is estimated at its cells."""

from __future__ import annotations

import dataclasses
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rmt_rank._random import FIELDS
from rmt_rank._validation import choice, integer
from rmt_rank.simulation.statistics import Statistic, statistic

__all__ = ["Study", "label"]


@dataclass(frozen=True)
class Study:
    """A grid of random products and what is estimated at each of its cells.

    Attributes
    ----------
    widths, depths : tuple of int
        Sides N and numbers L of the square factors.
    samples : int
        Products per cell.
    fields : tuple of {"real", "complex"}
        Fields of the entries.
    statistics : tuple of dict, or of str
        Names, see `rmt_rank.estimate`, or dicts with the key "name" and options power, order, bins.
    seed : int
        Seed of all random numbers.
    control_variates : bool
        Whether they are used.

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong type or out of its range.
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
        for name in ("widths", "depths"):
            values = tuple(integer(name, value, at_least=1) for value in self._sequence(name))
            replaced[name] = _without_repetition(name, values)
        replaced["samples"] = integer("samples", self.samples, at_least=2)
        replaced["seed"] = integer("seed", self.seed, at_least=0)
        fields = tuple(choice("fields", field, FIELDS) for field in self._sequence("fields"))
        replaced["fields"] = _without_repetition("fields", fields)
        if not isinstance(self.control_variates, bool):
            raise TypeError(f"control_variates must be a bool, got {self.control_variates!r}")
        replaced["statistics"] = tuple(map(_plain, self._sequence("statistics")))
        for name, value in replaced.items():
            object.__setattr__(self, name, value)
        self.functions()
        _without_repetition("statistics", tuple(map(label, self.statistics)))

    def _sequence(self, name: str) -> list[Any]:
        given = getattr(self, name)
        if not isinstance(given, list | tuple | range | np.ndarray) or len(given) == 0:
            raise TypeError(f"{name} must be a sequence that is not empty, got {given!r}")
        return list(given)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Study:
        """Read a study from the table [study] of a TOML file.

        Raises
        ------
        OSError
            If the file cannot be read.
        TypeError, ValueError
            If it is no TOML, has no such table, or a key or a value is wrong.
        """
        with Path(path).open("rb") as file:
            try:
                content = tomllib.load(file)
            except tomllib.TOMLDecodeError as error:
                raise ValueError(f"{path} is no TOML file: {error}") from error
        if set(content) != {"study"} or not isinstance(content["study"], dict):
            raise ValueError(f"{path} must have one table, [study], got {sorted(content)}")
        known = [each.name for each in dataclasses.fields(cls)]
        if unknown := sorted(set(content["study"]) - set(known)):
            raise ValueError(f"unknown keys in [study]: {unknown}; allowed: {known}")
        if missing := sorted({"widths", "depths", "samples"} - set(content["study"])):
            raise ValueError(f"missing keys in [study]: {missing}")
        return cls(**content["study"])

    def functions(self) -> list[Statistic]:
        """The statistics as functions."""
        found = []
        for each in self.statistics:
            options = dict(each)
            name = options.pop("name", None)
            if unknown := sorted(set(options) - {"power", "order", "bins"}):
                raise ValueError(f"unknown options of a statistic: {unknown}")
            if not isinstance(name, str):
                raise TypeError(f"a statistic must have a name, got {dict(each)!r}")
            found.append(statistic(name, **options))
        return found

    def to_dict(self) -> dict[str, Any]:
        """The declaration in JSON's types."""
        content: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return content


def _plain(given: Any) -> dict[str, Any]:
    """A statistic as a dict of Python's own types."""
    if isinstance(given, str):
        return {"name": given}
    if not isinstance(given, Mapping):
        raise TypeError(f"a statistic must be a name or a dict, got {given!r}")
    return {
        key: np.asarray(value).tolist() if key in ("bins", "power", "order") else value
        for key, value in given.items()
    }


def _without_repetition(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"{name} must not repeat a value, got {values!r}")
    return values


def label(each: Mapping[str, Any]) -> str:
    """A name for the results: that of the statistic and its options but bins."""
    options = (
        f"{key}_{value:g}" for key, value in sorted(each.items()) if key in ("power", "order")
    )
    return "_".join([str(each.get("name")), *options])
