"""Claims on covariances and the variance of the rank: they hold, and fail when a formula breaks."""

import numpy as np
import pytest

from rmt_rank.paper.claims import Context, Verdict, select
from rmt_rank.paper.claims.finite_width import fluctuations


def verdicts(name, seed=1):
    (claim,) = select([name])
    context = Context([1.0, 2.0], [16], None, "real", 20, seed, xp=np)
    return [line.verdict for line in claim.check(context)]


@pytest.mark.parametrize("claim", fluctuations.CLAIMS, ids=lambda claim: claim.name)
def test_the_claims_hold(claim):
    assert set(verdicts(claim.name)) == {Verdict.HOLDS}


def test_another_covariance_is_detected(monkeypatch):
    right = fluctuations.covariance_formula
    monkeypatch.setattr(
        fluctuations, "covariance_formula", lambda L, m, n, field: right(L, m, n, "real")
    )
    assert verdicts("finite-width.covariance").count(Verdict.FAILS) == 1
    monkeypatch.setattr(
        fluctuations, "covariance_formula", lambda L, m, n, field: right(L, m, n, field) + (L == 5)
    )
    assert verdicts("finite-width.covariance").count(Verdict.FAILS) == 3


def test_another_variance_is_detected(monkeypatch):
    right = fluctuations.effective_rank_variance
    # L^2 + 2 instead of L^2 + 4
    monkeypatch.setattr(
        fluctuations,
        "effective_rank_variance",
        lambda N, L, *a: right(N, L, *a) * (L * L + 2) / (L * L + 4),
    )
    assert verdicts("finite-width.variance") == [Verdict.FAILS] * 5
