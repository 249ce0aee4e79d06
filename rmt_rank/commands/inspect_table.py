"""The output of `rmt-rank inspect`: a table that fits the terminal, or a line per comparison."""

from __future__ import annotations

import math
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len

from rmt_rank._lib.text import named, shown
from rmt_rank.commands.aligned import Line, aligned, folded, wide
from rmt_rank.inspection.listed import listed
from rmt_rank.inspection.meaning import LEVEL, meaning
from rmt_rank.inspection.result import COLUMNS, Inspection, MatrixReport

__all__ = ["summary"]

# Minimum width of the names; columns of numbers are left out before names get narrower.
_NAME = 16
# Rows on a terminal, without --top.
_TOP = 40

# Columns of a pipe after the name.
_PIPED = COLUMNS[1:]

Results = Sequence[tuple[str, Inspection]]


def summary(results: Results, *, top: int | None = None, by_block: bool = False) -> Iterator[str]:
    """Yield the lines of a table for each model, what the numbers mean, and what was skipped.

    Parameters
    ----------
    results : sequence of (str, Inspection)
        Name and result of each model.
    top : int, optional
        How many matrices are listed: those with the largest deficits against the first null model.
    by_block : bool
        Whether rows stand under the names of their blocks, in the order of the model.
    """
    terminal = sys.stdout.isatty()
    for file, result in results:
        if len(results) > 1:
            yield named(file)
        if result.matrices:
            chosen = _largest(result, top if top or not terminal else _TOP)
            if by_block:
                chosen = [each for each in result.matrices if each in chosen]
            yield from (_fitted if terminal else _piped)(result, chosen, by_block)
            if left := len(result.matrices) - len(chosen):
                yield f"{left} more with smaller deficits; --top {len(result.matrices)} shows all"
        for null in result.nulls:
            yield from result.not_compared(null)
        yield from listed("note on", [(named(each.name), each.note) for each in result.matrices])
        yield from listed(
            "skipped", [(named(e.name), e.why) for e in result.skipped if not e.error]
        )
    known = (
        found for _, result in results for each in result.matrices for found in each.comparisons
    )
    nulls = dict.fromkeys(found.null for found in known if not found.note)
    for null in nulls:
        yield f"A deficit against {shown(null)} says that {meaning(null)}."
    if nulls:
        yield "Deficits are in nats; intervals hold the differences to 95 % of the random matrices."
    yield _counts(results)


def _largest(result: Inspection, top: int | None) -> list[MatrixReport]:
    def size(each: MatrixReport) -> float:
        deficit = each.comparisons[0].deficit if each.comparisons else math.nan
        return -deficit if math.isfinite(deficit) else math.inf

    return sorted(result.matrices, key=size)[:top]


def _counts(results: Results) -> str:
    words = []
    matrices = [each for _, result in results for each in result.matrices]
    compared = sum(any(not found.note for found in each.comparisons) for each in matrices)
    skipped = sum(not each.error for _, result in results for each in result.skipped)
    failed = sum(len(result.errors) for _, result in results)
    rows = [row for _, result in results for row in result.rows()]
    rows = [row for row in rows if not math.isnan(row["deficit"])]
    for null in dict.fromkeys(row["null"] for row in rows):
        lower = [row for row in rows if row["null"] == null and row["q"] < LEVEL]
        below = sum(row["deficit"] > 0 for row in lower)
        words.append(f"{below} below {null}, {len(lower) - below} above")
    counts = f"{compared} compared"
    if words:
        counts += f" (at q < {LEVEL:g}: {'; '.join(words)})"
    if left := len(matrices) - compared:
        counts += f", {left} not compared"
    return f"{counts}, {skipped} skipped" + (f", {failed} not read" if failed else "")


# --- a pipe ---------------------------------------------------------------------------------------


def _piped(result: Inspection, chosen: Sequence[MatrixReport], by_block: bool) -> Iterator[str]:
    """Yield a line per matrix and null model."""
    del by_block  # lines of a pipe have whole names
    steps = len(result.steps) > 1
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in result.rows():
        rows.setdefault((row["name"], row["step"]), []).append(row)
    lines = [
        Line([named(row["name"])], _formatted(row))
        for each in chosen
        for row in rows[each.name, each.step]
    ]
    yield from aligned(["name"], lines, [*(["step"] if steps else []), *_PIPED])


