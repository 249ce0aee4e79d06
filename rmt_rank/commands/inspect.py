"""`rmt-rank inspect`: the ranks of a model's matrices against null models, as a table or a page."""

from __future__ import annotations

import argparse
import csv
import fnmatch
import importlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from rmt_rank._lib.entry import guarded
from rmt_rank._lib.names import did_you_mean
from rmt_rank._lib.optional import optional
from rmt_rank._lib.output import Output, refuse_same, write_outputs
from rmt_rank._lib.paths import path_option
from rmt_rank._lib.reasons import reason
from rmt_rank._lib.text import Parser, named, shown
from rmt_rank._lib.validation import integer
from rmt_rank.commands.inspect_table import summary
from rmt_rank.commands.run import DONE, FAILED, USAGE, add_options, guarded_run, json_rows
from rmt_rank.inspection.chains import attention_products
from rmt_rank.inspection.inspect import inspect
from rmt_rank.inspection.nulls import ALIASES, NULLS
from rmt_rank.inspection.result import COLUMNS, Inspection
from rmt_rank.inspection.tensor import Skipped

__all__ = ["main"]

_DEFAULT = ("gaussian", "shuffle")
_KNOWN = (*NULLS, *ALIASES, "init")
# Columns of --csv, --json and --parquet.
_ALL = ("file", *COLUMNS, "spikes", "standard_deviation", "method", "stored", "note")
_ALL += ("skipped", "error")

Table = list[dict[str, Any]]


def main(arguments: Sequence[str] | None = None, prog: str = "rmt-rank inspect") -> int:
    """Run `inspect` and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line; that of the process by default.
    prog : str
        Name of the program in messages.

    Returns
    -------
    int
        0: all matrices were compared, or skipped with a reason; 1: something could not be read, or
        no name matches --filter; 2: wrong usage, or an output could not be written.
    """
    parser = _parser(prog)
    options = parser.parse_intermixed_args(arguments)
    return guarded_run(parser, lambda: _run(options, prog), resumes=False)


def _run(options: argparse.Namespace, prog: str) -> int:
    nulls = _nulls(options)
    top = None if options.top is None else integer("--top", options.top, at_least=1)
    draws = options.draws
    if draws is not None:
        draws = integer("--draws", draws, at_least=8, at_most=10**6)
    integer("--seed", options.seed, at_least=0)
    if options.checkpoints and len(options.paths) < 2:
        raise ValueError("--checkpoints needs two paths or more")
    inputs = [*options.paths, *([options.initial] if options.initial else [])]
    outputs = [
        (Output(f"--{name}", getattr(options, name), formats, inputs=inputs), render)
        for name, formats, render in (
            ("csv", None, _csv),
            ("json", None, _json),
            ("parquet", None, _parquet),
            ("html", None, lambda results: _html(results, options, nulls)),
        )
    ]
    refuse_same(*(output for output, _ in outputs))
    if options.parquet is not None:
        _pyarrow()
    keywords = {
        "nulls": nulls,
        "initial": options.initial,
        "embeddings": options.embeddings,
        "draws": draws,
        "rng": options.seed,
        "products": options.products,
        "heads": options.heads,
        "kv_heads": options.kv_heads,
    }
    if options.heads is not None:
        attention_products([], options.heads, kv_heads=options.kv_heads)
    elif options.kv_heads is not None:
        raise ValueError("--kv-heads needs --heads")
    if options.initial is not None:
        options.initial.stat()
    if options.filter:
        keywords["select"] = lambda name: any(
            fnmatch.fnmatchcase(name, glob) for glob in options.filter
        )
    results = list(_results(options, keywords))
    if not any(result.matrices for _, result in results) and _has_content(options.html):
        # an older page is worth more than an empty one
        outputs = [each for each in outputs if each[0].option != "--html"]
        print(
            f"{prog}: no matrix to show: --html {named(options.html)} is kept as it was",
            file=sys.stderr,
        )
    written = write_outputs(prog, outputs, results)
    if not any(output.standard for output, _ in outputs):
        lines = list(summary(results, top=top, by_block=options.blocks))
        print("\n".join(lines[-1:] if options.quiet else lines), flush=True)
    failures = [(file, each) for file, result in results for each in result.errors]
    for file, each in failures:
        whole = options.checkpoints or each.name in (file, Path(file).name)
        names = [each.name if options.checkpoints else file] if whole else [file, each.name]
        words = [*map(named, names), shown(each.why)]
        print(f"{prog}: not read: {': '.join(words)}", file=sys.stderr)
    missed = options.filter and not any(result.matrices for _, result in results)
    if missed and not failures:
        globs = ", ".join(map(shown, options.filter))
        print(f"{prog}: no matrix has a name that matches {globs}", file=sys.stderr)
    if not written:
        return USAGE
    return FAILED if failures or missed else DONE


