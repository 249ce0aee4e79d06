"""The output of `rmt-rank measure`: a table that fits the terminal, or one line per matrix."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len

from rmt_rank._lib.text import named, shown
from rmt_rank.commands.aligned import Line, aligned, folded, wide

__all__ = ["is_npy", "summary"]

Row = dict[str, Any]

# Columns of the table; CSV and JSON have all measures.
SHOWN = ("effective_rank", "roy_vetterli_rank", "stable_rank", "threshold_rank", "numerical_rank")

# Minimum width of the names; columns of numbers are left out before names get narrower.
_NAME = 16


def summary(table: Sequence[Row]) -> Iterator[str]:
    """Yield the lines that list what was measured and what was not.

    Parameters
    ----------
    table : sequence of dict
        The rows of all files.
    """
    measured = [row for row in table if row["skipped"] is None and row["error"] is None]
    several = len({row["file"] for row in table}) > 1
    if measured and sys.stdout.isatty():
        yield from _fitted(_grouped(measured) if several else _plain(measured, ["array"]))
    elif measured:
        names = ["file", "array"] if several else ["array"]
        yield from aligned(names, _plain(measured, names), ["shape", *SHOWN])
    yield from _skipped(table)
    counts = {"measured": len(measured)}
    counts["skipped"] = sum(row["skipped"] is not None for row in table)
    counts["not read"] = len(table) - sum(counts.values())
    yield ", ".join(f"{n} {what}" for what, n in counts.items() if n or what != "not read")


# --- the table ------------------------------------------------------------------------------------


def _plain(measured: Sequence[Row], names: list[str]) -> list[Line]:
    return [Line([named(row[name]) for name in names], _words(row)) for row in measured]


def _words(row: Row) -> dict[str, str]:
    shape = "x".join(map(str, row["shape"]))
    return {"shape": shape} | {name: format(row[name], ".5g") for name in SHOWN}


def _grouped(measured: Sequence[Row]) -> list[Line]:
    """Group rows under the names of their files; a .npy is a single row named after the file."""
    lines = []
    for file, group in itertools.groupby(measured, key=lambda row: row["file"]):
        if is_npy(file):
            lines += [Line([named(file)], _words(row)) for row in group]
        else:
            lines.append(Line([named(file)], {}))
            lines += [Line([f"  {named(row['array'])}"], _words(row)) for row in group]
    return lines


def is_npy(file: str) -> bool:
    """Return whether a file holds a single array, which has the name of the file."""
    return file.lower().endswith(".npy")


def _fitted(lines: list[Line]) -> Iterator[str]:
    """Yield lines for a terminal: wrap names, leave out columns, and never truncate numbers."""
    width = shutil.get_terminal_size().columns
    columns = ["shape", *SHOWN]
    longest = max(cell_len(line.names[0]) for line in lines if line.words)
    heads = {name: name for name in columns}
    left = width - wide(columns, heads, lines)
    if left < longest:
        heads = {name: name.removesuffix("_rank").replace("_", "-") for name in columns}
        left = width - wide(columns, heads, lines)
    while left < min(longest, _NAME) and len(columns) > 2:
        columns.pop()
        left = width - wide(columns, heads, lines)
    left = max(left, 8)
    # the name of a file has its own line, and the terminal wraps it
    yield from aligned(["array"], folded(lines, left), columns, heads)
    if missing := [name for name in SHOWN if name not in columns]:
        yield f"not shown on {width} columns: {', '.join(missing)}"


# --- the rest -------------------------------------------------------------------------------------


def _skipped(table: Sequence[Row]) -> Iterator[str]:
    """Yield lines on skipped arrays; each file and each reason occurs once."""
    skipped = [row for row in table if row["skipped"] is not None]
    for file, group in itertools.groupby(skipped, key=lambda row: row["file"]):
        reasons: dict[str, list[str]] = {}
        for row in group:
            reasons.setdefault(row["skipped"], []).append(named(row["array"]))
        if is_npy(file):
            yield f"skipped {named(file)}: {shown(next(iter(reasons)))}"
            continue
        yield f"skipped in {named(file)}:"
        yield from (f"  {shown(why)}: {', '.join(names)}" for why, names in reasons.items())
