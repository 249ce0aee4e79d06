"""The claims on residual networks at initialisation hold, and can fail."""

from itertools import islice

import pytest

from rmt_rank._lib.array import default_namespace
from rmt_rank.paper.claims import Context, Verdict
from rmt_rank.paper.claims.free_products import residual_networks as residual
from rmt_rank.paper.claims.residual_limit import weak_layers as residual_limit

CLAIMS = {
    claim.name.partition(".")[2]: claim for claim in (*residual.CLAIMS, *residual_limit.CLAIMS)
}


def verdicts(name, first=None):
    context = Context([1, 2, 4], [8, 16], 400, "real", 15, 5, default_namespace())
    return [evidence.verdict for evidence in islice(CLAIMS[name].check(context), first)]


@pytest.mark.parametrize("name", ["free-product", "monotone", "limit", "sampler"])
def test_claims_hold(name):
    assert set(verdicts(name)) == {Verdict.HOLDS}


def test_the_plateau_is_refuted_and_what_holds_instead_holds():
    assert verdicts("plateau") == [Verdict.REFUTED] * 2 + [Verdict.HOLDS] * 2
    assert CLAIMS["plateau"].status == "refuted"
    assert "t/depth" in CLAIMS["plateau"].instead


def changed(monkeypatch, name, change, module=residual):
    original = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args, **kwargs: change(original, *args, **kwargs))


def test_free_product_fails_for_another_scale(monkeypatch):
    changed(
        monkeypatch,
        "sample_residual_singular_values",
        lambda original, *args, scale, **rest: original(*args, scale=1.05 * scale, **rest),
    )
    # the first line has no samples
    assert verdicts("free-product", 3) == [Verdict.HOLDS] + [Verdict.FAILS] * 2


def test_monotone_fails_for_a_rank_that_rises(monkeypatch):
    changed(
        monkeypatch,
        "_rank",
        lambda original, scale, depth, **rest: original(scale, min(depth, 8), **rest),
    )
    monkeypatch.setattr(
        residual, "residual_limit_law", lambda time: residual.ResidualLimitLaw(9 - time)
    )
    assert verdicts("monotone", 2) == [Verdict.FAILS] * 2


def test_limit_fails_for_another_time(monkeypatch):
    for name in ("residual_limit_moment", "residual_limit_effective_rank", "residual_limit_law"):
        changed(
            monkeypatch,
            name,
            lambda original, time, *args, **rest: original(time * (1 + 1e-10), *args, **rest),
            residual_limit,
        )
    assert verdicts("limit", 3) == [Verdict.FAILS] * 3


def test_plateau_fails_where_there_is_one(monkeypatch):
    # branches whose variance falls like 8/depth
    changed(
        monkeypatch,
        "_rank",
        lambda original, scale, depth, **rest: original(scale * (8 / depth) ** 0.5, depth, **rest),
    )
    changed(
        monkeypatch,
        "sample_residual_singular_values",
        lambda original, *args, scale, **rest: original(*args, scale=0, **rest),
    )
    assert verdicts("plateau", 3) == [Verdict.FAILS] * 3


def test_sampler_fails_for_another_time(monkeypatch):
    changed(
        monkeypatch,
        "sample_residual_limit",
        lambda original, width, time, size, rng: original(width, 1.1 * time, size, rng=rng),
        residual_limit,
    )
    assert verdicts("sampler") == [Verdict.FAILS] * 2