def _has_content(path: Path | None) -> bool:
    return path is not None and path.is_file() and path.stat().st_size > 0


def _nulls(options: argparse.Namespace) -> tuple[str, ...]:
    for name in options.null or ():
        if name == "checkpoint" and options.initial is None:
            raise ValueError("--null checkpoint needs --initial, the initial weights")
        if name not in (*_KNOWN, "checkpoint"):
            raise ValueError(
                f"--null must be one of {', '.join(_KNOWN)}, got {name!r}"
                f"{did_you_mean(name, _KNOWN)}"
            )
    return tuple(options.null or _DEFAULT)


def _results(
    options: argparse.Namespace, keywords: dict[str, Any]
) -> Iterator[tuple[str, Inspection]]:
    """Yield each model's name and result; a model that cannot be opened has an error only."""
    paths: list[Path] = options.paths
    console = Console(stderr=True)
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    silent = options.quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=silent) as bar:
        task = bar.add_task("", total=1.0)
        models = [paths] if options.checkpoints else [[path] for path in paths]
        for i, model in enumerate(models):

            def progress(name: str, share: float, i: int = i) -> None:
                bar.update(task, completed=(i + share) / len(models), description=shown(name))

            yield ", ".join(map(str, model)), _inspected(model, keywords | {"progress": progress})


def _inspected(paths: list[Path], keywords: dict[str, Any]) -> Inspection:
    """Inspect a model, or the checkpoints that can be opened."""
    usable, unusable = [], []
    for path in paths:
        try:
            path.stat()
            usable.append(path)
        except (OSError, ValueError) as error:
            unusable.append(Skipped(str(path), reason(error), error=True))
    nulls = tuple(keywords["nulls"])
    found = Inspection((), (), nulls)
    if usable:
        try:
            found = inspect(usable if len(paths) > 1 else usable[0], **keywords)
        except (OSError, ValueError) as error:
            unusable.append(Skipped(str(usable[0]), reason(error), error=True))
    skipped = (*unusable, *found.skipped)
    return Inspection(found.matrices, skipped, found.nulls, found.steps)


# --- files ----------------------------------------------------------------------------------------


def _records(results: Sequence[tuple[str, Inspection]]) -> Table:
    """A row per matrix and null model, and one for everything that was not compared."""
    table = []
    for file, result in results:
        steps = result.steps
        for row in result.rows():
            place = steps[row["step"]] if len(steps) > 1 else file
            table.append(dict.fromkeys(_ALL) | {"file": place} | row)
        for each in result.skipped:
            key = "error" if each.error else "skipped"
            table.append(dict.fromkeys(_ALL) | {"file": file, "name": each.name, key: each.why})
    return [{key: row[key] for key in _ALL} for row in table]


def _flat(results: Sequence[tuple[str, Inspection]]) -> Table:
    """The records with shapes as text, and unprintable characters in names escaped."""
    return [
        {key: shown(value) if isinstance(value, str) else value for key, value in row.items()}
        | {"shape": None if row["shape"] is None else "x".join(map(str, row["shape"]))}
        for row in _records(results)
    ]


