"""The output of `rmt-rank measure`: a table that fits the terminal, or one line per matrix."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len, chop_cells

from rmt_rank._lib.text import named, shown

__all__ = ["is_npy", "summary"]

Row = dict[str, Any]

# Columns of the table; CSV and JSON have all measures.
SHOWN = ("effective_rank", "roy_vetterli_rank", "stable_rank", "threshold_rank", "numerical_rank")

# Minimum width of the names; columns of numbers are left out before names get narrower.
_NAME = 16
# In a pipe names are not wrapped; names longer than this do not widen the column.
_LONG = 60

_GAP = "  "


class _Line(NamedTuple):
    """A row of the table: names, followed by formatted numbers; a heading has no numbers."""

    names: list[str]
    words: dict[str, str]


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
        yield from _aligned(names, _plain(measured, names), ["shape", *SHOWN])
    yield from _skipped(table)
    counts = {"measured": len(measured)}
    counts["skipped"] = sum(row["skipped"] is not None for row in table)
    counts["not read"] = len(table) - sum(counts.values())
    yield ", ".join(f"{n} {what}" for what, n in counts.items() if n or what != "not read")


# --- the table ------------------------------------------------------------------------------------


def _plain(measured: Sequence[Row], names: list[str]) -> list[_Line]:
    return [_Line([named(row[name]) for name in names], _words(row)) for row in measured]


def _words(row: Row) -> dict[str, str]:
    shape = "x".join(map(str, row["shape"]))
    return {"shape": shape} | {name: format(row[name], ".5g") for name in SHOWN}


def _grouped(measured: Sequence[Row]) -> list[_Line]:
    """Group rows under the names of their files; a .npy is a single row named after the file."""
    lines = []
    for file, group in itertools.groupby(measured, key=lambda row: row["file"]):
        if is_npy(file):
            lines += [_Line([named(file)], _words(row)) for row in group]
        else:
            lines.append(_Line([named(file)], {}))
            lines += [_Line([f"  {named(row['array'])}"], _words(row)) for row in group]
    return lines


def is_npy(file: str) -> bool:
    """Return whether a file holds a single array, which has the name of the file."""
    return file.lower().endswith(".npy")


def _fitted(lines: list[_Line]) -> Iterator[str]:
    """Yield lines for a terminal: wrap names, leave out columns, and never truncate numbers."""
    width = shutil.get_terminal_size().columns
    columns = ["shape", *SHOWN]
    longest = max(cell_len(line.names[0]) for line in lines if line.words)
    heads = {name: name for name in columns}
    left = width - _wide(columns, heads, lines)
    if left < longest:
        heads = {name: name.removesuffix("_rank").replace("_", "-") for name in columns}
        left = width - _wide(columns, heads, lines)
    while left < min(longest, _NAME) and len(columns) > 2:
        columns.pop()
        left = width - _wide(columns, heads, lines)
    left = max(left, 8)
    folded = [
        # the name of a file has its own line, and the terminal wraps it
        (line, _folded(line.names[0], left) if line.words else line.names)
        for line in lines
    ]
    pieces = [
        _Line([piece], line.words if i == 0 else {})
        for line, chopped in folded
        for i, piece in enumerate(chopped)
    ]
    yield from _aligned(["array"], pieces, columns, heads)
    if missing := [name for name in SHOWN if name not in columns]:
        yield f"not shown on {width} columns: {', '.join(missing)}"


def _folded(name: str, width: int) -> list[str]:
    """Split a name into pieces; indent those after the first."""
    first = chop_cells(name, width)[0]
    indent = "    "
    rest = chop_cells(name[len(first) :], width - len(indent)) if len(first) < len(name) else []
    return [first, *(indent + piece for piece in rest)]


def _wide(columns: list[str], heads: dict[str, str], lines: list[_Line]) -> int:
    """Total width of all columns except the names, including gaps."""
    return sum(len(_GAP) + _widest(name, heads[name], lines) for name in columns)


def _widest(name: str, head: str, lines: list[_Line]) -> int:
    return max(len(head), *(len(line.words.get(name, "")) for line in lines))


def _aligned(
    names: list[str],
    lines: list[_Line],
    columns: list[str],
    heads: dict[str, str] | None = None,
) -> Iterator[str]:
    """Align a heading and the lines below it: names to the left, numbers to the right."""
    heads = heads or {name: name for name in columns}
    left = [
        max(len(name), *(min(cell_len(line.names[i]), _LONG) for line in lines if line.words))
        for i, name in enumerate(names)
    ]
    right = {name: _widest(name, heads[name], lines) for name in columns}
    for line in [_Line(names, heads), *lines]:
        cells = [
            word + " " * (space - cell_len(word))
            for word, space in zip(line.names, left, strict=True)
        ]
        cells += [line.words.get(name, "").rjust(right[name]) for name in columns]
        yield _GAP.join(cells).rstrip()


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
