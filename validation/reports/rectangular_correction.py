"""The mean effective rank of unequal widths against Monte Carlo, into rectangular_correction.md.

python validation/reports/rectangular_correction.py; about four minutes on one core.
"""

import math
import warnings
from pathlib import Path

from rmt_rank import estimate, expected_effective_rank

WIDTHS = [(8, 4), (9, 8), (16, 8), (64, 8), (512, 8), (17, 16), (32, 16), (33, 32), (96, 64)]
WIDTHS += [(12, 8, 10), (24, 16, 20), (48, 32, 40), (16, 8, 8), (64, 32, 32), (33, 32, 32)]
WIDTHS += [(16, 8, 64, 64, 64, 64), (16, 32, 16, 32, 16), (32, 16, 16, 16, 16, 32)]
WIDTHS += [(64, 32, 64, 32, 48, 40, 64)]
SAMPLES = 8000


def rows():
    for field in ("real", "complex"):
        for power in (1, 2):
            for widths in WIDTHS:
                options = {"field": field, "power": power}
                found = estimate("effective_rank", widths, samples=SAMPLES, rng=1, **options)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # those outside the range are shown, too
                    limit, corrected = (
                        expected_effective_rank(widths, method=method, **options)
                        for method in ("limit", "corrected")
                    )
                yield field, power, widths, found, limit, corrected


def main():
    lines = [
        "# Unequal widths: the corrected limit against Monte Carlo",
        "",
        f"Made by `python validation/reports/rectangular_correction.py`; {SAMPLES} products a row. "
        "N is the smallest width, D the effective depth: the sum of N/n over all widths but one N. "
        "The stated error is an estimate of what the correction leaves out; inf where D > N/4.",
        "",
        "| field | power | widths | D | Monte Carlo - limit | its error | Monte Carlo - corrected "
        "| times N^2/D | stated error |",
        "|--|--|--|--|--|--|--|--|--|",
    ]
    beyond = closer = 0
    for field, power, widths, found, limit, corrected in rows():
        N = min(widths)
        depth = math.fsum(N / n for n in widths) - 1
        misfit, bare = (found.value - each.value for each in (corrected, limit))
        beyond += abs(misfit) > corrected.error + 5 * found.error
        closer += abs(misfit) < abs(bare)
        lines.append(
            f"| {field} | {power} | {' '.join(map(str, widths))} | {depth:.2f} | {bare:.2e} "
            f"| {found.error:.1e} | {misfit:.2e} | {misfit * N**2 / depth:.3f} "
            f"| {corrected.error:.1e} |"
        )
    lines += [
        "",
        f"Misfits beyond the stated error, by more than 5 standard errors: {beyond}. Rows in which "
        f"the correction is nearer than the limit: {closer} of {4 * len(WIDTHS)}.",
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
