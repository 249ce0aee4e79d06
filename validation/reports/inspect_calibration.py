"""Calibration of `rmt_rank.inspect`: p-values under each null model, at real shapes and precisions.

For each null model, shape and stored precision, matrices are drawn from the null model, rounded as
a file would store them, and compared.  The table has the Kolmogorov-Smirnov distance of the
p-values from a uniform law, the probability of a larger one, the mean and the standard deviation of
z, and the share of p-values below 0.01.  A row has its own seed, so that it does not depend on the
others.

Run by `python validation/reports/inspect_calibration.py`: some 8 minutes on one core.  It writes
inspect_calibration.md beside it.
"""

import zlib
from pathlib import Path

import ml_dtypes
import numpy as np
from scipy import stats

from rmt_rank._lib.blas import one_blas_thread
from rmt_rank.inspection.compare import compare
from rmt_rank.inspection.nulls import entropies, null_of

# Matrices in a row whose null model is a formula, or is drawn once for the shape; and fewer where
# every matrix is compared with draws of its own.
DRAWS, DRAWS_OWN = 2000, 500
SHAPES = ((8, 24), (32, 32), (32, 96), (64, 192), (128, 128), (256, 360), (256, 1024))
ENTRIES = {
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "shuffle, uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "shuffle, Gaussian": lambda rng, shape: rng.standard_normal(shape),
    "shuffle, Laplace": lambda rng, shape: rng.laplace(size=shape),
    "shuffle, Student 5": lambda rng, shape: rng.standard_t(5, shape),
    "norms, Gaussian": lambda rng, shape: rng.standard_normal(shape),
}
# A false alarm in any row of the table at most one time in a hundred.
LEVEL = 0.01


def by_row(levels):
    """Rounded to integers of at most this size, with a scale for each row."""

    def rounded(x):
        scale = np.abs(x).max(axis=1, keepdims=True) / levels
        return np.round(x / scale) * scale

    return rounded


PRECISIONS = {
    "float32": lambda x: x.astype(np.float32),
    "float16": lambda x: x.astype(np.float16),
    "bfloat16": lambda x: x.astype(ml_dtypes.bfloat16),
    "float8_e4m3": lambda x: (x / np.abs(x).max() * 400).astype(ml_dtypes.float8_e4m3fn),
    "int8 by row": by_row(127),
    "int4 by row": by_row(7),
    "int3 by row": by_row(3),
    "-1, 0, 1": lambda x: np.round(np.clip(x / np.abs(x).mean(), -1, 1)),
}


def row(entries, shape, precision):
    rng = np.random.default_rng(zlib.crc32(f"{entries} {shape} {precision}".encode()))
    p, z, methods = [], [], set()
    count = DRAWS
    while len(p) < count:
        matrix = np.asarray(PRECISIONS[precision](ENTRIES[entries](rng, shape)), dtype=np.float64)
        null = null_of(entries.split(",")[0], matrix, rng, None)
        if null.draws is not None and not null.exact:
            count = DRAWS_OWN
        found = compare(float(entropies(matrix)), null)
        p.append(found.p)
        z.append(found.z)
        methods.add(null.method)
    test = stats.kstest(p, "uniform")
    return (
        f"| {entries} | {shape[0]} x {shape[1]} | {precision} | {', '.join(sorted(methods))} "
        f"| {len(p)} | {test.statistic:.3f} | {test.pvalue:.2g} | {np.mean(z):+.2f} "
        f"| {np.std(z):.2f} | {np.mean(np.array(p) < 0.01):.3f} |",
        float(test.pvalue),
    )


def cases():
    found = [(entries, shape, "float32") for entries in list(ENTRIES)[:3] for shape in SHAPES]
    found += [
        ("gaussian", shape, precision)
        for precision in list(PRECISIONS)[1:]
        for shape in ((64, 192), (256, 360))
    ]
    found += [
        ("shuffle, Gaussian", (64, 192), each) for each in ("float32", "int4 by row", "-1, 0, 1")
    ]
    found += [
        (entries, shape, "float32")
        for entries in ("shuffle, Laplace", "shuffle, Student 5")
        for shape in SHAPES[2:]
    ]
    return [*found, ("norms, Gaussian", (64, 192), "float32")]


def main():
    todo = cases()
    with one_blas_thread():
        rows = [row(*case) for case in todo]
    bound = LEVEL / len(rows)
    failed = [
        f"{entries}, {shape[0]} x {shape[1]}, {precision}"
        for (entries, shape, precision), (_, p) in zip(todo, rows, strict=True)
        if p < bound
    ]
    text = [
        "# Calibration of `inspect`",
        "",
        "Made by `inspect_calibration.py`. Matrices of each null model, rounded to the precision "
        "in which a file would store them, compared with that null model. KS is the distance of "
        "the p-values from a uniform law, with its probability; then mean and standard deviation "
        "of z, which are 0 and 1 for a formula, and the share of p-values below 0.01.",
        "",
        "| entries | shape | stored as | null model | matrices | KS | probability | mean z | sd z "
        "| p < 0.01 |",
        "|--|--|--|--|--:|--:|--:|--:|--:|--:|",
        *(line for line, _ in rows),
        "",
        f"Not calibrated, at a false-alarm rate of {LEVEL:g} for the whole table: "
        f"{'; '.join(failed) or 'none'}.",
        "",
    ]
    Path(__file__).with_suffix(".md").write_text("\n".join(text))


if __name__ == "__main__":
    main()
