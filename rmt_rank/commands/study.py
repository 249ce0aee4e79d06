"""`rmt-rank study`: run a declared study, or show what its store holds."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from rmt_rank._lib.array import namespace
from rmt_rank._lib.optional import optional
from rmt_rank._lib.output import refuse_same, write_outputs
from rmt_rank._lib.paths import path_option
from rmt_rank._lib.text import Parser, shown
from rmt_rank._lib.validation import integer
from rmt_rank._lib.work import processes, progress_bar
from rmt_rank.commands.backend import add_backend, chosen_backend, require_devices
from rmt_rank.commands.run import DONE, USAGE, add_options, guarded_run, row_outputs
from rmt_rank.simulation.study.declaration import Study
from rmt_rank.simulation.study.run import open_study, run_study

__all__ = ["main"]

_MOST_WORKERS = 1024


def main(arguments: Sequence[str] | None = None, prog: str = "rmt-rank study") -> int:
    """Run `study` and return its exit code, which the end of --help explains."""
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    return guarded_run(parser, lambda: _act(options, prog))


def _act(options: argparse.Namespace, prog: str) -> int:
    running = options.action == "run"
    read = [options.file] if running else []
    outputs = row_outputs(options, lambda result: result.to_dataframe(), read)
    refuse_same(*(output for output, _ in outputs))
    if running:
        study = Study.from_toml(options.file)
        jobs = integer("--jobs", options.jobs, at_least=1, at_most=_MOST_WORKERS)
        backend = chosen_backend(options, prog)
        require_devices(jobs, backend)
        folder = options.out or options.file.with_suffix(".study")
        with (
            _executor(jobs, options.scheduler, backend) as executor,
            progress_bar("study", "blocks", quiet=options.quiet) as progress,
        ):
            result = run_study(
                study, folder, executor=executor, progress=progress, xp=namespace(backend)
            )
    else:
        folder = options.folder
        result = open_study(folder)
    written = write_outputs(prog, outputs, result)
    if not any(output.standard for output, _ in outputs):
        if not options.quiet:
            _show(result)
        if running:
            print(f"study: {shown(folder)}")
    return DONE if written else USAGE


@contextlib.contextmanager
def _executor(workers: int, scheduler: str | None, backend: str) -> Iterator[Executor | None]:
    if scheduler is not None:
        distributed = optional("--scheduler", "distributed", "cluster")
        with distributed.Client(scheduler) as client:
            yield client.get_executor()
    else:
        with processes(workers, devices=backend == "cupy") as executor:
            yield executor


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Run a declared study of random products, or show what its store holds.",
        epilog="Exit codes: 0: done; 1: a worker died; 2: wrong usage; 130: interrupted. Finished "
        "results are kept.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    run = actions.add_parser("run", help="compute what is missing of a study")
    run.add_argument(
        "file",
        type=path_option,
        metavar="FILE.toml",
        help="declaration of the study: a table [study]",
    )
    add_options(
        run, "--out", type=path_option, help="folder of the results, which it resumes (FILE.study)"
    )
    add_options(run, "--jobs")
    add_backend(run)
    run.add_argument("--scheduler", metavar="ADDRESS", help="compute on this Dask cluster instead")
    show = actions.add_parser("show", help="print the results of a study")
    show.add_argument("folder", type=path_option, metavar="FOLDER")
    for action in (run, show):
        add_options(action, "--csv", "--json", "--quiet")
    return parser


def _show(results: Any) -> None:
    study = json.loads(results.attrs["study"])
    names = [name for name in results if f"{name}_error" in results and results[name].ndim == 3]
    others = [name for name in results if f"{name}_error" in results and name not in names]
    terminal = sys.stdout.isatty()
    table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False)
    for name in ("field", "width", "depth", "samples"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in names:
        table.add_column(f"{shown(name).replace('_', ' ')} (s.e.)", justify="right", min_width=13)
    for field in results.field.values:
        for width in results.width.values:
            for depth in results.depth.values:
                cell = results.sel(field=field, width=width, depth=depth)
                values = (_with_error(cell[name], cell[f"{name}_error"]) for name in names)
                table.add_row(shown(field), str(width), str(depth), str(int(cell.samples)), *values)
    width = None if terminal else 100
    Console(width=width, highlight=False, markup=False, emoji=False).print(table)
    if others:
        print(f"also in the store, as arrays: {', '.join(map(shown, others))}")
    if not results.attrs["complete"]:
        print(f"not complete: {study['samples']} samples per cell are declared")


def _with_error(value: Any, error: Any) -> str:
    """A number with its error in units of the last digit, two digits of it."""
    value, error = float(value), float(error)
    if not error > 0:
        return "-" if value != value else f"{value:.6g}"
    digits = max(0, 1 - int(f"{error:e}".partition("e")[2]))
    return f"{value:.{digits}f}({error * 10**digits:.0f})"
