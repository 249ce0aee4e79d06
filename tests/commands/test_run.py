"""Options, hints, help, quiet runs and rows that all commands share."""

import json
import re

import numpy as np
import pytest

from rmt_rank import gram_matrix
from rmt_rank.__main__ import run
from rmt_rank._lib.activations import activation
from rmt_rank.simulation.study.declaration import Study

COMMANDS = {
    "experiment": [["experiment"]],
    "figure": [["figure"]],
    "inspect": [["inspect"]],
    "measure": [["measure"]],
    "study": [["study", "run"], ["study", "show"]],
    "verify": [["verify"]],
}


def message(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        run(list(arguments))
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_nothing_shows_help(capsys):
    assert run([]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: rmt-rank")
    assert all(name in printed for name in COMMANDS)


def test_options_of_one_name_are_described_alike(capsys):
    found = {}
    for words in (words for each in COMMANDS.values() for words in each):
        with pytest.raises(SystemExit):
            run([*words, "--help"])
        text = capsys.readouterr().out
        for name, metavar in re.findall(r"^  (--[\w-]+)(?: ([\w.]+))?", text, re.MULTILINE):
            found.setdefault(name, set()).add(metavar)
    assert not {"--store", "--workers"} & found.keys()
    expected = {"--out": "FOLDER", "--jobs": "n", "--seed": "k", "--csv": "PATH", "--json": "PATH"}
    assert {name: found[name] for name in expected} == {k: {v} for k, v in expected.items()}
    assert found["--quiet"] == {""}


@pytest.mark.parametrize(
    ("arguments", "hint", "program"),
    [
        (["mesure"], "measure", "rmt-rank"),  # codespell:ignore
        (["--versoin"], "--version", "rmt-rank"),
        (["measure", "x.npy", "--cvs", "y"], "--csv", "rmt-rank measure"),
        (["measure", "x.npy", "--gram=laplacain"], "laplacian", "rmt-rank measure"),
        (["verify", "theorem2"], "theorem1", "rmt-rank verify"),
        (["verify", "theorem1", "--depth=1"], "--depths", "rmt-rank verify"),
        (["verify", "theorem1", "--field", "reel"], "real", "rmt-rank verify"),
        (["experiment", "optimisers"], "optimizers", "rmt-rank experiment"),
        (["experiment", "optimizers", "--job", "2"], "--jobs", "rmt-rank experiment"),
        (["figure", "optimisers"], "optimizers", "rmt-rank figure"),
        (["figure", "optimizers", "--style", "paper1"], "paper", "rmt-rank figure"),
        (["study", "shwo"], "show", "rmt-rank study"),  # codespell:ignore
        (["study", "show", "x", "--qiuet"], "--quiet", "rmt-rank study"),
    ],
)
def test_misspelled_names_get_a_hint(arguments, hint, program, capsys):
    first, second = message(capsys, *arguments).splitlines()
    assert first.startswith(f"{program}: error: ")
    assert first.endswith(f"; did you mean {hint!r}?")
    assert second == f"Try '{program} --help'."


def test_an_unknown_option_without_a_similar_one_gets_no_hint(capsys):
    # it is similar to --help in its dashes only
    first, _ = message(capsys, "study", "run", "x", "--field", "complex").splitlines()
    assert first == "rmt-rank study: error: unrecognized arguments: --field complex"


def test_arguments_of_functions_get_hints():
    with pytest.raises(ValueError, match=r"'arccosine', got 'arccosin'; did you mean 'arccosine'"):
        gram_matrix(np.eye(2), "arccosin")
    with pytest.raises(ValueError, match="got 'rleu'; did you mean 'relu'"):
        activation("rleu")
    with pytest.raises(ValueError, match="did you mean 'effective_rank'"):
        Study(widths=[2], depths=[1], samples=9, statistics=["efective_rank"])


def test_keys_of_a_study_get_hints(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("[study]\nwidths = [2]\ndepths = [1]\nsample = 9\n")
    with pytest.raises(ValueError, match=r"unknown keys .*; did you mean 'samples'"):
        Study.from_toml(path)


def test_quiet_and_rows_of_every_command(tmp_path, capsys, monkeypatch):
    pytest.importorskip("xarray", reason="xarray is not installed")
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.eye(3))
    assert run(["measure", "a.npy", "--quiet"]) == 0
    assert capsys.readouterr().out == "1 measured, 0 skipped\n"
    declared = tmp_path / "grid.toml"
    declared.write_text("[study]\nwidths = [4]\ndepths = [1, 2]\nsamples = 40\n")
    assert run(["study", "run", "grid.toml", "--quiet", "--csv", "a.csv", "--json", "a.json"]) == 0
    assert capsys.readouterr().out == "study: grid.study\n"
    rows = json.loads((tmp_path / "a.json").read_text())
    assert [row["depth"] for row in rows] == [1, 2]
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0].split(",") == list(rows[0])
    assert [float(line.split(",")[4]) for line in lines[1:]] == [
        row["effective_rank"] for row in rows
    ]
    assert run(["study", "show", "grid.study", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == rows
    assert run(["study", "show", "grid.study", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["experiment", "init-pdf", "--tiny", "--json", "b.json", "--csv", "b.csv"]) == 0
    printed = capsys.readouterr().out
    rows = json.loads((tmp_path / "b.json").read_text())
    lines = (tmp_path / "b.csv").read_text().splitlines()
    assert len(lines) == len(rows) + 1
    assert lines[0].split(",") == list(rows[0])
    assert run(["experiment", "init-pdf", "--tiny", "--quiet"]) == 0
    quiet = capsys.readouterr().out
    assert printed.endswith(quiet)
    assert len(quiet) < len(printed)
    assert run(["figure", "reparameterization", "--quiet"]) == 0
    assert "written" not in capsys.readouterr().out
