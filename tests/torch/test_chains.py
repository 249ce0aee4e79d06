"""Random chains: what layers compute, factor by factor, as a product and collapsed."""

import copy
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402

from rmt_rank.torch import OverparamConv2d, collapse, overparameterize  # noqa: E402
from rmt_rank.torch.composition import cheapest_order, compose, product  # noqa: E402

# Sums of some 1,000 products, through 16 factors, with errors of 2^-53 each; signals keep their
# mean square through factors, so that errors add up to some 16 * sqrt(1000) * 1e-16 relative to
# the largest output.
BOUND = 1e-12
KINDS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def composed(second, first, groups):
    """Composition by its definition, one tap of each at a time."""
    second, first = second.numpy(), first.numpy()
    outputs, inputs = second.shape[0] // groups, first.shape[1]
    hidden, axes = second.shape[1], second.ndim - 2
    kernel = tuple(a + b - 1 for a, b in zip(second.shape[2:], first.shape[2:], strict=True))
    whole = np.zeros((second.shape[0], inputs, *kernel))
    for s in np.ndindex(second.shape[2:]):
        for u in np.ndindex(first.shape[2:]):
            t = tuple(a + b for a, b in zip(s, u, strict=True))
            for group in range(groups):
                rows = slice(group * outputs, (group + 1) * outputs)
                columns = slice(group * hidden, (group + 1) * hidden)
                whole[(rows, slice(None), *t)] += (
                    second[(rows, slice(None), *s)] @ first[(columns, slice(None), *u)]
                )
    assert axes == len(kernel)
    return whole


@given(st.data())
def test_kernels_compose_by_the_definition(data):
    draw = data.draw
    axes, groups = draw(st.integers(0, 3)), draw(st.integers(1, 3))
    outputs, hidden, inputs = (draw(st.integers(1, 4)) for _ in range(3))
    sizes = st.lists(st.integers(1, 3), min_size=axes, max_size=axes)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    options = {"dtype": torch.float64, "generator": generator}
    first = torch.randn(groups * hidden, inputs, *draw(sizes), **options)
    second = torch.randn(groups * outputs, hidden, *draw(sizes), **options)
    np.testing.assert_allclose(
        compose(second, first, groups).numpy(), composed(second, first, groups), atol=1e-13
    )


@given(st.lists(st.integers(1, 9), min_size=2, max_size=7), st.integers(0, 99))
def test_the_order_of_products_is_the_cheapest_and_changes_nothing(widths, seed):
    generator = torch.Generator().manual_seed(seed)
    matrices = [
        torch.randn(b, a, generator=generator, dtype=torch.float64) for a, b in pairwise(widths)
    ]

    def least(start, end):
        """Fewest multiplications, by trying every order."""
        return min(
            (
                least(start, cut) + least(cut, end) + widths[start] * widths[cut] * widths[end]
                for cut in range(start + 1, end)
            ),
            default=0,
        )

    def cost(order):
        if isinstance(order, int):
            return 0, order, order + 1
        (one, start, cut), (two, _, end) = map(cost, order)
        return one + two + widths[start] * widths[cut] * widths[end], start, end

    order = cheapest_order(tuple(widths), ((),) * len(matrices))
    assert cost(order) == (least(0, len(matrices)), 0, len(matrices))
    expected = matrices[0]
    for matrix in matrices[1:]:
        expected = matrix @ expected
    torch.testing.assert_close(product(matrices, order), expected, rtol=1e-12, atol=1e-9)


@st.composite
def layers(draw):
    """Yield a layer in float64, and inputs."""
    axes = draw(st.integers(0, 3))
    bias = draw(st.booleans())
    if not axes:
        layer = nn.Linear(draw(st.integers(1, 6)), draw(st.integers(1, 6)), bias)
        return layer.double(), torch.randn(3, 2, layer.in_features, dtype=torch.float64)
    groups = draw(st.integers(1, 2))
    per_axis = {
        name: tuple(draw(st.integers(low, high)) for _ in range(axes))
        for name, low, high in (("kernel_size", 1, 3), ("stride", 1, 2), ("dilation", 1, 2))
    }
    padding = tuple(draw(st.integers(0, 2)) for _ in range(axes))
    if draw(st.booleans()):
        per_axis["stride"], padding = (1,) * axes, draw(st.sampled_from(["same", "valid"]))
    layer = KINDS[axes](
        groups * draw(st.integers(1, 3)),
        groups * draw(st.integers(1, 3)),
        **per_axis,
        padding=padding,
        groups=groups,
        bias=bias,
        padding_mode=draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    )
    x = torch.randn(3, layer.in_channels, *draw(st.permutations([5, 6, 7]))[:axes])
    return layer.double(), x.double()


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=100)
@given(st.data())
def test_collapse_is_what_was_computed(data):
    torch.manual_seed(data.draw(st.integers(0, 99)))
    layer, x = data.draw(layers())
    mode = data.draw(st.sampled_from(["weight", "activation"]))
    init = data.draw(st.sampled_from(["law", "preserve", "balanced"]))
    batch_norm = mode == "activation" and layer.bias is not None and data.draw(st.booleans())
    plain, before = copy.deepcopy(layer), layer(x)
    overparameterize(
        layer,
        data.draw(st.integers(1, 16)),
        init=init,
        mode=mode,
        width=data.draw(st.sampled_from([None, 30])),
        residual=data.draw(st.booleans()),
        batch_norm=batch_norm,
    )
    layer.eval()
    if init != "law":
        assert (layer(x) - before).abs().max() <= BOUND * (1 + before.abs().max())
    # a step changes factors and the statistics of norms
    layer.train()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    layer(x).square().mean().backward()
    optimizer.step()
    layer.eval()
    after = layer(x)
    if mode == "activation" and not batch_norm:
        by_weight = copy.deepcopy(layer)
        type_of_plain = type(plain)
        assert (type_of_plain.forward(by_weight, x) - after).abs().max() <= BOUND * (
            1 + after.abs().max()
        )
    collapse(layer)
    assert type(layer) is type(plain)
    assert list(layer.state_dict()) == list(plain.state_dict())
    assert (layer(x) - after).abs().max() <= BOUND * (1 + after.abs().max())
    plain.load_state_dict(layer.state_dict())
    assert torch.equal(plain(x), layer(x))


SIZE = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))


@given(st.data())
def test_kernels_in_several_factors_collapse_to_one_convolution(data):
    draw = data.draw
    torch.manual_seed(draw(st.integers(0, 99)))
    groups, batch_norm = draw(st.integers(1, 2)), draw(st.booleans())
    layer = OverparamConv2d(
        2 * groups,
        3 * groups,
        draw(st.lists(SIZE, min_size=1, max_size=4)),
        stride=draw(st.integers(1, 2)),
        padding=draw(st.integers(0, 3)),
        dilation=draw(st.integers(1, 2)),
        groups=groups,
        residual=draw(st.booleans()),
        batch_norm=batch_norm,
        mode="activation",
        dtype=torch.float64,
    )
    x = torch.randn(2, 2 * groups, 17, 18, dtype=torch.float64)
    layer(x)
    after = layer.eval()(x)
    collapse(layer)
    assert layer(x).shape == after.shape
    assert (layer(x) - after).abs().max() <= BOUND * (1 + after.abs().max())
