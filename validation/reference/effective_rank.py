"""Write reference values of the differential effective rank rho and of d rho/dL, in nats.

Every value is a quadrature over the angle and, for d rho/dL, a central difference of two of them,
in rmt_rank.exact (method "quadrature"). The gamma function form, evaluated here at twice the
digits, must agree to all digits printed, or the script stops; where it is asked to with
--gamma-beyond, it writes that form instead ("gamma functions"). The depth is a double, taken
exactly.
"""

import argparse
import csv
import math
import sys
from pathlib import Path

import mpmath
from mpmath import mp

from rmt_rank import exact

DEPTHS = (
    *(1e-8, 1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0, 8.0, 16.0, 19.0),
    *(20.0, 21.0, 32.0, 39.0, 40.0, 41.0, 64.0, 100.0, 1e3, 1e4, 1e6, 1e8, 1e10, 1e12),
)
CASES = ((1, 1.0), (2, 1.0), (1, 0.5), (1, 2.0), (1, math.inf))  # (power, order)
COLUMNS = ("depth", "power", "order", "rho", "drho_ddepth", "method")


def log_moment(z, L):
    """Return log M(z) at the working precision, and its derivative in L."""
    value = mpmath.loggamma((L + 1) * z + 1) - mpmath.loggamma(z + 1) - mpmath.loggamma(L * z + 2)
    slope = z * (mpmath.psi(0, (L + 1) * z + 1) - mpmath.psi(0, L * z + 2))
    return value, slope


def by_gammas(depth: float, power: int, order: float) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Return rho and d rho/dL by gamma functions at the working precision."""
    L, z = mpmath.mpf(depth), mpmath.mpf(power) / 2
    log_c, log_c_slope = log_moment(z, L)
    if order == 1:
        slope = (
            (L + 1) * mpmath.psi(0, (L + 1) * z + 1)
            - mpmath.psi(0, z + 1)
            - L * mpmath.psi(0, L * z + 2)
        )
        bracket = (L + 1) * mpmath.psi(1, (L + 1) * z + 1) - L * mpmath.psi(1, L * z + 2)
        return log_c - z * slope, -(z**2) * bracket
    if math.isinf(order):
        top = (L + 1) * mpmath.log(L + 1) - L * mpmath.log(L)
        return log_c - z * top, log_c_slope - z * mpmath.log((L + 1) / L)
    a = mpmath.mpf(order)
    log_m, log_m_slope = log_moment(a * z, L)
    return (log_m - a * log_c) / (1 - a), (log_m_slope - a * log_c_slope) / (1 - a)


def row(depth: float, power: int, order: float, digits: int, beyond: float) -> tuple[str, ...]:
    """Return one row; where both methods apply, they are compared."""
    with mp.workdps(2 * digits + 80):
        gammas = by_gammas(depth, power, order)
    values, method = gammas, "gamma functions"
    if 1 / beyond <= depth <= beyond:
        method = "quadrature"
        # Two digits more than are printed: the last step and the rounding.
        values = tuple(
            f(depth, power=power, order=order, digits=digits + 2)
            for f in (
                exact.differential_effective_rank,
                exact.differential_effective_rank_derivative,
            )
        )
        with mp.workdps(2 * digits):
            for value, gamma in zip(values, gammas, strict=True):
                if abs(value / gamma - 1) > mpmath.mpf(10) ** -digits:
                    raise ArithmeticError(f"{value} != {gamma} at {depth}, {power}, {order}")
    shown = (mpmath.nstr(v, digits, strip_zeros=False) for v in values)
    return repr(depth), str(power), repr(order), *shown, method


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_suffix(".csv"), help="the table to write"
    )
    parser.add_argument("--digits", type=int, default=30, help="significant digits printed")
    parser.add_argument(
        "--gamma-beyond",
        type=float,
        default=math.inf,
        help="use gamma functions at depths above this, and below its inverse (default: nowhere)",
    )
    options = parser.parse_args()
    table = []
    for depth in DEPTHS:
        for power, order in CASES:
            table.append(row(depth, power, order, options.digits, options.gamma_beyond))
        print(f"depth {depth!r}", file=sys.stderr)
    with options.out.open("w", newline="") as file:
        file.write("# made by: python validation/reference/effective_rank.py")
        for name, default in (("digits", 30), ("gamma_beyond", math.inf)):
            if (value := getattr(options, name)) != default:
                file.write(f" --{name.replace('_', '-')} {value}")
        file.write("\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(table)
    print(f"{options.out}: {len(table)} rows", file=sys.stderr)


if __name__ == "__main__":
    main()
