"""`rmt-rank figure`: make the paper's figures from fresh numbers, and print the verdicts."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from rmt_rank._lib.archive import described
from rmt_rank._lib.atomic import write
from rmt_rank._lib.output import Output
from rmt_rank._lib.paths import path_option, user_path
from rmt_rank._lib.text import Parser, shown
from rmt_rank._lib.validation import integer
from rmt_rank._lib.work import processes, progress_bar
from rmt_rank.commands.run import DONE, add_options, add_run_options, guarded_run
from rmt_rank.paper import experiments
from rmt_rank.paper.experiments.experiment import SIZES, Experiment, run_experiment
from rmt_rank.paper.experiments.image_problems import DATA, on
from rmt_rank.paper.experiments.report import (
    list_line,
    made_with,
    output_console,
    print_findings,
    report,
)
from rmt_rank.paper.figures import FIGURES, find
from rmt_rank.paper.figures.figure import PaperFigure, caption, drawn, settings_of
from rmt_rank.paper.figures.numbers import KIND, netcdf, opened
from rmt_rank.paper.figures.style import STYLES, style

__all__ = ["main"]

# Defaults of the computing options; kept out of the parser, to see whether the user set them.
_DEFAULTS = {"size": "quick", "seed": 0, "data": None, "jobs": 1}


def main(arguments: Sequence[str] | None = None, prog: str = "rmt-rank figure") -> int:
    """Run `figure` and return its exit code, which the end of --help explains."""
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.list:
        for name in FIGURES:
            figure = find(name)
            print(list_line(name, f"{figure.title} ({_origin(figure)})"))
        return DONE
    if not options.names:
        parser.error("NAME is required; --list shows them")
    return guarded_run(parser, lambda: _run_all(options))


def _run_all(options: argparse.Namespace) -> int:
    chosen = _chosen(options.names)
    computed = {} if options.numbers is None else _read(options, chosen)
    for option, value in _DEFAULTS.items():
        if getattr(options, option) is None:
            setattr(options, option, value)
    jobs = integer("--jobs", options.jobs, at_least=1)
    runs = {name: _run(name, options.data) for name in _experiments(chosen)}
    cells = (len(run.cells(run.settings(options.size))) for run in runs.values())
    _folder(options.out)
    for figure in chosen:
        _refuse_other(figure, options, runs)
        _refuse_loss(figure, options)
    with processes(jobs, max(cells, default=1)) as executor:
        for figure in chosen:
            _make(figure, options, executor, runs, computed)
    return DONE


def _origin(figure: PaperFigure) -> str:
    """Its numbers in the paper, and the experiment that it shows where that has another name."""
    words = [*figure.aliases] or ["not in the paper"]
    if figure.experiment not in (None, figure.name):
        words.append(f"experiment {figure.experiment}")
    return ", ".join(words)


def _folder(word: str) -> None:
    """Make the folder, and try whether files can be made there, before the work starts."""
    path = user_path("--out", word)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"--out cannot be a folder: {path} ({error.strerror})") from error
    Output("--out", path / "figure.nc")


def _chosen(names: Sequence[str]) -> list[PaperFigure]:
    wanted = list(FIGURES) if "all" in map(str.lower, names) else names
    return list({figure.name: figure for figure in map(find, wanted)}.values())


def _experiments(figures: Sequence[PaperFigure]) -> list[str]:
    return list(dict.fromkeys(each.experiment for each in figures if each.experiment is not None))


def _run(name: str, data: str | None) -> Experiment:
    experiment = experiments.find(name)
    return experiment if data is None else on(experiment, data)


def _path(figure: PaperFigure, options: argparse.Namespace, suffix: str) -> Path:
    name = figure.name if options.data is None else f"{figure.name}-{options.data}"
    return user_path("--out", options.out) / f"{name}.{suffix}"


def _read(options: argparse.Namespace, chosen: Sequence[PaperFigure]) -> dict[str, Any]:
    """The Dataset of --numbers by its experiment's name; what the options say of it is set."""
    if len(chosen) > 1 or chosen[0].experiment is None:
        raise ValueError("--numbers goes with one figure, and not with a diagram")
    given = [
        f"--{options.size if option == 'size' else option}"
        for option in _DEFAULTS
        if getattr(options, option) is not None
    ]
    if given:
        raise ValueError(f"--numbers computes nothing: not with {', '.join(given)}")
    try:
        dataset = opened(options.numbers)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"--numbers cannot be read: {options.numbers} ({reason})") from error
    except ValueError as error:
        raise ValueError(f"--numbers {error}") from error
    name, found = chosen[0].experiment, dataset.attrs["experiment"]
    if found != name:
        raise ValueError(
            f"--numbers must hold the experiment {name!r}, got {found!r} in {options.numbers}"
        )
    data = json.loads(dataset.attrs["settings"]).get("data", DATA[0])
    options.data = None if data == DATA[0] else data
    options.size, options.seed = dataset.attrs["size"], int(dataset.attrs["seed"])
    return {name: dataset}


