"""Studies on a device: the host stands in for it, and the store knows what computed it."""

import json

import array_api_strict
import numpy as np
import pytest

import rmt_rank as rr
from rmt_rank._lib.archive import dump_json, load_json
from rmt_rank._lib.store import StoreError
from rmt_rank.simulation.study import work as study_blocks
from rmt_rank.study import Study, open_study, run_study

pytest.importorskip("xarray", reason="xarray is not installed")

STUDY = Study(widths=(4,), depths=(1, 3), samples=2000, fields=("real", "complex"), seed=7)


def test_the_same_means_from_other_numbers(simulated_device, tmp_path):
    compares(simulated_device, tmp_path)


@pytest.mark.gpu
def test_the_same_means_on_a_device(library, tmp_path):
    compares(library("cupy"), tmp_path)


def compares(xp, tmp_path):
    found = run_study(STUDY, tmp_path / "device", xp=xp)
    assert found.attrs["backend"] == "cupy"
    expected = run_study(STUDY, tmp_path / "host")
    assert expected.attrs["backend"] == "numpy"
    error = np.hypot(found.effective_rank_error, expected.effective_rank_error)
    # four cells: five standard errors are exceeded with probability 3e-6
    assert (abs(found.effective_rank - expected.effective_rank) < 5 * error).all()
    assert (found.effective_rank != expected.effective_rank).all()
    again = run_study(STUDY, tmp_path / "again", xp=xp)
    assert again.drop_attrs().identical(found.drop_attrs())


def test_a_store_keeps_the_numbers_of_one_library(simulated_device, tmp_path):
    run_study(STUDY, tmp_path / "host")
    with pytest.raises(StoreError, match=r"host was computed by numpy, which draws other .* cupy"):
        run_study(STUDY, tmp_path / "host", xp=simulated_device)
    run_study(STUDY, tmp_path / "device", xp=simulated_device)
    with pytest.raises(StoreError, match=r"device was computed by cupy, which .* than numpy; use"):
        run_study(STUDY, tmp_path / "device")
    # a store is opened anywhere, also where there is no device
    assert open_study(tmp_path / "device").attrs["complete"]


def test_a_store_without_a_backend_is_of_numpy(tmp_path):
    study = Study(widths=(4,), depths=(1,), samples=100)
    path = tmp_path / "store"
    run_study(study, path)
    for file in path.glob("*.npz"):
        file.unlink()  # results belong to the declaration that is changed
    declaration = path / "study.json"
    content = load_json(declaration, "declaration of a study")
    del content["backend"]
    declaration.write_bytes(dump_json("declaration of a study", content))
    assert run_study(study, path).attrs["backend"] == "numpy"


def test_other_libraries_are_refused(tmp_path):
    with pytest.raises(ValueError, match="xp must be the namespace of NumPy or CuPy, got <module"):
        run_study(STUDY, tmp_path / "store", xp=array_api_strict)
    assert not (tmp_path / "store").exists()


def test_blocks_of_a_device_are_larger():
    sizes = {
        backend: [study_blocks.block_samples(STUDY, n, 8, backend) for n in (32, 128, 129, 256)]
        for backend in ("numpy", "cupy")
    }
    ratios = np.divide(sizes["cupy"], sizes["numpy"])
    assert (ratios[:2] > 900).all()
    assert (ratios[2:] > 20).all()


def test_the_memory_of_the_device_counts(simulated_device, tmp_path):
    import cupy

    cupy.free_bytes = 2**20
    cases = (
        lambda xp: run_study(
            Study(widths=(64,), depths=(2,), samples=10**6), tmp_path / "s", xp=xp
        ),
        lambda xp: rr.sample_singular_values(64, 2, 10**4, xp=xp),
        lambda xp: rr.estimate("effective_rank", 64, 2, samples=10**6, xp=xp),
    )
    for case in cases:
        with pytest.raises(ValueError, match=r"about .* GiB of memory are needed, 0.000977 GiB"):
            case(simulated_device)
    assert rr.sample_singular_values(64, 2, 10, rng=0).shape == (10, 64)


def test_provenance_names_cupy(simulated_device, tmp_path):
    study = Study(widths=(4,), depths=(1,), samples=100)
    found = run_study(study, tmp_path / "store", xp=simulated_device)
    assert "cupy-cuda12x" in json.loads(found.attrs["provenance"])["versions"]
