"""The claims on nonlinear networks of infinite width hold, and can fail."""

import numpy as np
import pytest

from rmt_rank._lib.array import default_namespace
from rmt_rank.paper.claims import Context, Verdict
from rmt_rank.paper.claims.nonlinear import nonlinear_init


def context():
    return Context([1, 2], [8], 100, "real", 15, 3, default_namespace())


def verdicts(name):
    claim = next(c for c in nonlinear_init.CLAIMS if c.name == f"nonlinear-init.{name}")
    return {evidence.check: evidence.verdict for evidence in claim.check(context())}


@pytest.mark.parametrize(
    "name", ["correlation-maps", "odd-activations", "relu-rate", "first-layer"]
)
def test_claims_hold(name):
    assert set(verdicts(name).values()) == {Verdict.HOLDS}


def test_majorisation_fails_with_a_bias(monkeypatch):
    original = nonlinear_init.neural_kernel_of_gram
    monkeypatch.setattr(
        nonlinear_init,
        "neural_kernel_of_gram",
        lambda *args, **options: original(*args, **options, bias_variance=0.5),
    )
    found = verdicts("odd-activations")
    # sine(3) is chaotic enough to gain rank even so
    assert list(found.values()).count(Verdict.FAILS) == 3


def test_rate_fails_for_another_map(monkeypatch):
    original = nonlinear_init.correlations

    def slower(*args):
        found = original(*args)
        return found._replace(gap=found.gap * 1.01)

    monkeypatch.setattr(nonlinear_init, "correlations", slower)
    assert Verdict.FAILS in verdicts("relu-rate").values()


def test_majorisation_excess():
    flat, spiked = np.eye(3), np.diag([2.0, 1.0, 0.0])
    assert nonlinear_init.majorisation_excess(spiked, flat) == 0
    assert nonlinear_init.majorisation_excess(flat, spiked) == 1
