"""The closed form's special cases: Gram matrices, shallow and deep products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rmt_rank import exact
from rmt_rank.exact._precision import mp, working
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

__all__ = ["CLAIMS"]

_DEPTHS = (1, 2, 5, 16, 64)


def _gram(context: Context) -> Iterator[Evidence]:
    digits = min(context.digits, 30)
    with working(digits):
        harmonic = {L: 1 - mp.harmonic(L + 1) for L in _DEPTHS}
        slow = max(
            abs(exact.differential_effective_rank(L, power=2, digits=digits) / harmonic[L] - 1)
            for L in _DEPTHS
        )
    depths = ", ".join(map(str, _DEPTHS))
    yield at_most(
        "Gram matrix: quadrature of the entropy of sigma^2 against 1 - H_(L+1)",
        float(slow),
        10.0 ** (2 - digits),
        f"largest relative distance at depths {depths}, {digits} digits",
    )
    fast = max(
        abs(float(differential_effective_rank(L, power=2) / harmonic[L] - 1)) for L in _DEPTHS
    )
    yield at_most(
        "the same in float64",
        fast,
        1e-14,
        "relative; the closed form is good to 1e-14, see docs/accuracy.md",
    )


def _ends(context: Context) -> Iterator[Evidence]:
    with working(40):
        kappa = mp.mpf(3) / 2 - mp.euler / 2 + mp.log(4 / mp.pi) / 2

        def rho(L: Any) -> Any:
            enclosure = exact.enclose_effective_rank(L, digits=35)
            return (enclosure.lower + enclosure.upper) / 2

        def deep(L: Any) -> Any:
            series = 7 / (2 * L) - 65 / (12 * L**2) + 61 / (6 * L**3)
            return abs(rho(L) - (kappa - mp.log(L) - series)) * L**4

        def shallow(L: Any) -> Any:
            return abs(rho(L) + (mp.pi**2 / 8 - 1) * L) / L**2

        deeps = [float(deep(mp.mpf(10) ** k)) for k in (2, 3, 4, 5)]
        shallows = [float(shallow(mp.mpf(10) ** -k)) for k in (2, 3, 4, 5)]
        second = mp.psi(1, 1.5) + mp.psi(2, 1.5) / 2 - mp.psi(1, 2)
    yield at_most(
        "deep: rho - (kappa - log L - 7/(2L) + 65/(12L^2) - 61/(6L^3)) is of the order L^-4",
        max(deeps) / min(deeps),
        1.1,
        "ratio of the largest to the least rest times L^4 at L = 1e2 ... 1e5, from enclosures; the "
        "rest's own next term, of the order 1/L, moves it by some percent at 1e2",
    )
    yield at_most(
        "shallow: rho + (pi^2/8 - 1) L is of the order L^2",
        max(abs(each / float(-second / 8) - 1) for each in shallows),
        0.05,
        "relative distance of the rest over L^2 from -[psi'(3/2) + psi''(3/2)/2 - psi'(2)]/8 at "
        "L = 1e-2 ... 1e-5; the next term moves it by some percent at 1e-2",
    )


CLAIMS = (
    Claim(
        name="theorem1.gram",
        statement="For the Gram matrix W^T W the differential effective rank is 1 - H_(L+1).",
        assumptions="width -> infinity; whole depth L, H the harmonic numbers",
        reference="Collins, Nechita and Zyczkowski, arXiv:1003.3075; -(log M)'(1) with M(1) = 1",
        status="proved",
        refuted_by="a digit in which quadrature and the harmonic numbers differ",
        check=_gram,
        argued="docs/theorem1.md, The effective rank in closed form",
    ),
    Claim(
        name="theorem1.both-ends",
        statement="Deep: rho = kappa - log L - 7/(2L) + ...; shallow: rho = -(pi^2/8 - 1) L.",
        assumptions="width -> infinity; kappa = 3/2 - gamma/2 + log(4/pi)/2",
        reference="Stirling's series of the closed form, and its derivative at 0",
        status="proved",
        refuted_by="a rest that does not shrink like the first term left out",
        check=_ends,
        argued="docs/theorem1.md, Both ends",
    ),
)
