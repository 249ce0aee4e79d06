"""Claims on Gram matrices at initialisation: they hold, and they fail when the code is wrong."""

import numpy as np
import pytest

from rmt_rank.paper.claims import Context, Verdict
from rmt_rank.paper.claims.nonlinear import conjugate_kernel

CLAIMS = {claim.name.split(".")[1]: claim for claim in conjugate_kernel.CLAIMS}


@pytest.fixture(autouse=True)
def few_networks(monkeypatch):
    monkeypatch.setattr(conjugate_kernel, "_CELLS", ((40, 60),))


def verdicts(name):
    context = Context([1.0], [16], None, "real", 15, 3, xp=np)
    return {line.check: line.verdict for line in CLAIMS[name].check(context)}


@pytest.mark.parametrize("name", CLAIMS)
def test_the_claims_hold(name):
    assert set(verdicts(name).values()) == {Verdict.HOLDS}


def test_a_wrong_kernel_is_detected(monkeypatch):
    def linear(*arguments, kernel="cosine", **options):
        return sampler(*arguments, kernel="linear", **options)

    sampler = conjugate_kernel.sample_gram_effective_ranks
    monkeypatch.setattr(conjugate_kernel, "sample_gram_effective_ranks", linear)
    assert set(verdicts("cosine").values()) == {Verdict.FAILS}


def test_a_wrong_recursion_is_detected(monkeypatch):
    recursion = conjugate_kernel.conjugate_kernel

    def wrong(ratio, *arguments, **options):
        return recursion(1.001 * ratio, *arguments, **options)

    monkeypatch.setattr(conjugate_kernel, "conjugate_kernel", wrong)
    assert set(verdicts("linear-gram").values()) == {Verdict.FAILS}


def test_another_activation_is_detected(monkeypatch):
    def other(shape, depths, activation, *arguments, **options):
        return sampler(shape, depths, "relu", *arguments, **options)

    sampler = conjugate_kernel.sample_gram_effective_ranks
    monkeypatch.setattr(conjugate_kernel, "sample_gram_effective_ranks", other)
    assert Verdict.FAILS in verdicts("conjugate-kernel").values()
