"""The result of `inspect`: a row for each matrix and null model, as text, tables and pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.optional import optional
from rmt_rank._lib.text import named, shown
from rmt_rank._lib.validation import choice, integer, real
from rmt_rank.inspection.compare import Comparison
from rmt_rank.inspection.listed import listed
from rmt_rank.inspection.tensor import Skipped

__all__ = ["COLUMNS", "Inspection", "MatrixReport"]

Array = npt.NDArray[np.float64]

COLUMNS: tuple[str, ...] = (
    "name",
    "shape",
    "kind",
    "null",
    "effective_rank",
    "expected",
    "deficit",
    "low",
    "high",
)
COLUMNS += ("z", "p", "q", "where")
# Rows of the text that a session shows.
_SHOWN = 12
# Notes that it shows, and reasons for what was skipped.
_REASONS = 3


@dataclass(frozen=True, eq=False)
class MatrixReport:
    """A matrix and its comparisons.

    Attributes
    ----------
    name, kind, stored, note : str
        As in `rmt_rank.inspection.matrices.NamedMatrix`; kind is "change" for the difference of two
        checkpoints, and "product" for a product of layers.
    shape : tuple of int
        Rows and columns.
    singular_values : ndarray of float
        Singular values of the matrix, descending; those beyond the largest float are inf.
    effective_rank : float
        Entropy in nats.
    comparisons : tuple of Comparison
        One for each null model.
    where : str
        Where the deficit sits: bulk, spikes, tail or none; empty if it was not asked for.
    spikes : int or None
        Number of singular values beyond the bulk.
    step : int
        Index of the checkpoint.
    """

    name: str
    kind: str
    shape: tuple[int, int]
    stored: str
    note: str
    singular_values: Array
    effective_rank: float
    comparisons: tuple[Comparison, ...]
    where: str = ""
    spikes: int | None = None
    step: int = 0


@dataclass(frozen=True, eq=False)
class Inspection:
    """Ranks of a model's matrices compared with null models.

    Attributes
    ----------
    matrices : tuple of MatrixReport
        In the order of the source.
    skipped : tuple of Skipped
        Everything that was not measured, and why.
    nulls : tuple of str
        The null models, in the order that was asked for.
    steps : tuple of str
        Names of the checkpoints; one if there is one source.

    Examples
    --------
    >>> import numpy as np
    >>> import rmt_rank as rr
    >>> noise = np.random.default_rng(0).normal(size=(64, 48))
    >>> found = rr.inspect({"noise": noise, "bias": np.ones(4)})
    >>> [row["null"] for row in found.rows()]
    ['gaussian', 'shuffle']
    >>> list(found.skipped)
    [Skipped(name='bias', why='it has 1 dimension, not a matrix', error=False)]
    """

    matrices: tuple[MatrixReport, ...]
    skipped: tuple[Skipped, ...]
    nulls: tuple[str, ...]
    steps: tuple[str, ...] = ("",)
    _q: dict[tuple[int, int], float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._q.update(_discovery_rates(self.matrices))

    @property
    def errors(self) -> tuple[Skipped, ...]:
        """Tensors and files that are damaged, or whose reader is missing."""
        return tuple(each for each in self.skipped if each.error)

    def rows(self) -> list[dict[str, Any]]:
        """Return a dictionary for each matrix and null model.

        Returns
        -------
        list of dict
            With the keys name, shape, kind, null, effective_rank, expected, deficit, low, high (all
            in nats), z, p, q, where, spikes, standard_deviation, method, stored, note, step.
        """
        return [
            {
                "name": each.name,
                "shape": each.shape,
                "kind": each.kind,
                "null": found.null,
                "effective_rank": found.effective_rank,
                "expected": found.expected,
                "deficit": found.deficit,
                "low": found.low,
                "high": found.high,
                "z": found.z,
                "p": found.p,
                "q": self._q[i, j],
                "where": each.where,
                "spikes": each.spikes,
                "standard_deviation": found.standard_deviation,
                "method": found.method,
                "stored": each.stored,
                "note": "; ".join(filter(None, (each.note, found.note))),
                "step": each.step,
            }
            for i, each in enumerate(self.matrices)
            for j, found in enumerate(each.comparisons)
        ]

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each matrix and null model.

        Returns
        -------
        pandas.DataFrame
            With the columns that `rows` names; shapes are text such as "64 x 192".

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = optional("to_pandas", "pandas", "pandas")
        rows = [row | {"shape": f"{row['shape'][0]} x {row['shape'][1]}"} for row in self.rows()]
        return pandas.DataFrame(rows, columns=[*COLUMNS, *_MORE])

    def to_xarray(self) -> Any:
        """Return an xarray Dataset with the dimensions step, name and null.

        Returns
        -------
        xarray.Dataset
            Numbers of `rows`, nan where a matrix is missing at a step; `effective_rank` does not
            have the dimension null.

        Raises
        ------
        ImportError
            If xarray is not installed.
        """
        xarray = optional("to_xarray", "xarray", "study")
        names = list(dict.fromkeys(each.name for each in self.matrices))
        place = {name: i for i, name in enumerate(names)}
        nulls = {name: i for i, name in enumerate(self.nulls)}
        size = (len(self.steps), len(names), len(self.nulls))
        numbers = ("expected", "deficit", "low", "high", "z", "p", "q")
        values = {key: np.full(size, math.nan) for key in numbers}
        rank = np.full(size[:2], math.nan)
        for row in self.rows():
            at = row["step"], place[row["name"]], nulls[row["null"]]
            for key, array in values.items():
                array[at] = row[key]
            rank[at[:2]] = row["effective_rank"]
        data: dict[str, Any] = {
            key: (("step", "name", "null"), array) for key, array in values.items()
        }
        data["effective_rank"] = (("step", "name"), rank)
        steps = list(self.steps) if len(self.steps) > 1 else [0]
        return xarray.Dataset(data, {"step": steps, "name": names, "null": list(self.nulls)})

    def rank_pattern(
        self, *, null: str | None = None, minimum: int = 1, maximum: int = 64
    ) -> dict[str, int]:
        """Return ranks for low-rank adapters: directions of a layer that chance does not explain.

        Parameters
        ----------
        null : str, optional
            Null model; the first by default.
        minimum, maximum : int
            Bounds of every rank.

        Returns
        -------
        dict of str to int
            For `rank_pattern` of PEFT's LoraConfig: names of modules, without ".weight", and the
            number of singular values beyond the bulk of the null model, or, where none was
            located, the number of dimensions that the layer lacks against it, exp(expected) -
            exp(effective_rank), rounded.

        Notes
        -----
        This is a rule of thumb: no theory says which rank an adapter needs.
        """
        least = integer("minimum", minimum, at_least=1)
        most = integer("maximum", maximum, at_least=least)
        chosen = self._null(null)
        found: dict[str, int] = {}
        for each in self.matrices:
            if each.kind in ("change", "product"):
                continue
            for comparison in each.comparisons:
                if comparison.null == chosen:
                    lacking = math.exp(comparison.expected) - math.exp(each.effective_rank)
                    rank = each.spikes if each.spikes else round(max(lacking, 0))
                    name = each.name.split("[")[0].removesuffix(".weight")
                    found[name] = max(found.get(name, 0), min(most, max(least, rank)))
        return found

    def plot(self, *, null: str | None = None, ax: Any = None) -> Any:
        """Draw the deficit of every matrix with its interval.

        Parameters
        ----------
        null : str, optional
            Null model; the first by default.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib Axes
            Matrices from top to bottom in the order of the source.
        """
        chosen = self._null(null)
        rows = [row for row in self.rows() if row["null"] == chosen]
        if ax is None:
            pyplot = optional("plot", "matplotlib.pyplot")
            _, ax = pyplot.subplots(figsize=(6, max(1.5, 0.22 * len(rows) + 0.8)))
        y = np.arange(len(rows))
        deficits = np.array([row["deficit"] for row in rows])
        half = np.array([(row["deficit"] - row["low"]) for row in rows])
        ax.axvline(0, color="0.6", linewidth=0.8)
        ax.errorbar(deficits, y, xerr=half, fmt="o", markersize=3, linewidth=1)
        ax.set_yticks(y, [shown(row["name"]) for row in rows], fontsize=7)
        ax.invert_yaxis()
        ax.set_xlabel(f"deficit against {chosen} (nats)")
        return ax

    def _null(self, null: str | None) -> str:
        return self.nulls[0] if null is None else choice("null", null, self.nulls)

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterable[str]:
        null, count = self.nulls[0], len(self.matrices)
        counted = f"{count} matri{'x' if count == 1 else 'ces'}, {len(self.skipped)} skipped"
        order = f"; deficit against {null} in nats, largest first" if count else ""
        yield f"Inspection: {counted}{order}"
        rows = [row for row in self.rows() if row["null"] == null]
        rows.sort(key=lambda row: -row["deficit"] if math.isfinite(row["deficit"]) else math.inf)
        for row in rows[:_SHOWN]:
            numbers = (
                f"{row['deficit']:8.4f} [{row['low']:.4f}, {row['high']:.4f}]  q {row['q']:.2g}"
            )
            yield (
                f"  {'-' if math.isnan(row['deficit']) else numbers}  "
                f"{shown(row['name'])} {row['shape'][0]} x {row['shape'][1]}"
            )
        if len(rows) > _SHOWN:
            yield f"  ... {len(rows) - _SHOWN} more"
        for line in (*self.not_compared(null), *self._reasons()):
            yield f"  {line}"

    def not_compared(self, null: str) -> list[str]:
        """Return lines that say which matrices a null model is not known for, and why.

        Parameters
        ----------
        null : str
            One of `nulls`.

        Returns
        -------
        list of str
            A line for each reason; empty if all matrices were compared.
        """
        chosen = self._null(null)
        found = [
            (named(each.name), comparison.note)
            for each in self.matrices
            for comparison in each.comparisons
            if comparison.null == chosen
        ]
        return listed(f"not compared with {shown(chosen)}:", found)

    def _reasons(self) -> list[str]:
        """Lines with the notes on matrices, and with what was skipped and why, errors first."""
        notes = listed("note on", [(shown(each.name), each.note) for each in self.matrices])
        if len(notes) > _REASONS:
            notes[_REASONS:] = [f"and {len(notes) - _REASONS} more: see .rows()"]
        found = sorted(self.skipped, key=lambda each: not each.error)
        lines = listed("skipped", [(shown(each.name), each.why) for each in found])
        if len(lines) > _REASONS:
            lines[_REASONS:] = [f"and {len(lines) - _REASONS} more: see .skipped"]
        return notes + lines

    def _repr_html_(self) -> str:
        keys = ("name", "shape", "kind", "null", "effective_rank", "expected", "deficit", "q")
        head = "".join(f"<th>{key.replace('_', ' ')}</th>" for key in keys)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(row[key])}</td>" for key in keys) + "</tr>"
            for row in self.rows()
        )
        lines = [line for null in self.nulls for line in self.not_compared(null)] + self._reasons()
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return (table if body else "") + "".join(f"<p>{escape(line)}</p>" for line in lines)


_MORE = ("spikes", "standard_deviation", "method", "stored", "note", "step")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    if isinstance(value, tuple):
        return " × ".join(map(str, value))
    return escape(shown(str(value)))


def _discovery_rates(matrices: Sequence[MatrixReport]) -> dict[tuple[int, int], float]:
    """Benjamini-Hochberg's q-value of every p-value, among those of one null model."""
    places: dict[str, list[tuple[tuple[int, int], float]]] = {}
    found: dict[tuple[int, int], float] = {}
    for i, each in enumerate(matrices):
        for j, comparison in enumerate(each.comparisons):
            found[i, j] = math.nan
            if math.isfinite(comparison.p):
                places.setdefault(comparison.null, []).append(((i, j), comparison.p))
    for entries in places.values():
        q = scipy.stats.false_discovery_control(
            [real("p", p, at_least=0, at_most=1) for _, p in entries]
        )
        found.update({at: float(value) for (at, _), value in zip(entries, q, strict=True)})
    return found
