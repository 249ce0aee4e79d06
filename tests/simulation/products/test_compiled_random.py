"""Random numbers from compiled loops against NumPy's, number by number."""

import numpy as np
import pytest

from rmt_rank.simulation.products.blocks import chain_blocks, in_threads
from rmt_rank.simulation.products.chain import Chain

pytest.importorskip("numba", reason="numba is not installed")
kernels = pytest.importorskip(
    "rmt_rank.simulation.products.compiled", reason="numba is not installed"
)
# A logarithm or a power is off by one unit in the last place in either library; a tail's number is
# one logarithm, and the cube of a sum with it has three times its error: less than 8 in all.
ROUNDING = 8 * np.finfo(float).eps


def both(seed):
    """A generator, and the compiled loops in the same state."""
    stream = np.random.Generator(np.random.SFC64(seed))
    return stream, kernels.compiled_stream(np.random.Generator(np.random.SFC64(seed)))


def test_uniform_numbers_are_the_same_bits():
    stream, own = both(1)
    np.testing.assert_array_equal(own.random(100_001), stream.random(100_001))
    out = np.empty(1000)
    assert own.random(out=out) is out
    np.testing.assert_array_equal(out, stream.random(1000))
    assert own.random(0).shape == (0,)


@pytest.mark.parametrize("shape", [0.05, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 16.0, 512.0])
def test_gamma_variates_of_one_shape(shape):
    """Among 400,000 normal numbers a hundred are from the tail, 3,000 from the ziggurat's rim."""
    stream, own = both(2)
    shapes = np.full((4, 100_000), shape)
    found = own.standard_gamma(shapes)
    np.testing.assert_allclose(found, stream.standard_gamma(shapes), rtol=ROUNDING, atol=0)
    # as many numbers were taken
    np.testing.assert_array_equal(own.random(5), stream.random(5))


def test_gamma_variates_of_many_shapes_in_any_order():
    stream, own = both(3)
    shapes = np.random.default_rng(0).integers(1, 200, (50, 1000)) / 2
    out = np.empty_like(shapes)
    assert own.standard_gamma(shapes, out=out) is out
    np.testing.assert_allclose(out, stream.standard_gamma(shapes), rtol=ROUNDING, atol=0)
    np.testing.assert_array_equal(own.random(5), stream.random(5))


class Own(np.random.SFC64):
    """A user's generator."""


def test_other_generators_are_used_as_they_are():
    class Counting(np.random.Generator):
        pass

    for stream in (
        np.random.default_rng(0),
        np.random.Generator(Own(0)),
        Counting(np.random.SFC64(0)),
    ):
        assert kernels.compiled_stream(stream) is stream


def test_a_numba_without_the_tables_leaves_the_generator_to_numpy(monkeypatch):
    random = pytest.importorskip("rmt_rank.simulation.products.compiled_random")
    stream = np.random.Generator(np.random.SFC64(0))
    # the numba that is installed has them
    assert isinstance(kernels.compiled_stream(stream), random.CompiledStream)
    monkeypatch.setattr(random, "tables", None)
    assert kernels.compiled_stream(stream) is stream


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("widths", [(1, 1, 1), (5, 5, 5, 5), (9, 4, 6), (33, 33, 33)])
def test_products_are_the_same_without_the_loops(field, widths):
    def values(compiled):
        chain = Chain(widths, field, "triangular", compiled=compiled)
        depth = len(widths) - 1
        (block,) = in_threads(chain_blocks(chain, (depth,), 20, rng=4), 1)
        return block.values[0].unscaled(np)

    with_loops, without = values(True), values(False)
    # what is left are errors of both decompositions: N^(3/2) times the largest value, and a layer
    N, largest = min(widths), without[:, :1]
    error = len(widths) * N**1.5 * 4 * np.finfo(float).eps
    assert np.all(np.abs(with_loops - without) <= error * largest)
