"""Derivatives by the libraries: finite everywhere, and right where one exists."""

import numpy as np
import pytest

import rmt_rank
from rmt_rank import metrics
from rmt_rank.metrics import spectrum
from rmt_rank.metrics.gram import KERNELS

rng = np.random.default_rng(0)
BASE = rng.normal(size=(5, 3))

FEATURES = {
    "different": BASE,
    "equal": BASE[[0, 1, 1, 2, 1]],
    "zero": np.vstack([BASE[:3], np.zeros((2, 3))]),
    "parallel": np.vstack([BASE[:3], 2 * BASE[0], 5 * BASE[1]]),
    "antiparallel": np.vstack([BASE[:3], -BASE[0], -3 * BASE[1]]),
    "orthogonal": np.eye(4),
    "constant": np.vstack([np.full(3, 0.1), BASE[:3]]),
    "all equal": np.ones((4, 3)),
    "all zero": np.zeros((3, 2)),
    "one": np.ones((1, 1)),
    "one sample": np.array([[1.0, 2.0, 3.0]]),
    "rank one": np.outer([1.0, 2.0, -1.0], [1.0, 0.0, 2.0]),
}
GRAMS = {kernel: {} for kernel in KERNELS} | {
    "rbf, gamma": {"gamma": 0.3},
    "laplacian, gamma": {"gamma": 0.3},
    "arccosine, order 0": {"order": 0},
}
MEASURES = {
    "entropy": rmt_rank.effective_rank,
    "Roy and Vetterli": lambda a: rmt_rank.effective_rank(a, exponentiate=True),
    "power 1/2": lambda a: rmt_rank.effective_rank(a, power=0.5),
    "power 2": lambda a: rmt_rank.effective_rank(a, power=2),
    "order 0.3": lambda a: rmt_rank.effective_rank(a, order=0.3),
    "order 0.9": lambda a: rmt_rank.effective_rank(a, order=0.9),
    "order 3": lambda a: rmt_rank.effective_rank(a, order=3),
    "order inf": lambda a: rmt_rank.effective_rank(a, order=np.inf),
    "participation": rmt_rank.metrics.participation_ratio,
    "participation, power 1/2": lambda a: rmt_rank.metrics.participation_ratio(a, power=0.5),
    "stable": rmt_rank.metrics.stable_rank,
    "nuclear": rmt_rank.metrics.nuclear_norm,
    "area": lambda a: rmt_rank.metrics.threshold_rank_area(a, 0.05, 0.3),
    "area, max": lambda a: rmt_rank.metrics.threshold_rank_area(a, 0.05, 0.3, relative_to="max"),
    "area, absolute": lambda a: rmt_rank.metrics.threshold_rank_area(
        a, 0.1, 2, relative_to="absolute"
    ),
    "condition": rmt_rank.metrics.condition_number,
    "RankMe": metrics.rankme,
    "reptrix": metrics.reptrix_rankme,
    "WeightWatcher": metrics.weightwatcher_entropy,
} | {
    f"{what} of {name}": lambda a, f=function, n=name, o=options: f(a, n.split(",")[0], **o)
    for name, options in GRAMS.items()
    for what, function in (
        ("Gram matrix", rmt_rank.gram_matrix),
        ("rank", rmt_rank.gram_effective_rank),
    )
}


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def weighted(xp, value, weights):
    """Weighted sum of the finite entries."""
    return xp.sum(xp.where(xp.isfinite(value), value, xp.zeros_like(value)) * weights)


@pytest.mark.parametrize("name", MEASURES)
def test_torch_gradients_are_finite_and_right(torch, name):
    measure = MEASURES[name]
    for case, x in FEATURES.items():
        weights = np.random.default_rng(1).normal(size=np.shape(measure(x)))
        a = torch.tensor(x, requires_grad=True)
        value = weighted(torch, measure(a), torch.tensor(weights))
        (gradient,) = torch.autograd.grad(value, a)
        assert torch.isfinite(gradient).all(), case
        if case != "different":
            continue
        direction = np.random.default_rng(2).normal(size=x.shape)
        step = 1e-5
        low, high = (weighted(np, measure(x + h * direction), weights) for h in (-step, step))
        expected = np.sum(gradient.numpy() * direction)
        # third derivatives of order 100 times the step squared; rounding 1e-14 over the step
        assert (high - low) / (2 * step) == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("case", ["equal", "parallel", "antiparallel"])