def _csv(results: Sequence[tuple[str, Inspection]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, _ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_flat(results))
    return text.getvalue().encode()


def _json(results: Sequence[tuple[str, Inspection]]) -> bytes:
    return json_rows(_records(results))


def _pyarrow() -> Any:
    return tuple(
        optional("--parquet", module, "parquet") for module in ("pyarrow", "pyarrow.parquet")
    )


def _parquet(results: Sequence[tuple[str, Inspection]]) -> bytes:
    arrow, parquet = _pyarrow()
    rows = _flat(results)
    text = {"file", "name", "shape", "kind", "null", "where", "method", "stored", "note"}
    text |= {"skipped", "error"}
    types = {"spikes": arrow.int64()} | dict.fromkeys(text, arrow.string())
    columns = {
        key: arrow.array([row[key] for row in rows], types.get(key, arrow.float64()))
        for key in _ALL
    }
    sink = io.BytesIO()
    parquet.write_table(arrow.table(columns), sink)
    return sink.getvalue()


def _html(
    results: Sequence[tuple[str, Inspection]], options: argparse.Namespace, nulls: Sequence[str]
) -> bytes:
    page: Callable[..., str] = importlib.import_module("rmt_rank.inspection.html").page
    settings = {
        "null models": ", ".join(nulls),
        "initial weights": "" if options.initial is None else str(options.initial),
        "filter": ", ".join(options.filter or ()),
        "embeddings": "inspected" if options.embeddings else "skipped",
        "draws": "chosen by cost" if options.draws is None else str(options.draws),
        "seed": str(options.seed),
    }
    return page(results, settings).encode()


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Compare the effective rank of every matrix of a model with chance. Models are "
        "files (.safetensors, .pt, .pth, .bin, .npz, .npy, .onnx, .h5, .keras, .gguf) or folders.",
        epilog="The deficit is the mean effective rank under a null model less that of the matrix, "
        "in nats: positive where the rank is lower than chance. Null models: "
        f"{', '.join(_KNOWN)}; checkpoint with --initial. "
        "Exit codes: 0: all matrices were compared, or skipped with a reason; 1: something could "
        "not be read, or no name matches --filter; 2: wrong usage, or an output could not be "
        "written.",
    )
    parser.add_argument("paths", nargs="+", type=path_option, metavar="PATH")
    parser.add_argument(
        "--checkpoints",
        action="store_true",
        help="the paths are checkpoints of one model, in order: changes are inspected, too",
    )
    parser.add_argument(
        "--null",
        action="append",
        metavar="NAME",
        help="compare with this null model; repeatable (gaussian and shuffle)",
    )
    parser.add_argument(
        "--initial", type=path_option, metavar="PATH", help="compare with these initial weights"
    )
    parser.add_argument("--embeddings", action="store_true", help="inspect embedding tables, too")
    parser.add_argument(
        "--products",
        action="store_true",
        help="compare products of consecutive layers, too, and with --heads those of attention",
    )
    parser.add_argument("--heads", type=int, metavar="n", help="number of attention heads")
    parser.add_argument(
        "--kv-heads", type=int, metavar="n", help="heads of keys and values, if they are fewer"
    )
    parser.add_argument(
        "--filter",
        action="append",
        metavar="GLOB",
        help="inspect matrices with such names only, for example '*attn*'; repeatable",
    )
    parser.add_argument(
        "--top",
        type=int,
        metavar="n",
        help="print the n matrices with the largest deficits (40 on a terminal, all in a pipe)",
    )
    parser.add_argument(
        "--blocks", action="store_true", help="group the table by block, in the model's order"
    )
    parser.add_argument(
        "--draws", type=int, metavar="n", help="random matrices per null model (chosen by cost)"
    )
    add_options(parser, "--seed", "--csv", "--json")
    parser.add_argument(
        "--parquet", type=path_option, metavar="PATH", help="write all numbers as Parquet"
    )
    parser.add_argument(
        "--html", type=path_option, metavar="PATH", help="write a page that opens offline"
    )
    add_options(parser, "--quiet")
    return parser


if __name__ == "__main__":
    sys.exit(guarded(main))
