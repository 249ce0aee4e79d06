"""Real products at finite width, where theory leaves questions open, into real_products.md.

python validation/reports/real_products.py; about half an hour on one core, with numba.
"""

import math
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from rmt_rank import estimate, limit_effective_rank
from rmt_rank.metrics import spectrum
from rmt_rank.simulation.products.blocks import chain_blocks, in_threads
from rmt_rank.simulation.products.chain import new_chain
from rmt_rank.theory.finite_width.corrections import finite_width_correction

SEED = 17
# Work of each cell, and of each cell of the coefficients, and that of each entry of a factor.
CELL, COEFFICIENT_CELL, ENTRY = 2.5e9, 25e9, 6.0
COEFFICIENT_DEPTHS = (1, 2, 4, 8)
COEFFICIENT_WIDTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128)
# The least widths of fits, and the least ratios to the depth: an expansion in depth/width needs it
# to be small.
LEAST = ((8, 2), (12, 3), (16, 4))
GRAM_WIDTHS, GRAM_DEPTHS = (2, 3, 4, 6, 8, 12, 16, 32), tuple(range(1, 9))
SLOPES, SLOPE_WIDTHS = (0.25, 0.5, 1.0), (8, 16, 32, 64)


def mean_rank(width, depth, cell=CELL):
    """Number of products, which take about as long for all cells, their mean, and its error."""
    samples = int(cell / ENTRY / (width * width * (depth + 5) + 400))
    rng = np.random.SeedSequence(SEED, spawn_key=(width, depth))
    found = estimate("effective_rank", width, depth, samples=samples, rng=rng)
    return samples, found.value, found.error


def exact_coefficient(depth):
    """R of E S = log N + rho + R/N + ...; the correction is R/N + b/N^2."""
    first, second = (finite_width_correction(N, depth).value for N in (1, 2))
    return 4 * second - first


def fit(rows, columns, fixed=0.0):
    """Weighted least squares of N times the deviation: coefficients, errors, chi^2."""
    N, y, error = (np.array(each, dtype=float) for each in zip(*rows, strict=True))
    design = np.column_stack([column(N) for column in columns]) / error[:, np.newaxis]
    b, *_ = np.linalg.lstsq(design, (y - fixed) / error, rcond=None)
    covariance = np.linalg.inv(design.T @ design)
    rest = (y - fixed) / error - design @ b
    return b, np.sqrt(np.diag(covariance)), float(rest @ rest), len(y) - len(b)


def fitted(rows, R):
    """Cells of a table: R, b and c; then with R fixed b, c and d; then with b = 0 c and d."""
    constant, log = (lambda N: 1 + 0 * N), (lambda N: np.log(N) / N)
    first, second = (lambda N: 1 / N), (lambda N: 1 / N**2)
    cells = []
    for columns, fixed in (
        ((constant, log, first), 0.0),
        ((log, first, second), R),
        ((first, second), R),
    ):
        b, errors, square, degrees = fit(rows, columns, fixed)
        digits = (4 if columns[0] is constant else 3, 3, 2)
        cells += [
            f"{value:.{n}f} +- {error:.{n}f}"
            for value, error, n in zip(b, errors, digits, strict=False)
        ]
        cells.append(f"{square:.1f} of {degrees}")
    return " | ".join(cells)


def coefficients():
    cells, fits = [], []
    for depth in COEFFICIENT_DEPTHS:
        rho, R = float(limit_effective_rank(depth)), exact_coefficient(depth)
        rows = []
        for width in COEFFICIENT_WIDTHS:
            samples, value, error = mean_rank(width, depth, COEFFICIENT_CELL)
            gap = width * (value - math.log(width) - rho)
            cells.append(
                f"| {depth} | {width} | {samples:,} | {value:.7f} | {error:.1e} | {gap:.4f} "
                f"| {width * error:.4f} |"
            )
            rows.append((width, gap, width * error))
        for width, ratio in LEAST:
            least = max(width, ratio * depth)
            fits.append(f"| {depth} | {least} | {fitted([r for r in rows if r[0] >= least], R)} |")
    return cells, fits