def test_the_arccosine_kernel_of_order_one_is_smooth_at_parallel_samples(torch, case):
    x = FEATURES[case]
    weights = np.random.default_rng(1).normal(size=(5, 5))
    a = torch.tensor(x, requires_grad=True)
    gram = rmt_rank.gram_matrix(a, "arccosine")
    (gradient,) = torch.autograd.grad(weighted(torch, gram, torch.tensor(weights)), a)
    direction = np.random.default_rng(2).normal(size=x.shape)
    step = 1e-5
    low, high = (
        weighted(np, rmt_rank.gram_matrix(x + h * direction, "arccosine"), weights)
        for h in (-step, step)
    )
    # J(theta) has a term of third order in the angle: its difference is of second in the step;
    # rounding of the cosine, 1e-16, moves the angle at 1e-5 by 1e-11
    expected = np.sum(gradient.numpy() * direction)
    assert (high - low) / (2 * step) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-320, 1e-310, 1e-200, 1e200, 1.7e308])
def test_torch_gradients_at_extreme_scales_are_never_nan(torch, scale):
    for x in (np.diag([1.0, 0.5]), np.eye(2), np.array([[1.0, 0.2], [0.3, 0.4]])):
        for measure in (
            rmt_rank.effective_rank,
            rmt_rank.metrics.nuclear_norm,
            metrics.reptrix_rankme,
        ):
            a = torch.tensor(x * scale, requires_grad=True)
            (gradient,) = torch.autograd.grad(measure(a), a)
            assert not torch.isnan(gradient).any()
        s = torch.tensor(np.diag(x) * scale, requires_grad=True)
        (gradient,) = torch.autograd.grad(spectrum.effective_rank(s), s)
        assert not torch.isnan(gradient).any()


@pytest.mark.parametrize(
    "name",
    [n for n in MEASURES if n.startswith(("rank of", "Gram matrix of"))]
    + ["entropy", "power 1/2", "nuclear", "reptrix", "WeightWatcher"],
)
def test_jax_gradients_agree_with_torch_and_make_no_nan(torch, name):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    measure = MEASURES[name]
    before = jax.config.jax_debug_nans
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_debug_nans", True)  # an intermediate nan is an error
    try:
        for case in ("equal", "antiparallel", "zero"):
            x = FEATURES[case]
            weights = np.random.default_rng(1).normal(size=np.shape(measure(x)))

            def total(a, weights=weights):
                return weighted(jax.numpy, measure(a), jax.numpy.asarray(weights))

            a = torch.tensor(x, requires_grad=True)
            value = weighted(torch, measure(a), torch.tensor(weights))
            (expected,) = torch.autograd.grad(value, a)
            batched = jax.jit(jax.vmap(jax.grad(total)))(jax.numpy.asarray(x)[None])
            # singular values that are 0 to rounding do not have unique slopes
            if not name.startswith("rank of") and measure is not MEASURES["entropy"]:
                np.testing.assert_allclose(batched[0], expected, rtol=1e-7, atol=1e-7)
        jax.vmap(measure)(jax.numpy.asarray(BASE)[None])
    finally:
        jax.config.update("jax_debug_nans", before)


@pytest.mark.parametrize("gap", [1e-8, 1e-12, 1e-15])
@pytest.mark.parametrize("power", [1, 2])
def test_gradients_nearly_at_rank_one(gap, power):
    # S(p) at p = w/(1+w), w = (b/a)^power: dS/dp = log((1-p)/p), and p (1-p) = w/(1+w)^2
    w = gap**power
    slope = -np.log(w) * power * w / (1 + w) ** 2
    expected = np.diag([-slope, slope / gap])
    found = rmt_rank.effective_rank_gradient(np.diag([1.0, gap]), power=power)
    # a singular value of a diagonal matrix has a rounding of eps of itself; some 20 operations
    np.testing.assert_allclose(found, expected, rtol=50 * np.finfo(float).eps)
