"""`rmt-rank experiment`: run the paper's experiments, and ours, and print their verdicts."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.table import Table

from rmt_rank._lib.array import namespace
from rmt_rank._lib.output import Output, refuse_same, write_outputs
from rmt_rank._lib.paths import path_option
from rmt_rank._lib.text import Parser
from rmt_rank._lib.validation import integer
from rmt_rank._lib.work import processes, progress_bar
from rmt_rank.commands.backend import add_backend, chosen_backend, require_devices
from rmt_rank.commands.run import (
    DONE,
    USAGE,
    add_options,
    add_run_options,
    guarded_run,
    row_outputs,
)
from rmt_rank.paper.experiments import EXPERIMENTS, find
from rmt_rank.paper.experiments.experiment import SIZES, Experiment, run_experiment
from rmt_rank.paper.experiments.image_problems import DATA, on
from rmt_rank.paper.experiments.report import (
    OVER,
    groups,
    keys,
    list_line,
    output_console,
    print_findings,
    report,
    table,
)

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, prog: str = "rmt-rank experiment") -> int:
    """Run `experiment` and return its exit code, which the end of --help explains."""
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.list:
        for name in EXPERIMENTS:
            experiment = find(name)
            print(list_line(name, f"{experiment.title} ({experiment.reference})"))
        return DONE
    if options.name is None:
        parser.error("NAME is required; --list shows them")
    return guarded_run(parser, lambda: _run(options, prog), resumes=options.out is not None)


def _run(options: argparse.Namespace, prog: str) -> int:
    if options.out == "":
        raise ValueError("--out must not be empty")
    experiment = find(options.name)
    if options.data is not None:
        experiment = on(experiment, options.data)
    jobs = integer("--jobs", options.jobs, at_least=1)
    if options.backend not in ("auto", *experiment.backends):
        raise ValueError(
            f"--backend must be one of {', '.join(experiment.backends)} for {experiment.name}, got "
            f"{options.backend}"
        )
    backend = "numpy"
    if "cupy" in experiment.backends:
        backend = chosen_backend(options, prog)
    require_devices(jobs, backend)
    outputs = [*row_outputs(options, _frame), (Output("--report", options.report), _report)]
    refuse_same(*(output for output, _ in outputs))
    cells = len(experiment.cells(experiment.settings(options.size)))
    with (
        processes(jobs, cells, devices=backend == "cupy") as executor,
        progress_bar(experiment.name, "cells", quiet=options.quiet) as progress,
    ):
        dataset = run_experiment(
            experiment,
            options.size,
            folder=options.out,
            seed=options.seed,
            executor=executor,
            progress=progress,
            xp=namespace(backend),
        )
    # write files first, so that a closed pipe does not lose them
    written = write_outputs(prog, outputs, dataset)
    if not any(output.standard for output, _ in outputs):
        _show(experiment, dataset, quiet=options.quiet)
    return DONE if written else USAGE


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Run an experiment of the paper or one of ours, and print the verdicts.",
        epilog="Exit codes: 0: done; 1: a worker died; 2: wrong usage; 130: interrupted. Finished "
        "results are kept in --out. Arrays, such as curves, are not in CSV and JSON but in the .nc "
        "files of `rmt-rank figure`.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="name of an experiment; see --list")
    parser.add_argument("--list", action="store_true", help="list all experiments and exit")
    add_run_options(parser, SIZES, DATA)
    parser.set_defaults(size="quick")
    add_options(parser, "--out", "--seed", "--jobs", "--csv", "--json", "--quiet")
    add_backend(parser)
    parser.add_argument(
        "--report", type=path_option, metavar="PATH", help="write a report in Markdown"
    )
    return parser


def _frame(dataset: Any) -> Any:
    """The variables that have no dimensions but those of cells and of what a report tabulates."""
    tabulated = keys(dataset, itertools.chain(*groups(dataset)))
    dims = {*dataset.seconds.dims, *tabulated, *OVER}
    numbers = [name for name in dataset if dims.issuperset(dataset[name].dims)]
    # every cell has its time: a combination of keys without one is not a cell
    return dataset[numbers].to_dataframe().dropna(subset=["seconds"])


def _report(dataset: Any) -> bytes:
    return report(dataset).encode()


def _show(experiment: Experiment, dataset: Any, *, quiet: bool) -> None:
    console = output_console()
    if not quiet:
        console.print(f"{experiment.title}: medians (quartiles are in --report)")
        for heading, shown in _tables(dataset, console.width):
            if heading:
                console.print(f"\n{heading}")
            console.print(shown)
    print_findings(console, experiment.judge(dataset))


def _tables(dataset: Any, width: int) -> Iterator[tuple[str, Table]]:
    """Yield a table for each setting of all keys except depth: rows are variables, columns depths.

    Without depths, the columns are the values of the last key.
    """
    for names in groups(dataset):
        columns, rows = table(dataset, quartiles=False, names=names)
        dims = keys(dataset, names)
        across = dims.index("depth") if "depth" in dims else len(dims) - 1
        blocks: dict[str, list[list[str]]] = {}
        for row in rows:
            others = (f"{columns[i]} {row[i]}" for i in range(len(dims)) if i != across)
            blocks.setdefault(", ".join(others), []).append([row[across], *row[len(dims) :]])
        labels = [columns[across], *columns[len(dims) :]]
        for heading, block in blocks.items():
            lines = zip(labels, zip(*block, strict=True), strict=True)
            known = [[label, *line] for label, line in lines if {*line} != {"-"}]
            for shown in _split(known, width):
                yield heading, shown
                heading = ""


def _split(lines: list[list[str]], width: int) -> Iterator[Table]:
    """Yield tables with the first line as their head; columns that do not fit go into the next."""
    label, *widths = (max(map(len, column)) for column in zip(*lines, strict=True))
    begin = 1
    while begin < len(lines[0]):
        # a space at both ends, and three between columns
        left, end = width - 2 - label, begin
        while end < len(lines[0]) and (end == begin or widths[end - 1] + 3 <= left):
            left -= widths[end - 1] + 3
            end += 1
        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for i, name in enumerate([lines[0][0], *lines[0][begin:end]]):
            shown.add_column(name, justify="right" if i else "left", overflow="fold")
        for line in lines[1:]:
            shown.add_row(line[0], *line[begin:end])
        yield shown
        begin = end
