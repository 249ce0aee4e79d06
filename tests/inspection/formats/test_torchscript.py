"""Pickles of TorchScript archives: nothing in them is executed or believed."""

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

W = np.arange(6, dtype=np.float32).reshape(2, 3)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def tensor(shape=(2, 3), strides=(3, 1), offset=0, storage="FloatStorage", key="0"):
    """Instructions that make a tensor, as TorchScript writes them."""
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + text("storage")
        + f"ctorch\n{storage}\n".encode()
        + text(key)
        + text("cpu")
        + pickle.dumps(6, 2)[2:-1]
        + b"tQ"
        + pickle.dumps(offset, 2)[2:-1]
        + pickle.dumps(shape, 2)[2:-1].replace(b"q\x00", b"")
        + pickle.dumps(strides, 2)[2:-1].replace(b"q\x00", b"")
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def module(**attributes):
    pairs = b"".join(text(name) + value for name, value in attributes.items())
    return b"\x80\x02c__torch__\nModule\n)\x81}(" + pairs + b"ub."


@pytest.fixture
def script(tmp_path):
    def script(content, data=None, compression=zipfile.ZIP_STORED):
        path = tmp_path / "model.pt"
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("model/data.pkl", content)
            archive.writestr("model/constants.pkl", b"\x80\x02).")
            archive.writestr("model/code/__torch__.py", "raise SystemExit")
            archive.writestr("model/data/0", W.tobytes() if data is None else data)
        return path

    return script


def test_tensors_of_modules_are_read(read, script):
    found = read(script(module(weight=tensor(), turned=tensor((3, 2), (1, 3)))))
    np.testing.assert_array_equal(found["weight"], W)
    np.testing.assert_array_equal(found["turned"], W.T)
    assert not found.errors


def test_bfloat16_is_widened(read, script):
    bits = (W.view(np.uint32) >> 16).astype("<u2")  # these numbers have short mantissas
    found = read(script(module(weight=tensor(storage="BFloat16Storage")), bits.tobytes()))
    np.testing.assert_array_equal(found["weight"], W)
    assert found.found["weight"].stored == "bfloat16"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (tensor((2000, 3000), (3000, 1)), "it claims 6000000 numbers, but the file has 6"),
        (tensor((10**9, 10**9), (0, 0)), "it claims 1000000000000000000 numbers, but the"),
        (tensor(strides=(300, 1)), "it claims 6 numbers, but the file has 6"),
        (tensor(offset=1), "it claims 6 numbers, but the file has 6"),
        (tensor(offset=-1), "its shape or its strides are not those of a tensor"),
        (tensor((2, -3)), "its shape or its strides are not those of a tensor"),
        (tensor((2.0, 3.0)), "its shape or its strides are not those of a tensor"),
        (tensor((2, 3, 1)), "its shape or its strides are not those of a tensor"),
        (tensor(key="7"), "the archive has no model/data/7"),
        (tensor(key="../../x"), "the archive has no model/data/../../x"),
        (tensor(storage="OddStorage"), "the archive has no OddStorage"),
    ],
)
def test_impossible_tensors_do_not_affect_the_others(read, script, bad, why):
    found = read(script(module(bad=bad, good=tensor())))
    assert found.errors["bad"].startswith(why)
    np.testing.assert_array_equal(found["good"], W)


class Runs:
    def __reduce__(self):
        import os

        return (os.mkdir, ("ran",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_functions_are_not_called(read, script, tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    read(script(pickle.dumps({"x": Runs()}, protocol)))
    assert not (tmp_path / "ran").exists()


REFUSED = {
    "an instance by INST": b"(ios\nmkdir\n.",
    "an instance by OBJ": b"(cos\nmkdir\no.",
    "an extension": b"\x80\x02\x82\x01.",
    "a call of a result": b"\x80\x02cos\nmkdir\n)R)R.",
    "a call of text": b"\x80\x02" + text("x") + b")R.",
    "a change of a function": b"\x80\x02cos\nmkdir\n}" + text("name") + text("x") + b"sb.",
    "an object of an object": b"\x80\x02cos\nmkdir\n)R)\x81.",
    "keyword arguments": b"\x80\x04cos\nmkdir\n)}\x92.",
    "a storage without a type": b"\x80\x02(" + text("storage") + text("x") + text("0") + b"tQ.",
    "a place of the memo beyond the pickle": b"\x80\x02Nj\xff\xff\xff\xff.",
    "an end before its time": b"\x80\x02}(",
    "nothing": b"",
    "text of 4 GiB": b"\x80\x02X\xff\xff\xff\xffx.",
    "a buffer of 2^62 bytes": b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b".",
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_instructions_are_refused(read, script, case):
    found = read(script(REFUSED[case]))
    assert list(found.errors) == ["model.pt"]
    assert "cannot be read safely" in found.errors["model.pt"]


def test_a_large_place_in_the_memo_takes_no_memory(read, script):
    content = module(weight=tensor() + b"r\xff\xff\xff\x7f")
    np.testing.assert_array_equal(read(script(content))["weight"], W)


def test_nested_objects_are_walked_once(read, script):
    # an exponential number of paths to one tensor
    content = b"\x80\x02" + tensor() + b"q\x01"
    for level in range(2, 60):
        content += b"0](" + bytes([ord("h"), level - 1]) * 2 + b"e" + b"q" + bytes([level])
    found = read(script(content + b"."))
    assert len(found.found) == 1


def test_a_deep_pickle_is_walked_without_recursion(read, script):
    content = b"\x80\x02" + b"(" * 20000 + tensor() + b"t" * 20000 + b"."
    found = read(script(content))
    assert len(found.names) == 1


def test_compressed_tensors_are_unpacked_to_a_limit(read, script):
    zeros = bytes(4 * 10_000 * 10_000)
    content = module(weight=tensor((10_000, 10_000), (10_000, 1)), good=tensor())
    found = read(script(content, zeros, zipfile.ZIP_DEFLATED))
    assert found.errors["weight"].startswith("it unpacks from")


def test_an_archive_without_a_pickle_is_an_error(read, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model/constants.pkl", b"\x80\x02).")
    (tmp_path / "x.pt").write_bytes(buffer.getvalue())
    assert "has 0 members data.pkl" in read(tmp_path / "x.pt").errors["x.pt"]
