"""Claims as data, and what turns a check into a verdict."""

import math
import re
from pathlib import Path

import pytest

from rmt_rank.paper.claims import CLAIMS, Context, Verdict, groups, select
from rmt_rank.paper.claims.claim import at_most, below, not_checked, proof, refutation

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_is_complete(claim):
    assert claim.status in {"known", "proved", "verified", "conjectured", "refuted"}
    for text in (claim.statement, claim.assumptions, claim.reference, claim.refuted_by):
        assert len(text) > 3
    assert claim.statement.endswith(".")
    # what is refuted says what holds
    assert bool(claim.instead) >= (claim.status == "refuted")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_the_page_that_argues_a_claim_is_there(claim):
    page, _, section = claim.argued.partition(", ")
    text = (ROOT / page).read_text()
    assert not section or f"\n## {section}\n" in text


def test_names_are_unique():
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)


def test_select():
    assert select(["all"]) == select(groups()) == list(CLAIMS)
    assert [c.name for c in select(["theorem1.errata.equation-8", "theorem1.density"])] == [
        "theorem1.density",
        "theorem1.errata.equation-8",
    ]
    assert len(select(["theorem1.errata"])) == 6
    errata = [c.name for c in CLAIMS if ".errata." in c.name]
    assert [c.name for c in select(["errata"])] == errata
    # a part of a name is a whole one
    with pytest.raises(ValueError, match="unknown claim 'theorem'; allowed: all, theorem1, errata"):
        select(["theorem"])


@pytest.mark.parametrize(
    ("report", "names"),
    [
        ("claims.txt", ["all"]),
        ("theorem1.txt", ["theorem1"]),
        ("finite-width-complex.txt", ["theorem1.finite-width", "finite-width", "limits"]),
    ],
)
def test_committed_reports_show_the_claims_as_they_are(report, names):
    text = (ROOT / "validation" / "reports" / report).read_text()
    # a statement may take several lines
    heads = re.findall(r"^([\w.-]+)  \[(\w+)\]\n((?:  (?!Instead: ).*\n)+)", text, re.M)
    shown = [(name, status, " ".join(lines.split())) for name, status, lines in heads]
    assert shown == [(c.name, c.status, c.statement) for c in select(names)]
    assert f"  {len(shown)} claims; " in text.splitlines()[0]


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
