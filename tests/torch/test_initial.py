"""Initial values: the law of Gaussian products, balanced and isometric factors."""

import math
from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402

from rmt_rank import rectangular_law, singular_value_law  # noqa: E402
from rmt_rank.torch import OverparamConv2d, OverparamLinear, overparameterize  # noqa: E402
from rmt_rank.torch.factors import originals  # noqa: E402

SETS, MATRICES = 200, 10


def distance(values, law):
    """Largest difference between an empirical distribution and a law."""
    levels = np.arange(values.size + 1) / values.size
    below = law.cdf(np.sort(values, axis=None))
    return max((below - levels[:-1]).max(), (levels[1:] - below).max())


@pytest.mark.parametrize(
    ("layer", "depth", "widths"),
    [
        (lambda: nn.Linear(32, 32), 1, (32, 32)),
        (lambda: nn.Linear(32, 32), 2, (32, 32, 32)),
        (lambda: nn.Linear(32, 32), 4, (32,) * 5),
        (lambda: nn.Linear(48, 24), 3, (48, 48, 48, 24)),
        (lambda: nn.Conv2d(8, 24, 3), 2, (72, 24, 24)),
    ],
    ids=["depth 1", "depth 2", "depth 4", "rectangular", "convolution"],
)
def test_singular_values_at_initialisation_follow_the_law(layer, depth, widths):
    """The distance from the law is not the largest of 200 sets, 199 of them drawn by NumPy.

    Under the null hypothesis all sets are exchangeable, so that a false alarm has probability
    1/200 exactly; the seeds are fixed.
    """
    smallest = min(widths)
    equal = len(set(widths)) == 1
    law = singular_value_law(depth) if equal else rectangular_law(widths)
    drawn = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for _ in range(MATRICES):
            one = layer().double()
            gain = widths[0] * float(one.weight.detach().square().mean())
            overparameterize(one, depth, init="law")
            drawn.append(one.weight.detach().flatten(1).numpy())
            # a factor of fan-in n has variance gain^(1/depth)/n, and that of the law 1/smallest
            drawn[-1] /= math.sqrt(gain * math.prod(smallest / n for n in widths[:-1]))
    rng = np.random.default_rng(0)
    products = np.eye(widths[0])
    for before, after in pairwise(widths):
        shape = ((SETS - 1) * MATRICES, after, before)
        products = rng.normal(scale=smallest**-0.5, size=shape) @ products
    references = np.linalg.svd(products, compute_uv=False).reshape(SETS - 1, -1)
    own = np.linalg.svd(np.array(drawn), compute_uv=False).ravel()
    assert distance(own, law) <= max(distance(each, law) for each in references)


@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (6, 6)], ids=str)
def test_balanced_factors_are_balanced(shape):
    layer = nn.Linear(*shape[::-1]).double()
    overparameterize(layer, 4, init="balanced", width=2)
    factors = [each.detach() for each in originals(layer, "weight")]
    for before, after in pairwise(factors):
        torch.testing.assert_close(after.mT @ after, before @ before.mT, rtol=0, atol=1e-13)


def test_the_first_step_of_preserved_factors_is_that_of_the_plain_layer():
    # the other factors are isometries, so that a step of the first alone is one of the weight
    plain = nn.Linear(6, 6).double()
    before = plain.weight.detach().clone()
    x = torch.randn(20, 6, dtype=torch.float64)
    plain(x).square().mean().backward()
    layer = nn.Linear(6, 6).double()
    layer.load_state_dict(plain.state_dict())
    overparameterize(layer, 3, init="preserve")
    layer(x).square().mean().backward()
    first, *others = originals(layer, "weight")
    with torch.no_grad():
        first -= 0.1 * first.grad
    torch.testing.assert_close(
        layer.weight, before - 0.1 * plain.weight.grad, rtol=1e-12, atol=1e-14
    )
    assert all(torch.linalg.cond(each) < 1 + 1e-12 for each in others)


def test_hidden_directions_that_the_product_does_not_need_can_be_trained():
    layer = nn.Linear(4, 3)
    overparameterize(layer, 2, init="preserve", width=3)
    layer(torch.randn(9, 4)).square().mean().backward()
    first, _ = originals(layer, "weight")
    # each row belongs to one hidden unit
    assert (first.grad.norm(dim=1) > 0).all()


def test_links_keep_the_mean_square_of_signals():
    # gain 1/3 of nn.Linear; the mean of 300 layers is within 5 standard errors of it
    x = torch.randn(1, 32)
    x *= math.sqrt(32) / x.norm()
    means = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(300):
            layer = OverparamLinear(32, 32, bias=False, depth=4, residual=True)
            means.append(float(layer(x).square().mean().detach()))
    assert layer.parametrizations.weight[0].chain.linked == (True, True, True, False)
    assert abs(np.mean(means) - 1 / 3) < 5 * np.std(means) / math.sqrt(len(means))


def test_kernels_in_several_factors_have_the_mean_square_of_the_own_initialisation():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        values = [
            float(OverparamConv2d(6, 8, ((3, 1), 2)).weight.square().mean().detach())
            for _ in range(300)
        ]
    # 1/(3 fan-in) with a kernel of 4 x 2, within 5 standard errors
    error = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values) - 1 / (3 * 6 * 8)) < 5 * error
