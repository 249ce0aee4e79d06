"""The claim on the turn of the threshold rank: it holds, and fails when a part of it breaks."""

import numpy as np
import pytest

from rmt_rank import exact
from rmt_rank.paper.claims import Context, Verdict
from rmt_rank.paper.claims.gaussian import threshold_turn


def failed():
    context = Context([1.0, 2.0], [16], None, "real", 20, 0, xp=np)
    lines = list(threshold_turn.CLAIM.check(context))
    assert len(lines) == 7
    return [line.check for line in lines if line.verdict is Verdict.FAILS]


def test_the_claim_holds():
    assert failed() == []


def test_another_turn_is_detected(monkeypatch):
    right = threshold_turn.turning_threshold
    monkeypatch.setattr(threshold_turn, "turning_threshold", lambda L: right(L) * 1.05)
    assert [check[:12] for check in failed()] == ["t*: root of ", "the share fa"]


def test_a_certificate_that_fails_is_shown(monkeypatch):
    right = exact.certify_turning
    monkeypatch.setattr(exact, "certify_turning", lambda: right(most_boxes=100))
    assert failed() == ["t* increases at all depths from 1/200 on"]


@pytest.mark.parametrize("depth", [1e-12, 1e-6, 1e-3, 1 / 200])
def test_the_bounds_on_paper_are_far_apart(depth):
    added, removed = threshold_turn.removed_at_small_depth(depth)
    assert removed < 0.75 * added
