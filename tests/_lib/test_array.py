"""The interface to array libraries."""

import importlib

import array_api_strict
import numpy as np
import pytest

from rmt_rank._lib.array import (
    BACKENDS,
    default_namespace,
    makes_random_numbers,
    namespace,
    to_numpy,
)
from rmt_rank._lib.errors import BackendUnavailableError


def test_numpy():
    assert namespace("numpy") is default_namespace()
    assert not makes_random_numbers(namespace("numpy"))
    array = np.arange(3.0)
    assert to_numpy(array) is array


def test_array_api_strict_is_copied_to_the_host():
    array = array_api_strict.asarray([1.0, 2.0])
    np.testing.assert_array_equal(to_numpy(array), [1, 2])


def test_torch_is_copied_to_the_host():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert namespace("torch").float64 is torch.float64
    np.testing.assert_array_equal(to_numpy(torch.tensor([1.0, 2.0])), [1, 2])


def test_unknown_backend():
    listed = ", ".join(map(repr, BACKENDS))
    with pytest.raises(ValueError, match=f"backend must be one of {listed}, got 'jax'"):
        namespace("jax")


def test_a_library_that_is_not_installed(monkeypatch):
    def fail(name, *_):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(BackendUnavailableError, match="'cupy' was asked for, but it is not inst"):
        namespace("cupy")


class FakeRuntime:
    class CUDARuntimeError(RuntimeError):
        pass

    def __init__(self, count):
        self.count = count

    def getDeviceCount(self):  # noqa: N802
        if self.count is None:
            raise self.CUDARuntimeError("cudaErrorInsufficientDriver")
        return self.count


@pytest.mark.parametrize(
    ("count", "message"),
    [(None, "CUDA does not start here .cudaErrorInsufficientDriver"), (0, "no CUDA device here")],
)
def test_cupy_without_a_device(monkeypatch, count, message):
    class FakeCuPy:
        class cuda:  # noqa: N801
            runtime = FakeRuntime(count)

    FakeCuPy.cuda.runtime.CUDARuntimeError = FakeRuntime.CUDARuntimeError
    monkeypatch.setattr(importlib, "import_module", lambda _name: FakeCuPy)
    with pytest.raises(BackendUnavailableError, match=message):
        namespace("cupy")


@pytest.mark.gpu
def test_cupy_on_a_device(library):
    xp = library("cupy")
    assert makes_random_numbers(xp)
    np.testing.assert_array_equal(to_numpy(xp.arange(3)), [0, 1, 2])
