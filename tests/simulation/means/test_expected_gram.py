"""Expected rank of Gram matrices: methods, regimes, formulas against simulation, bad input."""

import math
import warnings

import numpy as np
import pytest

from rmt_rank.simulation.means.expected import RegimeWarning, expected_effective_rank
from rmt_rank.simulation.means.expected_gram import expected_gram_effective_rank as expected
from rmt_rank.simulation.means.target import TargetWarning
from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks

CELLS = [
    ("identity", 32, 8, (1, 3)), ("identity", 64, 0.5, (1, 6)), ("identity", 64, 2, (0, 6)),
    ("tanh", 32, 8, (1, 3)), ("tanh", 64, 2, (0, 6)), ("erf", 64, 1, (1, 6)),
    ("relu", 32, 8, (1, 3)), ("relu", 64, 0.5, (1, 6)), ("gelu", 64, 2, (1, 6)),
]  # fmt: skip


@pytest.mark.parametrize("kernel", ["cosine", "linear"])
@pytest.mark.parametrize(("activation", "n", "ratio", "depths"), CELLS)
def test_formulas_against_simulation(activation, n, ratio, depths, kernel):
    q, networks = int(ratio * n), 24000 // n
    ranks = sample_gram_effective_ranks((q, n), depths, activation, networks, kernel=kernel, rng=9)
    # 36 cells, five standard errors each: one false alarm in 50 000 runs
    errors = 5 * ranks.std(axis=0, ddof=1) / math.sqrt(networks)
    for mean, error, L in zip(ranks.mean(axis=0), errors, depths, strict=True):
        limit = expected(n, L, q, activation, kernel=kernel, method="limit")
        assert abs(mean - limit.value) <= limit.error + error
        if activation == "identity":
            corrected = expected(n, L, q, kernel=kernel, method="corrected")
            assert abs(mean - corrected.value) <= corrected.error + error
            assert corrected.error <= limit.error


UNEQUAL = [((32, 64), 1), ((64, 32, 48), 0.5), ((48, 40, 32, 64), 2)]


@pytest.mark.parametrize("kernel", ["cosine", "linear"])
@pytest.mark.parametrize("activation", ["identity", "tanh", "relu"])
@pytest.mark.parametrize(("widths", "ratio"), UNEQUAL)
def test_unequal_widths_against_simulation(activation, widths, ratio, kernel):
    q, networks = int(ratio * max(widths)), 200
    limit = expected(widths, None, q, activation, kernel=kernel, method="limit")
    ranks = sample_gram_effective_ranks(
        (q, widths[0]), [len(widths) - 1], activation, networks, width=widths[1:], kernel=kernel,
        rng=9,
    )  # fmt: skip
    # 18 cells, five standard errors each: one false alarm in 100 000 runs
    assert abs(ranks.mean() - limit.value) <= limit.error + 5 * ranks.std() / math.sqrt(networks)
    assert limit.method == "limit"


def test_lists_of_widths():
    assert expected([128] * 3, None, 256) == expected(128, 2, 256)
    assert expected([64], 0, 128) == expected(64, 0, 128)
    few = expected([16, 8, 12], 2, 8, "tanh", rng=0)
    assert (few.method, few.error <= 0.02) == ("monte-carlo", True)
    # a linear network is a product of matrices, and the inputs are one of them
    linear = expected([9, 6], None, 20, kernel="linear", target_error=0.01, rng=0)
    product = expected_effective_rank([20, 9, 6], power=2, rng=1)
    assert abs(linear.value - product.value) < 5 * math.hypot(linear.error, product.error)
    with pytest.raises(ValueError, match=r"'corrected' is for equal widths, got \[9, 6\]"):
        expected([9, 6], None, 20, method="corrected")
    with pytest.raises(ValueError, match="depth must be None or 1 with 2 widths, got 2"):
        expected([9, 6], 2, 20)
    with pytest.warns(RegimeWarning, match=r"not known to hold at widths \(9, 6\), depth 1, 20"):
        expected([9, 6], None, 20, method="limit")


def test_auto_takes_what_holds():
    linear = expected(256, 8, 2048)
    assert (linear.method, linear.status, linear.error_kind) == (
        "corrected",
        "conjectured",
        "estimate",
    )
    assert expected(256, 1, 2048).status == "verified"
    assert expected(256, 1, 2048, method="limit").status == "proved"
    odd = expected(512, 2, 512, "tanh")
    assert (odd.method, odd.status) == ("limit", "verified")
    assert "where it holds" in odd.why
    assert odd.exponentiated == math.exp(odd.value)
    wide = expected(2000, 1, 8000, "relu")
    assert (wide.method, wide.status) == ("limit", "conjectured")
    deep = expected(16, 8, 32, "tanh", rng=0)
    assert (deep.method, deep.status, deep.error_kind) == (
        "monte-carlo",
        "verified",
        "standard error",
    )
    assert deep.error <= 0.02
    assert "no formula" in deep.why
    few = expected(64, 1, 16, rng=0)
    assert "no formula" in few.why
    precise = expected(64, 1, 64, "relu", target_error=0.02, rng=0)
    assert "leaves out" in precise.why
    assert "it was asked for" in expected(8, 1, 8, method="monte-carlo", rng=0).why


def test_monte_carlo_stops_at_a_number_of_networks(monkeypatch):
    monkeypatch.setattr("rmt_rank.simulation.means.expected_gram._MOST", 80)
    with pytest.warns(TargetWarning, match="target_error 1e-06 was not reached") as caught:
        found = expected(8, 2, 16, "relu", target_error=1e-6, rng=0)
    assert caught[0].filename == __file__
    assert "it stopped at 80 networks" in found.why
    assert found.error > 1e-6
    with pytest.warns(TargetWarning):
        again = expected(8, 2, 16, "relu", target_error=1e-6, rng=0)
    assert again.value == found.value


