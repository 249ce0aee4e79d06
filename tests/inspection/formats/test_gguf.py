"""GGUF files: types of blocks, and headers that claim more than there is."""

import struct

import numpy as np
import pytest

gguf = pytest.importorskip("gguf", reason="gguf is not installed")

rng = np.random.default_rng(0)
W = rng.normal(size=(4, 256)).astype(np.float32)


@pytest.fixture
def save(tmp_path):
    def save(**tensors):
        path = tmp_path / "x.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_array("tokenizer.ggml.tokens", ["a", "bc", ""])
        writer.add_array("numbers", [1, 2, 3])
        writer.add_uint32("general.alignment", 64)
        writer.data_alignment = 64
        for name, (values, kind) in tensors.items():
            writer.add_tensor(name, values, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return save


def test_plain_numbers_are_read(read, save):
    found = read(
        save(
            **{
                "blk.0.ffn_up.weight": (W, None),
                "blk.0.attn_q.weight": (W.astype(np.float16), None),
                "token_embd.weight": (W, None),
            }
        )
    )
    np.testing.assert_array_equal(found["blk.0.ffn_up.weight"], W)
    half = found.found["blk.0.attn_q.weight"]
    np.testing.assert_array_equal(half.matrix, W.astype(np.float16))
    assert (half.kind, half.stored) == ("query", "float16")
    assert "if embeddings are asked for" in found.why("token_embd.weight")


def q8_0(content):
    """Blocks of a half-precision scale and 32 bytes, by the description of the format."""
    rows = []
    for start in range(0, len(content), 34):
        (scale,) = struct.unpack("<e", content[start : start + 2])
        rows += [
            np.float32(scale) * q for q in struct.unpack("<32b", content[start + 2 : start + 34])
        ]
    return np.array(rows, np.float32)


def q4_0(content):
    """Blocks of a half-precision scale and 32 half bytes, the low halves first."""
    rows = []
    for start in range(0, len(content), 18):
        (scale,) = struct.unpack("<e", content[start : start + 2])
        halves = content[start + 2 : start + 18]
        rows += [np.float32(scale) * ((b & 15) - 8) for b in halves]
        rows += [np.float32(scale) * ((b >> 4) - 8) for b in halves]
    return np.array(rows, np.float32)


@pytest.mark.parametrize(("name", "plain"), [("Q8_0", q8_0), ("Q4_0", q4_0)])
def test_blocks_are_dequantised(read, save, name, plain):
    kind = gguf.GGMLQuantizationType[name]
    blocks = gguf.quants.quantize(W, kind)
    found = read(save(w=(blocks, kind))).found["w"]
    assert found.stored == f"{name}, dequantised"
    np.testing.assert_array_equal(found.matrix, plain(blocks.tobytes()).reshape(W.shape))


def test_bfloat16_is_widened(read, save):
    kind = gguf.GGMLQuantizationType.BF16
    short = (W.view(np.uint32) & 0xFFFF0000).view(np.float32)
    found = read(save(w=(gguf.quants.quantize(short, kind), kind))).found["w"]
    assert found.stored == "bfloat16"
    np.testing.assert_array_equal(found.matrix, short)


def header(values=b"", count=0, tensors=b"", number=1, version=3):
    return b"GGUF" + struct.pack("<IQQ", version, number, count) + values + tensors


def info(name=b"w", shape=(4, 3), kind=0, offset=0):
    dims = struct.pack(f"<{len(shape)}Q", *shape)
    return (
        struct.pack("<Q", len(name))
        + name
        + struct.pack("<I", len(shape))
        + dims
        + struct.pack("<IQ", kind, offset)
    )


FILES = {
    "a version of 1": (header(version=1), "its version is 1"),
    "big-endian": (b"GGUF" + struct.pack(">I", 3) + bytes(16), "its version is 50331648"),
    "2^60 tensors": (header(number=2**60), "claims 115292150460684"),
    "2^60 values": (header(count=2**60), "claims 115292150460684"),
    "a name of 2^60 bytes": (header(tensors=struct.pack("<Q", 2**60)), "claims 115292150460684"),
    "an array of 2^60 strings": (
        header(struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**60), 1),
        "claims 115292150460684",
    ),
    "an array of 2^60 numbers": (
        header(struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 4, 2**60), 1),
        "claims",
    ),
    "an array of arrays": (
        header(struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 9, 1), 1),
        "array of arrays",
    ),
    "an unknown value": (
        header(struct.pack("<Q", 1) + b"k" + struct.pack("<I", 99), 1),
        "unknown type 99",
    ),
    "2^31 dimensions": (
        header(tensors=struct.pack("<Q", 1) + b"w" + struct.pack("<I", 2**31)),
        "dimensions",
    ),
}


@pytest.mark.parametrize(
    "content",
    [
        header(tensors=struct.pack("<Q", 2**33)),
        header(number=2**20),
        header(count=2**20),
        header(struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**20), 1),
    ],
    ids=["a long name", "tensors", "values", "strings"],
)
def test_headers_beyond_the_limit_are_refused(read, tmp_path, content, monkeypatch):
    monkeypatch.setattr("rmt_rank.inspection.formats.gguf._LARGEST_HEADER", 2**12)
    with (tmp_path / "x.gguf").open("wb") as file:
        file.write(content)
        file.truncate(2**40)  # the hole takes no space; zeros are empty names and values
    (why,) = read(tmp_path / "x.gguf").errors.values()
    assert "for a name" in why or "its header is longer than" in why


@pytest.mark.parametrize("case", FILES)
def test_impossible_headers_are_one_error(read, tmp_path, case):
    content, why = FILES[case]
    (tmp_path / "x.gguf").write_bytes(content)
    errors = read(tmp_path / "x.gguf").errors
    assert list(errors) == ["x.gguf"]
    assert why in errors["x.gguf"]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (info(shape=(2**40, 2**40)), "it claims"),
        (info(offset=2**63), "it claims"),
        (info(kind=77), "its type 77 is not known"),
        (info(kind=4), "its type 4 is not known"),
        (info(shape=(5, 3), kind=2), "is not made of blocks of 32"),
        (info(shape=()), "is not made of blocks of 1"),
    ],
)
def test_impossible_tensors_do_not_affect_the_others(read, tmp_path, entry, why):
    content = header(tensors=entry + info(b"good", (4, 3)), number=2)
    content += bytes(-len(content) % 32) + np.ones(12, np.float32).tobytes()
    (tmp_path / "x.gguf").write_bytes(content)
    found = read(tmp_path / "x.gguf")
    assert why in found.errors["w"]
    np.testing.assert_array_equal(found["good"], np.ones((3, 4)))
