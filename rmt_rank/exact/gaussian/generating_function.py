"""The generating function B(w) = 1 + w B^(L+1) of the Fuss-Catalan moments, continued to its cut.

B(1/z)/z is the Stieltjes transform of the law.  Nothing of Eq. 5 is used.  For real depths L the
equation has many roots, and docs/theorem1.md proves which of them is the generating function, the
one with B(0) = 1.  Here that root is followed along a path, in log B, where no power has to be
chosen, and the roots inside the curve of the proof are counted by the argument principle.
"""

from __future__ import annotations

import cmath
import math
from itertools import pairwise
from typing import Any

from rmt_rank.exact._numbers import Number, check_digits, positive
from rmt_rank.exact._precision import mp, working

__all__ = ["branch_on_the_cut", "roots_inside_the_curve"]

STEPS = 64  # along the path
NEWTON_STEPS = 60
# Points on the curve and on the circle around 0.
CURVE, CIRCLE = 4000, 4000


def branch_on_the_cut(depth: Number, square: Number, *, digits: int = 30) -> tuple[Any, Any]:
    """Return the root that begins at B(0) = 1 on the upper side of its cut, at w = 1/square.

    Parameters
    ----------
    depth : number
        Real depth L > 0.
    square : number
        A squared singular value below the edge (L+1)^(L+1)/L^L.
    digits : int
        Significant decimal digits.

    Returns
    -------
    tuple of mpf
        Real and imaginary part.

    Raises
    ------
    ArithmeticError
        If Newton's method does not settle, as at the edge.
    """
    with working(check_digits(digits) + 10):
        L = positive("depth", depth)
        goal = 1 / positive("square", square)
        u = mp.mpc(0)  # log B
        for k in range(1, STEPS + 1):
            t = mp.mpf(k) / STEPS
            w = goal * mp.mpc(t, mp.sin(mp.pi * t) / 2)
            for _ in range(NEWTON_STEPS):
                power = w * mp.exp((L + 1) * u)
                step = (mp.exp(u) - 1 - power) / (mp.exp(u) - (L + 1) * power)
                u -= step
                if abs(step) < mp.mpf(10) ** (5 - mp.dps):
                    break
            else:
                raise ArithmeticError(f"no root found at w = {mp.nstr(w, 10)}")
        root = mp.exp(u)
        return root.real, root.imag


def roots_inside_the_curve(depth: float, w: complex) -> float:
    """Return the number of roots inside the curve of docs/theorem1.md, by the argument principle.

    Parameters
    ----------
    depth : float
        Real depth L > 0.
    w : complex
        A point that is not on the cut, of modulus below 1000.

    Returns
    -------
    float
        The change of the argument of (B - 1) B^(-L-1) - w along the curve, over 2 pi; near 0 the
        curve is replaced by an arc on which that is larger than 1000.
    """
    L = depth
    radius = min(0.1, 2000 ** (-1 / (L + 1)) / 2)
    top = math.pi / (L + 1)
    # sin((L+1) phi) = sin((L+1) gap) is kept precise near the end, phi = top - gap
    gaps = [top * math.sin(math.pi / 2 * (k + 1) / CURVE) ** 4 for k in range(CURVE)]
    upper = [
        cmath.rect(math.sin((L + 1) * gap) / math.sin(L * (top - gap)), top - gap)
        for gap in reversed(gaps[:-1])
    ]
    outside = [b for b in upper if abs(b) > radius]
    end = cmath.phase(outside[-1])
    arc = [cmath.rect(radius, end * (1 - 2 * k / CIRCLE)) for k in range(CIRCLE + 1)]
    lower = [b.conjugate() for b in reversed(outside)]
    contour = [*outside, *arc, *lower, (L + 1) / L + 0j]
    contour.append(contour[0])
    values = [(b - 1) * cmath.exp(-(L + 1) * cmath.log(b)) - w for b in contour]
    turns = sum(cmath.phase(after / before) for before, after in pairwise(values))
    return turns / (2 * math.pi)
