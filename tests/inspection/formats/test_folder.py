"""Folders of models: shards, stale indices, several formats, links and files of training."""

import json

import numpy as np
import pytest

safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")

rng = np.random.default_rng(0)
A, B = (rng.normal(size=(4, 3)).astype(np.float32) for _ in range(2))
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path):
    safetensors.save_file({"a.weight": A}, tmp_path / ONE)
    safetensors.save_file({"b.weight": B}, tmp_path / TWO)
    return tmp_path


def index(folder, **places):
    names = {f"{name}.weight": file for name, file in places.items()}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": names}))


def test_shards_with_their_index(read, folder):
    index(folder, a=ONE, b=TWO)
    (folder / "config.json").write_text("{}")
    found = read(folder)
    assert found.names == ["a.weight", "b.weight"]
    np.testing.assert_array_equal(found["b.weight"], B)


def test_a_stale_index_is_reported_and_the_shards_are_read(read, folder):
    index(folder, a="model-00001-of-00009.safetensors", b=TWO, c="../../../etc/passwd")
    found = read(folder)
    assert list(found.found) == ["a.weight", "b.weight"]
    whys = [each.why for each in found.everything if each.name == INDEX]
    assert whys == [
        "the index lists shards that are not in the folder (2): ../../../etc/passwd, "
        "model-00001-of-00009.safetensors",
        f"the index does not list shards that are in the folder and were read (1): {ONE}",
        "the index lists tensors that no shard holds (1): c.weight",
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"weight_map": 3}', "[" * 100_000, '{"weight_map": {"a": [[]]}}']
)
def test_a_damaged_index_is_one_error(read, folder, text):
    (folder / INDEX).write_text(text)
    found = read(folder)
    assert list(found.found) == ["a.weight", "b.weight"]
    assert INDEX in found.errors


def test_a_damaged_shard_does_not_affect_the_others(read, folder):
    (folder / ONE).write_bytes((folder / ONE).read_bytes()[:-1])
    found = read(folder)
    assert list(found.errors) == [ONE]
    assert list(found.found) == ["b.weight"]


def test_one_format_is_read_where_there_are_several(read, folder):
    (folder / "pytorch_model.bin").write_bytes(b"x")
    (folder / "optimizer.pt").write_bytes(b"x")
    found = read(folder)
    assert found.why("pytorch_model.bin") == "the .safetensors files of the folder are read instead"
    assert found.why("optimizer.pt") == "it holds the state of the training, not the model"
    assert len(found.found) == 2


def test_folders_inside_are_read_and_loops_of_links_end(read, folder):
    (folder / "unet").mkdir()
    (folder / TWO).rename(folder / "unet" / TWO)
    (folder / "unet" / "loop").symlink_to(folder)
    (folder / "self.safetensors").symlink_to(folder / "self.safetensors")
    (folder / ".cache").mkdir()
    safetensors.save_file({"c": A}, folder / ".cache" / "c.safetensors")
    found = read(folder)
    assert list(found.found) == ["a.weight", "unet/b.weight"]
    assert found.errors == {"self.safetensors": "it is a link to a file that is not there"}


def test_links_to_files_are_read(read, folder):
    # as in the cache of huggingface_hub
    snapshot = folder / "snapshots" / "main"
    snapshot.mkdir(parents=True)
    (folder / ONE).rename(folder / "blob")
    (snapshot / "model.safetensors").symlink_to(folder / "blob")
    np.testing.assert_array_equal(read(snapshot)["a.weight"], A)


def test_files_of_other_formats_keep_apart(read, tmp_path):
    np.savez(tmp_path / "x.npz", w=A)
    np.savez(tmp_path / "y.npz", w=B)
    assert read(tmp_path).names == ["x.npz/w", "y.npz/w"]


@pytest.mark.parametrize("content", [[], ["README.md"]])
def test_a_folder_without_weights_is_one_error(read, tmp_path, content):
    folder = tmp_path / "empty"
    folder.mkdir()
    for name in content:
        (folder / name).write_text("text")
    assert read(folder).errors == {"empty": "the folder has no file of weights"}


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float32", "float64"]
)
def test_types_of_safetensors_are_widened(read, tmp_path, dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml-dtypes is not installed")
    codes = {
        "float16": "F16",
        "bfloat16": "BF16",
        "float8_e4m3fn": "F8_E4M3",
        "float8_e5m2": "F8_E5M2",
        "float32": "F32",
        "float64": "F64",
    }
    values = A.astype(getattr(ml_dtypes, dtype, dtype))
    content = values.tobytes()
    entry = {"dtype": codes[dtype], "shape": [4, 3], "data_offsets": [0, len(content)]}
    head = json.dumps({"w": entry}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + content)
    found = read(tmp_path / "x.safetensors").found["w"]
    assert found.stored == dtype
    np.testing.assert_array_equal(found.matrix, values.astype(np.float64))
