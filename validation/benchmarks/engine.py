"""Speed of Monte Carlo: ratios to the batched NumPy pipeline, PyTorch and JAX, from one run."""

import resource
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from compare import least_seconds, setting

import rmt_rank as rr

ROUNDS = 5
# (width, depth, products, products in a block of the rivals)
CASES = ((32, 8, 4096, 256), (256, 8, 32, 4), (1024, 1, 8, 1))
MEMORY_SAMPLES = 10**6


def numpy_pipeline(width, depth, size, block, seed=0):
    """Normals, products and singular values in batches: what one would write."""
    rng = np.random.default_rng(seed)
    parts = []
    for begin in range(0, size, block):
        shape = (min(block, size - begin), width, width)
        product = rng.standard_normal(shape) * width**-0.5
        for _ in range(depth - 1):
            product = (rng.standard_normal(shape) * width**-0.5) @ product
        parts.append(np.linalg.svd(product, compute_uv=False))
    return np.concatenate(parts)


def torch_pipeline(width, depth, size, block):
    import torch

    generator = torch.Generator().manual_seed(0)
    parts = []
    for begin in range(0, size, block):
        shape = (min(block, size - begin), width, width)
        options = {"generator": generator, "dtype": torch.float64}
        product = torch.randn(*shape, **options) * width**-0.5
        for _ in range(depth - 1):
            product = (torch.randn(*shape, **options) * width**-0.5) @ product
        parts.append(torch.linalg.svdvals(product))
    return torch.cat(parts)


def jax_pipeline(width, depth, size, block):
    import jax

    @jax.jit
    def one(key):
        keys = jax.random.split(key, depth)
        shape = (block, width, width)
        product = jax.random.normal(keys[0], shape, dtype="float64") * width**-0.5
        for each in keys[1:]:
            product = (jax.random.normal(each, shape, dtype="float64") * width**-0.5) @ product
        return jax.numpy.linalg.svd(product, compute_uv=False)

    keys = jax.random.split(jax.random.key(0), -(-size // block))
    one(keys[0])  # compiled once, not timed
    return lambda: [one(key).block_until_ready() for key in keys]


def entropy(sigma):
    p = sigma / sigma.sum(axis=1, keepdims=True)
    return -np.sum(p * np.log(p), axis=1)


def pipeline_to_error(target):
    """Mean and error until the target is met, by the pipeline."""
    count, total, squares, seed = 0, 0.0, 0.0, 0
    while True:
        ranks = entropy(numpy_pipeline(32, 8, 256, 256, seed))
        count, seed = count + len(ranks), seed + 1
        total, squares = total + ranks.sum(), squares + np.sum(ranks**2)
        variance = (squares - total**2 / count) / (count - 1)
        if count >= 512 and np.sqrt(variance / count) <= target:
            return total / count


def first_case(which):
    """The work of the first case, in a process of its own."""
    width, depth, size, _ = CASES[0]
    return rr.sample_singular_values(width, depth, size, rng=which).shape


def optional_rivals(width, depth, size, block):
    found = {}
    try:
        import torch

        torch.set_num_threads(1)
        found["PyTorch"] = lambda: torch_pipeline(width, depth, size, block)
    except ImportError:
        pass
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        found["JAX"] = jax_pipeline(width, depth, size, block)
    except ImportError:
        pass
    return found


def sampling_rows():
    for (width, depth, size, block), bar in zip(CASES, (">= 2", ">= 1.5", ">= 1.5"), strict=True):
        calls = {
            "own": lambda w=width, d=depth, n=size: rr.sample_singular_values(w, d, n, rng=0),
            "own, dense": lambda w=width, d=depth, n=size: rr.sample_singular_values(
                w, d, n, rng=0, method="dense"
            ),
            "NumPy": lambda a=(width, depth, size, block): numpy_pipeline(*a),
        }
        calls |= optional_rivals(width, depth, size, block)
        times = least_seconds(calls, ROUNDS)
        what = f"{size} x (depth {depth}, width {width})"
        for name in calls:
            ratio = times["NumPy"] / times[name]
            own = f"{times[name] / size * 1e6:,.0f} us a product"
            yield what, name, own, f"{ratio:.2f}", bar if name == "own" else "-"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        calls = {
            "processes": lambda: list(pool.map(first_case, range(2))),
            "threads": lambda: rr.sample_singular_values(32, 8, 8192, rng=0, workers=2),
            "NumPy": lambda: numpy_pipeline(*CASES[0]),
        }
        times = least_seconds(calls, ROUNDS, warm_up=2)
    for name in ("processes", "threads"):
        yield (
            "8192 x (depth 8, width 32)",
            f"own, both cores (2 {name})",
            f"{times[name] / 8192 * 1e6:,.0f} us a product",
            f"{2 * times['NumPy'] / times[name]:.2f}",
            ">= 4",
        )
    calls = {
        "own": lambda: rr.estimate("effective_rank", 32, 8, target_error=1e-3, rng=0),
        "plain": lambda: rr.estimate(
            "effective_rank", 32, 8, target_error=1e-3, rng=0, control_variates=False
        ),
        "NumPy": lambda: pipeline_to_error(1e-3),
    }
    times = least_seconds(calls, ROUNDS)
    for name, label in (("own", "`estimate`"), ("plain", "`estimate`, no control variates")):
        yield (
            "mean effective rank at width 32, depth 8 to an error of 1e-3",
            label,
            f"{times[name] * 1e3:,.0f} ms; NumPy {times['NumPy'] * 1e3:,.0f}",
            f"{times['NumPy'] / times[name]:.1f}",
            ">= 8" if name == "own" else "-",
        )


def memory():
    """Growth of the process's memory over a million products, in MB; and the time."""
    rr.estimate("effective_rank", 8, 2, samples=10_000, rng=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    rr.estimate("effective_rank", 8, 2, samples=MEMORY_SAMPLES, rng=0)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print((after - before) / 1024, seconds)


def table():
    lines = [
        "# Speed of Monte Carlo",
        "",
        f"Made by `make benchmark`. {setting('numpy', 'numba', 'torch', 'jax')}. One BLAS thread; "
        f"least of {ROUNDS} rounds, rivals in turns within one run. The ratio is NumPy's time over "
        "the line's.",
        "",
        "| work | by | time | times as fast as NumPy | bar |",
        "|--|--|--:|--:|--:|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in sampling_rows()]
    command = [sys.executable, __file__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    growth, seconds = map(float, done.stdout.split())
    lines += [
        "",
        f"Memory: {MEMORY_SAMPLES:,} products of width 8, depth 2 by `estimate` took "
        f"{seconds:.0f} s and {growth:.0f} MB more than 10,000 of them; their singular values "
        f"alone are {MEMORY_SAMPLES * 8 * 8 / 2**20:.0f} MB.",
        "",
        "The floor, per product of width 32 and depth 8, in microseconds as seen here: 3472 "
        "uniform numbers of NumPy's SFC64 7, their transform 6, 287 gamma variates 8, triangular "
        "products (38,000 multiplications and additions) 6, reduction to bidiagonal form (43,000) "
        "9, dqds 14; 50 in all, against 70 to 100 for normal numbers, 25 for full products and 42 "
        "for LAPACK's decomposition in the pipeline. At width 256 the decomposition alone is half "
        "of what is left; at depth 1 there is no product and no reduction, and dqds is all.",
        "",
        "Over five runs on this noisy machine: width 32 2.15 to 2.4, width 256 1.49 to 1.65, two "
        "processes 3.9 to 4.2, the error 9.3 to 11.3; so width 256 and the two processes are at "
        "their bars, not above.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    memory()