def gram_ranks(width):
    """Mean Gram rank at every depth and its mean fall along the same chain, with errors."""
    samples = int(CELL / ENTRY / (width * width * 50 + 4000))
    chain = new_chain(width, GRAM_DEPTHS[-1], samples)
    rng = np.random.SeedSequence(SEED, spawn_key=(width,))
    ranks = []
    with closing(in_threads(chain_blocks(chain, GRAM_DEPTHS, samples, rng=rng), 1)) as blocks:
        for block in blocks:
            found = [spectrum.effective_rank(each.values, power=2) for each in block.values]
            ranks.append(np.column_stack(found))
    ranks = np.concatenate(ranks)
    falls = -np.diff(ranks, axis=1)
    error = falls.std(axis=0, ddof=1) / math.sqrt(samples)
    return samples, ranks.mean(axis=0), falls.mean(axis=0), error


def gram_rows():
    for width in GRAM_WIDTHS:
        samples, mean, fall, error = gram_ranks(width)
        least = float((fall / error).min())
        numbers = " | ".join(f"{each:.4f}" for each in mean)
        yield f"| {width} | {samples:,} | {numbers} | {fall.min():.4f} | {least:.0f} |"


def slope_rows():
    for slope in SLOPES:
        found = {}
        for width in SLOPE_WIDTHS:
            depth = round(slope * width)
            samples, value, error = mean_rank(width, depth)
            found[width] = value, error
            extrapolated = "-"
            if width // 2 in found:
                half, half_error = found[width // 2]
                both = math.hypot(2 * error, half_error)
                extrapolated = f"{2 * value - half:.4f} +- {both:.4f}"
            yield (
                f"| {slope:g} | {width} | {depth} | {samples:,} | {value:.5f} | {error:.1e} "
                f"| {value - math.log(width):.4f} | {extrapolated} |"
            )


def main():
    start = time.process_time()
    cells, fits = coefficients()
    gram, slopes = list(gram_rows()), list(slope_rows())
    seconds = time.process_time() - start
    depths = " | ".join(f"L = {each}" for each in GRAM_DEPTHS)
    lines = [
        "# Real products at finite width",
        "",
        f"Made by `python validation/reports/real_products.py` in {seconds:.0f} s of processor "
        "time on one core. Errors are one standard error.",
        "",
        "## Coefficients of 1/N",
        "",
        "E S = log N + rho(L) + R/N + (b log N + c)/N^2 + d/N^3 + ..., S the effective rank in "
        "nats. R is the formula of `theory/finite_width/corrections.py`, a conjecture from depth 2 "
        f"on: {', '.join(f'{exact_coefficient(L):.5f}' for L in COEFFICIENT_DEPTHS)} for L = "
        f"{', '.join(map(str, COEFFICIENT_DEPTHS))}. The first fit has R, b and c free, and d = 0; "
        "the second has R fixed, and d free; the third has b = 0, too. Errors are those of "
        "sampling: where an expansion is too short, chi^2 (of so many degrees of freedom) shows "
        "it.",
        "",
        "| L | N from | R | b | c | chi^2 | b | c | d | chi^2 | c if b = 0 | d | chi^2 |",
        "|--|--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *fits,
        "",
        "What the fits used:",
        "",
        "| L | N | products | E S | s.e. | N (E S - log N - rho) | s.e. |",
        "|--|--|--:|--:|--:|--:|--:|",
        *cells,
        "",
        "## The Gram rank falls with depth",
        "",
        "Mean effective rank of W^T W, that is with power 2 of the singular values, and the least "
        "fall from one depth to the next along the same chains, also in standard errors. For real "
        "entries this is proved at width 2 only.",
        "",
        f"| N | products | {depths} | least fall | in s.e. |",
        f"|--|--:|{'--:|' * len(GRAM_DEPTHS)}--:|--:|",
        *gram,
        "",
        "## Depth proportional to width",
        "",
        "L = cN. Extrapolated: twice the value minus that at half the width, which removes a term "
        "of order 1/N.",
        "",
        "| c | N | L | products | E S | s.e. | E S - log N | E S, extrapolated |",
        "|--|--|--|--:|--:|--:|--:|--:|",
        *slopes,
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
