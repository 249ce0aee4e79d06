"""Tests and speed on a CUDA device; writes validation/reports/gpu.md.

    make gpu, or nox --session gpu

It takes less than five minutes.  Without a device it says so and changes nothing.
"""

import contextlib
import datetime
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # beside this file, also with python -P

from compare import setting

import rmt_rank as rr
from rmt_rank._lib.array import cuda_device, namespace
from rmt_rank._lib.errors import BackendUnavailableError
from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "validation/reports/gpu.md"
# Where the part of the report begins that is not measured, and stays.
DECISION = "## `train`: no CUDA graph"
# (width, own products, products of the rivals); the rivals' time grows with the width
CASES = ((32, 2**20, 2**16), (64, 2**17, 1024), (128, 2**14, 128), (256, 1024, 32))
DEPTH = 8
ROUNDS = 3
STEPS = 400
# The second has ten times the default samples at widths 256 and 1024, the third at width 64.
VERIFY = ("rmt_rank.verify", "theorem1", "--backend", "cupy")
COMMANDS = (
    VERIFY,
    (*VERIFY, "--widths", "64,256,1024", "--samples", "640"),
    (
        "rmt_rank.verify",
        "theorem1.finite-width",
        *VERIFY[2:],
        "--widths",
        "64",
        "--samples",
        "5120",
    ),
    ("rmt_rank", "experiment", "init-pdf", "--full", "--backend", "cupy", "--quiet"),
)
# seconds after which a part is given up
LIMIT = 120


def best(call, wait):
    """Least time of a call that has finished on the device."""
    call(), wait()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call(), wait()
        times.append(time.perf_counter() - start)
    return min(times)


def torch_pipeline(width, size):
    """Three lines of PyTorch: normal numbers, products, singular values."""
    import torch

    options = {"device": "cuda", "dtype": torch.float64}

    def run():
        product = torch.randn(size, width, width, **options) * width**-0.5
        for _ in range(DEPTH - 1):
            product = (torch.randn(size, width, width, **options) * width**-0.5) @ product
        return torch.linalg.svdvals(product)

    return run, torch.cuda.synchronize


def jax_pipeline(width, size):
    """The same in JAX, compiled."""
    import jax

    jax.config.update("jax_enable_x64", True)
    if jax.default_backend() != "gpu":
        raise ImportError("JAX does not see the device")

    @jax.jit
    def one(key):
        keys = jax.random.split(key, DEPTH)
        shape = (size, width, width)
        product = jax.random.normal(keys[0], shape, dtype="float64") * width**-0.5
        for each in keys[1:]:
            product = (jax.random.normal(each, shape, dtype="float64") * width**-0.5) @ product
        return jax.numpy.linalg.svd(product, compute_uv=False)

    return (lambda: one(jax.random.key(0)).block_until_ready()), (lambda: None)


def speed_rows(xp, wait):
    """Products per second of the package and its rivals."""
    for width, size, rivals in CASES:
        rates = {}

        def own(width=width, size=size):
            return rr.sample_singular_values(width, DEPTH, size, rng=0, xp=xp)

        rates["own"] = size / best(own, wait)
        for name, pipeline in (("PyTorch", torch_pipeline), ("JAX", jax_pipeline)):
            with contextlib.suppress(ImportError):
                rates[name] = rivals / best(*pipeline(width, rivals))
        fastest = max((rate for name, rate in rates.items() if name != "own"), default=np.nan)
        cells = [f"{rates[name]:,.0f}" if name in rates else "-" for name in ("PyTorch", "JAX")]
        cells = [f"{rates['own']:,.0f}", *cells, f"{rates['own'] / fastest:.1f}"]
        yield f"| {width} | {' | '.join(cells)} |"


def error_rows(xp):
    """Time to a standard error of the mean effective rank at width 32."""
    options = {"target_error": 1e-5, "rng": 0, "max_samples": 10**9}
    rr.estimate("effective_rank", 32, DEPTH, samples=10**5, rng=0, xp=xp)
    for name, given in (
        ("1e-5 with control variates", {}),
        ("1e-5 without", {"control_variates": False}),
    ):
        found = rr.estimate("effective_rank", 32, DEPTH, xp=xp, **options, **given)
        yield f"| device, {name} | {found.value:.6f} | {found.error:.1e} | {found.seconds:.2f} |"
    found = rr.estimate("effective_rank", 32, DEPTH, target_error=1e-3, rng=0)
    cells = f"{found.value:.6f} | {found.error:.1e} | {found.seconds:.2f}"
    yield f"| host, one thread, 1e-3 with control variates | {cells} |"


