"""PyTorch files: state dicts, checkpoints, types, and files that are refused."""

import pickle
import zipfile

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(params=["zip", "pickle"])
def save(request, tmp_path):
    def save(content, name="x.pt"):
        path = tmp_path / name
        torch.save(content, path, _use_new_zipfile_serialization=request.param == "zip")
        return path

    return save


def tensor(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_state_dict_is_read(read, save):
    w = tensor(4, 3)
    found = read(
        save({"fc.weight": w, "fc.bias": tensor(4), "n.num_batches_tracked": torch.tensor(3)})
    )
    np.testing.assert_array_equal(found["fc.weight"], w.numpy())
    assert set(found.skipped) == {"fc.bias", "n.num_batches_tracked"}
    assert not found.errors


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
def test_a_checkpoint_is_read_without_the_state_of_its_optimizer(read, save, suffix):
    w = tensor(4, 3)
    content = {
        "epoch": 3,
        "state_dict": {"fc.weight": w},
        "optimizer_states": [{"state": {0: {"exp_avg": tensor(4, 3)}}}],
    }
    found = read(save(content, "x" + suffix))
    assert list(found.found) == ["state_dict.fc.weight"]
    assert found.why("optimizer_states") == "it is the state of an optimizer, not of the model"


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2"])
def test_short_floats_are_widened(read, save, name):
    w = tensor(4, 3).to(getattr(torch, name))
    path = save({"w": w})
    if "float8" in name and not zipfile.is_zipfile(path):
        pytest.skip("PyTorch does not read 8-bit floats from its old format")
    found = read(path).found["w"]
    assert found.stored == name
    assert found.matrix.dtype == (np.float64 if name == "float64" else np.float32)
    np.testing.assert_array_equal(found.matrix, w.double().numpy())


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch deprecates its quantised types
def test_quantised_tensors_are_dequantised(read, save):
    w = torch.quantize_per_tensor(tensor(4, 3), 0.1, 2, torch.qint8)
    found = read(save({"w": w})).found["w"]
    assert found.stored == "qint8, dequantised"
    # one subtraction and one product, in single precision
    expected = (w.int_repr().numpy().astype(float) - 2) * 0.1
    np.testing.assert_allclose(found.matrix, expected, rtol=2**-22, atol=2**-24)


def test_shared_tensors_are_read_once(read, save):
    w = tensor(4, 3)
    found = read(save({"wte.weight": w, "lm_head.weight": w, "t": w.T, "part": w[:2]}))
    assert found.why("lm_head.weight") == "it is the same tensor as wte.weight"
    np.testing.assert_array_equal(found["t"], w.T.numpy())
    np.testing.assert_array_equal(found["part"], w[:2].numpy())


def test_expanded_and_sparse_tensors_take_no_memory(read, save):
    found = read(save({"big": torch.zeros(1).expand(10**7, 10**7), "s": torch.eye(3).to_sparse()}))
    assert found.errors == {"big": "it claims 100000000000000 numbers, but the file has 1"}
    assert found.why("s") == "it is sparse or packed (torch.sparse_coo)"


class Runs:
    """An object whose loading would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_code_in_a_pickle_is_never_run(read, save, tmp_path):
    path = save({"w": tensor(4, 3), "x": Runs(tmp_path / "ran")})
    found = read(path)
    assert list(found.errors) == [path.name]
    assert "could execute code" in found.errors[path.name]
    assert "weights_only=False" not in found.errors[path.name]
    assert not (tmp_path / "ran").exists()


def test_a_pickled_module_is_refused(read, save):
    path = save(torch.nn.Linear(3, 4))
    assert "save the state dict alone" in read(path).errors[path.name]


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".pkl"])
def test_plain_pickles_are_refused(read, tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(pickle.dumps({"x": Runs(tmp_path / "ran")}))
    assert list(read(path).errors) == [path.name]
    assert not (tmp_path / "ran").exists()


def test_compressed_archives_are_refused(read, tmp_path):
    torch.save({"w": tensor(4, 3)}, tmp_path / "x.pt")
    with (
        zipfile.ZipFile(tmp_path / "x.pt") as old,
        zipfile.ZipFile(tmp_path / "y.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert "is compressed, which is not read" in read(tmp_path / "y.pt").errors["y.pt"]


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv1d(4, 6, 3, groups=2)
        self.up = torch.nn.ConvTranspose1d(6, 4, 3)
        self.depthwise = torch.nn.Conv1d(4, 4, 3, groups=4)
        self.lstm = torch.nn.LSTM(4, 5)
        self.gru = torch.nn.GRUCell(4, 5)
        self.attention = torch.nn.MultiheadAttention(4, 2)
        self.table = torch.nn.Embedding(7, 4)
        self.head = torch.nn.Linear(4, 7)
        self.head.weight = self.table.weight
        self.norm = torch.nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.up(self.conv(x)))


def test_a_module_states_its_layers(read):
    model = Small().half()
    found = read(model)
    weights = {name: value.detach().float().numpy() for name, value in model.named_parameters()}
    for g in range(2):
        each = found.found[f"conv.weight[group {g}]"]
        assert (each.kind, each.init, each.stored, each.note) == (
            "grouped conv",
            "uniform",
            "float16",
            "",
        )
        expected = weights["conv.weight"][3 * g : 3 * g + 3].reshape(3, 6)
        np.testing.assert_array_equal(each.matrix, expected)
    up = np.array([weights["up.weight"][:, o].ravel() for o in range(4)])
    np.testing.assert_array_equal(found["up.weight"], up)
    assert found.why("depthwise.weight").startswith("it is a depthwise convolution")
    gates = ("input", "forget", "cell", "output")
    for i, gate in enumerate(gates):
        np.testing.assert_array_equal(
            found[f"lstm.weight_ih_l0[{gate}]"], weights["lstm.weight_ih_l0"][5 * i : 5 * i + 5]
        )
    assert found.found["gru.weight_hh[update]"].kind == "gru gate"
    assert found["attention.in_proj_weight[value]"].shape == (4, 4)
    assert found.found["attention.out_proj.weight"].kind == "attention output"
    assert "if embeddings are asked for" in found.why("table.weight")
    assert found.why("head.weight") == "it is the same tensor as table.weight"
    assert found.why("norm.running_mean") == "it is a buffer, not a weight"
    assert not found.errors


def test_modules_that_hold_no_numbers_give_reasons(read):
    found = read(torch.nn.Sequential(torch.nn.LazyLinear(3), torch.nn.Linear(3, 2, device="meta")))
    assert found.errors["0.weight"] == "it is not initialised yet: run the module once"
    assert found.why("1.weight") == "it is on the meta device and has no numbers"


def test_torchscript_gives_the_same_tensors_as_the_module(read, tmp_path):
    model = Small().eval()
    torch.jit.script(model).save(str(tmp_path / "x.pt"))
    found = read(tmp_path / "x.pt")
    assert not found.errors
    for name in ("attention.out_proj.weight", "gru.weight_hh[update]", "lstm.weight_hh_l0[cell]"):
        np.testing.assert_array_equal(found[name], read(model)[name])
    whole = model.conv.weight.detach().numpy().reshape(6, 6)
    np.testing.assert_array_equal(found["conv.weight"], whole)


def test_large_tensors_are_read_by_views_of_their_own(read, save, monkeypatch):
    from rmt_rank.inspection.formats import torch as reader

    monkeypatch.setattr(reader, "_LARGE", 0)
    weights = {"a": tensor(4, 3), "b": [tensor(5, 3, seed=1).half(), tensor(3, 3, seed=2)]}
    found = read(save({"model": weights}))
    np.testing.assert_array_equal(found["model.a"], weights["a"].numpy())
    np.testing.assert_array_equal(found["model.b.0"], weights["b"][0].float().numpy())
    np.testing.assert_array_equal(found["model.b.1"], weights["b"][1].numpy())


@pytest.mark.parametrize("large", [False, True])
def test_tensors_of_one_name_have_their_own_numbers(read, save, monkeypatch, large):
    monkeypatch.setattr("rmt_rank.inspection.formats.torch._LARGE", 0 if large else 2**22)
    v, w = tensor(4, 3), tensor(4, 3, seed=1)
    found = read(save({"a.b": v, "a": {"b": w}}))
    np.testing.assert_array_equal(found["a.b"], v.numpy())
    np.testing.assert_array_equal(found["a.b (2)"], w.numpy())


@pytest.mark.filterwarnings("ignore:.*nested tensors:UserWarning")
def test_a_tensor_without_a_shape_does_not_affect_others(read, tmp_path):
    nested = torch.nested.nested_tensor([tensor(4, 3), tensor(2, 3)])
    torch.save({"nested": nested, "w": tensor(4, 3)}, tmp_path / "x.pt")
    found = read(tmp_path / "x.pt")
    assert list(found.errors) == ["nested"]
    assert "w" in found.found
