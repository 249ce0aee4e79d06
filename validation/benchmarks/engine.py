"""Speed of Monte Carlo: ratios to the batched NumPy pipeline, PyTorch and JAX, from one run."""

import functools
import resource
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from compare import least_seconds, repeated, seconds, setting

import rmt_rank as rr
from rmt_rank.simulation.products import compiled as kernels
from rmt_rank.simulation.products.blocks import chain_blocks, in_threads
from rmt_rank.simulation.products.chain import Chain
from rmt_rank.simulation.products.fused.host import compiler, host_kernels
from rmt_rank.simulation.products.fused.source import LARGEST_FUSED_WIDTH, Variant

ROUNDS = 7
# (width, depth, products, products in a block of the rivals); the second is so large that the
# compiled loops are loaded
CASES = ((32, 8, 4096, 256), (128, 8, 256, 16), (256, 8, 64, 4), (1024, 1, 8, 1))
BARS = (">= 3.5", "-", ">= 2", ">= 1.5")
MEMORY_SAMPLES = 10**6


def pairs(rival, own, digits=2):
    """Rival's time over the own one, round by round: the median, and the range."""
    ratios = [a / b for a, b in zip(rival, own, strict=True)]
    least, most = min(ratios), max(ratios)
    return f"{np.median(ratios):.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"


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


def host_kernel(width, depth, size):
    kernels = host_kernels(Variant(width, "real", False), 4, "-O3", "-march=native")
    return lambda: kernels.chains(0, size, [width] * depth, [depth], width**-0.5)


def sampling_rows():
    for (width, depth, size, block), bar in zip(CASES, BARS, strict=True):
        calls = {
            "own": lambda w=width, d=depth, n=size: rr.sample_singular_values(w, d, n, rng=0),
            "own, no numba": lambda w=width, d=depth, n=size: plain(w, d, n),
            "own, dense": lambda w=width, d=depth, n=size: rr.sample_singular_values(
                w, d, n, rng=0, method="dense"
            ),
            "NumPy": lambda a=(width, depth, size, block): numpy_pipeline(*a),
        }
        if width == CASES[0][0]:
            for kind in (np.random.PCG64, np.random.Philox):
                calls[f"own, {kind.__name__}"] = functools.partial(
                    lambda kind, *chain: rr.sample_singular_values(*chain, rng=kind(0)),
                    *(kind, width, depth, size),
                )
        if width <= LARGEST_FUSED_WIDTH and compiler() is not None:
            calls["the GPU's kernel, by the host's compiler"] = host_kernel(width, depth, size)
        calls |= optional_rivals(width, depth, size, block)
        times = seconds(calls, ROUNDS, clock=time.process_time)
        what = f"{size} x (depth {depth}, width {width})"
        for name in calls:
            own = f"{min(times[name]) / size * 1e6:,.0f} us a product"
            yield what, name, own, pairs(times["NumPy"], times[name]), bar if name == "own" else "-"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        calls = {
            "processes": lambda: list(pool.map(first_case, range(2))),
            "threads": lambda: rr.sample_singular_values(32, 8, 8192, rng=0, workers=2),
            "NumPy": lambda: [numpy_pipeline(*CASES[0]) for _ in range(2)],
        }
        times = seconds(calls, ROUNDS, warm_up=2)
    for name in ("processes", "threads"):
        yield (
            "8192 x (depth 8, width 32)",
            f"own, both cores (2 {name})",
            f"{min(times[name]) / 8192 * 1e6:,.0f} us a product",
            pairs(times["NumPy"], times[name]),
            ">= 6.5" if name == "processes" else "-",
        )
    calls = {
        "own": lambda: rr.estimate("effective_rank", 32, 8, target_error=1e-3, rng=0),
        "plain": lambda: rr.estimate(
            "effective_rank", 32, 8, target_error=1e-3, rng=0, control_variates=False
        ),
        "NumPy": lambda: pipeline_to_error(1e-3),
    }
    times = seconds(calls, ROUNDS, clock=time.process_time)
    for name, label in (("own", "`estimate`"), ("plain", "`estimate`, no control variates")):
        yield (
            "mean effective rank at width 32, depth 8 to an error of 1e-3",
            label,
            f"{min(times[name]) * 1e3:,.0f} ms; NumPy {min(times['NumPy']) * 1e3:,.0f}",
            pairs(times["NumPy"], times[name], 1),
            ">= 15" if name == "own" else "-",
        )


def log_rows():
    """Logarithms of singular values over singular values, and a deep chain."""
    for depth, size in ((1, 4096), (8, 4096), (64, 512)):
        calls = {
            name: lambda d=depth, n=size, log=log: rr.sample_singular_values(
                32, d, n, rng=0, return_log=log
            )
            for name, log in (("values", False), ("logarithms", True))
        }
        times = seconds(calls, ROUNDS, clock=time.process_time)
        own = [f"{min(times[name]) / size * 1e6:,.0f}" for name in calls]
        compared = pairs(times["logarithms"], times["values"])
        yield f"{size} x (depth {depth}, width 32)", *own, compared, "<= 3"
    (times,) = seconds(
        {"deep": lambda: rr.sample_singular_values(32, 1000, 256, rng=0, return_log=True)},
        ROUNDS,
        clock=time.process_time,
    ).values()
    minute = 60 / min(times) * 256
    yield (
        "256 x (depth 1000, width 32)",
        "-",
        f"{min(times) / 256 * 1e6:,.0f}",
        "-",
        (f">= 10,000 a minute: {minute:,.0f}"),
    )


