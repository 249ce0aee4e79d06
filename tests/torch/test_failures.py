"""One test for each failure that users of similar tools have met."""

import copy
import io
import math
import pickle
import warnings

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402
from torch.nn.utils import parametrize  # noqa: E402

from rmt_rank.torch import (  # noqa: E402
    OverparamConv2d,
    OverparamLinear,
    collapse,
    overparameterize,
)
from rmt_rank.torch.factors import Factors, originals  # noqa: E402

# Rounding of float32: each output is a sum of some 100 products of numbers of order 1, through a
# few layers, with errors of 2^-24 each that add up to 100 * 6e-8 at most.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 5)
    )


def train(model, x, steps=3):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def test_eval_returns_the_layer():
    layer = OverparamLinear(8, 8)
    assert layer.eval() is layer
    assert layer.train() is layer


def test_the_weight_is_current_before_eval_and_after_a_step():
    layer = OverparamLinear(8, 4, depth=3)
    x = torch.randn(16, 8)
    for _ in range(2):
        expected = originals(layer, "weight")
        torch.testing.assert_close(
            layer.weight, expected[2] @ expected[1] @ expected[0], rtol=1e-5, atol=1e-6
        )
        train(layer, x)


def test_a_training_checkpoint_loads_in_eval_mode():
    x = torch.randn(2, 3, 4, 4)
    trained, other = network(), network()
    for model in (trained, other):
        overparameterize(model, 3)
    train(trained, x)
    other.eval().load_state_dict(trained.state_dict())
    assert torch.equal(other(x), trained(x))


@pytest.mark.parametrize("mode", ["weight", "activation"])
def test_attention_gives_numbers_and_all_factors_get_gradients(mode):
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
    x = torch.randn(2, 5, 16)
    before = layer(x)
    report = overparameterize(layer, 2, init="balanced", mode=mode)
    torch.testing.assert_close(layer(x), before, **CLOSE)
    layer(x).square().sum().backward()
    factors = [p for name, p in layer.named_parameters() if "original" in name]
    assert len(factors) == (8 if mode == "weight" else 4)
    assert all(factor.grad.abs().sum() > 0 for factor in factors)
    assert set(report.skipped) == (
        set() if mode == "weight" else {"self_attn.in_proj_weight", "self_attn.out_proj.weight"}
    )
    layer.eval()
    with torch.no_grad():  # the path that reads weights without calling layers
        torch.testing.assert_close(layer(x), before, **CLOSE)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "dilation": 2},
        {"kernel_size": (1, 7)},
        {"kernel_size": 3, "groups": 8},
        {"kernel_size": 4, "padding": "same", "padding_mode": "circular"},
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["weight", "activation"])
def test_dilation_groups_and_kernels_that_are_not_square_are_kept(options, mode):
    layer = nn.Conv2d(8, 8, **options)
    x = torch.randn(2, 8, 16, 16)
    with warnings.catch_warnings():
        # PyTorch's own convolution says that even kernels with padding="same" copy the input
        warnings.filterwarnings("ignore", "Using padding='same'")
        before = layer(x)
        overparameterize(layer, 3, init="preserve", mode=mode)
        torch.testing.assert_close(layer(x), before, **CLOSE)


@pytest.mark.parametrize("init", ["preserve", "balanced"])
def test_pretrained_weights_and_their_dtype_are_kept(init):
    model, x = network().double(), torch.randn(2, 3, 4, 4, dtype=torch.float64)
    before = model(x)
    overparameterize(model, 4, init=init)
    # a sum of 128 products with errors of 2^-53, through three more matrices
    torch.testing.assert_close(model(x), before, rtol=1e-12, atol=1e-12)


def test_tied_layers_stay_tied():
    model = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 8), nn.Linear(8, 20, bias=False))
    model[2].weight = model[0].weight
    names = list(model.state_dict())
    x = torch.randint(0, 20, (6,))
    before = model(x)
    report = overparameterize(model, 3, init="preserve")
    assert [each.name for each in report.layers] == ["1.weight", "2.weight"]
    torch.testing.assert_close(model(x), before, **CLOSE)
    train(model, x)
    assert torch.equal(model[0].weight, model[2].weight)
    after = model(x)
    collapse(model)
    assert model[0].weight is model[2].weight
    assert list(model.state_dict()) == names
    torch.testing.assert_close(model(x), after, **CLOSE)


def test_a_single_layer_is_expanded():
    layer = nn.Linear(6, 4)
    assert [each.name for each in overparameterize(layer).layers] == ["weight"]
    assert len(originals(layer, "weight")) == 2


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_the_variance_is_that_of_the_own_initialisation_at_every_depth(depth):
    layers = [OverparamLinear(32, 32, depth=depth) for _ in range(200)]
    values = [float(32 * layer.weight.detach().square().mean()) for layer in layers]
    # nn.Linear draws entries of variance 1/(3 fan-in).  The mean of 200 independent layers is
    # within 5 standard errors of it but for one in a million.
    error = torch.tensor(values).std().item() / math.sqrt(len(values))
    assert abs(sum(values) / len(values) - 1 / 3) < 5 * error


def test_widths_that_limit_the_rank_are_refused():
    message = r"width must give at least 64 hidden channels.*bottleneck=True; width=0.5 gives 32"
    model = nn.Sequential(nn.Linear(64, 64))
    with pytest.raises(ValueError, match=message + r" \(in 0.weight\)"):
        overparameterize(model, width=0.5)
    assert not parametrize.is_parametrized(model[0])
    overparameterize(model, width=0.5, bottleneck=True)
    assert torch.linalg.matrix_rank(model[0].weight) == 32


