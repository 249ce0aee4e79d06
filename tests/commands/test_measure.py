"""`rmt-rank measure`: a row per matrix, reasons for the rest, and files written whole."""

import csv
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from rmt_rank import gram_effective_rank, gram_matrix, rank_measures
from rmt_rank.__main__ import run
from rmt_rank.metrics.gram import KERNELS


@pytest.fixture
def weights(tmp_path):
    """An archive with a matrix and one of every kind that cannot be measured."""
    rng = np.random.default_rng(0)
    path = tmp_path / "weights.npz"
    np.savez(
        path,
        dense=rng.normal(size=(12, 9)),
        bias=np.ones(3),
        kernel=np.ones((2, 2, 3, 3)),
        broken=np.array([[1.0, np.nan]]),
        empty=np.ones((0, 4)),
        words=np.array([["a", "b"]]),
        objects=np.array([[object()]], dtype=object),
        counts=np.eye(3, dtype=np.int8),
        phases=rng.normal(size=(4, 4)) + 1j,
    )
    return path


def rows(path):
    return {row["array"]: row for row in json.loads(path.read_text())}


def test_all_measures_of_every_matrix(weights, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert run(["measure", str(weights), "--json", str(out), "--tau", "0.1"]) == 0
    found = rows(out)
    dense = np.load(weights)["dense"]
    for name, value in rank_measures(dense, 0.1).to_dict().items():
        assert found["dense"][name] == float(value)
    assert found["dense"]["shape"] == [12, 9]
    assert found["counts"]["stable_rank"] == 3
    assert found["phases"]["skipped"] is None
    assert {name: row["skipped"] for name, row in found.items() if row["skipped"]} == {
        "bias": "it has 1 dimension, not 2",
        "kernel": "it has 4 dimensions, not 2",
        "broken": "it holds nan or infinity",
        "empty": "it is empty",
        "words": "its type is <U1",
        "objects": "its type is object, which is pickled and never loaded",
    }
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == "3 measured, 6 skipped"
    assert f"skipped in {weights}:\n  it has 1 dimension, not 2: bias\n" in printed


def test_csv_has_a_line_per_array(weights, tmp_path):
    out = tmp_path / "out.csv"
    assert run(["measure", str(weights), "--csv", str(out)]) == 0
    with out.open(newline="") as file:
        table = {row["array"]: row for row in csv.DictReader(file)}
    assert len(table) == 9
    assert table["dense"]["shape"] == "12x9"
    # the rounding of three equal shares
    assert float(table["counts"]["effective_rank"]) == pytest.approx(np.log(3), rel=1e-15)
    assert table["bias"]["effective_rank"] == ""


def test_gram_measures_the_gram_matrix_of_the_rows(tmp_path):
    features = np.random.default_rng(1).normal(size=(20, 3))
    path, out = tmp_path / "f.npy", tmp_path / "out.json"
    np.save(path, features)
    name = str(path)
    for arguments, kernel in (
        ([name, "--gram"], "cosine"),
        (["--gram", name], "cosine"),
        ([name, "--gram", "rbf"], "rbf"),
        (["--gram=rbf", name], "rbf"),
        (["--gram", "--", name], "cosine"),
    ):
        assert run(["measure", "--json", str(out), *arguments]) == 0
        expected = rank_measures(gram_matrix(features, kernel)).effective_rank
        assert rows(out)["f"]["effective_rank"] == pytest.approx(float(expected), rel=1e-12)
        assert rows(out)["f"]["shape"] == [20, 3]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gram_at_any_scale(kernel, dtype, tmp_path):
    features = np.random.default_rng(0).normal(size=(6, 4)).astype(dtype)
    low, middle, high = {np.float64: (-990, 180, 990), np.float32: (-110, 30, 110)}[dtype]
    paths = []
    for power in (low, 0, middle, high):
        paths.append(tmp_path / f"{power}.npy")
        np.save(paths[-1], features * dtype(2) ** dtype(power))
    out = tmp_path / "out.json"
    assert run(["measure", "--gram", kernel, "--json", str(out), *map(str, paths)]) == 0
    table = json.loads(out.read_text())
    # a few operations on 6 values; the entropies lose the logarithm of an epsilon
    rtol = 100 * float(np.finfo(dtype).eps)
    for path, row in zip(paths, table, strict=True):
        expected = float(gram_effective_rank(np.load(path), kernel))
        assert row["effective_rank"] == pytest.approx(expected, rel=rtol, abs=rtol)
    lowest, whole, higher, _ = table
    direct = rank_measures(gram_matrix(features, kernel)).to_dict()
    for name, value in direct.items():
        if name != "condition_number" or value < 1 / rtol:
            assert whole[name] == pytest.approx(float(value), rel=rtol * 10, abs=rtol)
    degree = {"linear": 2, "euclidean": 1, "arccosine": 2}.get(kernel)
    if degree is not None:
        for row in table:
            for name in set(direct) - {"nuclear_norm", "condition_number"}:
                assert row[name] == pytest.approx(whole[name], rel=rtol, abs=rtol)
        # which is 0 at the lowest scale where it is quadratic
        expected = whole["nuclear_norm"] * 2.0 ** (degree * middle)
        assert higher["nuclear_norm"] == pytest.approx(expected, rel=rtol)
        assert (lowest["nuclear_norm"] == 0) == (degree == 2)


def test_gram_of_complex_features_is_skipped(weights, tmp_path):
    out = tmp_path / "out.json"
    assert run(["measure", str(weights), "--gram", "--json", str(out)]) == 0
    assert rows(out)["phases"]["skipped"] == "its Gram matrix needs real features"


def test_safetensors_with_bfloat16(tmp_path, capsys):
    numpy_files = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml-dtypes is not installed")
    a = np.random.default_rng(2).normal(size=(6, 5)).astype(np.float32)
    half = a.astype(ml_dtypes.bfloat16)
    path, out = tmp_path / "model.safetensors", tmp_path / "out.json"
    numpy_files.save_file({"a": a, "half": half, "bias": a[0].copy()}, path)
    assert run(["measure", str(path), "--json", str(out)]) == 0
    found = rows(out)
    assert found["a"]["effective_rank"] == float(rank_measures(a).effective_rank)
    assert found["half"]["effective_rank"] == float(
        rank_measures(half.astype(np.float32)).effective_rank
    )
    assert "3 dimensions" not in capsys.readouterr().out


def test_no_pickle_is_ever_loaded(tmp_path, capsys):
    path = tmp_path / "evil.npy"

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    path.write_bytes(pickle.dumps(Evil()))
    for suffix in (".npy", ".npz"):
        target = path.rename(path.with_suffix(suffix))
        assert run(["measure", str(target)]) == 1
        path = target
    np.save(tmp_path / "object.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    assert run(["measure", str(tmp_path / "object.npy")]) == 0
    assert not (tmp_path / "owned").exists()
    captured = capsys.readouterr()
    assert captured.err.count("a Python pickle") == 2
    assert "object.npy: its type is object, which is pickled and never loaded" in captured.out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.npy", None, "No such file"),
        ("cut.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'", ""),
        ("empty.npz", b"", ""),
        ("cut.safetensors", b"\x08\x00\x00", "not a .safetensors file but a file of unknown kind"),
        ("model.pt", b"PK", "unknown kind of file; allowed: .npy, .npz, .safetensors"),
    ],
)
def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    tmp_path, capsys, name, content, message
):
    if name.endswith("safetensors"):
        pytest.importorskip("safetensors", reason="safetensors is not installed")
    good = tmp_path / "good.npy"
    np.save(good, np.eye(2))
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert run(["measure", str(tmp_path / name), str(good)]) == 1
    captured = capsys.readouterr()
    assert "1 measured" in captured.out
    assert captured.err.startswith(f"rmt-rank measure: not read: {tmp_path / name}: ")
    assert message in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: FILE"),
        (["x.npy", "--tau", "-1"], "--tau must be finite and >= 0, got -1.0"),
        (["x.npy", "--gram", "sine"], "argument --gram: invalid choice: 'sine'"),
        (["x.npy", "--gram=y.npy"], "argument --gram: invalid choice: 'y.npy'"),
        (["x.npy", "--csv", ""], "argument --csv: a path must not be empty, got ''"),
        (["x.npy", ""], "argument FILE: a path must not be empty, got ''"),
        (["x.npy", "--csv", "a\nb\x1b/x.csv"], r"--csv cannot be written: a\nb\x1b/x.csv"),
        (["x.npy", "--csv", "-", "--json", "/dev/stdout"], "must be different files"),
        (["x.npy", "--csv", "no/such/folder/x.csv"], "--csv cannot be written"),
        (["x.npy", "--csv", "same", "--json", "./same"], "must be different files"),
    ],
)
def test_wrong_usage_is_refused_in_a_sentence(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        run(["measure", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_condition_number_of_infinity_is_valid_json(tmp_path):
    path, out = tmp_path / "a.npy", tmp_path / "out.json"
    np.save(path, np.diag([1.0, 0.0]))
    assert run(["measure", str(path), "--json", str(out)]) == 0
    assert rows(out)["a"]["condition_number"] is None
    np.save(path, np.zeros((2, 2)))
    assert run(["measure", str(path), "--json", str(out)]) == 0
    assert rows(out)["a"]["effective_rank"] is None
    assert rows(out)["a"]["stable_rank"] == 0


def test_every_row_has_the_same_keys(weights, tmp_path):
    out, broken = tmp_path / "out.json", tmp_path / "broken.npy"
    broken.write_bytes(b"Dear")
    assert run(["measure", str(weights), str(broken), "--json", str(out)]) == 1
    table = json.loads(out.read_text())
    assert {tuple(row) for row in table} == {tuple(table[0])}
    assert table[-1]["error"]
    for row in table:
        measured = row["skipped"] is row["error"] is None
        assert (row["stable_rank"] is not None) == measured
    out = tmp_path / "out.csv"
    assert run(["measure", str(broken), "--csv", str(out)]) == 1
    assert out.read_text().splitlines()[0] == ",".join(table[0])


def test_a_member_without_a_name(tmp_path, capsys, monkeypatch):
    path, other = tmp_path / "x.npz", tmp_path / "y.npz"
    np.savez(path, **{"": np.eye(2)})
    np.savez(other, **{"": np.ones(3)})
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(["measure", str(path), str(other)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  ''  ") for line in lines)
    assert "  it has 1 dimension, not 2: ''" in lines
    path.write_bytes(path.read_bytes().replace(b"\x93NUMPY", b"\x93NUMPX"))
    assert run(["measure", str(path)]) == 1
    assert f"not read: {path}: '': " in capsys.readouterr().err


def test_as_a_process_it_ends_without_a_trace(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.eye(3))
    command = f"{sys.executable} -P -m rmt_rank measure {path} > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("could not write: ")