def _formatted(row: dict[str, Any]) -> dict[str, str]:
    numbers = {key: value for key, value in row.items() if isinstance(value, float)}
    words = {key: "-" if math.isnan(x) else format(x, ".5g") for key, x in numbers.items()}
    words |= {key: value or "-" for key, value in row.items() if isinstance(value, str)}
    words["kind"] = words["kind"].replace(" ", "-")
    words["null"] = words["null"].replace(" ", "-")
    return words | {"shape": "x".join(map(str, row["shape"])), "step": str(row["step"])}


# --- a terminal -----------------------------------------------------------------------------------


def _fitted(result: Inspection, chosen: Sequence[MatrixReport], by_block: bool) -> Iterator[str]:
    """Yield a line per matrix: names are wrapped, columns left out, and numbers never cut."""
    width = shutil.get_terminal_size().columns
    q = {(row["name"], row["step"], row["null"]): row["q"] for row in result.rows()}
    lines = _blocks(chosen, result, q) if by_block else _lines(chosen, result, q)
    longest = max(cell_len(line.names[0]) for line in lines if line.words)
    cells = [each for line in lines for each in line.words.items()]
    # a null model that is not known for any matrix has a column of dashes
    given = {key for key, word in cells if word.strip("-") or key.endswith(" ±")}
    everything = [name for name in _columns(result) if name in given]
    columns = list(everything)
    hidden: list[str] = []
    for name in _expendable(result):
        if width - wide(columns, _heads(columns), lines) >= min(longest, _NAME):
            break
        if name in columns:
            short = name.removesuffix(" ±")
            place = columns.index(name)
            columns[place : place + 1] = [short] if short != name else []
            hidden.append(name)
    left = max(width - wide(columns, _heads(columns), lines), 8)
    yield from aligned(["matrix"], folded(lines, left), columns, _heads(columns))
    if missing := [name for name in hidden if name not in columns]:
        words = ("intervals of " + name[:-2] if name.endswith(" ±") else name for name in missing)
        yield f"not shown on {width} columns: {', '.join(words)}"


def _columns(result: Inspection) -> list[str]:
    """All columns from left to right; those with ± show the interval, too."""
    named_nulls = [each for null in result.nulls for each in (f"{null} ±", f"q {null}")]
    return ["step", "shape", "kind", "rank", *named_nulls, "where", "stored"]


def _expendable(result: Inspection) -> list[str]:
    """Columns in the order in which they are left out, or shortened, on a narrow terminal."""
    nulls = result.nulls[::-1]
    return [
        "stored",
        "kind",
        *(f"{null} ±" for null in nulls[:-1]),
        *(f"q {null}" for null in nulls[:-1]),
        f"q {nulls[-1]}",
        "rank",
        f"{nulls[-1]} ±",
        "where",
        *nulls[:-1],
    ]


def _heads(columns: Sequence[str]) -> dict[str, str]:
    return {name: "q" if name.startswith("q ") else name.removesuffix(" ±") for name in columns}


def _lines(chosen: Sequence[MatrixReport], result: Inspection, q: dict[Any, float]) -> list[Line]:
    return [Line([named(each.name)], _words(each, result, q)) for each in chosen]


def _blocks(chosen: Sequence[MatrixReport], result: Inspection, q: dict[Any, float]) -> list[Line]:
    """Rows under the names of their blocks: what stands before the last number in dotted names."""
    lines: list[Line] = []
    block = ""
    for each in chosen:
        found = re.match(r"(?:[^\[]*[./])?\d+(?=[./])", each.name)
        here = found[0] if found else ""
        if here != block and here:
            lines.append(Line([named(here)], {}))
        block = here
        rest = f"  {named(each.name[len(here) + 1 :])}" if here else named(each.name)
        lines.append(Line([rest], _words(each, result, q)))
    return lines


def _words(each: MatrixReport, result: Inspection, q: dict[Any, float]) -> dict[str, str]:
    words = {
        "shape": "x".join(map(str, each.shape)),
        "kind": each.kind,
        "rank": f"{math.exp(each.effective_rank):.1f}/{min(each.shape)}",
        "where": each.where,
        "stored": each.stored,
    }
    if len(result.steps) > 1:
        words["step"] = str(each.step)
    for found in each.comparisons:
        if found.note:
            words |= dict.fromkeys((found.null, f"{found.null} ±", f"q {found.null}"), "-")
            continue
        deficit = f"{found.deficit:.4f}"
        words[found.null] = deficit
        half = (found.high - found.low) / 2
        words[f"{found.null} ±"] = f"{deficit} ± {half:.4f}"
        words[f"q {found.null}"] = _small(q[each.name, each.step, found.null])
    return {key: shown(word) for key, word in words.items()}


def _small(q: float) -> str:
    return "<1e-99" if q < 1e-99 else f"{q:.1g}"
