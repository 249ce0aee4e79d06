"""The fixture `make`: every test that uses it runs once for each array library."""

import array_api_strict
import numpy as np
import pytest

from rmt_rank._array import BackendUnavailableError, namespace


def _read_only(values):
    array = np.array(values)
    array.flags.writeable = False
    return array


def _torch(values):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return torch.tensor(np.asarray(values))


def _jax(values):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    jax.config.update("jax_enable_x64", True)
    return jax.numpy.asarray(values)


def _cupy(values):
    try:
        xp = namespace("cupy")
    except BackendUnavailableError as error:
        pytest.skip(str(error))
    return xp.asarray(values)


LIBRARIES = [
    pytest.param(np.asarray, id="numpy"),
    pytest.param(_read_only, id="read-only numpy"),
    pytest.param(array_api_strict.asarray, id="array_api_strict"),
    pytest.param(_torch, id="torch"),
    pytest.param(_jax, id="jax"),
    pytest.param(_cupy, id="cupy", marks=pytest.mark.gpu),
]


@pytest.fixture(params=LIBRARIES)
def make(request):
    """From nested lists or NumPy arrays to an array of the library."""
    return request.param
