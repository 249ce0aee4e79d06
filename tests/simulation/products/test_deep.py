"""Deep products: the same numbers by calls for many layers, small blocks, and an end at once."""

import threading

import numpy as np
import pytest

from rmt_rank import expected_effective_rank
from rmt_rank.simulation.products.blocks import block_sizes, chain_blocks, in_threads
from rmt_rank.simulation.products.chain import Chain, new_chain


def results(widths, depths, compiled, rng):
    chain = Chain(widths, "real", "triangular", compiled)
    work = chain_blocks(chain, depths, 301, rng=rng, log_diagonal=True)
    return list(in_threads(work, 1))


@pytest.mark.parametrize(
    ("widths", "depths"),
    [
        ((1,) * 41, [1, 40]),
        ((2,) * 42, [1, 2, 16, 17, 41]),
        ((5,) * 33, [3, 32]),
        ((5, 3, 7, 3, 4), [4]),
    ],
)
@pytest.mark.parametrize("kind", [np.random.SFC64, np.random.PCG64])
@pytest.mark.parametrize("drawn", [1, 2**20], ids=["one", "many"])
def test_layers_in_one_go_give_the_same_numbers(widths, depths, kind, drawn, monkeypatch):
    pytest.importorskip("numba", reason="numba is not installed")
    one_by_one = results(widths, depths, False, np.random.Generator(kind(3)))
    monkeypatch.setattr("rmt_rank.simulation.products.compiled_products._DRAWN", drawn)
    together = results(widths, depths, True, np.random.Generator(kind(3)))
    for first, second in zip(one_by_one, together, strict=True):
        # sums of 41 logarithms of moderate numbers
        np.testing.assert_allclose(first.log_diagonal, second.log_diagonal, rtol=1e-12, atol=1e-13)
        for a, b in zip(first.values, second.values, strict=True):
            plain, deep = a.unscaled(np), b.unscaled(np)
            # a layer rounds by some width * eps relative to the largest
            error = 41 * 10 * 5 * np.finfo(float).eps
            assert np.all(np.abs(plain - deep) <= error * plain[:, :1])


def test_blocks_of_deep_chains_are_smaller():
    sizes = [next(block_sizes(new_chain(2, depth, 1), None)) for depth in (10**3, 10**4, 10**6)]
    # 2^19 bytes of 32; that times 2^13/10^4; the fewest
    assert sizes == [2**14, 2**27 // 10**4, 2**9]
    assert next(block_sizes(new_chain(64, 10**6, 1), None)) == 2**19 // (8 * 64**2)


@pytest.mark.parametrize("method", ["triangular", "dense"])
def test_work_under_way_stops_when_nobody_waits(method):
    started = threading.Event()

    def failing():
        assert started.wait(60)
        raise RuntimeError("ended")

    chain = Chain((2,) * 100_001, "real", method, False)
    (deep,) = chain_blocks(chain, [10**5], 1, rng=0)

    class Deep:
        stop = deep.stop
        finished = False

        def __call__(self):
            started.set()
            block = deep()
            Deep.finished = True
            return block

    with pytest.raises(RuntimeError, match="ended"):
        next(in_threads(iter([failing, Deep()]), 2))
    assert not Deep.finished


def test_progress_of_the_expected_rank(capsys):
    found = expected_effective_rank(3, 3, target_error=0.1, rng=0, progress=True)
    assert found == expected_effective_rank(3, 3, target_error=0.1, rng=0)
    # standard error is not a terminal here
    assert capsys.readouterr().err == ""
    with pytest.raises(TypeError, match="progress must be True or False, got 1"):
        expected_effective_rank(3, 3, progress=1)
