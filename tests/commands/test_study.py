"""`rmt-rank study`: runs, resumes, shows results, and reports errors in a sentence."""

import os
import signal
import sys

import pytest

from rmt_rank.__main__ import run
from rmt_rank.simulation.study import run as study_run

pytest.importorskip("xarray", reason="xarray is not installed")

DECLARED = """
[study]
widths = [4, 6]
depths = [1, 2]
samples = 900
statistics = ["effective_rank", "singular_values"]
"""


@pytest.fixture
def declared(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(DECLARED)
    return path


def test_run_and_show(declared, tmp_path, capsys):
    assert run(["study", "run", str(declared)]) == 0
    first = capsys.readouterr().out
    assert first.splitlines()[-1] == f"study: {tmp_path / 'grid.study'}"
    assert "also in the store, as arrays: singular_values" in first
    assert len([line for line in first.splitlines() if line.strip().startswith("real")]) == 4
    assert run(["study", "show", str(tmp_path / "grid.study")]) == 0
    assert capsys.readouterr().out.splitlines() == first.splitlines()[:-1]
    assert run(["study", "show", str(tmp_path / "grid.study"), "--csv", "-"]) == 0
    header = capsys.readouterr().out.splitlines()[0]
    assert header.startswith("field,width,depth,index,samples,effective_rank,effective_rank_error")


def test_workers_give_the_same_numbers(declared, tmp_path, capsys):
    assert run(["study", "run", str(declared)]) == 0
    one = capsys.readouterr().out.splitlines()[:-1]
    arguments = ["study", "run", str(declared), "--jobs", "2", "--out", str(tmp_path / "two")]
    assert run(arguments) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == one


def test_an_incomplete_study_says_so(declared, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study_run, "compute", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run(["study", "run", str(declared)]) == 130
    assert "interrupted; run it again to resume" in capsys.readouterr().err
    assert run(["study", "show", str(tmp_path / "grid.study")]) == 0
    printed = capsys.readouterr().out
    assert "not complete: 900 samples per cell are declared" in printed
    assert "nan" not in printed


def test_a_lost_declaration_is_one_line(declared, tmp_path, start):
    assert run(["study", "run", str(declared)]) == 0
    lost = tmp_path / "grid.study" / "study.json"
    lost.unlink()
    done = start(sys.executable, "-P", "-m", "rmt_rank", "study", "run", declared).outcome()
    assert done.returncode == 0
    assert done.stderr == (
        f"warning: {lost} was missing or damaged, and was written again: the results beside it "
        "belong to this run\n"
    )


def die(_block):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies(declared, monkeypatch, capsys):
    monkeypatch.setattr(study_run, "compute", die)
    assert run(["study", "run", str(declared), "--jobs", "2"]) == 1
    assert "a worker died; run it again to resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: ACTION"),
        (["run", "missing.toml"], "missing.toml cannot be read: No such file or directory"),
        (["run", "grid.toml", "--jobs", "0"], "--jobs must be an integer >= 1, got 0"),
        (["run", "grid.toml", "--jobs", "x"], "invalid int value"),
        (["run", "grid.toml", "--csv", "grid.toml"], "--csv must not be a file that is read"),
        (
            ["run", "grid.toml", "--job", "2"],
            "unrecognized arguments: --job 2; did you mean '--jobs'",
        ),
        (["rum", "grid.toml"], "did you mean 'run'?"),
        (["show", "."], "is not a store of a study"),
        (["run", "grid.toml", "--out", "."], "exists and is not a store of a study"),
    ],
)
def test_wrong_usage_is_refused_in_a_sentence(declared, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(declared.parent)
    with pytest.raises(SystemExit) as stop:
        run(["study", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_closed_pipe(declared, tmp_path, start):
    run(["study", "run", str(declared)])
    command = f"{sys.executable} -P -m rmt_rank study show {tmp_path}/grid.study --csv - | true"
    done = start("bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}").outcome()
    assert done.returncode in (0, 141)  # depends on whether `true` was still running
    assert "Traceback" not in done.stderr
    assert "usage" not in done.stderr


def test_no_total_is_shown_before_it_is_known(declared, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    assert run(["study", "run", str(declared)]) == 0
    shown = capsys.readouterr().err
    assert "4/4 blocks" in shown
    assert "None" not in shown
