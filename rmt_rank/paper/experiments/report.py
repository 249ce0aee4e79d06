"""The results of an experiment as tables: medians and quartiles, findings, settings."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rmt_rank.paper.experiments import find
from rmt_rank.paper.experiments.findings import Finding, Verdict
from rmt_rank.paper.experiments.image_problems import DATA

__all__ = [
    "OVER",
    "Table",
    "groups",
    "keys",
    "list_line",
    "made_with",
    "output_console",
    "print_findings",
    "report",
    "table",
]

# Dimensions over which medians and quartiles are taken.
OVER = ("problem", "repeat", "seed")

_ROUNDING = 1e-12

# Width of text that goes to a file or a pipe rather than to a terminal.
_WIDTH = 100

_STYLES = {
    Verdict.SUPPORTED: "green",
    Verdict.IN_PART: "yellow",
    Verdict.NOT_SUPPORTED: "magenta",
    Verdict.UNDECIDED: "dim",
}


class Table(NamedTuple):
    """Names of the columns, and rows of strings."""

    columns: list[str]
    rows: list[list[str]]


def keys(dataset: Any, names: Iterable[str]) -> list[str]:
    """Dimensions of the variables over which no median is taken."""
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys(dataset[name].dims)
    return [each for each in found if each not in OVER]


def groups(dataset: Any) -> list[list[str]]:
    """The variables that the experiment names, those together that differ in depth at most."""
    found: dict[frozenset[str], list[str]] = {}
    for name in _shown(dataset):
        found.setdefault(frozenset(keys(dataset, [name])) - {"depth"}, []).append(name)
    return list(found.values())


def _shown(dataset: Any) -> list[str]:
    return [name for name in find(dataset.attrs["experiment"]).shown if name in dataset]


def table(dataset: Any, *, quartiles: bool = True, names: Sequence[str] | None = None) -> Table:
    """Medians and quartiles of the variables that the experiment names.

    Parameters
    ----------
    dataset : xarray.Dataset
        From `run`.
    quartiles : bool, default True
        Whether to show quartiles beside medians.
    names : sequence of str, optional
        Variables to show; all that the experiment names by default.

    Returns
    -------
    Table
        A row for each combination of the variables' `keys`, which are the first columns.  Flags are
        shown as the share of those that are set, and constant variables as one number.
    """
    names = _shown(dataset) if names is None else names
    dims = keys(dataset, names)
    rows = []
    for values in itertools.product(*(dataset[d].values.tolist() for d in dims)):
        here = dict(zip(dims, values, strict=True))
        cells = []
        for name in names:
            variable = dataset[name]
            part = variable.sel({d: v for d, v in here.items() if d in variable.dims})
            numbers = np.ravel(part.values.astype(np.float64))
            cells.append(_summary(numbers, "flag" in variable.attrs, quartiles))
        if any(cell != "-" for cell in cells):
            rows.append([*map(str, values), *cells])
    return Table([each.replace("_", " ") for each in (*dims, *names)], rows)


def _summary(values: Any, share: bool, quartiles: bool) -> str:
    values = values[~np.isnan(values)]
    if values.size == 0:
        return "-"
    if share:
        return f"{values.mean():.0%}"
    values = np.where(abs(values) < _ROUNDING, 0, values)
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    if not quartiles or values.min() == values.max():
        return f"{middle:.4g}"
    return f"{middle:.4g} [{low:.4g}, {high:.4g}]"


def report(dataset: Any) -> str:
    """The whole result as Markdown.

    Parameters
    ----------
    dataset : xarray.Dataset
        From `run`.
    """
    experiment = find(dataset.attrs["experiment"])
    columns, rows = table(dataset)
    size, seed = dataset.attrs["size"], dataset.attrs["seed"]
    settings, versions = (json.loads(dataset.attrs[name]) for name in ("settings", "versions"))
    lines = [
        f"# {experiment.title}",
        "",
        f"{experiment.reference}. Made by `rmt-rank experiment {experiment.name} "
        f"{made_with(size, seed, settings)}`; "
        f"{float(dataset.seconds.sum()):.0f} s of processor time; "
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}; "
        f"{dataset.attrs['machine']}.",
        "",
        "## Findings",
        "",
    ]
    for finding in experiment.judge(dataset):
        lines += [
            f"- **{finding.verdict.value}**: {finding.sentence} ({finding.reference})",
            f"  {finding.statistic}",
        ]
    lines += ["", "## Numbers", "", "Medians, with quartiles in brackets; shares in percent.", ""]
    lines += [_row(columns), _row(["--:"] * len(columns)), *map(_row, rows)]
    lines += ["", "## Settings", ""]
    lines += [f"- {name}: {value}" for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def made_with(size: str, seed: int | str, settings: Mapping[str, Any]) -> str:
    """Options of the command that identify a run of an experiment."""
    data = settings.get("data", DATA[0])
    return f"--{size} --seed {seed}" + (f" --data {data}" if data != DATA[0] else "")


def _row(words: list[str]) -> str:
    return f"| {' | '.join(words)} |"


def output_console() -> Console:
    """Standard output, as wide as the terminal."""
    width = None if sys.stdout.isatty() else _WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def list_line(name: str, text: str) -> str:
    """A line of a list of names: wrapped at the terminal's width, whole for a file or a pipe."""
    line = f"{name:24} {text}"
    if not sys.stdout.isatty():
        return line
    width = max(40, shutil.get_terminal_size().columns)
    return textwrap.fill(line, width, subsequent_indent=25 * " ", break_on_hyphens=False)


def print_findings(console: Console, findings: Iterable[Finding]) -> None:
    """A verdict and a sentence each, with the numbers below."""
    for finding in findings:
        console.print(
            Text.assemble(
                (finding.verdict.value, _STYLES[finding.verdict]),
                f": {finding.sentence} ({finding.reference})",
            )
        )
        console.print(Padding(finding.statistic, (0, 0, 0, 4)))
