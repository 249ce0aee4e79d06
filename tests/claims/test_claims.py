"""Claims as data, and what turns a check into a verdict."""

import math

import pytest

from rmt_rank.claims import CLAIMS, Context, Verdict, select
from rmt_rank.claims.claim import at_most, below, not_checked, proof, refutation


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_says_what_it_must(claim):
    assert claim.status in {"proved", "verified", "conjectured", "refuted"}
    for text in (claim.statement, claim.assumptions, claim.reference, claim.refuted_by):
        assert len(text) > 3
    assert claim.statement.endswith(".")


def test_names_are_unique():
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)


def test_select():
    assert select(["theorem1", "metrics", "singular-values"]) == list(CLAIMS)
    assert [c.name for c in select(["theorem1.errata.definition-4", "theorem1.density"])] == [
        "theorem1.density",
        "theorem1.errata.definition-4",
    ]
    assert len(select(["theorem1.errata"])) == 4
    with pytest.raises(
        ValueError, match="unknown claim 'theorem'; allowed: metrics, singular-values, theorem1"
    ):
        select(["theorem"])


def test_verdicts():
    assert at_most("", 1, 1, "").verdict is Verdict.HOLDS
    assert at_most("", 1.1, 1, "").verdict is Verdict.FAILS
    assert at_most("", math.nan, 1, "").verdict is Verdict.FAILS
    assert below("", 1, 1, "").verdict is Verdict.FAILS
    assert below("", math.nan, 1, "").verdict is Verdict.FAILS
    assert refutation("", 2, 1, "").verdict is Verdict.REFUTED
    assert refutation("", 1, 1, "").verdict is Verdict.FAILS
    assert refutation("", math.nan, 1, "").verdict is Verdict.FAILS
    assert proof("", True, "").verdict is Verdict.HOLDS
    assert proof("", False, "").verdict is Verdict.FAILS
    assert not_checked("", "").verdict is Verdict.NOT_CHECKED


def test_default_samples_shrink_with_the_width():
    context = Context([1.0], [8], None, "real", 15, 0, xp=None)
    assert [context.samples_at(width) for width in (8, 32, 64, 256, 2000)] == [
        2048,
        2048,
        512,
        64,
        64,
    ]
    assert context.whole_depths() == (1,)
    context = Context([0.5, 1.5, 2.0], [8], 7, "real", 15, 0, xp=None)
    assert context.whole_depths() == (2,)
    assert context.samples_at(2000) == 7
