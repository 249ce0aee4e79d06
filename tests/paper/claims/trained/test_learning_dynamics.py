"""The claims about training runs hold for any seed, and fail when what they rest on is broken."""

import functools
from itertools import pairwise

import numpy as np
import pytest

from rmt_rank.networks.identities import (
    converged_weight,
    singular_value_velocity,
)
from rmt_rank.paper.claims.claim import Context, Verdict
from rmt_rank.paper.claims.trained import learning_dynamics
from rmt_rank.training.train import train

CLAIMS = {claim.name.removeprefix("appendix-h."): claim for claim in learning_dynamics.CLAIMS}


def evidence(name, seed=0):
    context = Context([1.0], [8], 200, "real", 20, seed, xp=np)
    return {line.check: line.verdict for line in CLAIMS[name].check(context)}


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("seed", range(2))
def test_the_claims_hold(name, seed):
    assert set(evidence(name, seed).values()) == {Verdict.HOLDS}


def test_a_wrong_gradient_is_detected(monkeypatch):
    right = learning_dynamics._slope
    monkeypatch.setattr(
        learning_dynamics, "_slope", lambda *arguments: right(*arguments) * (1 + 1e-4)
    )
    assert set(evidence("training-step").values()) == {Verdict.FAILS}


def test_another_balance_is_detected(monkeypatch):
    def total(weights):
        return [second.T @ second + first @ first.T for first, second in pairwise(weights)]

    monkeypatch.setattr(learning_dynamics, "balance", total)
    assert set(evidence("balance").values()) == {Verdict.FAILS}


def test_another_velocity_is_detected(monkeypatch):
    monkeypatch.setattr(
        learning_dynamics,
        "singular_value_velocity",
        lambda weight, gradient, depth: 1.01 * singular_value_velocity(weight, gradient, depth),
    )
    assert set(evidence("singular-values").values()) == {Verdict.FAILS}


def test_unbalanced_networks_do_not_follow_it(monkeypatch):
    def unbalanced(*arguments, initialisation, **settings):
        return train(*arguments, **settings)

    monkeypatch.setattr(learning_dynamics, "train", unbalanced)
    assert set(evidence("singular-values").values()) == {Verdict.FAILS}


def test_another_end_is_detected(monkeypatch):
    def wrong(problem, first, later):
        return converged_weight(problem, np.zeros_like(first), later)

    monkeypatch.setattr(learning_dynamics, "converged_weight", wrong)
    verdicts = evidence("zero-error")
    assert verdicts.pop("Adam does not: its steps leave the span of the data") is Verdict.HOLDS
    assert set(verdicts.values()) == {Verdict.FAILS}


def test_adam_moves_weights_outside_the_data(monkeypatch):
    monkeypatch.setattr(learning_dynamics, "train", functools.partial(train, optimizer="adam"))
    verdicts = evidence("outside-the-data")
    assert verdicts["W_2 ... W_d end the same whatever W_1 (I - P) was"] is Verdict.FAILS


def test_a_run_that_does_not_converge_is_an_error(monkeypatch):
    def short(*arguments, steps, **settings):
        return train(*arguments, steps=5, **settings)

    monkeypatch.setattr(learning_dynamics, "train", short)
    with pytest.raises(RuntimeError, match="did not reach a loss"):
        evidence("zero-error")
