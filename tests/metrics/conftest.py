"""The fixture `make`: every test that uses it runs once for each array library."""

import numpy as np
import pytest


def _read_only(values):
    array = np.array(values)
    array.flags.writeable = False
    return array


LIBRARIES = [
    pytest.param(np.asarray, id="numpy"),
    pytest.param(_read_only, id="read-only numpy"),
    "array_api_strict",
    "torch",
    "jax",
    pytest.param("cupy", marks=pytest.mark.gpu),
]


@pytest.fixture(params=LIBRARIES)
def make(request, library):
    """From nested lists or NumPy arrays to an array of the library."""
    if callable(request.param):
        return request.param
    xp = library(request.param)
    return lambda values: xp.asarray(np.asarray(values))
