"""`rmt-rank experiment`: train linear networks as the paper does, and say what the numbers say."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TextIO

from rich import box
from rich.table import Table

from rmt_rank._errors import DataUnavailableError
from rmt_rank._output import Output, refuse_same, write
from rmt_rank._validation import integer
from rmt_rank.experiments import EXPERIMENTS, find
from rmt_rank.experiments.experiment import SIZES, Experiment
from rmt_rank.experiments.image_problems import DATA, on
from rmt_rank.experiments.report import output_console, print_findings, report, table
from rmt_rank.experiments.workers import run_with_bar, workers

__all__ = ["main"]

# Exit codes: 0 done, 1 a worker died, 2 usage or a folder that cannot be used.
DONE, WORKER_DIED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None, prog: str = "rmt-rank experiment") -> int:
    """Run `experiment` and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line; that of the process by default.
    prog : str
        Name of the program in messages.

    Returns
    -------
    int
        0 done, 1 a worker died (what is done is kept), 2 usage, 130 interrupted (likewise).
    """
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.list:
        for name in EXPERIMENTS:
            experiment = find(name)
            _say(f"{name:24} {experiment.title} ({experiment.reference})")
        return DONE
    if options.name is None:
        parser.error("NAME is required; --list shows them")
    kept = "" if options.out is None else "; run it again to go on"
    try:
        experiment = find(options.name)
        if options.data is not None:
            experiment = on(experiment, options.data)
        jobs = integer("--jobs", options.jobs, at_least=1)
        csv, text = Output("--csv", options.csv), Output("--report", options.report)
        refuse_same(csv, text)
        with workers(jobs) as executor:
            dataset = run_with_bar(
                experiment,
                options.size,
                folder=options.out,
                seed=options.seed,
                executor=executor,
            )
        # everything first: a closed pipe must not cost the files
        if csv.path is not None:
            write(csv.path, dataset.to_dataframe().to_csv().encode())
        if text.path is not None:
            write(text.path, report(dataset).encode())
    except BrokenPipeError:
        raise
    except (ValueError, TypeError, OSError, ImportError, DataUnavailableError) as error:
        parser.error(str(error))
    except BrokenProcessPool:
        _say(f"{prog}: a worker died{kept}", sys.stderr)
        return WORKER_DIED
    except KeyboardInterrupt:
        _say(f"{prog}: interrupted{kept}", sys.stderr)
        return 130
    _show(experiment, dataset)
    return DONE


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Train linear networks as the paper does, and say what the numbers say.",
        epilog="Exit code: 0 done, 1 a worker died, 2 usage, 130 interrupted; what is done stays "
        "in --out.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which experiment; see --list")
    parser.add_argument("--list", action="store_true", help="name all experiments, and stop")
    sizes = parser.add_mutually_exclusive_group()
    for size, meaning in zip(
        SIZES, ("a smoke test, seconds", "about a minute (default)", "many minutes"), strict=True
    ):
        sizes.add_argument(f"--{size}", dest="size", action="store_const", const=size, help=meaning)
    parser.set_defaults(size="quick")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="keep results there, or go on")
    parser.add_argument("--seed", type=int, default=0, metavar="k", help="of all randomness (0)")
    parser.add_argument("--data", choices=DATA, help="which images, where it is about images")
    parser.add_argument("--jobs", type=int, default=1, metavar="n", help="processes (1)")
    parser.add_argument("--csv", type=Path, metavar="PATH", help="write all numbers as CSV")
    parser.add_argument("--report", type=Path, metavar="PATH", help="write a report in Markdown")
    return parser


def _show(experiment: Experiment, dataset: Any) -> None:
    console = output_console()
    console.print(f"{experiment.title}: medians (quartiles are in --report)")
    for heading, shown in _tables(*table(dataset, quartiles=False)):
        if heading:
            console.print(f"\n{heading}")
        console.print(shown)
    print_findings(console, experiment.judge(dataset))


def _tables(columns: list[str], rows: list[list[str]]) -> Iterator[tuple[str, Table]]:
    """A table for all that is the same but depth: a row a variable, a column a depth."""
    depth = columns.index("depth")
    # the keys of a cell come first, and depth is one of them; so may a threshold be
    keys = depth + 1 + (columns[depth + 1] == "threshold")
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for row in rows:
        others = tuple(row[i] for i in range(keys) if i != depth)
        groups.setdefault(others, []).append(row)
    names = [columns[i] for i in range(keys) if i != depth]
    for others, group in groups.items():
        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        shown.add_column("depth", overflow="fold")
        for row in group:
            shown.add_column(row[depth], justify="right", overflow="fold")
        for i in range(keys, len(columns)):
            values = [row[i] for row in group]
            if any(value != "-" for value in values):
                shown.add_row(columns[i], *values)
        yield ", ".join(f"{k} {v}" for k, v in zip(names, others, strict=True)), shown


def _say(line: str, file: TextIO | None = None) -> None:
    (file or sys.stdout).write(f"{line}\n")