def plain(width, depth, size):
    """The triangular method without compiled loops."""
    chain = Chain((width,) * (depth + 1), "real", "triangular", compiled=False)
    return list(in_threads(chain_blocks(chain, (depth,), size, rng=0), 1))


def part_rows():
    """Microseconds a product of each part at width 32, depth 8: the floor of this way."""
    n, depth, block = 32, 8, 64
    pairs = n * (n - 1) // 2
    rng = np.random.Generator(np.random.SFC64(0))
    stream = kernels.compiled_stream(np.random.Generator(np.random.SFC64(1)))
    diagonal = np.sqrt(rng.standard_gamma(np.repeat((n - np.arange(n)) / 2, block)).reshape(n, -1))
    above, first = rng.normal(size=(pairs, block)), rng.normal(size=(n - 1, block))
    product, full = np.empty((block // 8, n, n, 8)), rng.normal(size=(block, n, n))
    bidiagonal = np.empty((n, block)), np.empty((n - 1, block))
    shapes, no_powers = np.repeat((n - np.arange(n)) / 2, block), np.empty((0, 0, 0))
    numbers = np.empty(pairs * block)

    def products():
        kernels.start(diagonal, first, product)
        for layer in range(1, depth):
            kernels.multiply(diagonal, above, product, layer == 1, no_powers)

    def reduction():
        kernels.bidiagonalise(product, *bidiagonal)

    products(), reduction()
    calls = {
        "uniform numbers": (lambda: stream.random(out=numbers), depth - 1),
        "uniform numbers and their transform": (
            lambda: kernels.box_muller(stream.random(out=numbers), 1.0),
            depth - 1,
        ),
        "gamma variates": (lambda: stream.standard_gamma(shapes), depth + 1),
        "triangular products": (products, 1),
        "reduction to bidiagonal form": (reduction, 1),
        "dqds": (lambda: kernels.bidiagonal_singular_values(*bidiagonal), 1),
        "(NumPy's uniform numbers)": (lambda: rng.random(out=numbers), depth - 1),
        "(NumPy's gamma variates)": (lambda: rng.standard_gamma(shapes), depth + 1),
        "(pipeline: normal numbers)": (lambda: rng.standard_normal(n * n * block), depth),
        "(pipeline: products)": (lambda: full @ full, depth - 1),
        "(pipeline: decomposition)": (lambda: np.linalg.svd(full, compute_uv=False), 1),
    }
    times = least_seconds({name: repeated(call, 10) for name, (call, _) in calls.items()}, 20)
    for name, (_, count) in calls.items():
        yield name, f"{times[name] / 10 * count / block * 1e6:.1f}"


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
        "the line's, the median over rounds and, in brackets, the range. Times are those of the "
        "process's CPU, except on both cores, where they are the clock's: the machine was shared.",
        "",
        "| work | by | time | times as fast as NumPy | bar |",
        "|--|--|--:|--:|--:|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in sampling_rows()]
    lines += [
        "",
        "Logarithms (`return_log=True`): microseconds a product, and the ratio of both.",
        "",
        "| work | values | logarithms | ratio | bar |",
        "|--|--:|--:|--:|--:|",
        *(f"| {' | '.join(row)} |" for row in log_rows()),
    ]
    command = [sys.executable, __file__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    growth, seconds = map(float, done.stdout.split())
    lines += [
        "",
        f"Memory: {MEMORY_SAMPLES:,} products of width 8, depth 2 by `estimate` took "
        f"{seconds:.0f} s and {growth:.0f} MB more than 10,000 of them; their singular values "
        f"alone are {MEMORY_SAMPLES * 8 * 8 / 2**20:.0f} MB.",
        "",
        "## The floor",
        "",
        "Parts of a product of width 32 and depth 8, each alone; in brackets, those of NumPy and "
        "the pipeline. The products take 38,000 multiplications and additions, the reduction "
        "43,000. "
        "Uniform numbers and gamma variates are NumPy's to the bit or to rounding, from compiled "
        "loops for an SFC64 generator, which a seed starts; a generator of another kind draws "
        "them itself, in NumPy's time, and is the slower by as much. At depth 1 there is no "
        "product and no reduction, and dqds is all. The rows of both cores need a machine of "
        "their own. `estimate` to an error of 1e-3 draws the 512 products that it draws at least.",
        "",
        "| part | us |",
        "|--|--:|",
        *(f"| {' | '.join(row)} |" for row in part_rows()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    memory()
