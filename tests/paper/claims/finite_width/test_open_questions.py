"""Claims of docs/open-questions.md and on the term of order 1/N: each check holds, and can fail."""

import numpy as np
import pytest

from rmt_rank.paper.claims import Context, Verdict, select
from rmt_rank.paper.claims.finite_width import deep_products, order_one, powers
from rmt_rank.paper.claims.finite_width.gram_powers import critical_ratio


def failed(name):
    context = Context([1.0, 2.0], [16], None, "real", 20, 1, xp=np)
    (claim,) = select([f"finite-width.{name}"])
    lines = list(claim.check(context))
    assert {line.verdict for line in lines} <= {Verdict.HOLDS, Verdict.FAILS}
    return [line.check.partition(":")[0] for line in lines if line.verdict is Verdict.FAILS]


@pytest.fixture
def fewer(monkeypatch):
    """Claims at a part of their samples or shapes; their bounds follow."""
    monkeypatch.setattr(powers, "SAMPLES", 1000)
    monkeypatch.setattr(order_one, "_SINGLE", ((1, 2),))


@pytest.mark.parametrize(
    "name",
    [
        claim.name.removeprefix("finite-width.")
        for claim in (*powers.CLAIMS, *deep_products.CLAIMS, *order_one.CLAIMS)
    ],
)
def test_the_claims_hold(name, fewer):
    assert failed(name) == []


def test_a_power_beyond_the_critical_one_is_detected(monkeypatch):
    right = powers.share_growth
    monkeypatch.setattr(
        powers, "share_growth", lambda x, power, *a: right(x * 1.05, power * 1.05, *a)
    )
    assert failed("brownian-powers") == ["powers up to beta"]
    monkeypatch.setattr(powers, "share_growth", lambda x, p, *a: right(x / 1.06, p / 1.06, *a))
    assert failed("brownian-powers") == ["power 1.05 beta"]


@pytest.mark.parametrize("beta", [1, 2])
@pytest.mark.parametrize(("width", "k"), [(2, 1), (4, 2)])
def test_growth_of_shares_by_differences(width, k, beta):
    power = 0.7
    x = np.linspace(1, -0.8, width)  # log sigma

    def share(x):
        u = np.exp(power * x)
        return u[:k].sum() / u.sum()

    step = 1e-3 * np.eye(width)
    up, down = (np.array([share(x + h) for h in moved]) for moved in (step, -step))
    first, second = (up - down) / 2e-3, (up - 2 * share(x) + down) / 1e-6
    found = second.sum() + beta * sum(
        (first[i] - first[j]) / np.tanh(x[i] - x[j]) for i in range(width) for j in range(i)
    )
    # step^2/12 times fourth derivatives below 1, and step^2/6 times third ones over differences
    # of 0.6 and more; rounding is 1e-16/step^2 a term
    growth = powers.share_growth(power * x, power, beta, k) * power * (1 - share(x))
    assert growth == pytest.approx(found, abs=1e-5)


def test_a_factor_that_is_not_invariant_is_detected(monkeypatch, fewer):
    right = powers.haar
    monkeypatch.setattr(
        powers,
        "haar",
        lambda size, width, *a: right(size, width, *a) * np.where(np.arange(width) == 0, 0.1, 1),
    )
    assert failed("gram-invariant") == ["complex entries"]


def test_singular_values_that_are_too_even_are_detected(monkeypatch, fewer):
    right = np.linalg.svdvals
    monkeypatch.setattr(np.linalg, "svdvals", lambda x: right(x) ** 0.1)
    assert failed("gram-invariant") == ["complex entries", "real entries"]


def test_a_fixed_matrix_in_place_of_a_product_is_detected(monkeypatch):
    # the first factor is diag(1, 0.01), always: one Gaussian factor often lowers its quotient
    right, calls = deep_products._gaussian, []

    def gaussian(samples, *a):
        calls.append(samples)
        return (
            np.tile(np.diag([1, 0.01]), (samples, 1, 1)) if len(calls) == 1 else right(samples, *a)
        )

    monkeypatch.setattr(deep_products, "_gaussian", gaussian)
    assert failed("width-two-order") == ["width 2"]


def test_another_rate_is_detected(monkeypatch):
    monkeypatch.setattr(deep_products, "critical_ratio", lambda p, *a: critical_ratio(p * 1.01, *a))
    right = deep_products._tilted_mean
    # real entries, whose mean rank has a factor L^(-3/2) beside the rate
    monkeypatch.setattr(deep_products, "_tilted_mean", lambda N, L, beta, *a: right(N, L, 1, *a))
    assert len(failed("decay-rate")) == 2


def test_another_variance_is_detected(monkeypatch):
    right = deep_products.rank_variance
    # L^2 + 3 instead of L^2 + 4
    monkeypatch.setattr(
        deep_products, "rank_variance", lambda L, *a: right(L, *a) * (L * L + 3) / (L * L + 4)
    )
    assert len(failed("rank-variance")) == 1


def test_another_term_of_order_one_is_detected(monkeypatch, fewer):
    right = order_one.rectangular_correction
    monkeypatch.setattr(order_one, "rectangular_correction", lambda widths: right(widths) / 3)
    assert failed("order-one") == ["widths 16, 32"]
    moment = order_one.moment_term
    monkeypatch.setattr(
        order_one, "moment_term", lambda shape, order: moment(shape, order) + (order == 4)
    )
    assert len(failed("moments")) == 1
