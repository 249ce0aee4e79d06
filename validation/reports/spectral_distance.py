"""Distance of the mean spectrum of a finite product from the limit law, in levels of 1/width.

    python validation/reports/spectral_distance.py

writes spectral_distance.md beside itself; half a minute.  The bound that
`verify theorem1.finite-width` uses, half a level, rests on it.
"""

from pathlib import Path

import numpy as np

from rmt_rank.simulation.means.chain_statistics import simulate_chain

DEPTHS = (1, 2, 3, 4, 8)
RUNS = {8: 40_000, 16: 20_000, 32: 8_000, 64: 3_000}


def rows():
    for field in ("real", "complex"):
        for width, samples in RUNS.items():
            if field == "complex":
                samples //= 2
            chain = simulate_chain(width, DEPTHS, samples, rng=width, field=field)
            cells = []
            for depth, below, error in zip(
                chain.depths, chain.below, chain.below_error, strict=True
            ):
                difference = below - chain.levels
                k = np.argmax(np.abs(difference))
                inside = depth <= width / 4
                cells.append(
                    f"{width * difference[k]:+.3f}({width * error[k] * 1e3:.0f})"
                    + ("" if inside else "*")
                )
            yield f"| {field} | {width} | {samples} | " + " | ".join(cells) + " |"


def main():
    lines = [
        "# Distance of the mean spectrum from the limit law, in levels",
        "",
        "width times the largest difference of the distribution functions, at quarter levels, "
        "with one standard error of its last digits; `*`: depth > width/4. Made by "
        "`python validation/reports/spectral_distance.py`.",
        "",
        "| entries | width | chains | " + " | ".join(f"depth {L}" for L in DEPTHS) + " |",
        "|--|--:|--:|" + "--:|" * len(DEPTHS),
        *rows(),
        "| real | infinite | | " + " | ".join(f"{L / (2 * (L + 1)):+.3f}" for L in DEPTHS) + " |",
        "",
        "The last line is the atom L/(2(L+1)) of the 1/N term for real entries "
        "(`rmt_rank/theory/finite_width/corrections.py`; conjectured for depth >= 2). Complex "
        "entries have no 1/N term; what is left is the oscillation of the counting function at "
        "the hard edge.",
    ]
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "spectral_distance.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
