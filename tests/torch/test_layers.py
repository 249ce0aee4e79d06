"""Layers that are covered, those that are refused, and the report."""

import copy

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations  # noqa: E402

from rmt_rank.torch import OverparamConv2d, OverparamLinear, collapse, overparameterize  # noqa: E402


@pytest.mark.parametrize(
    ("layer", "inputs", "names"),
    [
        (lambda: nn.LSTM(6, 8, 2, bidirectional=True), [(5, 2, 6)], 8),
        (lambda: nn.GRU(6, 8), [(5, 2, 6)], 2),
        (lambda: nn.RNN(6, 8), [(5, 2, 6)], 2),
        (lambda: nn.MultiheadAttention(16, 4), [(3, 2, 16)] * 3, 2),
        (
            lambda: nn.MultiheadAttention(16, 4, kdim=6, vdim=5),
            [(3, 2, 16), (3, 2, 6), (3, 2, 5)],
            4,
        ),
    ],
    ids=["lstm", "gru", "rnn", "attention", "attention, three inputs"],
)
def test_projections_inside_layers_are_products_of_their_own(layer, inputs, names):
    layer, inputs = layer().double(), [torch.randn(*s, dtype=torch.float64) for s in inputs]
    keys, before = list(layer.state_dict()), layer(*inputs)[0]
    report = overparameterize(layer, 3, init="balanced")
    assert (len(report.layers), report.skipped) == (names, {})
    torch.testing.assert_close(layer(*inputs)[0], before, rtol=1e-12, atol=1e-12)
    layer(*inputs)[0].square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for n, p in layer.named_parameters() if "original" in n)
    assert collapse(layer).error < 1e-14
    assert list(layer.state_dict()) == keys
    torch.testing.assert_close(layer(*inputs)[0], before, rtol=1e-12, atol=1e-12)


def test_queries_keys_and_values_share_no_factor():
    layer = nn.MultiheadAttention(8, 2)
    report = overparameterize(layer, 2)
    assert report.layers[0].factors == ((24, 8), (24, 8))
    weight = layer.in_proj_weight.detach().clone()
    with torch.no_grad():
        layer.parametrizations.in_proj_weight.original0[:8] = 0
    assert (layer.in_proj_weight[:8] == 0).all()
    assert torch.equal(layer.in_proj_weight[8:], weight[8:])


class Reads(nn.Linear):
    """A layer with a forward of its own."""

    def forward(self, x):
        return super().forward(x) + 1


def skips(model, **options):
    return overparameterize(model, **options).skipped


def test_layers_that_are_not_covered_are_reported():
    zero = nn.Linear(3, 3)
    nn.init.zeros_(zero.weight)
    model = nn.ModuleDict(
        {
            "table": nn.Embedding(4, 3),
            "transposed": nn.ConvTranspose2d(2, 2, 3),
            "lazy": nn.LazyLinear(3),
            "normed": parametrizations.weight_norm(nn.Linear(3, 3)),
            "zero": zero,
            "complex": nn.Linear(3, 3, dtype=torch.complex64),
            "meta": nn.Linear(3, 3, device="meta"),
            "own": Reads(3, 3),
        }
    )
    found = skips(model, mode="activation")
    assert {name: why.partition(":")[0].partition(",")[0] for name, why in found.items()} == {
        "table": "it is a table; only one that shares its weight with a Linear layer is covered",
        "transposed": "it is a transposed convolution",
        "lazy.weight": "it is lazy",
        "normed.weight": "it is parametrised already",
        "zero.weight": "it is zero",
        "complex.weight": "its dtype is torch.complex64",
        "meta.weight": "it is on the meta device",
        "own.weight": "it has a forward of its own",
    }


def test_a_forward_of_its_own_is_kept_in_weight_space():
    layer, x = Reads(3, 3), torch.randn(2, 3)
    before = layer(x)
    assert skips(layer, init="preserve") == {}
    torch.testing.assert_close(layer(x), before, rtol=1e-5, atol=1e-6)
    collapse(layer)
    assert type(layer) is Reads