def _refuse_other(
    figure: PaperFigure,
    options: argparse.Namespace,
    runs: Mapping[str, Experiment],
) -> None:
    """ValueError if the folder holds the figure of another run, which would be lost."""
    path = _path(figure, options, "nc")
    if figure.experiment is None or not path.exists():
        return
    try:
        dataset = opened(path)
    except ValueError as error:
        raise ValueError(f"{error}; choose another --out") from error
    size, seed, settings = (dataset.attrs[k] for k in ("size", "seed", "settings"))
    found = made_with(size, seed, json.loads(settings))
    settings = runs[figure.experiment].settings(options.size)
    wanted = made_with(options.size, options.seed, settings)
    if found != wanted:
        raise ValueError(f"{path} was made with {found}, not {wanted}; choose another --out")


def _refuse_loss(figure: PaperFigure, options: argparse.Namespace) -> None:
    """ValueError or OSError if a file cannot be written, or is that of --numbers or of arrays."""
    read = [] if options.numbers is None else [options.numbers]
    for suffix in ("png", "pdf", "md"):
        Output("--out", _path(figure, options, suffix), inputs=read)


def _make(
    figure: PaperFigure,
    options: argparse.Namespace,
    executor: Executor | None,
    runs: Mapping[str, Experiment],
    computed: dict[str, Any],
) -> None:
    """Compute what a figure shows, write its files and print its verdicts."""
    written, findings = [], []
    dataset = None
    if figure.experiment is not None:
        run = runs[figure.experiment]
        if run.name not in computed:
            computed[run.name] = _computed(run, options, executor)
        dataset = computed[run.name]
        with _of_numbers(options):
            findings = run.judge(dataset)
        if options.numbers is None:
            written.append(_keep(_path(figure, options, "nc"), netcdf(dataset)))
            written.append(_keep(_path(figure, options, "md"), report(dataset).encode()))
    with style(options.style):
        with _of_numbers(options):
            words = caption(figure, settings_of(dataset))
            canvas = drawn(figure, dataset)
        # without a date, so that the same numbers give the same file
        for suffix, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
            buffer = io.BytesIO()
            canvas.savefig(buffer, format=suffix, metadata=metadata)
            written.append(_keep(_path(figure, options, suffix), buffer.getvalue()))
    console = output_console()
    console.print(f"{figure.name}: {figure.title}", style="bold", soft_wrap=True)
    console.print(words)
    print_findings(console, findings)
    if options.quiet:
        return
    console.print(f"    written: {', '.join(map(shown, written))}", soft_wrap=True)


def _of_numbers(options: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    """Attribute errors to the file if a figure is drawn from the numbers of a file."""
    if options.numbers is None:
        return contextlib.nullcontext()
    return described(options.numbers, KIND)


def _computed(run: Experiment, options: argparse.Namespace, executor: Executor | None) -> Any:
    """The Dataset of an experiment, stored by size and seed, so that an interrupted run resumes."""
    parts = [run.name, options.size, str(options.seed), *([options.data] if options.data else [])]
    folder = user_path("--out", options.out) / "cells" / "-".join(parts)
    folder.parent.mkdir(exist_ok=True)
    with progress_bar(run.name, "cells", quiet=options.quiet) as progress:
        return run_experiment(
            run,
            options.size,
            folder=folder,
            seed=options.seed,
            executor=executor,
            progress=progress,
        )


def _keep(path: Path, content: bytes) -> str:
    write(path, content)
    return str(path)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Make the paper's figures from fresh numbers: a PNG, a PDF, the numbers as "
        "NetCDF, a report, and a verdict on what the paper says.",
        epilog="Exit codes: 0: done; 1: a worker died; 2: wrong usage; 130: interrupted. Finished "
        "results are kept in --out. `rmt-rank experiment NAME --csv` writes numbers as CSV.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="which figure: a name, its number (fig4, captions:fig3), or all; see --list",
    )
    parser.add_argument("--list", action="store_true", help="list all figures and exit")
    add_run_options(parser, SIZES, DATA)
    add_options(parser, "--out", default="figures", help="folder of all files (figures)")
    add_options(parser, "--seed", "--jobs", default=None)
    add_options(parser, "--quiet")
    parser.add_argument("--style", choices=STYLES, default="paper", help="look (paper: 300 dpi)")
    parser.add_argument(
        "--numbers",
        type=path_option,
        metavar="FILE",
        help="draw the numbers of this .nc file, and compute nothing",
    )
    return parser
