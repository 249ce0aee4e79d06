"""`rmt-rank figure`: make the paper's figures from fresh numbers, and say what these say."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TextIO

from rmt_rank import experiments
from rmt_rank._errors import DataUnavailableError
from rmt_rank._output import Output, write
from rmt_rank._validation import integer
from rmt_rank.experiments.experiment import SIZES
from rmt_rank.experiments.image_problems import DATA, on
from rmt_rank.experiments.report import output_console, print_findings, report
from rmt_rank.experiments.workers import run_with_bar, workers
from rmt_rank.figures import FIGURES, find
from rmt_rank.figures.figure import PaperFigure, drawn
from rmt_rank.figures.style import STYLES, style

__all__ = ["main"]

# Exit codes: 0 done, 1 a worker died, 2 usage or a folder that cannot be used.
DONE, WORKER_DIED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None, prog: str = "rmt-rank figure") -> int:
    """Run `figure` and return its exit code.

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
        for name in FIGURES:
            figure = find(name)
            _say(f"{name:24} {figure.title} ({', '.join(figure.aliases) or 'not in the paper'})")
        return DONE
    if not options.names:
        parser.error("NAME is required; --list shows them")
    try:
        jobs = integer("--jobs", options.jobs, at_least=1)
        chosen = _chosen(options.names)
        if options.numbers is not None and (len(chosen) > 1 or chosen[0].experiment is None):
            raise ValueError("--numbers goes with one figure, and not with a diagram")
        _folder(options.out)
        with workers(jobs) as executor:
            computed: dict[str, Any] = {}
            for figure in chosen:
                _make(figure, options, executor, computed)
    except BrokenPipeError:
        raise
    except (ValueError, TypeError, OSError, ImportError, DataUnavailableError) as error:
        parser.error(str(error))
    except BrokenProcessPool:
        _say(f"{prog}: a worker died; run it again to go on", sys.stderr)
        return WORKER_DIED
    except KeyboardInterrupt:
        _say(f"{prog}: interrupted; run it again to go on", sys.stderr)
        return 130
    return DONE


def _folder(path: Path) -> None:
    """Make the folder, and try whether files can be made there, before the work starts."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"--out cannot be a folder: {path} ({error.strerror})") from error
    Output("--out", path / "figure.nc")


def _chosen(names: Sequence[str]) -> list[PaperFigure]:
    wanted = list(FIGURES) if "all" in names else names
    return list({figure.name: figure for figure in map(find, wanted)}.values())


def _make(
    figure: PaperFigure,
    options: argparse.Namespace,
    executor: Executor | None,
    computed: dict[str, Any],
) -> None:
    """Compute what a figure shows, write its files and print its verdicts."""
    written, findings = [], []
    dataset = None
    name = figure.name if options.data is None else f"{figure.name}-{options.data}"
    if figure.experiment is not None:
        dataset = _numbers(figure.experiment, options, executor, computed)
        experiment = experiments.find(figure.experiment)
        findings = experiment.judge(dataset)
        if options.numbers is None:
            written.append(_keep(options.out / f"{name}.nc", _netcdf(dataset)))
            written.append(_keep(options.out / f"{name}.md", report(dataset).encode()))
    with style(options.style):
        canvas = drawn(figure, dataset)
        # without a date, so that the same numbers give the same file
        for suffix, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
            buffer = io.BytesIO()
            canvas.savefig(buffer, format=suffix, metadata=metadata)
            written.append(_keep(options.out / f"{name}.{suffix}", buffer.getvalue()))
    console = output_console()
    console.print(f"{figure.name}: {figure.title}", style="bold", soft_wrap=True)
    print_findings(console, findings)
    console.print(f"    written: {', '.join(written)}", soft_wrap=True)


def _numbers(
    name: str, options: argparse.Namespace, executor: Executor | None, computed: dict[str, Any]
) -> Any:
    """The Dataset of an experiment, which several figures may show."""
    if options.numbers is not None:
        import xarray

        try:
            dataset = xarray.load_dataset(options.numbers, engine="scipy")
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(f"--numbers cannot be read: {options.numbers} ({error})") from error
        if dataset.attrs.get("experiment") != name:
            found = dataset.attrs.get("experiment")
            raise ValueError(
                f"--numbers must hold the experiment {name!r}, got {found!r} in {options.numbers}"
            )
        return dataset
    if name not in computed:
        # kept for each size and seed, so that what was interrupted goes on
        parts = [name, options.size, str(options.seed), *([options.data] if options.data else [])]
        folder = options.out / "cells" / "-".join(parts)
        folder.parent.mkdir(exist_ok=True)
        experiment = experiments.find(name)
        computed[name] = run_with_bar(
            on(experiment, options.data) if options.data else experiment,
            options.size,
            folder=folder,
            seed=options.seed,
            executor=executor,
        )
    return computed[name]


def _netcdf(dataset: Any) -> bytes:
    content: bytes = bytes(dataset.to_netcdf(engine="scipy"))
    return content


def _keep(path: Path, content: bytes) -> str:
    write(path, content)
    return str(path)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Make the paper's figures from fresh numbers: a PNG, a PDF, the numbers as "
        "NetCDF, a report, and a verdict on what the paper says.",
        epilog="Exit code: 0 done, 1 a worker died, 2 usage, 130 interrupted; what is done stays "
        "in --out.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="which figure: a name, its number (fig4, captions:fig3), or all; see --list",
    )
    parser.add_argument("--list", action="store_true", help="name all figures, and stop")
    sizes = parser.add_mutually_exclusive_group()
    for size, meaning in zip(
        SIZES, ("a smoke test, seconds", "about a minute (default)", "many minutes"), strict=True
    ):
        sizes.add_argument(f"--{size}", dest="size", action="store_const", const=size, help=meaning)
    parser.set_defaults(size="quick")
    parser.add_argument(
        "--out", type=Path, default=Path("figures"), metavar="FOLDER", help="of files (figures)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="k", help="of all randomness (0)")
    parser.add_argument("--data", choices=DATA, help="which images, where it is about images")
    parser.add_argument("--jobs", type=int, default=1, metavar="n", help="processes (1)")
    parser.add_argument("--style", choices=STYLES, default="screen", help="look (screen)")
    parser.add_argument(
        "--numbers", type=Path, metavar="FILE", help="draw these again (.nc), compute nothing"
    )
    return parser


def _say(line: str, file: TextIO | None = None) -> None:
    (file or sys.stdout).write(f"{line}\n")