def test_the_hidden_width_follows_the_inputs():
    assert overparameterize(nn.Linear(512, 10)).layers[0].factors == ((512, 512), (10, 512))


def test_a_convolution_gets_the_width_that_its_rank_needs():
    # one hidden channel per input channel, the paper's choice, allows rank 3 of 27
    layer = nn.Conv2d(3, 64, 3)
    with pytest.raises(ValueError, match="at least 27 hidden channels"):
        overparameterize(layer, width=1)
    overparameterize(layer)
    assert torch.linalg.matrix_rank(layer.weight.flatten(1)) == 27


def test_without_a_bias_there_is_none():
    layer = OverparamLinear(4, 4, bias=False)
    assert all("bias" not in key for key in layer.state_dict())


def test_a_collapsed_model_can_be_scripted_and_pickled():
    model, x = network(), torch.randn(2, 3, 4, 4)
    overparameterize(model)
    with pytest.raises(RuntimeError, match="Serialization of parametrized modules"):
        pickle.dumps(model)
    collapse(model)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), model(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert torch.equal(torch.jit.script(model)(x), model(x))


def test_sixteen_factors_collapse_with_small_errors():
    layer = OverparamLinear(64, 64, depth=16)
    # a product of 16 matrices rounds 16 times; each adds 64 * 2^-24 of the largest entries at most
    assert collapse(layer).error < 16 * 64 * 2**-24


def test_convolution_batch_norm_and_links_collapse_with_small_errors():
    layer = OverparamConv2d(8, 8, 3, depth=3, mode="activation", residual=True, batch_norm=True)
    x = torch.randn(4, 8, 9, 9)
    train(layer, x)
    after = layer.eval()(x)
    collapse(layer)
    assert type(layer) is nn.Conv2d
    torch.testing.assert_close(layer(x), after, **CLOSE)


def test_plain_checkpoints_load():
    plain, x = network(), torch.randn(2, 3, 4, 4)
    for options in ({}, {"mode": "activation", "batch_norm": True}):
        model = network()
        overparameterize(model, 3, **options)
        train(model, x)
        model.eval().load_state_dict(plain.state_dict())
        torch.testing.assert_close(model(x), plain(x), **CLOSE)


def test_a_plain_checkpoint_of_another_shape_is_an_error():
    model = nn.Linear(4, 4)
    overparameterize(model)
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict(nn.Linear(5, 4).state_dict())


def test_a_collapsed_checkpoint_loads_into_the_untouched_model():
    model, x, file = network(), torch.randn(2, 3, 4, 4), io.BytesIO()
    untouched = copy.deepcopy(model)
    overparameterize(model, 3)
    train(model, x)
    after = model(x)
    collapse(model)
    torch.save(model.state_dict(), file)
    file.seek(0)
    untouched.load_state_dict(torch.load(file))
    torch.testing.assert_close(untouched(x), after, **CLOSE)


def test_a_weight_is_set_by_assignment():
    # in-place functions such as nn.init.zeros_(layer.weight) change a product, and no factor
    layer, weight = OverparamLinear(6, 4), torch.randn(4, 6)
    layer.weight = weight
    torch.testing.assert_close(layer.weight, weight, rtol=1e-5, atol=1e-6)


def test_autocast_computes_the_product_in_float32():
    layer, x = OverparamLinear(64, 64, depth=4), torch.randn(8, 64)
    before = layer.weight
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer.weight, before)
        assert layer(x).dtype == torch.bfloat16


def test_half_precision_factors_are_multiplied_in_float32():
    layer = OverparamLinear(32, 32, depth=4, dtype=torch.bfloat16)
    exact = layer.parametrizations.weight[0].product(originals(layer, "weight"), torch.float64)
    # rounded once, to 8 bits; errors of the product in float32 are far below
    error = (layer.weight.double() - exact).abs()
    assert (error <= 2**-8 * exact.abs() + 1e-6 * exact.abs().max()).all()


@pytest.mark.parametrize("kind", ["attention", "lstm", "linear"])
def test_each_product_is_computed_once_per_forward(kind, monkeypatch):
    layer, x = {
        "attention": (nn.MultiheadAttention(16, 4), (torch.randn(3, 2, 16),) * 3),
        "lstm": (nn.LSTM(6, 8, 2), (torch.randn(5, 2, 6),)),
        "linear": (nn.Linear(6, 8), (torch.randn(5, 6),)),
    }[kind]
    report = overparameterize(layer)
    computed, forward = [], Factors.forward

    def counted(self, *factors):
        computed.append(id(self))
        return forward(self, *factors)

    monkeypatch.setattr(Factors, "forward", counted)
    layer(*x)
    assert len(computed) == len(report.layers) == len(set(computed))


def test_collapsing_a_copy_leaves_the_original_alone():
    model, x = network(), torch.randn(2, 3, 4, 4)
    overparameterize(model, mode="activation")
    copied = copy.deepcopy(model)
    collapse(copied)
    torch.testing.assert_close(copied(x), model(x), **CLOSE)
    train(model, x)
    assert len(originals(model[0], "weight")) == 2
    # and the copy keeps no hook that expects factors
    assert not copied[0]._load_state_dict_pre_hooks


def test_zero_padding_between_factors_is_refused():
    with pytest.raises(ValueError, match="zero padding between factors does not compose"):
        OverparamConv2d(3, 4, kernel_sizes=(3, 3, 1), padding=(1, 1, 0))


def test_frozen_layers_stay_frozen():
    layer = nn.Linear(4, 4).requires_grad_(False)
    overparameterize(layer)
    assert not any(parameter.requires_grad for parameter in layer.parameters())
    collapse(layer)
    assert not layer.weight.requires_grad
