"""Common parts of the commands: options of the same name and meaning, exit codes, rows."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from rmt_rank._lib.errors import BackendUnavailableError, DataUnavailableError
from rmt_rank._lib.output import Output
from rmt_rank._lib.paths import path_option, sentence

__all__ = ["DONE", "FAILED", "INTERRUPTED", "USAGE", "add_options", "add_run_options"]
__all__ += ["guarded_run", "json_rows", "row_outputs"]

# Exit codes: something failed, or a worker died; wrong usage, or a file or folder cannot be used.
DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

_WRITE = "; with - to standard output, and nothing else is then printed there"
_OPTIONS: dict[str, dict[str, Any]] = {
    "--out": {"metavar": "FOLDER", "help": "keep results in this folder; resume if it has some"},
    "--seed": {"type": int, "default": 0, "metavar": "k", "help": "seed of all random numbers (0)"},
    "--jobs": {"type": int, "default": 1, "metavar": "n", "help": "number of processes (1)"},
    "--csv": {
        "type": path_option,
        "metavar": "PATH",
        "help": f"write all numbers as CSV{_WRITE}",
    },
    "--json": {
        "type": path_option,
        "metavar": "PATH",
        "help": f"write all numbers as JSON{_WRITE}",
    },
    "--quiet": {"action": "store_true", "help": "print the summary only"},
}


def add_options(parser: argparse.ArgumentParser, *names: str, **changes: Any) -> None:
    """Add options that mean the same in every command; changes are those of add_argument."""
    for name in names:
        parser.add_argument(name, **_OPTIONS[name] | changes)


def add_run_options(
    parser: argparse.ArgumentParser, sizes: Sequence[str], data: Sequence[str]
) -> None:
    """Add options that say which run of an experiment is meant: its size, and its images."""
    group = parser.add_mutually_exclusive_group()
    for size, meaning in zip(
        sizes, ("a smoke test, seconds", "about a minute (default)", "many minutes"), strict=True
    ):
        group.add_argument(f"--{size}", dest="size", action="store_const", const=size, help=meaning)
    parser.add_argument("--data", choices=data, help="images that an experiment on images uses")


def guarded_run(
    parser: argparse.ArgumentParser, work: Callable[[], int], *, resumes: bool = True
) -> int:
    """Return the exit code of a command's work; end errors, dead workers and Ctrl-C by a sentence.

    Parameters
    ----------
    parser : ArgumentParser
        The command's parser, which reports wrong usage.
    work : callable
        Returns the exit code.
    resumes : bool
        Whether finished results are kept.
    """
    kept = "; run it again to resume" if resumes else ""
    try:
        return work()
    except BrokenPipeError:
        raise
    except (
        ValueError,
        TypeError,
        OSError,
        ImportError,
        BackendUnavailableError,
        DataUnavailableError,
    ) as error:
        parser.error(sentence(error))
    except BrokenProcessPool:
        print(f"{parser.prog}: a worker died{kept}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted{kept}", file=sys.stderr)
        return INTERRUPTED


def row_outputs(
    options: argparse.Namespace, frame: Callable[[Any], Any], inputs: Sequence[Path] = ()
) -> list[tuple[Output, Callable[[Any], bytes]]]:
    """Check --csv and --json; return them with functions that encode a result.

    Parameters
    ----------
    options : Namespace
        Has the paths.
    frame : callable
        Returns the pandas frame of a result.
    inputs : sequence of Path, optional
        As in `Output`.
    """

    def csv(result: Any) -> bytes:
        return str(frame(result).to_csv()).encode()

    def rows(result: Any) -> bytes:
        return json_rows(frame(result).reset_index().to_dict("records"))

    return [
        (Output("--csv", options.csv, inputs=inputs), csv),
        (Output("--json", options.json, inputs=inputs), rows),
    ]


def json_rows(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return an object per row, with null for nan and infinities, which JSON does not have."""
    plain = [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in rows
    ]
    return (json.dumps(plain, indent=1, allow_nan=False) + "\n").encode()
