"""Calibration of `rmt_rank.inspect`: p-values under each null model, at real shapes and precisions.

For each null model, shape and stored precision, matrices are drawn from the null model, rounded as
a file would store them, and compared.  The table has the Kolmogorov-Smirnov distance of the
p-values from a uniform law, the probability of a larger one, the mean and the standard deviation of
z, and the share of p-values below 0.01.

Run by `python validation/reports/inspect_calibration.py`: some 20 minutes on one core.  It writes
inspect_calibration.md beside it.
"""

from pathlib import Path

import ml_dtypes
import numpy as np
from scipy import stats

from rmt_rank._lib.blas import one_blas_thread
from rmt_rank.inspection.compare import compare
from rmt_rank.inspection.nulls import entropies, null_of

DRAWS = 2000
# Singular value decompositions of the largest shapes take a second for each twenty matrices.
LARGE, DRAWS_LARGE = 2 * 10**5, 400
SHAPES = ((8, 24), (32, 96), (64, 192), (128, 128), (256, 360), (256, 1024))
ENTRIES = {
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "shuffle, uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "shuffle, Laplace": lambda rng, shape: rng.laplace(size=shape),
    "shuffle, Student 5": lambda rng, shape: rng.standard_t(5, shape),
}
# A false alarm in any row of the table at most one time in a hundred.
LEVEL = 0.01


def int8(x):
    """Rounded to 255 levels of the largest entry, for each row."""
    scale = np.abs(x).max(axis=1, keepdims=True) / 127
    return np.round(x / scale) * scale


PRECISIONS = {
    "float32": lambda x: x.astype(np.float32),
    "float16": lambda x: x.astype(np.float16),
    "bfloat16": lambda x: x.astype(ml_dtypes.bfloat16),
    "int8 by row": int8,
    "float8_e4m3": lambda x: (x / np.abs(x).max() * 400).astype(ml_dtypes.float8_e4m3fn),
}


def row(entries, shape, precision, rng):
    count = DRAWS if shape[0] * shape[1] < LARGE else DRAWS_LARGE
    if entries.startswith("shuffle") and shape[0] < 129:
        count = min(count, 500)  # some of them are compared with drawn matrices
    p, z, method = [], [], set()
    for _ in range(count):
        matrix = np.asarray(PRECISIONS[precision](ENTRIES[entries](rng, shape)), dtype=np.float64)
        rank = float(entropies(matrix))
        found = compare(rank, null_of(entries.split(",")[0], matrix, rng, None))
        p.append(found.p)
        z.append(found.z)
        method.add("formula" if found.method == "formula" else "drawn")
    test = stats.kstest(p, "uniform")
    return (
        f"| {entries} | {shape[0]} x {shape[1]} | {precision} | {'/'.join(sorted(method))} "
        f"| {count} | {test.statistic:.3f} | {test.pvalue:.2g} | {np.mean(z):+.2f} "
        f"| {np.std(z):.2f} | {np.mean(np.array(p) < 0.01):.3f} |",
        test.pvalue,
    )


def main():
    rng = np.random.default_rng(20260101)
    cases = [(entries, shape, "float32") for entries in ENTRIES for shape in SHAPES]
    cases += [
        ("gaussian", shape, precision)
        for precision in list(PRECISIONS)[1:]
        for shape in ((64, 192), (256, 360))
    ]
    with one_blas_thread():
        rows = [row(*case, rng) for case in cases]
    bound = LEVEL / len(rows)
    failed = [
        f"{entries}, {shape[0]} x {shape[1]}, {precision}"
        for (entries, shape, precision), (_, p) in zip(cases, rows, strict=True)
        if p < bound
    ]
    text = [
        "# Calibration of `inspect`",
        "",
        "Made by `inspect_calibration.py`. Matrices of each null model, rounded to the precision "
        "in which a file would store them, compared with that null model: KS is distance of the "
        "p-values from a uniform law, with its probability; then mean and standard deviation "
        "of z, which should be 0 and 1, and the share of p-values below 0.01.",
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
