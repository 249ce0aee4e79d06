"""`rmt-rank inspect`: tables, files, exit codes and hostile input."""

import csv
import json
import math

import numpy as np
import pytest
from rich.cells import cell_len

from rmt_rank import inspect
from rmt_rank.__main__ import run
from rmt_rank.inspection.result import COLUMNS


def layers(seed=0):
    rng = np.random.default_rng(seed)
    low = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 60)) + 0.1 * rng.normal(size=(40, 60))
    return {
        "block.0.attn.weight": rng.normal(size=(48, 64)),
        "block.0.mlp.weight": low,
        "block.1.attn.weight": rng.normal(size=(48, 64)),
        "bias": np.ones(3),
        "other_bias": np.ones(4),
        "head.weight": rng.normal(size=(33, 70)),
    }


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, **layers())
    return path


@pytest.fixture
def terminal(monkeypatch):
    """Make standard output a terminal of a width."""

    def widen(columns):
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(columns))

    return widen


def usage(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        run(["inspect", *map(str, arguments)])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_a_pipe_has_a_line_for_each_matrix_and_null_model(model, capsys):
    assert run(["inspect", str(model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = lines[0].split()
    assert head == list(COLUMNS)
    rows = [dict(zip(head, line.split(), strict=True)) for line in lines[1:9]]
    expected = inspect(layers()).rows()
    found = {(row["name"], row["null"]): row for row in rows}
    assert len(found) == len(expected) == 8
    for row in expected:
        line = found[row["name"], row["null"]]
        for key in ("effective_rank", "deficit", "low", "high"):
            # five digits are printed
            assert float(line[key]) == pytest.approx(row[key], rel=6e-5)
    gaussian = [float(row["deficit"]) for row in rows if row["null"] == "gaussian"]
    assert gaussian == sorted(gaussian, reverse=True)
    assert "skipped bias, other_bias: each has 1 dimension, not a matrix" in lines
    assert sum("A deficit against" in line for line in lines) == 2
    assert lines[-1].startswith("4 compared (at q < 0.01: 1 below gaussian, 0 above; ")
    assert lines[-1].endswith(", 2 skipped")


def test_files_have_all_numbers_and_everything_that_was_skipped(model, tmp_path, capsys):
    out = {suffix: tmp_path / f"out.{suffix}" for suffix in ("csv", "json", "html")}
    options = [word for suffix, path in out.items() for word in (f"--{suffix}", str(path))]
    assert run(["inspect", str(model), "--quiet", *options]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    rows = json.loads(out["json"].read_text())
    expected = inspect(layers()).rows()
    measured = [row for row in rows if row["null"]]
    for row, other in zip(measured, expected, strict=True):
        assert row["file"] == str(model)
        assert row["shape"] == list(other["shape"])
        for key in ("name", "kind", "null", "deficit", "low", "high", "z", "p", "q"):
            assert row[key] == other[key]
    assert [row["name"] for row in rows if row["skipped"]] == ["bias", "other_bias"]
    with out["csv"].open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["name"] for row in table] == [row["name"] for row in rows]
    assert table[0]["shape"] == "48x64"
    assert float(table[0]["deficit"]) == rows[0]["deficit"]
    assert out["html"].read_text().startswith("<!DOCTYPE html>")


def test_parquet(model, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path, out = tmp_path / "out.parquet", tmp_path / "out.json"
    assert run(["inspect", str(model), "--parquet", str(path), "--json", str(out)]) == 0
    table, rows = parquet.read_table(path).to_pylist(), json.loads(out.read_text())
    assert [row["deficit"] for row in table] == [row["deficit"] for row in rows]
    assert table[0]["shape"] == "48x64"
    assert [row["spikes"] for row in table] == [row["spikes"] for row in rows]
    assert [row["skipped"] for row in table] == [row["skipped"] for row in rows]


def test_parquet_without_its_library(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    error = usage(capsys, model, "--parquet", tmp_path / "x.parquet")
    assert (
        "--parquet needs the package pyarrow: pip install pyarrow (or the extra 'parquet')" in error
    )


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("blocks", [[], ["--blocks"]])
def test_no_number_is_cut_on_a_terminal(tmp_path, terminal, capsys, width, blocks):
    rng = np.random.default_rng(0)
    path = tmp_path / "long.npz"
    names = [f"model.layers.{i}.self_attention.q_proj_\x1b[31m{'x' * i}漢.weight" for i in range(8)]
    np.savez(path, **{name: rng.normal(size=(33, 200)) for name in names}, plain=np.eye(8))
    terminal(width)
    options = [*blocks, "--null", "gaussian", "--null", "uniform", "--null", "shuffle"]
    assert run(["inspect", str(path), *options]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    lines = printed.splitlines()
    end = next(i for i, line in enumerate(lines) if line.startswith(("A deficit", "not shown")))
    assert max(cell_len(line) for line in lines[:end]) <= width
    for row in inspect(path, nulls=["gaussian"]).rows():
        number = f"{row['deficit']:.4f}"
        assert any(number in line.split() for line in lines[:end])
    assert "matrix" in lines[0]
    assert "gaussian" in lines[0]
    if width == 200:
        assert not any(line.startswith("not shown") for line in lines)
        assert "±" in printed
    if blocks:
        assert sum(line == "model.layers.3" for line in lines) == 1


def test_the_largest_deficits_are_listed(model, terminal, capsys):
    assert run(["inspect", str(model), "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("block.0.mlp.weight")
    assert lines[3] == "3 more with smaller deficits; --top 4 shows all"
    terminal(100)
    assert run(["inspect", str(model), "--top", "1", "--blocks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "block.0"
    assert lines[2].startswith("  mlp.weight")


def test_three_hundred_layers(tmp_path, terminal, capsys):
    rng = np.random.default_rng(0)
    path = tmp_path / "many.npz"
    np.savez(path, **{f"layers.{i}.weight": rng.normal(size=(2, 3)) for i in range(300)})
    terminal(80)
    assert run(["inspect", str(path), "--draws", "64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 50
    assert "260 more with smaller deficits; --top 300 shows all" in lines


def test_only_matrices_of_matching_names_are_inspected(model, capsys):
    assert run(["inspect", str(model), "--filter", "*attn*", "--filter", "head*"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1].startswith("3 compared")
    assert run(["inspect", str(model), "--filter", "nothing\x1b"]) == 1
    assert "no matrix has a name that matches nothing\\x1b" in capsys.readouterr().err


def test_several_models_and_what_cannot_be_read(model, tmp_path, capsys):
    broken, out = tmp_path / "broken\x1b[31m.safetensors", tmp_path / "out.json"
    broken.write_bytes(b"\xff" * 40)
    missing = tmp_path / "missing.npz"
    arguments = [str(each) for each in (broken, model, missing, model)]
    assert run(["inspect", *arguments, "--json", str(out)]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1].endswith("4 skipped, 2 not read")
    assert "\x1b" not in printed.out + printed.err
    assert printed.err.count("not read: ") == 2
    assert printed.out.splitlines().count(str(model)) == 2
    rows = json.loads(out.read_text())
    assert sum(row["null"] is not None for row in rows) == 16
    assert [row["file"] for row in rows if row["error"]] == [str(broken), str(missing)]


def test_checkpoints(model, tmp_path, capsys):
    later, out = tmp_path / "later.npz", tmp_path / "out.json"
    end = layers()
    np.savez(
        later, **end | {"head.weight": end["head.weight"] + np.outer(np.ones(33), np.ones(70))}
    )
    arguments = ["inspect", str(model), str(later), "--checkpoints", "--json", str(out)]
    assert run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["name", "step"]
    rows = json.loads(out.read_text())
    change = [row for row in rows if row["kind"] == "change"]
    assert {row["name"] for row in change} == {"head.weight (change)"}
    assert {row["file"] for row in change} == {str(later)}
    # a checkpoint that is missing does not stop the others
    assert run([*arguments, str(tmp_path / "no.npz")]) == 1
    found = [row for row in json.loads(out.read_text()) if row["null"]]
    assert found == [row for row in rows if row["null"]]
    assert f"not read: {tmp_path / 'no.npz'}: " in capsys.readouterr().err


def test_initial_weights_become_a_null_model(model, tmp_path, capsys):
    start = tmp_path / "start.npz"
    np.savez(start, **layers(1))
    assert run(["inspect", str(model), "--initial", str(start), "--null", "gaussian"]) == 0
    printed = capsys.readouterr().out
    assert "A deficit against checkpoint" in printed
    # damaged initial weights are reported
    start.write_bytes(start.read_bytes()[:-40])
    assert run(["inspect", str(model), "--initial", str(start)]) == 1
    assert "start.npz" in capsys.readouterr().err


def test_standard_output_takes_one_file(model, capsys):
    assert run(["inspect", str(model), "--json", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--null", "gausian"], "did you mean 'gaussian'"),
        (["--null", "checkpoint"], "--null checkpoint needs --initial"),
        (["--top", "0"], "--top must be"),
        (["--draws", "7"], "draws must be"),
        (["--seed", "-1"], "--seed must be"),
        (["--checkpoints"], "--checkpoints needs two paths"),
        (["--initial", "no\x1bwhere.npz"], "no\\x1bwhere.npz cannot be used"),
        (["--csv", "x.npz"], "--csv must not end in"),
        (["--csv", "same", "--html", "same"], "must be different files"),
        (["--filter"], "expected one argument"),
        (["--json", ""], "a path must not be empty"),
    ],
)
def test_wrong_usage_is_refused_before_any_file_is_written(
    model, capsys, monkeypatch, options, words
):
    monkeypatch.chdir(model.parent)
    before = sorted(model.parent.iterdir())
    assert words in usage(capsys, model, *options)
    assert sorted(model.parent.iterdir()) == before


def test_inputs_are_not_overwritten(model, capsys):
    content = model.read_bytes()
    assert "must not" in usage(capsys, model, "--html", model)
    assert model.read_bytes() == content


def test_a_null_model_that_is_not_known_has_no_numbers(model, tmp_path, capsys, terminal):
    out, table = tmp_path / "out.json", tmp_path / "out.csv"
    files = ["--json", str(out), "--csv", str(table)]
    assert run(["inspect", str(model), "--null", "init", *files]) == 0
    rows = [row for row in json.loads(out.read_text()) if row["null"]]
    assert all(row["deficit"] is None and math.isfinite(row["effective_rank"]) for row in rows)
    assert all("a state dict, does not state the layer's class" in row["note"] for row in rows)
    with table.open(newline="") as file:
        assert next(csv.DictReader(file))["note"] == rows[0]["note"]
    piped = capsys.readouterr().out.splitlines()
    terminal(100)
    assert run(["inspect", str(model), "--null", "init"]) == 0
    for lines in (piped, capsys.readouterr().out.splitlines()):
        assert "nan" not in "".join(lines)
        assert lines[1].split().count("-") >= 1
        assert sum(line.startswith("not compared with init: block.0") for line in lines) == 1
        assert not any("A deficit against init" in line for line in lines)
        assert lines[-1] == "0 compared, 4 not compared, 2 skipped"
    assert run(["inspect", str(model), "--null", "init", "--null", "gaussian", "--quiet"]) == 0
    end = "4 compared (at q < 0.01: 1 below gaussian, 0 above), 2 skipped"
    assert capsys.readouterr().out.strip() == end


def test_initial_weights_without_some_matrices(model, tmp_path, capsys):
    start = layers(1)
    del start["head.weight"]
    start["block.0.attn.weight"] = np.zeros((48, 64))
    start["block.1.attn.weight"] = np.ones((5, 6))
    np.savez(tmp_path / "start.npz", **start)
    assert run(["inspect", str(model), "--initial", str(tmp_path / "start.npz")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "not compared" in line]
    assert lines == [
        f"not compared with checkpoint: {why}"
        for why in (
            "block.0.attn.weight: of the initial matrix: all of its entries are 0",
            "block.1.attn.weight: the initial matrix has the shape 5 x 6",
            "head.weight: the initial weights have no such matrix",
        )
    ]


def test_changes_have_a_null_model_where_none_was_asked_for_that_suits_them(model, capsys):
    assert run(["inspect", str(model), str(model), "--checkpoints", "--null", "init"]) == 0
    np.savez(other := model.with_name("other.npz"), **layers(3))
    assert run(["inspect", str(model), str(other), "--checkpoints", "--null", "init"]) == 0
    assert "head.weight (change)" in capsys.readouterr().out


def test_a_page_is_not_replaced_by_an_empty_one(tmp_path, capsys):
    broken, page = tmp_path / "broken.npz", tmp_path / "report.html"
    broken.write_bytes(b"PK\x03\x04 nothing")
    page.write_text("an older page")
    table = tmp_path / "out.csv"
    words = ["inspect", str(broken), "--html", str(page), "--csv", str(table)]
    assert run(words) == 1
    assert page.read_text() == "an older page"
    lines = capsys.readouterr().err.splitlines()
    assert f"rmt-rank inspect: no matrix to show: --html {page} is kept as it was" in lines
    # the table has the reasons
    assert "broken.npz" in table.read_text()
    page.unlink()
    assert run(words) == 1
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_the_rank_outlives_the_numbers_of_the_second_null_model(model, terminal, capsys):
    terminal(72)
    assert run(["inspect", str(model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["matrix", "shape", "rank", "gaussian"]
    assert "±" in lines[1]
    hidden = next(line for line in lines if line.startswith("not shown on 72 columns: "))
    assert "intervals of shuffle, q shuffle" in hidden
    assert "rank" not in hidden
