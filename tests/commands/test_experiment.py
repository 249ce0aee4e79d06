"""`rmt-rank experiment`: runs, resumes, writes files, and reports errors in a sentence."""

import contextlib
import io
import json
import os
import signal
import sys

import pytest
from rich.console import Console
from rich.measure import Measurement

from rmt_rank.__main__ import run
from rmt_rank._lib.work import processes
from rmt_rank.commands.experiment import _split
from rmt_rank.paper.experiments import EXPERIMENTS, find
from rmt_rank.paper.experiments.experiment import run_experiment
from rmt_rank.paper.experiments.report import report, table
from rmt_rank.paper.experiments.trained import generalization

pytest.importorskip("xarray", reason="xarray is not installed")

TINY = ["experiment", "generalization", "--tiny"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run and its files, and what was printed."""
    folder = tmp_path_factory.mktemp("experiment")
    options = ["--csv", str(folder / "all.csv"), "--report", str(folder / "report.md")]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run([*TINY, "--out", str(folder / "run"), *options]) == 0
    return folder, printed.getvalue()


@pytest.fixture(scope="module")
def dataset(made):
    return run_experiment(find("generalization"), "tiny", folder=made[0] / "run")


def test_a_run_prints_a_table_per_task_rank_and_findings(capsys, made, dataset):
    folder, printed = made
    lines = printed.splitlines()
    assert lines[0].startswith("Test error over depth")
    # a table a task rank, a row a variable, a column a depth
    assert [line for line in lines if line.startswith("task rank")] == [
        f"task rank {rank}, examples 3, scale 1.0" for rank in (1, 5)
    ]
    assert [line.split() for line in lines if line.startswith(" depth")] == 2 * [
        ["depth", "1", "2", "3"]
    ]
    columns, rows = table(dataset, quartiles=False)
    shown = columns.index("test error")
    (line, _) = (line.split() for line in lines if line.startswith(" test error"))
    assert line[2:] == [row[shown] for row in rows[:3]]
    words = " ".join(printed.split())
    for finding in generalization.verdict(dataset):
        assert f"{finding.verdict.value}: {finding.sentence} ({finding.reference})" in words
        assert " ".join(finding.statistic.split()) in words
    header, *rows = (folder / "all.csv").read_text().splitlines()
    assert header.startswith("task_rank,examples,scale,depth,repeat,")
    assert len(rows) == 2 * 3 * 6
    assert "Made by `rmt-rank experiment generalization --tiny --seed 0`" in (
        (folder / "report.md").read_text()
    )
    # nothing is left to do
    assert run([*TINY, "--out", str(folder / "run")]) == 0
    assert capsys.readouterr().out == printed


def test_jobs_give_the_same_numbers(capsys, made):
    assert run([*TINY, "--jobs", "2"]) == 0
    assert capsys.readouterr().out == made[1]


def test_the_table_has_a_row_per_cell_with_quartiles(dataset):
    columns, rows = table(dataset)
    assert columns[:5] == ["task rank", "examples", "scale", "depth", "converged"]
    assert len(rows) == 6
    errors = dataset.test_error.sel(task_rank=1, depth=2, examples=3, scale=1.0)
    low, middle, high = errors.quantile([0.25, 0.5, 0.75]).values
    row = dict(zip(columns, rows[1], strict=True))
    assert row["test error"] == f"{middle:.4g} [{low:.4g}, {high:.4g}]"
    assert row["converged"] == "100%"
    medians = table(dataset, quartiles=False).rows
    assert medians[1][columns.index("test error")] == f"{middle:.4g}"


def test_the_report_has_findings_numbers_and_settings(dataset):
    text = report(dataset)
    for words in ("## Findings", "## Numbers", "## Settings", "- steps: 2000", "NumPy"):
        assert words in text
    assert text.count("\n| ") == 2 + 6


def test_report_names_the_data(dataset):
    named = dataset.copy()
    for data, words in (("mnist", "--seed 0 --data mnist`"), ("digits", "--seed 0`")):
        named.attrs["settings"] = json.dumps({"data": data})
        assert words in report(named)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment(name):
    experiment = find(name)
    assert experiment.name == name
    for size in ("tiny", "quick", "full"):
        cells = experiment.cells(experiment.settings(size))
        assert cells
        # keys are the dimensions, and name the files
        assert len({tuple(cell.items()) for cell in cells}) == len(cells)
        assert len({tuple(cell) for cell in cells}) == 1


def test_list(capsys):
    assert run(["experiment", "--list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == list(EXPERIMENTS)


def test_list_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    assert run(["experiment", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert [line.split()[0] for line in lines if line[0] != " "] == list(EXPERIMENTS)


def test_tables_that_do_not_fit_are_split():
    lines = [["optimizer", *(f"column {i}" for i in range(9))], ["rank", *map(str, range(9))]]
    shown = list(_split(lines, 40))
    # 2 at the ends, 9 for the names, 11 for a column and what is before it
    assert [len(each.columns) for each in shown] == [1 + 2] * 4 + [1 + 1]
    console = Console(width=200)
    assert all(Measurement.get(console, console.options, each).maximum <= 40 for each in shown)
    assert [cell for each in shown for c in each.columns[1:] for cell in c.cells] == lines[1][1:]
    (whole,) = _split(lines, 2 + 9 + 9 * 11)
    assert Measurement.get(console, console.options, whole).maximum == 2 + 9 + 9 * 11


@pytest.mark.parametrize("name", ["kernel-vs-weight", "Kernel_vs_Weight"])
def test_names_in_any_case(name):
    assert find(name).name == "kernel-vs-weight"


def test_no_more_jobs_than_processors_or_cells(monkeypatch):
    def pool(jobs, **_options):
        raise RuntimeError(f"{jobs} processes")

    monkeypatch.setattr("rmt_rank._lib.work.ProcessPoolExecutor", pool)
    monkeypatch.setattr("rmt_rank._lib.work.os.cpu_count", lambda: 5)
    for asked, cells, started in ((1000, 9, 5), (1000, 3, 3), (2, 9, 2)):
        with pytest.raises(RuntimeError, match=f"^{started} processes"), processes(asked, cells):
            pass
    with processes(1000, 1) as executor:
        assert executor is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "NAME is required; --list shows them"),
        (["nothing"], "experiment must be one of 'init-pdf', "),
        (["optimisers"], "got 'optimisers'; did you mean 'optimizers'?"),
        (["generalization", "--out", ""], "--out must not be empty"),
        (["generalization", "--jobs", "0"], "--jobs must be an integer >= 1, got 0"),
        (["generalization", "--seed", "-1"], "seed must be an integer >= 0, got -1"),
        (["generalization", "--csv", "no/such/folder.csv"], "--csv cannot be written"),
        (["generalization", "--csv", "same", "--report", "same"], "must be different files"),
        (["generalization", "--tiny", "--full"], "not allowed with"),
    ],
)
def test_wrong_usage_is_refused_in_a_sentence(arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        run(["experiment", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_the_folder_of_another_run(tmp_path, capsys):
    (tmp_path / "letter.txt").touch()
    with pytest.raises(SystemExit) as stopped:
        run([*TINY, "--out", str(tmp_path)])
    assert stopped.value.code == 2
    assert (
        "exists and is not the folder of an experiment: it holds 'letter.txt'"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("jobs", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_an_interrupted_run_resumes(jobs, tmp_path, start, until):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "rmt_rank", "experiment", "convergence", "--quick"]
    process = start(*command, "--out", folder, "--jobs", jobs, cwd=tmp_path)
    until(lambda: process.poll() is not None or list(folder.glob("*.npz")))
    assert process.poll() is None
    # the whole group, as a terminal does
    os.killpg(process.pid, signal.SIGINT)
    done = process.outcome()
    # a process that the signal itself ends is 130 to a shell, too
    assert done.returncode in (130, -signal.SIGINT)
    assert done.stderr == "rmt-rank experiment: interrupted; run it again to resume\n"
    assert done.stdout == ""
    assert list(folder.glob("*.npz"))
