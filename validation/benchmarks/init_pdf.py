"""Speed of Figure 1's numbers: ratios to decomposing every Gram matrix, from one run."""

import math

import numpy as np
from compare import least_seconds, ratio, repeated, seconds, setting

from rmt_rank._lib import activations as _activations
from rmt_rank.metrics.gram import gram_effective_rank
from rmt_rank.paper.experiments.nonlinear import init_pdf
from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks

ROUNDS = 3
SETTINGS = init_pdf.EXPERIMENT.settings("full")
NETWORKS, SAMPLES, WIDTH = (SETTINGS[name] for name in ("networks", "samples", "width"))
DEPTHS = SETTINGS["depths"]
ACTIVATIONS = ("identity", "relu", "tanh", "gelu", "sine")
# The least number of networks for which the package loads compiled code.
OWN = NETWORKS // 2
# Gram matrices that the rivals decompose; their time is scaled to all.
MATRICES = 96


def entropy(values):
    p = np.maximum(values, 1e-300)
    p = p / p.sum(axis=-1, keepdims=True)
    return -np.sum(p * np.log(p), axis=-1)


def features(activation, count):
    """Normalised features of some networks at all depths, shape (depths * networks, q, n)."""
    rng = np.random.default_rng(0)
    function = _activations.activation(activation)
    x = rng.standard_normal((SAMPLES, WIDTH))
    found = []
    for depth in range(1, max(DEPTHS) + 1):
        x = function(x @ (rng.standard_normal((count, WIDTH, WIDTH)) / math.sqrt(WIDTH)))
        if depth in DEPTHS:
            found.append(x / np.linalg.norm(x, axis=-1, keepdims=True))
    return np.concatenate(found)


def by(decompose, x):
    """One Gram matrix after the other, in the cache."""
    for each in x:
        entropy(decompose(each @ each.T))


def rows():
    inputs = np.random.default_rng(0).standard_normal((SAMPLES, WIDTH))
    of_all = NETWORKS / OWN, NETWORKS * len(DEPTHS) / MATRICES
    for name in ACTIVATIONS:
        x = features(name, MATRICES // len(DEPTHS))
        calls = {
            "own": lambda a=name: sample_gram_effective_ranks(
                inputs, DEPTHS, a, OWN, dtype=np.float32, rng=0
            ),
            "eigvalsh": lambda x=x: by(np.linalg.eigvalsh, x),
            "svdvals": lambda x=x: by(np.linalg.svdvals, x),
        }
        found = seconds(calls, ROUNDS)
        own = [each * of_all[0] for each in found["own"]]
        values, singular = ([e * of_all[1] for e in found[r]] for r in ("eigvalsh", "svdvals"))
        yield (
            name,
            *(f"{min(each):.1f}" for each in (own, values, singular)),
            ratio(values, own, 1),
            ratio(singular, own, 1),
        )


def part_rows():
    """Seconds, for all networks, of each part alone: the floor."""
    layers = NETWORKS * max(DEPTHS)
    block = 8
    rng = np.random.Generator(np.random.SFC64(0))
    x = rng.standard_normal((block, SAMPLES, WIDTH)).astype(np.float32)
    w = rng.standard_normal((block, WIDTH, WIDTH)).astype(np.float32)
    transposed = np.swapaxes(x, -1, -2)
    small = transposed @ x
    per_layer = {
        "uniform numbers of the weights": lambda: rng.random((block, WIDTH, WIDTH)),
        "normal numbers by NumPy": lambda: rng.standard_normal((block, WIDTH, WIDTH)),
        "products with the weights": lambda: x @ w,
    }
    for name in ACTIVATIONS[1:]:
        function = _activations.activation(name)
        per_layer[f"activation, {name}"] = lambda f=function: f(x)
    per_depth = {
        "small Gram matrices": lambda: transposed @ x,
        "their eigenvalues": lambda: np.linalg.eigvalsh(small),
        "all from features to ranks, `gram_effective_rank`": lambda: gram_effective_rank(x),
    }
    for calls, count in ((per_layer, layers), (per_depth, NETWORKS * len(DEPTHS))):
        times = least_seconds({name: repeated(call, 20) for name, call in calls.items()}, 20)
        for name, time in times.items():
            yield name, f"{time / 20 / block * count:.2f}"


def table():
    flops = NETWORKS * max(DEPTHS) * 2 * SAMPLES * WIDTH**2
    depths = ", ".join(map(str, DEPTHS))
    lines = [
        "# Speed of Figure 1",
        "",
        f"Made by `make benchmark`. {setting('numpy', 'scipy', 'numba')}. One thread. Seconds for "
        f"{NETWORKS} networks of width {WIDTH}, {SAMPLES} inputs, depths {depths}, normal weights, "
        f"one activation: least of {ROUNDS} rounds, rivals in turns within one run.",
        "",
        f"Own times are those of {OWN} networks, doubled, from drawing weights to ranks; the "
        "figure is made in float32, whose error in a rank, 5e-6 at most, is below a hundredth of "
        f"the sampling error of a mean. Rivals are given features, form {SAMPLES} x {SAMPLES} Gram "
        f"matrices one by one and decompose them by NumPy in float64; they are timed on {MATRICES} "
        f"of {NETWORKS * len(DEPTHS)} matrices, and scaled. Weights and layers do not count for "
        "them. In brackets, ratios round by round.",
        "",
        "| activation | own | `eigvalsh` | `svdvals` | times as fast as "
        "`eigvalsh` | as `svdvals` (bar: >= 30) |",
        "|--|--:|--:|--:|--:|--:|",
        *(f"| {' | '.join(row)} |" for row in rows()),
        "",
        "## The floor",
        "",
        f"Parts in float32, each alone, seconds for all networks. Layers take {flops / 1e9:.0f} "
        "GFLOP; a linear network multiplies its weights first, and does not make them. Uniform "
        "numbers are what the transform to normal ones is given. The numbers, the products and the "
        "eigenvalues of 32 x 32 matrices together take longer than a thirtieth of `eigvalsh`: "
        "30 times as fast as that one is out of reach of this way.",
        "",
        "| part | s |",
        "|--|--:|",
        *(f"| {' | '.join(row)} |" for row in part_rows()),
    ]
    return "\n".join(lines) + "\n"
