"""Tests and speed on a CUDA device; writes validation/reports/gpu.md.

    make gpu, or nox --session gpu

It takes less than five minutes.  Without a device it says so and changes nothing.
"""

import contextlib
import datetime
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # beside this file, also with python -P

from compare import setting

import rmt_rank as rr
from rmt_rank._lib.array import cuda_device, namespace
from rmt_rank._lib.errors import BackendUnavailableError

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "validation/reports/gpu.md"
# (width, own products, products of the rivals); the rivals' time grows with the width
CASES = ((32, 2**20, 2**16), (64, 2**17, 1024), (128, 2**14, 128), (256, 1024, 32))
DEPTH = 8
ROUNDS = 3
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


def command(*arguments):
    """Run a command; its last line, and the seconds that it took."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-P", "-m", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=LIMIT,
    )
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
    verified, verified_seconds = command("rmt_rank.verify", "theorem1", "--backend", "cupy")
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
        f"| `verify theorem1 --backend cupy` | {verified} | {verified_seconds:.0f} |",
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
    ]
    REPORT.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 0 if tests.startswith("exit 0") and verified.startswith("exit 0") else 1


if __name__ == "__main__":
    sys.exit(main())
