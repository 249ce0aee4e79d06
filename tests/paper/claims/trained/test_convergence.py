"""The claims on convergence hold for any seed, and fail when what they rest on is broken."""

import dataclasses

import numpy as np
import pytest

from rmt_rank.paper.claims.claim import Context, Verdict
from rmt_rank.paper.claims.trained import convergence
from rmt_rank.theory.trained.least_squares import one_layer_effective_rank
from rmt_rank.theory.trained.mode_dynamics import mode_singular_values
from rmt_rank.training.train import train

CLAIMS = {claim.name.removeprefix("convergence."): claim for claim in convergence.CLAIMS}


def evidence(name, seed=0):
    context = Context([1.0], [8], 200, "real", 20, seed, xp=np)
    return {line.check: line.verdict for line in CLAIMS[name].check(context)}


@pytest.mark.parametrize("name", CLAIMS)
def test_the_claims_hold(name):
    assert set(evidence(name, seed=1).values()) == {Verdict.HOLDS}


def test_other_initial_weights_are_detected(monkeypatch):
    def elsewhere(*arguments, **settings):
        result = train(*arguments, **settings)
        initial = result.arrays["initial_parameters"]
        return dataclasses.replace(
            result, arrays={**result.arrays, "initial_parameters": (initial[0], 0.9 * initial[1])}
        )

    monkeypatch.setattr(convergence, "train", elsewhere)
    verdicts = evidence("identity")
    assert {v for k, v in verdicts.items() if "outside" in k} == {Verdict.FAILS}


def test_methods_in_the_span_do_not_pass_for_others(monkeypatch):
    monkeypatch.setattr(convergence, "_OUT_OF_SPAN", {"lbfgs": None})
    assert evidence("identity")["lbfgs leaves the span of the data"] is Verdict.FAILS


def test_a_larger_fit_is_detected(monkeypatch):
    problem = convergence.least_squares_problem

    def shrunk(*arguments, **keywords):
        found = problem(*arguments, **keywords)
        found.__dict__["projector"] = found.projector * 0.5  # not one: some fits get smaller
        return found

    monkeypatch.setattr(convergence, "least_squares_problem", shrunk)
    assert Verdict.FAILS in evidence("minimal-norm").values()


def test_another_law_is_detected(monkeypatch):
    monkeypatch.setattr(
        convergence,
        "one_layer_effective_rank",
        lambda *arguments, **keywords: 1.01 * one_layer_effective_rank(*arguments, **keywords),
    )
    assert set(evidence("one-layer").values()) == {Verdict.FAILS}


def test_another_rate_is_detected(monkeypatch):
    monkeypatch.setattr(
        convergence,
        "mode_singular_values",
        lambda t, *arguments: mode_singular_values(1.001 * t, *arguments),
    )
    assert evidence("modes")["the flow of whole matrices"] is Verdict.FAILS
