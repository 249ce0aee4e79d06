"""The claims on the coupling and on the limits of measures hold, and can fail."""

import numpy as np
import pytest

from rmt_rank._lib.array import default_namespace
from rmt_rank.paper.claims import Context, Verdict
from rmt_rank.paper.claims.gaussian import coupling, limit_measures
from rmt_rank.theory.gaussian.coupling import DepthRatio
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank


def context(field="real"):
    return Context([0.5, 1, 2, 4], [2, 8, 16], 400, field, 15, 5, default_namespace())


def verdicts(claim, at):
    return {evidence.check: evidence.verdict for evidence in claim.check(at)}


def test_coupling_holds():
    assert set(verdicts(coupling.CLAIM, context()).values()) == {Verdict.HOLDS}


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("claim", limit_measures.CLAIMS, ids=lambda claim: claim.name)
def test_limits_hold(claim, field):
    found = verdicts(claim, context(field))
    skipped = [check for check, verdict in found.items() if verdict is Verdict.NOT_CHECKED]
    # width 2: depth 1 is half of it
    assert all(check.startswith("width 2:") for check in skipped)
    assert set(found.values()) <= {Verdict.HOLDS, Verdict.NOT_CHECKED}
    assert sum(check.startswith(("width 8:", "width 16:")) for check in found) == 2


@pytest.mark.parametrize(("depth", "deeper"), [(0.001, 0.0011), (1, 2), (2, 500)])
@pytest.mark.parametrize("power", [0.5, 1, 4])
def test_rank_from_jumps(depth, deeper, power):
    change = np.diff(differential_effective_rank([depth, deeper], power=power))[0]
    # two ranks of 1e-13 each, of which the first pair leaves a tenth; quadrature 1e-11
    assert coupling.rank_from_jumps(DepthRatio(depth, deeper), power) == pytest.approx(
        change, rel=5e-11
    )


def test_coupling_fails_for_other_jumps(monkeypatch):
    # exponential jumps for all: the law of J2 is another
    monkeypatch.setattr(
        "rmt_rank.theory.gaussian.coupling._standard_jumps",
        lambda count, stream: stream.standard_exponential(count),
    )
    found = verdicts(coupling.CLAIM, context())
    assert found["depths 0.3 and 4: s Y has the law of the greater depth"] is Verdict.FAILS


def test_limits_fail_for_another_law(monkeypatch):
    # a depth off by one
    original = limit_measures._products
    monkeypatch.setattr(
        limit_measures,
        "_products",
        lambda width, depth, *rest: original(width, depth + 1, *rest),
    )
    for claim in limit_measures.CLAIMS:
        assert Verdict.FAILS in verdicts(claim, context()).values(), claim.name
