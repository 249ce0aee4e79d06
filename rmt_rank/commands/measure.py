"""`rmt-rank measure`: the measures of rank of every matrix in some files, one row each."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import (
    default_namespace,
    makes_random_numbers,
    namespace,
    namespace_or_default,
    to_numpy,
)
from rmt_rank._lib.entry import guarded
from rmt_rank._lib.errors import BackendUnavailableError
from rmt_rank._lib.matrix_files import Member, members
from rmt_rank._lib.npz import UNPACKED, UNPACKED_RATIO
from rmt_rank._lib.output import Output, refuse_same, write_outputs
from rmt_rank._lib.paths import path_option
from rmt_rank._lib.reasons import reason, too_large
from rmt_rank._lib.text import Parser, named, shown
from rmt_rank._lib.validation import real
from rmt_rank.commands.backend import add_backend, chosen_backend
from rmt_rank.commands.measure_table import is_npy, summary
from rmt_rank.commands.run import DONE, FAILED, USAGE, add_options, json_rows
from rmt_rank.metrics.gram import KERNELS, gram_measures
from rmt_rank.metrics.matrix import RankMeasures, rank_measures

__all__ = ["main"]

# Keys of every row; the measures are None where an array was not measured.
_COLUMNS: tuple[str, ...] = ("file", "array", "shape", "skipped", "error")
_COLUMNS += tuple(field.name for field in dataclasses.fields(RankMeasures))

# Matrices of one shape are measured in batches of this many bytes, because a call takes as long as
# a hundred small matrices; on a device a batch should have thousands.
_BATCH, _DEVICE_BATCH = 2**20, 2**28
# Files of fewer bytes in all have no work for a GPU.
_LARGE = 2**26


def rows(
    path: Path, tau: float, kernel: str | None, xp: ModuleType | None = None
) -> Iterator[dict[str, Any]]:
    """Yield a row per array of a file: name, shape, and measures or why there are none."""
    xp = namespace_or_default(xp)
    batch = _DEVICE_BATCH if makes_random_numbers(xp) else _BATCH
    waiting: list[tuple[dict[str, Any], npt.NDArray[Any]]] = []
    held, size = [], 0
    try:
        for member in members(path):
            row, array = _row(path, member, kernel)
            held.append(row)
            if array is not None:
                waiting.append((row, array))
                size += _bytes(array, kernel)
            if size >= batch:
                _measure(waiting, tau, kernel, xp)
                yield from held
                waiting, held, size = [], [], 0
    except Exception as error:  # readers may raise anything, but the other files must be measured
        held.append(_empty_row(path) | {"error": reason(error)})
    _measure(waiting, tau, kernel, xp)
    yield from held


def _empty_row(path: Path) -> dict[str, Any]:
    return {"file": str(path)} | dict.fromkeys(_COLUMNS[1:])


def _row(
    path: Path, member: Member, kernel: str | None
) -> tuple[dict[str, Any], npt.NDArray[Any] | None]:
    """Return the row of an array without measures, and the matrix if it is to be measured."""
    array = member.array
    row = _empty_row(path) | {
        "array": member.name,
        "shape": None if member.shape is None else list(member.shape),
        "skipped": member.skipped,
        "error": member.error,
    }
    if array is None:
        return row, None
    try:
        finite = np.isfinite(array).all()
    except MemoryError as error:
        return row | {"error": reason(error)}, None
    if not finite:
        row["skipped"] = "it holds nan or infinity"
    elif kernel is not None and array.dtype.kind == "c":
        row["skipped"] = "its Gram matrix needs real features"
    elif kernel is not None:
        row["error"] = too_large(3 * _bytes(array, kernel))
    return row, None if row["skipped"] or row["error"] else array


def _bytes(array: npt.NDArray[Any], kernel: str | None) -> int:
    """Size in bytes of the matrix to be decomposed, in double precision."""
    samples, features = array.shape
    return 8 * int(samples) * int(features if kernel is None else max(samples, features))


def _measure(
    waiting: list[tuple[dict[str, Any], npt.NDArray[Any]]],
    tau: float,
    kernel: str | None,
    xp: ModuleType,
) -> None:
    """Enter the measures into the rows."""
    groups: dict[Any, list[tuple[dict[str, Any], npt.NDArray[Any]]]] = {}
    for row, array in waiting:
        groups.setdefault((array.shape, array.dtype), []).append((row, array))
    for group in groups.values():
        try:
            _measure_together(group, tau, kernel, xp)
        except Exception:  # one matrix must not spoil the others: measure each separately
            for row, array in group:
                try:
                    _measure_together([(row, array)], tau, kernel, xp)
                except Exception as error:  # the row reports it
                    row["error"] = f"it could not be measured: {reason(error)}"


def _measure_together(
    group: list[tuple[dict[str, Any], npt.NDArray[Any]]],
    tau: float,
    kernel: str | None,
    xp: ModuleType,
) -> None:
    arrays = [array for _, array in group]
    batch = np.stack(arrays) if len(arrays) > 1 else arrays[0][None]
    if xp is not default_namespace():
        batch = xp.asarray(batch)
    with np.errstate(all="ignore"):  # the row shows infinities
        if kernel is None:
            measures = rank_measures(batch, tau)
        else:
            measures = gram_measures(batch, kernel, tau)
    found = {name: to_numpy(values) for name, values in measures.to_dict().items()}
    for i, (row, _) in enumerate(group):
        row |= {name: float(values[i]) for name, values in found.items()}


def main(arguments: Sequence[str] | None = None, prog: str = "rmt-rank measure") -> int:
    """Run `measure` and return its exit code, which the end of --help explains."""
    parser = _parser(prog)
    options = parser.parse_intermixed_args(
        _kernels_joined(sys.argv[1:] if arguments is None else arguments)
    )
    try:
        tau = real("--tau", options.tau, at_least=0)
        outputs = [
            Output("--csv", options.csv, inputs=options.files),
            Output("--json", options.json, inputs=options.files),
        ]
        refuse_same(*outputs)
        large = sum(path.stat().st_size for path in options.files if path.is_file()) >= _LARGE
        xp = namespace(chosen_backend(options, prog, hint=large))
    except (ValueError, TypeError, OSError, BackendUnavailableError) as error:
        parser.error(str(error))
    table = [row for path in options.files for row in rows(path, tau, options.gram, xp)]
    failures = [row for row in table if row["error"] is not None]
    written = write_outputs(prog, zip(outputs, (_csv, json_rows), strict=True), table)
    if not any(output.standard for output in outputs):
        lines = list(summary(table))
        print("\n".join(lines[-1:] if options.quiet else lines), flush=True)
    for row in failures:
        # the array of a .npy has no name
        array = [] if row["array"] is None or is_npy(row["file"]) else [row["array"]]
        words = [*map(named, [row["file"], *array]), shown(row["error"])]
        print(f"{prog}: not read: {': '.join(words)}", file=sys.stderr)
    if not written:
        return USAGE
    return FAILED if failures else DONE


def _kernels_joined(arguments: Sequence[str]) -> list[str]:
    """Rewrite `--gram KERNEL` as `--gram=KERNEL`, so that `--gram FILE` has no kernel.

    A word without a suffix is read as a kernel, since every readable file has a suffix.
    """
    words: list[str] = []
    end = arguments.index("--") if "--" in arguments else len(arguments)
    for word in arguments[:end]:
        if words and words[-1] == "--gram" and not (word.startswith("-") or Path(word).suffix):
            words[-1] = f"--gram={word}"
        else:
            words.append(word)
    words = ["--gram=cosine" if word == "--gram" else word for word in words]
    return [*words, *arguments[end:]]


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Measure the rank of every matrix in .npy, .npz and .safetensors files.",
        epilog="Compressed arrays of a .npz are unpacked to "
        f"{UNPACKED / 2**20:g} MiB in all, or {UNPACKED_RATIO} times its size, whichever is more; "
        "beyond that they are refused, as are arrays that need more memory than the machine has. "
        "Exit codes: 0: all arrays were measured, or skipped with a reason; 1: a file, or an array "
        "in it, could not be read; 2: wrong usage, or an output could not be written.",
    )
    parser.add_argument("files", nargs="+", type=path_option, metavar="FILE")
    parser.add_argument(
        "--tau", type=float, default=0.01, help="threshold of the threshold rank (0.01)"
    )
    parser.add_argument(
        "--gram",
        choices=KERNELS,
        metavar="KERNEL",
        help="measure the Gram matrix of the rows instead; the kernel is cosine by default; "
        f"others: {', '.join(KERNELS[1:])}",
    )
    add_options(parser, "--csv", "--json", "--quiet")
    add_backend(parser)
    return parser


def _csv(table: list[dict[str, Any]]) -> bytes:
    """Return a line per array, with unprintable characters in names escaped."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in table:
        words = {key: shown(value) for key, value in row.items() if isinstance(value, str)}
        shape = "x".join(map(str, row["shape"])) if row["shape"] is not None else ""
        writer.writerow(row | words | {"shape": shape})
    return text.getvalue().encode()


if __name__ == "__main__":
    sys.exit(guarded(main))
