"""Real products at finite width, where theory leaves questions open, into real_products.md.

python validation/reports/real_products.py; about three minutes on one core, with numba.
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
# Nanoseconds of processor time for each cell, and for each entry of a factor.
CELL, ENTRY = 2.5e9, 6.0
COEFFICIENT_DEPTHS, COEFFICIENT_WIDTHS = (1, 2, 4, 8), (8, 12, 16, 24, 32, 48, 64)
# An expansion in depth/width needs it to be small.
WIDTH_PER_DEPTH = 2
GRAM_WIDTHS, GRAM_DEPTHS = (2, 3, 4, 6, 8, 12, 16, 32), tuple(range(1, 9))
SLOPES, SLOPE_WIDTHS = (0.25, 0.5, 1.0), (8, 16, 32, 64)


def samples_for(width, depth):
    """Products that take about as long as any other cell."""
    return int(CELL / ENTRY / (width * width * (depth + 5) + 400))


def mean_rank(width, depth):
    samples = samples_for(width, depth)
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


def coefficients():
    cells, fits = [], []
    for depth in COEFFICIENT_DEPTHS:
        rho, R = float(limit_effective_rank(depth)), exact_coefficient(depth)
        rows = []
        for width in COEFFICIENT_WIDTHS:
            samples, value, error = mean_rank(width, depth)
            gap = width * (value - math.log(width) - rho)
            cells.append(
                f"| {depth} | {width} | {samples:,} | {value:.6f} | {error:.1e} | {gap:.4f} "
                f"| {width * error:.4f} |"
            )
            if width >= WIDTH_PER_DEPTH * depth:
                rows.append((width, gap, width * error))
        columns = (lambda N: 1 + 0 * N, lambda N: np.log(N) / N, lambda N: 1 / N)
        free, free_error, free_square, free_degrees = fit(rows, columns)
        two, two_error, square, degrees = fit(rows, columns[1:], R)
        one, one_error, one_square, _ = fit(rows, columns[2:], R)
        fits.append(
            f"| {depth} | {R:.5f} | {free[0]:.4f} +- {free_error[0]:.4f} "
            f"| {free_square:.1f} of {free_degrees} | {two[0]:.3f} +- {two_error[0]:.3f} "
            f"| {two[1]:.3f} +- {two_error[1]:.3f} | {square:.1f} of {degrees} "
            f"| {one[0]:.3f} +- {one_error[0]:.3f} | {one_square:.1f} of {degrees + 1} |"
        )
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
        "time on one core. Errors are one standard error. A run on a GPU, with widths to 128 and "
        "another digit, is to follow.",
        "",
        "## Coefficients of 1/N",
        "",
        "E S = log N + rho(L) + R/N + (b log N + c)/N^2 + ..., S the effective rank in nats. R is "
        "the formula of `theory/finite_width/corrections.py`, a conjecture from depth 2 on. The "
        "first fit has R, b and c free, the second R fixed, the third also b = 0; widths are at "
        f"least {WIDTH_PER_DEPTH} times the depth. Errors are those of sampling: terms of order "
        "1/N^3 are not in the fits, and chi^2 (of so many degrees of freedom) shows where they "
        "matter.",
        "",
        "| L | R, formula | R, fitted | chi^2 | b | c | chi^2 | c if b = 0 | chi^2 |",
        "|--|--:|--:|--:|--:|--:|--:|--:|--:|",
        *fits,
        "",
        "What the fits used, and the cells below the least width:",
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
