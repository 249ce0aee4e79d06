"""`rmt-rank measure`: the measures of rank of every matrix in some files, a row each."""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib
import io
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console
from rich.table import Table

from rmt_rank._output import Output, guarded, refuse_same, write
from rmt_rank._validation import real
from rmt_rank.metrics.gram import KERNELS, gram_matrix
from rmt_rank.metrics.matrix import rank_measures

__all__ = ["main"]

SUFFIXES = (".npy", ".npz", ".safetensors")
# Exit codes: 0 all arrays measured or skipped with a reason; 1 a file could not be read; 2 usage.
MEASURED, UNREADABLE, USAGE = 0, 1, 2

# Columns of the table on screen; CSV and JSON have all measures.
SHOWN = ("effective_rank", "roy_vetterli_rank", "stable_rank", "threshold_rank", "numerical_rank")


def arrays(path: Path) -> Iterator[tuple[str, npt.NDArray[Any] | str]]:
    """Yield the arrays of a file by name, or the reason why one is skipped; never unpickles.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read, or its kind is unknown.
    """
    if path.suffix == ".npy":
        yield path.stem, np.load(path, allow_pickle=False)
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                try:
                    yield name, archive[name]
                except ValueError as error:  # an object array
                    yield name, f"not read ({error})"
    elif path.suffix == ".safetensors":
        try:
            from safetensors import SafetensorError, safe_open
        except ImportError:
            raise ValueError(
                "reading .safetensors needs the packages of the extra 'files': safetensors"
            ) from None
        with contextlib.suppress(ImportError):
            importlib.import_module("ml_dtypes")  # teaches NumPy bfloat16
        try:
            with safe_open(path, framework="numpy") as file:
                names = file.keys()
                for name in names:
                    try:
                        array = file.get_tensor(name)
                        # bfloat16 and the like are no kind of NumPy's own
                        yield name, array.astype(np.float32) if array.dtype.kind == "V" else array
                    except (TypeError, KeyError, AttributeError) as error:  # e.g. bfloat16
                        yield name, f"not read (NumPy has no such type: {error})"
        except SafetensorError as error:
            raise ValueError(f"no safetensors file ({error})") from error
    else:
        raise ValueError(f"unknown kind of file; allowed: {', '.join(SUFFIXES)}")


def rows(path: Path, tau: float, kernel: str | None) -> Iterator[dict[str, Any]]:
    """Yield a row per array of a file: its name and shape, and its measures or why it has none."""
    for name, array in arrays(path):
        row: dict[str, Any] = {"file": str(path), "array": name, "shape": None, "skipped": None}
        if isinstance(array, str):
            yield row | {"skipped": array}
            continue
        row["shape"] = list(array.shape)
        if array.dtype.kind not in "biufc":
            yield row | {"skipped": f"its type is {array.dtype}"}
        elif array.ndim != 2:
            yield row | {"skipped": f"it has {array.ndim} dimensions, not 2"}
        elif array.size == 0:
            yield row | {"skipped": "it is empty"}
        elif not np.isfinite(array).all():
            yield row | {"skipped": "it holds nan or infinity"}
        elif kernel is not None and array.dtype.kind == "c":
            yield row | {"skipped": "its Gram matrix needs real features"}
        else:
            matrix = array if kernel is None else gram_matrix(array, kernel)
            measures = rank_measures(matrix, tau).to_dict()
            yield row | {name: float(value) for name, value in measures.items()}


def main(arguments: Sequence[str] | None = None, prog: str = "rmt-rank measure") -> int:
    """Run `measure` and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line; that of the process by default.
    prog : str
        Name of the program in messages.

    Returns
    -------
    int
        0 all arrays measured, or skipped with a reason; 1 a file could not be read; 2 usage.
    """
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    try:
        tau = real("--tau", options.tau, at_least=0)
        outputs = [Output("--csv", options.csv), Output("--json", options.json)]
        refuse_same(*outputs)
    except (ValueError, TypeError, OSError) as error:
        parser.error(str(error))
    table: list[dict[str, Any]] = []
    failures: list[str] = []
    for path in options.files:
        try:
            table.extend(rows(path, tau, options.gram))
        except (OSError, ValueError, EOFError) as error:
            failures.append(f"{path}: {error}")
    measured = [row for row in table if row["skipped"] is None]
    for output, render in zip(outputs, (_csv, _json), strict=True):
        if output.path is not None:
            write(output.path, render(table))
    _print(table, measured)
    for failure in failures:
        print(f"{prog}: not read: {failure}", file=sys.stderr)
    return UNREADABLE if failures else MEASURED


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Measure the rank of every matrix in .npy, .npz and .safetensors files.",
        epilog="Exit code: 0 measured, or skipped with a reason; 1 a file was not read; 2 usage.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument(
        "--tau", type=float, default=0.01, help="threshold of the threshold rank (0.01)"
    )
    parser.add_argument(
        "--gram",
        nargs="?",
        const="cosine",
        choices=KERNELS,
        metavar="KERNEL",
        help="measure the Gram matrix of the rows instead, cosine by default",
    )
    parser.add_argument("--csv", type=Path, metavar="PATH", help="write all measures there")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all measures there")
    return parser


def _columns(table: list[dict[str, Any]]) -> list[str]:
    """Names of all columns, in order."""
    return list(max(table, key=lambda row: len(list(row)), default={}))


def _csv(table: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(table), restval="", lineterminator="\n")
    writer.writeheader()
    for row in table:
        shape = "x".join(map(str, row["shape"])) if row["shape"] is not None else ""
        writer.writerow(row | {"shape": shape})
    return text.getvalue().encode()


def _json(table: list[dict[str, Any]]) -> bytes:
    plain = [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in table
    ]
    return (json.dumps(plain, indent=1, allow_nan=False) + "\n").encode()


def _print(table: list[dict[str, Any]], measured: list[dict[str, Any]]) -> None:
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 120, highlight=False)
    if measured:
        view = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False)
        several = len({row["file"] for row in table}) > 1
        names = (["file"] if several else []) + ["array", "shape"]
        for name in names:
            view.add_column(name, overflow="fold")
        for name in SHOWN:
            view.add_column(name.replace("_", " "), justify="right")
        for row in measured:
            shape = "x".join(map(str, row["shape"]))
            cells = [row[name] if name != "shape" else shape for name in names]
            view.add_row(*cells, *(format(row[name], ".5g") for name in SHOWN))
        console.print(view)
    for row in table:
        if row["skipped"] is not None:
            print(f"skipped {row['file']}: {row['array']}: {row['skipped']}")
    skipped = len(table) - len(measured)
    print(f"{len(measured)} measured, {skipped} skipped")


if __name__ == "__main__":
    sys.exit(guarded(main))
