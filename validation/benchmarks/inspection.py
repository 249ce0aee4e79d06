"""Time and memory of `inspect`: ratios to the bare decompositions of the same matrices."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from compare import least_seconds, setting

from rmt_rank import inspect
from rmt_rank.inspection.matrices import NamedMatrix, matrices
from rmt_rank.inspection.tensors import tensors

ROUNDS = 3
# Shapes of a file of small matrices.
SHAPES = [(16, 16), (32, 32), (24, 48), (64, 32), (8, 64), (40, 40), (48, 96), (64, 64)]
SHAPES += [(10, 20), (33, 65)]

# Peak memory of a process beyond what it has after its imports, in MB (Linux).
PEAK = """
import sys
from pathlib import Path
import numpy as np, scipy.stats
from rmt_rank import inspect
if sys.argv[1].endswith(".pt"):
    import torch
inspect(np.eye(40))
def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
inspect(sys.argv[1])
print(status("VmHWM") - before)
"""


def read(path):
    return [each for each in matrices(tensors(path)) if isinstance(each, NamedMatrix)]


def decompositions(found):
    return lambda: [np.linalg.svd(np.asarray(m, dtype=float), compute_uv=False) for m in found]


def peak(path):
    """Peak memory in MB, and the bar for it: four times the largest tensor and 150 MB."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True
    )
    largest = max(each.matrix.nbytes for each in read(path)) / 2**20
    return float(run.stdout), 4 * largest + 150


def gaussian(path):
    """A file of 17 MB with independent entries, whose null models have formulas."""
    import torch

    generator = torch.Generator().manual_seed(0)
    sides = [(512, 512)] * 8 + [(1024, 512)] * 2 + [(1024, 256)] * 4
    torch.save(
        {f"{i}.weight": torch.randn(*side, generator=generator) for i, side in enumerate(sides)},
        path,
    )
    return path


def speaker(path):
    """A trained network of 17 MB, Resemblyzer 0.1.4, from its wheel; None if it is not there."""
    folder = os.environ.get("RMT_RANK_MODELS")
    for wheel in sorted(Path(folder).glob("[Rr]esemblyzer-0.1.4-*.whl")) if folder else ():
        with zipfile.ZipFile(wheel) as archive:
            path.write_bytes(archive.read("resemblyzer/pretrained.pt"))
        return path
    return None


def small(path):
    import safetensors.numpy

    rng = np.random.default_rng(0)
    sides = (SHAPES[i % len(SHAPES)] for i in range(1000))
    arrays = {f"{i}.weight": rng.normal(size=s).astype(np.float32) for i, s in enumerate(sides)}
    safetensors.numpy.save_file(arrays, path)
    return path


def rows(folder):
    models = []
    if importlib.util.find_spec("torch") is not None:
        models += [("independent entries, 17 MB .pt", gaussian(folder / "gaussian.pt"))]
        models += [("trained LSTM (Resemblyzer), 17 MB .pt", speaker(folder / "speaker.pt"))]
    for what, path in models:
        if path is None:
            continue
        found = [each.matrix for each in read(path)]
        times = least_seconds(
            {
                "own": lambda path=path: inspect(path),
                "read": lambda path=path: read(path),
                "values": decompositions(found),
            },
            ROUNDS,
        )
        drawn = sum(c.method != "formula" for m in inspect(path).matrices for c in m.comparisons)
        bare = times["read"] + times["values"]
        words = f"{times['own'] / bare:.2f} of it; {drawn} of {2 * len(found)} null models drawn"
        yield what, "reading and bare SVDs", times["own"], bare, words, "<= 1.5"
        used, bar = peak(path)
        yield f"{what}: memory", "", None, None, f"{used:.0f} MB", f"<= {bar:.0f} MB"
    path = small(folder / "small.safetensors")
    start = time.perf_counter()
    inspect(path)
    own = time.perf_counter() - start
    yield "1,000 small matrices, first call", "", own, None, f"{own:.1f} s", "<= 20 s"
    used, bar = peak(path)
    yield "1,000 small matrices: memory", "", None, None, f"{used:.0f} MB", f"<= {bar:.0f} MB"


def table():
    lines = [
        "# Speed of inspect",
        "",
        f"Made by `make benchmark`. {setting('numpy', 'torch')}. One thread; least of {ROUNDS} "
        "rounds, in turns. Both default null models; memory is beyond that of the imports.",
        "",
        "| what | compared with | ms | compared | result | bar |",
        "|--|--|--:|--:|--:|--:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for what, rival, own, other, words, bar in rows(Path(folder)):
            numbers = ["" if each is None else f"{1000 * each:,.0f}" for each in (own, other)]
            lines.append(f"| {what} | {rival} | {numbers[0]} | {numbers[1]} | {words} | {bar} |")
    lines += [
        "",
        "The floor. `inspect` needs all singular values, too: as eigenvalues of X X^H where that "
        "is accurate enough. Null models of Gaussian entries, and of shuffled ones "
        "with moderate tails, are formulas. Shuffles of entries with heavy tails have no formula: "
        "each of at least eight draws takes most of a decomposition. The word `where` takes half "
        "of one where the tail of the spectrum is compared with power laws. So the bar "
        "is missed where many layers have heavy tails.",
    ]
    return "\n".join(lines) + "\n"
