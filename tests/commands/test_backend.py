"""--backend: what it chooses, and the line about a GPU that is there."""

import argparse
import inspect
import os
import sys

import numpy as np
import pytest

from rmt_rank.__main__ import run
from rmt_rank._lib import work
from rmt_rank.commands import backend, verify
from rmt_rank.paper.claims import CLAIMS
from rmt_rank.study import open_study

TOML = "[study]\nwidths = [4]\ndepths = [2]\nsamples = 300\n"
UNUSED = "a GPU is left unused"


@pytest.fixture
def a_gpu(monkeypatch, tmp_path):
    """A machine whose driver shows one GPU."""
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(backend, "_DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def no_gpu(monkeypatch, tmp_path):
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(backend, "_DEVICES", tmp_path)


def options(name="numpy", quiet=False):
    return argparse.Namespace(backend=name, quiet=quiet)


@pytest.mark.usefixtures("a_gpu")
def test_a_gpu_that_is_left_unused(monkeypatch, capsys):
    assert backend.chosen_backend(options(), "rmt-rank study") == "numpy"
    words = "rmt-rank study: a GPU is left unused: --backend cupy computes on it"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(words)
    assert backend.chosen_backend(options(quiet=True), "rmt-rank study") == "numpy"
    assert backend.chosen_backend(options(), "rmt-rank measure", hint=False) == "numpy"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert backend.chosen_backend(options(), "rmt-rank study") == "numpy"
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("no_gpu")
def test_nothing_is_said_without_a_gpu(capsys):
    assert backend.chosen_backend(options(), "rmt-rank study") == "numpy"
    if "cupy" not in sys.modules:
        assert backend.chosen_backend(options("auto"), "rmt-rank study") == "numpy"
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("a_gpu", "simulated_device")
def test_auto_takes_the_gpu_and_says_so(capsys):
    assert backend.chosen_backend(options("auto"), "rmt-rank study") == "cupy"
    assert capsys.readouterr().err == (
        "rmt-rank study: computing on a GPU; --backend numpy computes on the processor\n"
    )
    assert backend.chosen_backend(options("cupy"), "rmt-rank study") == "cupy"
    assert backend.chosen_backend(options("auto", quiet=True), "rmt-rank study") == "cupy"
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("simulated_device")
def test_one_process_for_each_device():
    backend.require_devices(1, "cupy")
    backend.require_devices(9, "numpy")
    with pytest.raises(ValueError, match=r"--jobs with --backend cupy, .* must be .*<= 1, got 2"):
        backend.require_devices(2, "cupy")


def test_each_process_sees_a_device_of_its_own(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    with work.processes(2, devices=True) as executor:
        found = set()
        while len(found) < 2:  # a process may take two tasks
            # a function that the processes can import, wherever the tests are
            found |= set(executor.map(os.getenv, ["CUDA_VISIBLE_DEVICES"] * 8))
    assert found == {"5", "7"}


@pytest.mark.usefixtures("simulated_device")
def test_a_study(tmp_path, capsys):
    pytest.importorskip("xarray", reason="xarray is not installed")
    file = tmp_path / "grid.toml"
    file.write_text(TOML)
    assert run(["study", "run", str(file), "--backend", "cupy", "--quiet"]) == 0
    assert open_study(tmp_path / "grid.study").attrs["backend"] == "cupy"
    with pytest.raises(SystemExit):
        run(["study", "run", str(file), "--backend", "numpy"])
    assert "was computed by cupy, which draws other" in capsys.readouterr().err


@pytest.mark.usefixtures("simulated_device")
def test_an_experiment(tmp_path, capsys):
    pytest.importorskip("xarray", reason="xarray is not installed")
    folder = str(tmp_path / "cells")
    arguments = ["experiment", "init-pdf", "--tiny", "--quiet", "--out", folder]
    assert run([*arguments, "--backend", "auto"]) == 0
    with pytest.raises(SystemExit):
        run(arguments)
    assert "was computed by cupy, not numpy; choose another folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(["experiment", "phases", "--backend", "cupy"])
    assert "--backend must be one of numpy for phases, got cupy" in capsys.readouterr().err


@pytest.mark.usefixtures("simulated_device")
@pytest.mark.parametrize("gram", [[], ["--gram"]])
def test_measures_of_files(tmp_path, capsys, gram):
    path = tmp_path / "a.npz"
    rng = np.random.default_rng(0)
    np.savez(path, a=rng.standard_normal((40, 50)), b=np.arange(6).reshape(2, 3))
    shown = []
    for name in ("numpy", "cupy"):
        assert run(["measure", str(path), *gram, "--backend", name]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


@pytest.mark.usefixtures("simulated_device")
def test_verify(capsys):
    arguments = ["theorem1.closed-form", "theorem1.finite-width", "--backend", "cupy"]
    arguments += ["--widths", "8", "--depths", "1,2", "--samples", "400"]
    assert run(["verify", *arguments, "--jobs", "2"]) == 0
    assert "(real, cupy)" in capsys.readouterr().out


def test_claims_that_draw_matrices_are_known():
    for claim in CLAIMS:
        code = inspect.getsource(claim.check)
        if "context.xp" in code or "context.chain(" in code:
            assert verify._draws(claim), claim.name


@pytest.mark.gpu
def test_commands_on_a_device(library, tmp_path, capsys):
    library("cupy")
    pytest.importorskip("xarray", reason="xarray is not installed")
    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal((40, 50)))
    file = tmp_path / "grid.toml"
    file.write_text(TOML)
    cupy = ["--backend", "cupy"]
    assert run(["measure", str(tmp_path / "a.npy"), *cupy]) == 0
    assert run(["study", "run", str(file), *cupy]) == 0
    assert run(["experiment", "init-pdf", "--tiny", *cupy]) == 0
    assert (
        run(["verify", "theorem1.finite-width", "--widths", "8,200", "--samples", "64", *cupy]) == 0
    )
    assert UNUSED not in capsys.readouterr().err
    assert run(["study", "run", str(file), "--out", str(tmp_path / "host")]) == 0
    assert UNUSED in capsys.readouterr().err
