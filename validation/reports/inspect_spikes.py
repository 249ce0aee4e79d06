"""Location of a deficit: false alarms, and planted spikes beside the threshold.

    python validation/reports/inspect_spikes.py

writes inspect_spikes.md beside itself; some minutes on one core.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from rmt_rank.inspection.location import locate
from rmt_rank.inspection.nulls import null_of

SHAPES = [(32, 32), (64, 192), (64, 64), (128, 512)]
LEVEL, DRAWS, PLANTED = 0.1, 300, 100
STRENGTHS = (0.7, 0.9, 1.0, 1.1, 1.2, 1.4, 1.7, 2.0)


def located(matrix, null=None, level=LEVEL):
    values = np.linalg.svd(matrix, compute_uv=False)
    field = "complex" if np.iscomplexobj(matrix) else "real"
    return locate(values, matrix.shape, null=null, field=field, level=level, rng=1)


def noise(kind, rng, shape):
    """A matrix and its null model."""
    if kind == "Gaussian":
        return rng.standard_normal(shape), None
    if kind == "complex":
        return rng.standard_normal(shape) + 1j * rng.standard_normal(shape), None
    if kind == "uniform":
        matrix = rng.uniform(-1, 1, shape)
        return matrix, null_of("uniform", matrix, rng, None)
    matrix = rng.standard_t(10, shape)
    return matrix, null_of("shuffle", matrix, rng, None)


def false_alarms():
    for kind in ("Gaussian", "complex", "uniform", "shuffled"):
        for shape in SHAPES:
            if kind != "Gaussian" and shape[0] > 64:
                continue
            rng = np.random.default_rng(7)
            words = Counter(located(*noise(kind, rng, shape)).where for _ in range(DRAWS))
            share = [words[word] / DRAWS for word in ("none", "spikes", "bulk", "tail")]
            yield (
                f"| {kind} | {shape[0]} x {shape[1]} | "
                + " | ".join(f"{each:.3f}" for each in share)
                + " |"
            )


def power():
    for p, n in SHAPES:
        cells = []
        for strength in STRENGTHS:
            rng = np.random.default_rng(8)
            found = 0
            for _ in range(PLANTED):
                u, v = rng.standard_normal(p), rng.standard_normal(n)
                u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
                spike = strength * (p * n) ** 0.25 * np.outer(u, v)
                found += located(rng.standard_normal((p, n)) + spike, level=0.01).spikes >= 1
            cells.append(f"{found / PLANTED:.2f}")
        yield f"| {p} x {n} | " + " | ".join(cells) + " |"


def tails():
    for freedom in (1, 1.5, 2, 3, 5):
        rng = np.random.default_rng(9)
        words = Counter(
            located(rng.standard_t(freedom, (64, 192)), level=0.01).where for _ in range(50)
        )
        share = [words[word] / 50 for word in ("none", "spikes", "bulk", "tail")]
        yield f"| {freedom:g} | " + " | ".join(f"{each:.2f}" for each in share) + " |"


def main():
    lines = [
        "# Location of a deficit: false alarms and power",
        "",
        "Made by `python validation/reports/inspect_spikes.py`.",
        "",
        "## Matrices of independent entries",
        "",
        f"Share of {DRAWS} matrices with each word, at level {LEVEL}: spikes and bulk together "
        f"should be at most {LEVEL}, with a standard error of "
        f"{np.sqrt(LEVEL * (1 - LEVEL) / DRAWS):.3f}. "
        "Uniform entries have their own null model, and the shuffled entries, of "
        "Student's law with 10 degrees of freedom, that of shuffling.",
        "",
        "| entries | shape | none | spikes | bulk | tail |",
        "|--|--|--:|--:|--:|--:|",
        *false_alarms(),
        "",
        "## One planted spike",
        "",
        f"Share of {PLANTED} matrices in which at least one spike is found at level 0.01, for a "
        "matrix of rank one of singular value strength x (rows x columns)^(1/4) added to Gaussian "
        "entries of variance 1. In the limit a singular value leaves the bulk where it is above 1.",
        "",
        "| shape | " + " | ".join(f"{each:g}" for each in STRENGTHS) + " |",
        "|--|" + "--:|" * len(STRENGTHS),
        *power(),
        "",
        "## Heavy-tailed entries",
        "",
        "Share of 50 matrices, 64 x 192, of entries with Student's law, at level 0.01, against the "
        "Gaussian null model.",
        "",
        "| degrees of freedom | none | spikes | bulk | tail |",
        "|--|--:|--:|--:|--:|",
        *tails(),
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
