"""Weight decay on factors and on products."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402

from rmt_rank.torch import overparameterize, parameter_groups, product_penalty  # noqa: E402
from rmt_rank.torch.factors import originals  # noqa: E402


def model(**options):
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.LayerNorm(4)).double()
    overparameterize(net, 3, where=["0"], **options)
    return net


def test_every_parameter_that_is_trained_is_in_one_group():
    net = model()
    net[2].weight.requires_grad_(False)
    for on, counts in (("factors", [3, 4]), ("product", [0, 7])):
        groups = parameter_groups(net, 0.1, on=on)
        assert [len(group["params"]) for group in groups] == counts
        assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
        ids = [id(parameter) for group in groups for parameter in group["params"]]
        assert sorted(ids) == sorted(id(p) for p in net.parameters() if p.requires_grad)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_decay_on_balanced_factors_is_a_schatten_penalty(depth):
    layer = nn.Linear(6, 5).double()
    overparameterize(layer, depth, init="balanced")
    squares = sum(each.square().sum() for each in originals(layer, "weight"))
    sigma = torch.linalg.svdvals(layer.weight)
    torch.testing.assert_close(squares, depth * (sigma ** (2 / depth)).sum(), rtol=1e-12, atol=0)
    # no other factors of the same product have less
    other = nn.Linear(6, 5).double()
    with torch.no_grad():
        other.weight.copy_(layer.weight)
    overparameterize(other, depth, init="preserve")
    assert sum(each.square().sum() for each in originals(other, "weight")) > squares


def test_the_penalty_on_products_is_the_decay_of_the_plain_layer():
    net = model(init="preserve")
    weight = net[0].weight.detach()
    penalty = product_penalty(net)
    torch.testing.assert_close(penalty.double(), weight.square().sum() / 2, rtol=1e-6, atol=0)
    # the first factor acts before isometries: its gradient is theirs, transposed, times W
    penalty.backward()
    first, middle, last = originals(net[0], "weight")
    expected = (last @ middle).mT @ weight
    torch.testing.assert_close(first.grad, expected.detach(), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="model must have products"):
        product_penalty(nn.Linear(2, 2))