def test_simulated_networks_are_those_of_the_sampler():
    found = expected(8, 3, 20, "gelu", method="monte-carlo", target_error=0.005, rng=1)
    ranks = sample_gram_effective_ranks((20, 8), [3], "gelu", 4000, rng=2)[:, 0]
    # five standard errors
    error = math.hypot(found.error, ranks.std(ddof=1) / math.sqrt(4000))
    assert abs(found.value - ranks.mean()) < 5 * error


def test_forced_methods_warn_outside_their_regime():
    for arguments in ((16, 4, 128), (16, 1, 4)):
        for method in ("limit", "corrected"):
            with pytest.warns(RegimeWarning, match="not known to hold at width 16"):
                forced = expected(*arguments, method=method)
            assert "it was asked for; it is not known to hold for depth > width/10" in forced.why
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected(20, 2, 10, "tanh", method="limit")


def test_errors_of_users_activations_are_not_known():
    # the limit gives -0.094 there, and simulation 3.5
    with pytest.warns(RegimeWarning, match="not known to hold at width 200.* of 'exp'"):
        limit = expected(200, 2, 400, np.exp, method="limit")
    assert limit.error == math.inf
    assert "measured for activations with a name" in limit.why
    auto = expected(40, 1, 80, np.exp, target_error=0.1, rng=0)
    assert (auto.method, auto.error_kind) == ("monte-carlo", "standard error")
    assert "measured for activations with a name" in auto.why
    # at depth 0 the activation is not there
    assert expected(64, 0, 64, np.exp).method == "limit"
    assert expected(512, 1, 512, "sine(2.5)").method == "limit"


def test_values_that_cannot_be_entropies_are_not_used(monkeypatch):
    found = expected(1, 0, 5, target_error=0.9, rng=0)  # log 1, where the formula is not
    assert (found.method, found.value) == ("monte-carlo", 0.0)
    assert "not between 0 and log min" in found.why
    with pytest.warns(RegimeWarning, match="not known to hold at width 1"):
        forced = expected(1, 0, 5, method="limit")
    assert forced.error == math.inf
    assert "not between 0 and log min" in forced.why


@pytest.mark.parametrize(("n", "L", "q"), [(6, 10, 8), (4, 3, 8), (1, 1, 1)])
def test_dead_networks_are_left_out(n, L, q):
    found = expected(n, L, q, "relu", rng=0)
    assert 0 <= found.value <= math.log(min(n, q))
    assert "networks, whose activations are all 0" in found.why
    ranks = sample_gram_effective_ranks((q, n), [L], "relu", 1000, rng=5)[:, 0]
    alive = ranks[ranks > -math.inf]
    # five standard errors
    error = math.hypot(found.error, alive.std(ddof=1) / math.sqrt(alive.size))
    assert abs(found.value - alive.mean()) <= 5 * error


def test_dead_networks_only(monkeypatch):
    with pytest.raises(
        ValueError, match=r"'relu' must leave networks alive: of 64 .*60, all but 0"
    ):
        expected(1, 60, 3, "relu", rng=0)
    # an eighth is alive, of rank 0: two rounds, or too few
    found = expected(1, 3, 3, "relu", rng=0)
    assert (found.value, found.error) == (0, 0)
    monkeypatch.setattr("rmt_rank.simulation.means.expected_gram._MOST", 64)
    with pytest.raises(ValueError, match="must leave networks alive: of 64 networks of width 1"):
        expected(1, 3, 3, "relu", rng=0)


def test_networks_too_large_to_simulate():
    found = expected(100, 10, 10**9, "relu")
    assert (found.method, found.error_kind) == ("limit", "estimate")
    assert found.error > 0.02
    assert "too large to simulate" in found.why
    for arguments in ((100, 11, 10**9, "relu"), (100, 1, 10**9, np.exp)):
        with pytest.raises(ValueError, match=r"at most 134217728 activations.* 1000000000 and 100"):
            expected(*arguments)


def test_identity_means_the_identity():
    def identity(x):
        return np.tanh(x)

    with pytest.warns(RegimeWarning, match="512 samples of 'identity'"):
        assert expected(512, 2, 512, identity, method="limit").status == "conjectured"
    with pytest.raises(ValueError, match="method 'corrected' is for the identity"):
        expected(64, 1, 64, identity, method="corrected")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"width": 0}, ValueError, "width must be an integer >= 1, got 0"),
        ({"depth": -1}, ValueError, "depth must be an integer >= 0, got -1"),
        ({"depth": 1.5}, TypeError, "depth must be an integer >= 0, got 1.5"),
        ({"samples": 0}, ValueError, "samples must be an integer >= 1, got 0"),
        ({"activation": "swish"}, ValueError, "activation must be one of"),
        ({"kernel": "rbf"}, ValueError, "kernel must be one of 'cosine', 'linear'"),
        ({"weight_variance": 0}, ValueError, "weight_variance must be finite and >= 1e-250"),
        ({"method": "guess"}, ValueError, "method must be one of 'auto', 'limit'"),
        ({"target_error": 0}, ValueError, "target_error must be finite and >= 2.22045e-16"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        expected(**({"width": 8, "depth": 1, "samples": 8} | arguments))


def test_monte_carlo_on_a_device(simulated_device):
    options = {"method": "monte-carlo", "target_error": 0.02, "rng": 0}
    found = expected(8, 2, 16, "tanh", xp=simulated_device, **options)
    host = expected(8, 2, 16, "tanh", **options)
    assert found.value != host.value
    # exceeded with probability 6e-7
    assert abs(found.value - host.value) < 5 * math.hypot(found.error, host.error)
