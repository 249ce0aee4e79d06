"""Write reference values of the laws of the singular values and of their squares, real depth.

Each value is an integral of the printed Jacobian of Appendix G over the angle, in rmt_rank.exact:
no closed form, no float64. The depth and x are doubles, taken exactly: the binary numbers they
hold, so a float64 routine can be compared at the very same arguments. x is the double nearest to
ratio times the largest value, (L+1)^(L+1) L^-L or its root. The slopes x f'(x)/f(x) of f = pdf,
cdf, sf say by how much a relative error of x changes each; they come from Eq. 5 and the values
themselves.
"""

import argparse
import csv
import itertools
import sys
from fractions import Fraction
from pathlib import Path

import mpmath
from mpmath import mp

from rmt_rank import exact

DEPTHS = (0.01, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.5, 8.0, 32.0, 100.0, 1000.0)
RATIOS = (
    *("1e-300", "1e-200", "1e-100", "1e-30", "1e-10", "1e-5", "1e-3", "0.01", "0.1", "0.3", "0.5"),
    *("0.7", "0.9", "0.99", "0.999", "0.999999", "0.999999999", "0.999999999999"),
)
COLUMNS = (
    *("law", "depth", "ratio", "x_hex", "x", "pdf", "cdf", "sf"),
    *("slope_pdf", "slope_cdf", "slope_sf"),
)


def largest(depth: float) -> mpmath.mpf:
    """Return (L+1)^(L+1) L^-L at the working precision, L being exactly the double."""
    L = mpmath.mpf(depth)
    return mpmath.exp((L + 1) * mpmath.log(L + 1) - L * mpmath.log(L))


def density_slope(x: float, depth: float, squared: bool) -> mpmath.mpf:
    """Return x f'(x)/f(x) for the density f of s or sigma, from the logarithms in Eq. 5."""
    phi, gap = exact.angles_of(x, depth, squared=squared, digits=50)
    # Near the top, s_max - s ~ phi^2: those digits cancel in both derivatives.
    with mp.workdps(50 + 4 * max(0, -int(mpmath.log10(phi)))):
        L = mpmath.mpf(depth)
        cots = mpmath.cot(phi), mpmath.cot(L * phi), -mpmath.cot((L + 1) * gap)
        log_p = (3 * cots[0] + (L - 2) * L * cots[1] - (L - 1) * (L + 1) * cots[2]) / 2
        log_s = (L + 1) ** 2 * cots[2] - cots[0] - L**2 * cots[1]
        # log sigma is half of log s, and the density of s is p/(2 sqrt(s))
        return log_p / log_s - mpmath.mpf(1) / 2 if squared else 2 * log_p / log_s


def rows(digits: int):
    """Yield the rows of the table."""
    laws = {"fuss_catalan": True, "singular_value_law": False}
    for (name, squared), depth, ratio in itertools.product(laws.items(), DEPTHS, RATIOS):
        with mp.workdps(40):
            edge = largest(depth) if squared else mpmath.sqrt(largest(depth))
            x = float(edge * mpmath.mpf(ratio))
        pdf, cdf, sf = exact.law(Fraction(x), depth, squared=squared, digits=40)
        slopes = density_slope(x, depth, squared), x * pdf / cdf, -x * pdf / sf
        values = (mpmath.nstr(v, digits, strip_zeros=False) for v in (pdf, cdf, sf))
        ends = (mpmath.nstr(v, 8) for v in slopes)
        yield (name, repr(depth), ratio, x.hex(), repr(x), *values, *ends)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_suffix(".csv"), help="the table to write"
    )
    parser.add_argument("--digits", type=int, default=30, help="significant digits printed")
    options = parser.parse_args()
    table = list(rows(options.digits))
    with options.out.open("w", newline="") as file:
        file.write(
            "# made by: python validation/reference/fuss_catalan_law.py"
            f"{' --digits ' + str(options.digits) if options.digits != 30 else ''}\n"
        )
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(table)
    print(f"{options.out}: {len(table)} rows, depths {DEPTHS[0]} to {DEPTHS[-1]}", file=sys.stderr)


if __name__ == "__main__":
    main()
