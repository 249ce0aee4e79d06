"""Tables as text: names to the left, which are wrapped or not, and numbers to the right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

__all__ = ["Line", "aligned", "folded", "wide"]

# In a pipe names are not wrapped; names longer than this do not widen the column.
_LONG = 60

_GAP = "  "


class Line(NamedTuple):
    """A row of the table: names, followed by formatted numbers; a heading has no numbers."""

    names: list[str]
    words: dict[str, str]


def folded(lines: list[Line], width: int) -> list[Line]:
    """Wrap the names of rows at a width; a heading stays whole."""
    return [
        Line([piece], line.words if i == 0 else {})
        for line in lines
        for i, piece in enumerate(_pieces(line.names[0], width) if line.words else line.names)
    ]


def _pieces(name: str, width: int) -> list[str]:
    """Split a name into pieces; indent those after the first."""
    first = chop_cells(name, width)[0]
    indent = "    "
    rest = chop_cells(name[len(first) :], width - len(indent)) if len(first) < len(name) else []
    return [first, *(indent + piece for piece in rest)]


def wide(columns: list[str], heads: dict[str, str], lines: list[Line]) -> int:
    """Total width of all columns except the names, including gaps."""
    return sum(len(_GAP) + _widest(name, heads[name], lines) for name in columns)


def _widest(name: str, head: str, lines: list[Line]) -> int:
    return max(len(head), *(len(line.words.get(name, "")) for line in lines))


def aligned(
    names: list[str],
    lines: list[Line],
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
    for line in [Line(names, heads), *lines]:
        cells = [
            word + " " * (space - cell_len(word))
            for word, space in zip(line.names, left, strict=True)
        ]
        cells += [line.words.get(name, "").rjust(right[name]) for name in columns]
        yield _GAP.join(cells).rstrip()
