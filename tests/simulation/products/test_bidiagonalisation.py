"""Bidiagonal forms in array operations, against LAPACK's decomposition."""

import numpy as np
import pytest

from rmt_rank._lib.array import to_numpy
from rmt_rank.simulation.products.bidiagonal import bidiagonal_singular_values
from rmt_rank.simulation.products.bidiagonalisation import bidiagonalise

LIBRARIES = [
    "numpy",
    "array_api_strict",
    "torch",
    "jax",
    pytest.param("cupy", marks=pytest.mark.gpu),
]
SHAPES = [(3, 1, 1), (5, 2, 2), (4, 7, 7), (4, 9, 4), (1, 50, 40)]


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_singular_values_are_kept(library, name, field, shape):
    xp = library(name)
    rng = np.random.default_rng(0)
    a = rng.standard_normal(shape)
    if field == "complex":
        a = a + 1j * rng.standard_normal(shape)
    m, n = shape[1:]
    rank_deficient = a.copy()
    rank_deficient[:, :, n // 2 :] = 0
    graded = a * 10.0 ** (-15 * np.arange(n) / n)
    for given in (a, rank_deficient, graded, 0 * a, np.triu(a), np.round(a)):
        diagonal, above = bidiagonalise(xp, xp.asarray(given))
        assert diagonal.shape == (n, len(a))
        assert above.shape == (n - 1, len(a))
        found = bidiagonal_singular_values(to_numpy(diagonal).T, to_numpy(above).T)
        expected = np.linalg.svd(given, compute_uv=False)
        # 2n reflections, a few eps each, as random walks do
        allowed = 4 * max(m, 4) * np.finfo(float).eps * expected[:, :1]
        assert np.all(np.abs(found - expected) <= allowed)


def test_arguments_are_not_changed():
    a = np.random.default_rng(0).standard_normal((2, 5, 5))
    a.flags.writeable = False
    import array_api_compat.numpy as xp

    bidiagonalise(xp, a)
