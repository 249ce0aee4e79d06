"""Limits of the measures of rank against simulation, into limit_measures.md, and their picture.

python validation/reports/limit_measures.py; about three minutes on one core, with numba.
"""

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rmt_rank import sample_singular_values
from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.gaussian.limit_measures import stable_rank_shift
from rmt_rank.paper.figures.gaussian import limit_measures as figure
from rmt_rank.paper.figures.style import style
from rmt_rank.theory.gaussian.limit_measures import (
    limit_measures,
    limit_participation_ratio,
    limit_stable_rank,
    limit_threshold_rank,
)
from rmt_rank.theory.gaussian.threshold_rank import threshold_rank_peak

WIDTHS, DEPTHS = (32, 128, 512), (1, 2, 4, 8)
SAMPLES = {32: 20_000, 128: 3_000, 512: 100}
THRESHOLD, DELTA = 1.5, 0.1
PICTURE = Path(__file__).parents[2] / "docs" / "_static" / "limit_measures.png"


def measures(sigma):
    """Measures over the width by name, shape (samples,) each."""
    N = sigma.shape[-1]
    return {
        "nuclear_norm": spectrum.nuclear_norm(sigma) / N,
        "roy_vetterli_rank": spectrum.effective_rank(sigma, exponentiate=True) / N,
        "renyi_effective_rank": spectrum.participation_ratio(sigma, power=1) / N,
        "participation_ratio": spectrum.participation_ratio(sigma) / N,
        "stable_rank": spectrum.stable_rank(sigma) / N,
        "threshold_rank": spectrum.threshold_rank(sigma, THRESHOLD / N) / N,
        "energy_rank": spectrum.energy_rank(sigma, DELTA) / N,
    }


def table():
    """Relative difference from the limit and its standard error, by name, depth and width."""
    found = {}
    for depth in DEPTHS:
        limits = limit_measures(depth, THRESHOLD, delta=DELTA)
        for width in WIDTHS:
            sigma = sample_singular_values(width, depth, SAMPLES[width], rng=17)
            for name, values in measures(sigma).items():
                ratio = values / getattr(limits, name)
                error = np.std(ratio, ddof=1) / math.sqrt(len(ratio))
                found[name, depth, width] = float(np.mean(ratio)) - 1, float(error)
    return found


def common_exponent(name, found, powers):
    """The exponent p that fits a sum of amplitudes(depth) width^(p k), k in powers; by scanning p.

    Returns p, its error, chi^2 and the degrees of freedom.
    """
    grid = np.linspace(-2.5, -0.2, 2301)
    x = np.log(np.array(WIDTHS) / WIDTHS[-1])
    chi2 = np.zeros(grid.size)
    for depth in DEPTHS:
        d, error = np.array([found[name, depth, width] for width in WIDTHS]).T
        for i, p in enumerate(grid):
            basis = np.exp(np.outer(x, p * np.array(powers))) / error[:, np.newaxis]
            amplitudes = np.linalg.lstsq(basis, d / error)[0]
            chi2[i] += np.sum((d / error - basis @ amplitudes) ** 2)
    best = int(np.argmin(chi2))
    freedom = len(DEPTHS) * (len(WIDTHS) - len(powers)) - 1
    # the errors of a model that does not fit are scaled up by sqrt(chi2/freedom)
    inside = grid[chi2 < chi2[best] + max(1.0, chi2[best] / freedom)]
    return grid[best], (inside[-1] - inside[0]) / 2, chi2[best], freedom


def draw():
    depths = np.geomspace(0.01, 1000, 400)
    limits = limit_measures(depths)
    thresholds = (0.3, 0.7, 1.0, 1.1, 1.5, 3.0)
    curves = [limit_threshold_rank(depths, t) for t in thresholds]
    labels = {
        "nuclear norm": limits.nuclear_norm,
        "energy rank, δ = 0.01": limits.energy_rank,
        "effective rank, exp": limits.roy_vetterli_rank,
        "Rényi order 2, σ": limit_participation_ratio(depths, power=1),
        "participation ratio, σ²": limits.participation_ratio,
        "stable rank": limit_stable_rank(depths),
    }
    with style():
        page = Figure(figsize=figure.SIZE)
        peaks = [threshold_rank_peak(t) for t in thresholds if t > 1]
        figure.draw(depths, labels, thresholds, curves, peaks, page)
        page.savefig(PICTURE)


def main():
    draw()
    found = table()
    names = list(dict.fromkeys(name for name, _, _ in found))
    lines = [
        "# Limits of the measures of rank against simulation",
        "",
        "Made by `python validation/reports/limit_measures.py`. Real entries; "
        + ", ".join(f"{SAMPLES[width]} products of width {width}" for width in WIDTHS)
        + f". Threshold rank at τ = {THRESHOLD}/width, energy rank at δ = {DELTA}. Columns: mean "
        "of the measure over its limit, less 1, with one standard error.",
        "",
        "| measure | depth | " + " | ".join(f"width {width}" for width in WIDTHS) + " |",
        "|--|--:|" + "--:|" * len(WIDTHS),
    ]
    for name in names:
        for depth in DEPTHS:
            cells = (found[name, depth, width] for width in WIDTHS)
            shown = " | ".join(f"{d:+.2e} ({error:.0e})" for d, error in cells)
            lines.append(f"| {name} | {depth} | {shown} |")
    lines += [
        "",
        "## How the difference shrinks",
        "",
        "Exponent p, common to all depths, by least squares with the standard errors above, with "
        "an amplitude a(depth) width^p for each depth, and with one more for the next order: "
        "width^(2p), for the stable rank width^(3p/2). Where a form does not fit (chi² far above "
        "its degrees of freedom, df) its error is scaled up by the root of their ratio. Expected: "
        "-1, and -2/3 for the stable rank.",
        "",
        "| measure | p | error | chi² | df | p, two orders | error | chi² | df |",
        "|--|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in names:
        cells = []
        for powers in ((1,), (1, 1.5 if name == "stable_rank" else 2)):
            p, error, chi2, freedom = common_exponent(name, found, powers)
            cells.append(f"{p:.2f} | {error:.2f} | {chi2:.1f} | {freedom}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "## Stable rank: the shift of the edge",
        "",
        "Less the leading terms of `stable_rank_shift`, with the size of the next order.",
        "",
        "| depth | width | difference | leading terms | what is left | next order |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for depth in DEPTHS:
        for width in WIDTHS:
            d, error = found["stable_rank", depth, width]
            shift, size = stable_rank_shift(width, depth, "real")
            lines.append(
                f"| {depth} | {width} | {d:.4f} ({error:.4f}) | {shift:.4f} | {d - shift:+.4f} "
                f"| {size:.4f} |"
            )
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