def test_batch_norms_need_a_bias_and_layers_that_are_called():
    options = {"mode": "activation", "batch_norm": True}
    assert "no bias" in skips(nn.Linear(3, 3, bias=False), **options)["weight"]
    encoder = nn.TransformerEncoderLayer(8, 2, 8)
    reasons = skips(encoder, **options)
    assert len(reasons) == 4
    assert "in evaluation, without the batch norms" in reasons["linear1.weight"]
    with pytest.raises(ValueError, match="mode must be 'activation' with batch_norm=True"):
        overparameterize(nn.Linear(3, 3), batch_norm=True)
    for kind in (OverparamLinear, OverparamConv2d):
        with pytest.raises(ValueError, match="bias must be True with batch_norm=True"):
            kind(3, 3, *([3] if kind is OverparamConv2d else []), bias=False, **options)


def test_weights_shared_with_a_layer_that_is_not_covered_are_skipped():
    model = nn.Sequential(nn.Linear(3, 3), nn.Bilinear(3, 3, 1))
    model[1].shared = model[0].weight
    assert "it shares its weight with 1.shared" in skips(model)["0.weight"]
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    assert "it shares its weight with 1.weight" in skips(tied, where=["0"])["0.weight"]


def test_a_layer_that_appears_twice_is_expanded_once():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, layer)
    assert [each.name for each in overparameterize(model).layers] == ["0.weight"]
    assert model[0] is model[1]


def test_layers_are_chosen_by_path_or_by_a_function():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    assert [e.name for e in overparameterize(model, where=["1"]).layers] == ["1.weight"]
    report = overparameterize(model, where=lambda path, layer: path == "2")
    assert [each.name for each in report.layers] == ["2.weight"]
    with pytest.raises(ValueError, match="where must be paths of layers of the model, got '7'"):
        overparameterize(model, where=["7"])


def test_the_report_counts_parameters():
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    report = overparameterize(model, 2, mode="activation", batch_norm=True)
    assert (report.before, report.after) == (32, 15 + 9 + 6 + 5 + 25 + 10 + 10 + 2)
    assert report.after == sum(parameter.numel() for parameter in model.parameters())
    assert "0.weight: 3x3 then 5x3, 15 -> 30 parameters" in str(report)
    collapsed = collapse(model)
    assert (collapsed.before, collapsed.after) == (report.after, report.before)
    assert "model: 82 -> 32 parameters" in str(collapsed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "depth must be an integer >= 1, got 0"),
        ({"depth": 2.0}, "depth must be an integer >= 1, got 2.0"),
        ({"width": 0}, "width must be finite and > 0, got 0"),
        ({"init": "kaiming"}, "init must be one of 'law', 'preserve', 'balanced', got 'kaiming'"),
        ({"mode": "both"}, "mode must be one of 'weight', 'activation', got 'both'"),
        ({"residual": 1}, "residual must be True or False, got 1"),
        ({"where": "0"}, "where must be a sequence of paths of layers, got '0'"),
    ],
    ids=str,
)
def test_arguments_that_are_not_allowed_are_refused_before_any_work(options, message):
    model = nn.Sequential(nn.Linear(3, 3))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises((TypeError, ValueError), match=message):
        overparameterize(model, **options)
    assert list(model.state_dict()) == list(before)
    with pytest.raises(TypeError, match="model must be a Module"):
        overparameterize("model", **options)


def test_kernels_in_several_factors_are_drawn_only():
    with pytest.raises(ValueError, match="init must be 'law' for kernels in several factors"):
        OverparamConv2d(3, 3, (3, 3), init="balanced")
    layer = OverparamConv2d(3, 3, (3, 3))
    with pytest.raises(ValueError, match="cannot represent every kernel"):
        layer.weight = torch.ones(3, 3, 5, 5)
    with pytest.raises(ValueError, match="depth must be 2, that of kernel_sizes, got 3"):
        OverparamConv2d(3, 3, (3, 3), depth=3)


def test_models_that_are_wrapped_or_parametrised_again_are_not_collapsed():
    layer = OverparamLinear(3, 3)
    with pytest.raises(TypeError, match=r"pass model\.module instead"):
        collapse(nn.DataParallel(layer))
    parametrizations.weight_norm(layer)
    with pytest.raises(ValueError, match="no other parametrisations"):
        collapse(layer)


def test_a_report_without_layers_says_that_nothing_changed():
    model = nn.Sequential(nn.Linear(4, 3))
    overparameterize(model)
    assert str(overparameterize(model)).splitlines()[-1].endswith("parameters, nothing changed")