def consumer_rows(xp, wait):
    """Work per second of what draws or decomposes matrices, on the device and on one thread."""
    inputs = np.random.default_rng(0).standard_normal((256, 32))
    matrices = np.random.default_rng(0).standard_normal((4096, 64, 64))
    problem = rr.networks.least_squares_problem(32, task_rank=4, examples=24, rng=0)
    options = {"weight_variance": 1.0, "dtype": np.float32, "rng": 0}
    training = {"learning_rate": 1e-3, "steps": STEPS, "tolerance": 0, "unconverged": "ignore"}

    def study(xp, samples):
        grid = rr.study.Study(widths=(16, 32, 64), depths=(1, 2, 4, 8), samples=samples)
        with tempfile.TemporaryDirectory() as folder:
            rr.study.run_study(grid, Path(folder, "store"), xp=xp)

    def networks(xp, size):
        return sample_gram_effective_ranks(
            inputs, [1, 2, 4, 8, 16, 32], "tanh", size, xp=xp, **options
        )

    def measured(xp, size):
        return rr.rank_measures(xp.asarray(matrices[:size]))

    def trained(xp, seeds):
        rr.networks.train(problem, 2, seeds=seeds, rng=0, xp=xp, **training)

    host = namespace("numpy")
    for name, call, many, few, unit in (
        ("a study of 12 cells, products", study, 10**6, 2000, 12),
        ("Gram ranks of `init-pdf`, networks at 6 depths", networks, 4096, 128, 1),
        ("`rank_measures` of 64 x 64, matrices", measured, 4096, 256, 1),
        ("`train`, 5 networks, steps of one", trained, 5, 5, STEPS),
        ("`train`, 256 networks (host 16), steps of one", trained, 256, 16, STEPS),
    ):
        device = many * unit / best(lambda: call(xp, many), wait)  # noqa: B023
        processor = few * unit / best(lambda: call(host, few), lambda: None)  # noqa: B023
        yield f"| {name} | {device:,.0f} | {processor:,.0f} | {device / processor:.1f} |"


def command(*arguments):
    """Run a command; its last line, and the seconds that it took."""
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=LIMIT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        return f"not done in {LIMIT} s", time.perf_counter() - start
    lines = (done.stdout + done.stderr).strip().splitlines() or [""]
    summary = next(
        (line for line in reversed(lines) if "passed" in line or "hold" in line), lines[-1]
    )
    return f"exit {done.returncode}: {summary}", time.perf_counter() - start


def main():
    try:
        xp = namespace("cupy")
    except BackendUnavailableError as error:
        print(f"nothing was run: {error}")
        return 0
    import cupy

    wait = cupy.cuda.runtime.deviceSynchronize
    card = cupy.cuda.runtime.getDeviceProperties(cuda_device().number)["name"].decode()
    tests, tests_seconds = command("pytest", "-q", "-m", "gpu", "-n", "4")
    commands = {" ".join(each): command(*each) for each in COMMANDS}
    lines = [
        "# On a GPU",
        "",
        f"Made by `make gpu` on {datetime.date.today():%Y-%m-%d}. {card}; "
        f"{setting('cupy-cuda12x', 'cupy-cuda13x', 'numpy', 'torch', 'jax')}; "
        f"rmt_rank {rr.__version__}. Least of {ROUNDS} rounds.",
        "",
        "| command | result | seconds |",
        "|--|--|--:|",
        f"| `pytest -m gpu` | {tests} | {tests_seconds:.0f} |",
        *(f"| `{name}` | {end} | {seconds:.0f} |" for name, (end, seconds) in commands.items()),
        "",
        f"Products of {DEPTH} layers per second, real float64, from random numbers to singular "
        "values; the last column is the ratio to the faster rival.",
        "",
        "| width | own | PyTorch | JAX | times as fast |",
        "|--|--:|--:|--:|--:|",
        *speed_rows(xp, wait),
        "",
        f"Mean effective rank at width 32, depth {DEPTH}.",
        "",
        "| target | mean | standard error | seconds |",
        "|--|--:|--:|--:|",
        *error_rows(xp),
        "",
        "Work per second on the device and on one thread of the host, and their ratio. Steps of "
        f"training: width 32, depth 2, 24 examples, {STEPS} steps with the default recording.",
        "",
        "| work | device | host | times as fast |",
        "|--|--:|--:|--:|",
        *consumer_rows(xp, wait),
    ]
    decision = "".join(REPORT.read_text().partition(DECISION)[1:])
    REPORT.write_text("\n".join([*lines, "", decision]))
    print("\n".join(lines))
    ends = [tests, *(end for end, _ in commands.values())]
    return 0 if all(end.startswith("exit 0") for end in ends) else 1


if __name__ == "__main__":
    sys.exit(main())
