"""The preprint's figures, into docs/preprint, and the means of the first into preprint_figures.md.

python validation/reports/preprint_figures.py; about a minute on one core.
"""

import math
import re
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from rmt_rank import estimate, expected_effective_rank
from rmt_rank.paper.claims.finite_width.gram_powers import critical_ratio
from rmt_rank.paper.figures.style import style
from rmt_rank.simulation.means.expected import RegimeWarning

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "docs" / "preprint"
SIZE = (6.3, 2.5)
# from dark to light in grey, each with its own dash and marker
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LOOKS = tuple(zip(COLOURS, ("-", "--", "-.", ":"), "os^D", strict=True))
SAMPLES = {4: 20_000, 16: 8_000, 64: 1_000}
DEPTHS = (1, 2, 4, 8, 16, 32, 64)


def rank_against_depth(axes):
    """Draw the mean effective rank by Monte Carlo and by the corrected limit; return its table."""
    lines = [
        "# The mean effective rank in the preprint's first figure",
        "",
        "Made by `python validation/reports/preprint_figures.py`. Real entries, nats; in brackets "
        "the standard error.",
        "",
        "| width | " + " | ".join(f"L = {L}" for L in DEPTHS) + " |",
        "|--:|" + "--:|" * len(DEPTHS),
    ]
    for (colour, dash, marker), (width, samples) in zip(LOOKS, SAMPLES.items(), strict=False):
        found = [estimate("effective_rank", width, L, samples=samples, rng=L) for L in DEPTHS]
        mean = np.array([float(each.value) for each in found])
        cells = [f"{each.value:.4f}({each.error:.4f})" for each in found]
        lines.append(f"| {width} | " + " | ".join(cells) + " |")
        axes.plot(DEPTHS, mean, marker, color=colour, markersize=4, label=f"width {width}")
        wide = np.arange(1, min(width, 16) + 1)
        formula = [expected_effective_rank(width, int(L), method="corrected").value for L in wide]
        axes.plot(wide, formula, dash, color=colour)
    axes.set(xscale="log", yscale="log", xlabel="depth $L$", title="(a) mean effective rank (nats)")
    axes.set_ylim(0.004, 6)
    axes.set_xticks(DEPTHS, labels=[str(L) for L in DEPTHS])
    axes.legend()
    return lines


def circle_means(axes):
    """Draw circle means of the logarithm of the nuclear norm against b/a, less that at 0."""
    rng = np.random.default_rng(3)
    angles = 2 * math.pi * np.arange(512) / 512
    ratios = np.linspace(0, 2, 81)
    beta = np.multiply.outer(ratios, np.exp(1j * angles))
    turn = np.stack([1 + beta.real, beta.imag, beta.imag, 1 - beta.real], axis=-1)
    turn = turn.reshape(*beta.shape, 2, 2)
    for (colour, dash, _), (rows, width, field) in zip(
        LOOKS, ((2, 2, "real"), (3, 3, "real"), (4, 6, "real"), (3, 3, "complex")), strict=True
    ):
        g = rng.standard_normal((rows, width))
        g = g + 1j * rng.standard_normal((rows, width)) if field == "complex" else g
        rest = np.broadcast_to(g[:, 2:], (*beta.shape, rows, width - 2))
        matrices = np.concatenate([g[:, :2] @ turn, rest], axis=-1)
        means = np.log(np.linalg.svdvals(matrices).sum(axis=-1)).mean(axis=-1)
        label = rf"${rows}\times{width}$, {field}"
        axes.plot(ratios, means - means[0], dash, color=colour, label=label)
    axes.set(xlabel="$b/a$", title=r"(b) circle means of $\log\|M\|_*$")
    axes.legend()


def critical_powers(axes):
    """Draw the limit ratio of the proposition on critical powers."""
    cases = (("real", 2, 1.9), ("real", 4, 2.6), ("complex", 2, 2.6), ("complex", 4, 2.6))
    for (colour, dash, _), (field, width, end) in zip(LOOKS, cases, strict=True):
        powers = np.linspace(0, end, 200)
        ratio = [critical_ratio(p, width, field) for p in powers]
        axes.plot(powers, ratio, dash, color=colour, label=f"{field}, $N={width}$")
    axes.axhline(1, color="0.6", linewidth=0.7)
    axes.set(xlabel="power $p$", title=r"(a) limit ratio $\varphi(p)$", ylim=(0.7, 1.6))
    axes.legend(loc="upper left")


def variances(axes):
    """Draw the variance of the effective rank, from open_questions.md, and its limit."""
    report = (HERE / "open_questions.md").read_text()
    table = report.split("## Fluctuations")[1].split("##")[0]
    depths = np.arange(1, 5)
    fine = np.linspace(0.8, 4.2, 60)
    for (colour, dash, marker), (field, beta) in zip(
        LOOKS, (("real", 1), ("complex", 2)), strict=False
    ):
        axes.plot(fine, fine * (fine**2 + 4) / (16 * beta * (fine + 1)), dash, color=colour)
        for width, fill in ((12, "none"), (32, colour)):
            row = re.search(rf"\| {field} \| {width} \| (.*) \|", table)[1]
            cells = [re.fullmatch(r"([\d.]+)\(([\d.]+)\)", each) for each in row.split(" | ")]
            mean, error = (np.array([float(cell[i]) for cell in cells]) for i in (1, 2))
            axes.errorbar(
                depths, mean, 2 * error, fmt=marker, color=colour, markerfacecolor=fill,
                markersize=4, linewidth=0.8, label=f"{field}, $N={width}$",
            )  # fmt: skip
    axes.set(xlabel="depth $L$", title=r"(b) $N^2\,\mathrm{Var}\,S$", xticks=depths)
    axes.legend()


def main():
    warnings.simplefilter("ignore", RegimeWarning)
    fonts = {"font.family": "STIXGeneral", "mathtext.fontset": "stix", "svg.fonttype": "path"}
    with style("paper"), mpl.rc_context(fonts | {"font.size": 9}):
        figure = Figure(figsize=SIZE)
        left, right = figure.subplots(1, 2)
        lines = rank_against_depth(left)
        circle_means(right)
        figure.savefig(FOLDER / "theorem.svg", metadata={"Date": None})
        figure = Figure(figsize=SIZE)
        left, right = figure.subplots(1, 2)
        critical_powers(left)
        variances(right)
        figure.savefig(FOLDER / "powers.svg", metadata={"Date": None})
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
