"""The claims about Appendix H hold for any seed, and fail when an update is broken."""

import numpy as np
import pytest

from rmt_rank.paper.claims import Context, Verdict, select
from rmt_rank.paper.claims.gaussian import asymptotics, errata_theorem1
from rmt_rank.paper.claims.trained import appendix_h


def evidence(name, seed=0):
    context = Context([1.0], [8], 200, "real", 20, seed, xp=np)
    (claim,) = select([name])
    return {line.check: line.verdict for line in claim.check(context)}


@pytest.mark.parametrize("name", [claim.name for claim in appendix_h.CLAIMS])
@pytest.mark.parametrize("seed", range(5))
def test_the_claims_hold(name, seed):
    (claim,) = select([name])
    verdicts = set(evidence(name, seed).values())
    expected = {Verdict.HOLDS} | ({Verdict.REFUTED} if claim.status == "refuted" else set())
    assert verdicts == expected


@pytest.mark.parametrize("name", [c.name for c in (*errata_theorem1.CLAIMS, *asymptotics.CLAIMS)])
def test_the_other_claims_hold(name):
    assert set(evidence(name).values()) <= {Verdict.HOLDS, Verdict.REFUTED}


def test_a_wrong_gradient_is_detected(monkeypatch):
    right = appendix_h._Problem.gradient
    monkeypatch.setattr(
        appendix_h._Problem, "gradient", lambda self, i: right(self, i) * (1 + 1e-9 * (i == 2))
    )
    verdicts = evidence("appendix-h.gradients")
    assert verdicts["Eq. 14, one layer"] is Verdict.HOLDS
    assert verdicts["Eq. 15 and 16, two layers"] is Verdict.FAILS
    verdicts = evidence("appendix-h.two-layers")
    assert set(verdicts.values()) == {Verdict.FAILS}


def test_a_sum_without_its_ends_is_detected(monkeypatch):
    right = appendix_h._Problem.preconditioned
    monkeypatch.setattr(
        appendix_h._Problem,
        "preconditioned",
        lambda self, layers: right(self, list(layers)[:-1] or [1]),
    )
    verdicts = evidence("appendix-h.errata.equation-24")
    assert verdicts["holds: the sum over 1 <= i <= d, with W_{d:d+1} = W_{0:1} = I"] is (
        Verdict.FAILS
    )
