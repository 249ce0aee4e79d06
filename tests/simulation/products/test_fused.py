"""The kernels of `fused`, compiled by the host's compiler: numbers, decompositions, law, wiring."""

import ctypes
import importlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma

import rmt_rank as rr
from rmt_rank._lib.array import CudaDevice, default_namespace, to_numpy
from rmt_rank._lib.random import streams
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.simulation.products.bidiagonal import bidiagonal_singular_values
from rmt_rank.simulation.products.fused import device, engine
from rmt_rank.simulation.products.fused.host import compiler, host_kernels, host_library
from rmt_rank.simulation.products.fused.kernels import Kernels
from rmt_rank.simulation.products.fused.source import Variant, source
from rmt_rank.theory.finite_width.complex_moments import complex_power_sum

pytestmark = pytest.mark.skipif(compiler() is None, reason="there is no C++ compiler")

EPS = np.finfo(float).eps
# Every p-value below is above this by chance in all but one of 10^5 runs.
LEVEL = 1e-5


def kernels(width, field="real", log=False, vector=1, options=()):
    return host_kernels(Variant(width, field, log), vector, "-O1", *options)


def chains(width, layers, count, *, field="real", log=False, key=7, depths=None, **options):
    others = layers if isinstance(layers, list) else [width] * layers
    found = kernels(width, field, log, **options)
    return found.chains(key, count, others, depths or [len(others)], width**-0.5)


def unscaled(found, which=-1):
    return found.values[which] * 2.0 ** found.exponents[which][:, None]


# Philox4x32-10


def philox(counter, key):
    """The generator as its authors print it."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [second >> 32 ^ c[1] ^ k[0], second % 2**32, first >> 32 ^ c[3] ^ k[1], first % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


# The known answers of Random123 (kat_vectors): counter, key and result, in hexadecimal.
KNOWN = """
00000000 00000000 00000000 00000000  00000000 00000000  6627e8d5 e169c58d bc57ac4c 9b00dbd8
ffffffff ffffffff ffffffff ffffffff  ffffffff ffffffff  408f276d 41c83b0e a20bc7c6 6d5451fd
243f6a88 85a308d3 13198a2e 03707344  a4093822 299f31d0  d16cfe09 94fdcceb 5001e420 24126ea1
"""


def test_philox():
    library = host_library(Variant(8, "real", False), 1, "-O1")

    def block(counter, key):
        out = (ctypes.c_uint * 4)()
        library.philox_block((ctypes.c_uint * 4)(*counter), (ctypes.c_uint * 2)(*key), out)
        return list(out)

    for line in KNOWN.split("\n")[1:-1]:
        words = [int(word, 16) for word in line.split()]
        assert philox(words[:4], words[4:6]) == block(words[:4], words[4:6]) == words[6:]
    for row in np.random.default_rng(0).integers(2**32, size=(200, 6)).tolist():
        assert block(row[:4], row[4:]) == philox(row[:4], row[4:])


def normal_pairs(count, key, vector=1):
    library = host_library(Variant(8, "real", False), vector, "-O1")
    out = np.empty((2, count))
    library.normal_pairs(
        ctypes.c_ulonglong(key), ctypes.c_longlong(count), ctypes.c_void_p(out.ctypes.data)
    )
    return out


def test_normal_numbers():
    found = normal_pairs(100_000, 2**63 + 5)
    for part in found:
        assert stats.kstest(part, "norm").pvalue > LEVEL
    assert stats.kstest(np.hypot(*found), stats.rayleigh.cdf).pvalue > LEVEL
    # from the uniform numbers, by NumPy's functions; counter (draw, layer, matrix, 0)
    for m in range(100):
        w = philox([0, 0, m, 0], [5, 2**31])
        u, v = (((w[i] << 21) + (w[i + 1] >> 11) + 1) * 2.0**-53 for i in (0, 2))
        pair = np.sqrt(-2 * np.log(u)) * np.array([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)])
        # the rounding of 2 pi v is up to 4 ulps of 1 in the reference itself
        np.testing.assert_allclose(found[:, m], pair, atol=8 * EPS * np.linalg.norm(pair))


# Decompositions


def matrices(kind, width, field, rng):
    a = rng.standard_normal((40, width, width))
    if field == "complex":
        a = a + 1j * rng.standard_normal(a.shape)
    rows = np.arange(width)
    match kind:
        case "graded":
            return a * 10.0 ** (-12 * rows / width)
        case "graded upwards":
            return a * 10.0 ** (-12 * rows[::-1, None] / width)
        case "rank deficient":
            return a[:, :, : (width + 1) // 2] @ a[:, : (width + 1) // 2, :]
        case "triangular":
            return np.triu(a)
        case "integers":
            return np.round(a)
        case "zero":
            return 0 * a
        case "identity":
            return 0 * a + np.eye(width)
        case "huge":
            return 1e300 * a
        case "tiny":
            return 1e-300 * a
    return a


KINDS = ["normal", "graded", "graded upwards", "rank deficient", "triangular", "integers"]
KINDS += ["zero", "identity", "huge", "tiny"]


@pytest.mark.parametrize(("width", "field"), [(1, "real"), (2, "complex"), (3, "real")])
def test_small_matrices_against_lapack(width, field):
    against_lapack(width, field)


@pytest.mark.parametrize(("width", "field"), [(17, "complex"), (32, "real"), (128, "real")])
def test_matrices_against_lapack(width, field):
    against_lapack(width, field)


def against_lapack(width, field):
    rng = np.random.default_rng(width)
    for kind in KINDS:
        a = matrices(kind, width, field, rng)[: 3 if width > 100 else 40]
        with np.errstate(under="ignore"):
            found = kernels(width, field).of_matrices(a)
        expected = np.linalg.svd(a, compute_uv=False)
        # 2N reflections and about 5 sweeps for each value, a few eps each, as random walks do
        allowed = 4 * max(width, 4) * EPS * expected[:, :1]
        assert np.all(np.abs(found - expected) <= allowed), kind


def bidiagonal_cases(n, rng):
    def normal(*shape):
        return rng.standard_normal(shape)

    count = 20_000 // n
    yield "normal", normal(n, count), normal(n - 1, count)
    count = max(8, count // 20)
    d, a = normal(n, count), normal(n - 1, count)
    scale = 10.0 ** (-30 * np.arange(n) / n)[:, None]
    yield "zeros", d * (rng.random(d.shape) < 0.6), a * (rng.random(a.shape) < 0.6)
    yield "zeros on the diagonal", d * (rng.random(d.shape) < 0.7), a
    yield "ones", np.ones_like(d), np.ones_like(a)
    # singular values that differ by 1e-8 and less
    yield "nearly equal values", np.ones_like(d), 1e-8 * a
    yield "graded", scale * d, scale[:-1] * a
    yield "graded upwards", scale[::-1] * d, scale[1:][::-1] * a
    yield "wild", np.exp(20 * d), np.exp(20 * a)
    yield "huge", 1e300 * d, 1e300 * a
    yield "tiny", 1e-300 * d, 1e-300 * a
    part = max(n // 8, 1)
    glued = np.tile(a[:part], (10, 1))[: n - 1]
    glued[part - 1 :: part] = 1e-7
    yield "glued", np.tile(d[:part], (10, 1))[:n], glued


@pytest.mark.parametrize("n", [2, 3, 8, 32, 100])
def test_bidiagonal_matrices_against_lapack(n):
    # the kernel takes any size, whatever the width that it was compiled for
    for kind, d, a in bidiagonal_cases(n, np.random.default_rng(n)):
        found = kernels(8).of_bidiagonals(d.copy(), a.copy())
        expected = bidiagonal_singular_values(d.T, a.T)
        # every sweep has a few eps of the shift in every row, 5 sweeps a value, as random walks do
        allowed = 4 * max(n, 4) * EPS * expected[:, :1]
        assert np.all(np.abs(found - expected) <= allowed), kind


def test_bidiagonal_matrices_take_few_sweeps():
    library = host_library(Variant(8, "real", False), 1, "-O1")
    library.bidiagonals.restype = ctypes.c_double
    for kind, d, a in bidiagonal_cases(32, np.random.default_rng(0)):
        work = [np.ascontiguousarray(each) for each in (d, a)]
        pointers = [ctypes.c_void_p(each.ctypes.data) for each in work]
        null = ctypes.c_void_p()
        size = ctypes.c_longlong(d.shape[1])
        assert library.bidiagonals(null, ctypes.c_int(32), size, *pointers, null) < 10, kind


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_matrices_that_are_not_finite_are_reported(value):
    a = np.ones((5, 3, 3))
    a[3, 1, 1] = value
    with (
        np.errstate(invalid="ignore", over="ignore"),
        pytest.raises(ArithmeticError, match=r"1 of 5 given matrices .* is number 3: \[nan"),
    ):
        kernels(3).of_matrices(a)


def test_a_wrong_result_is_reported():
    class Wrong(Kernels):
        def of_bidiagonals(self, diagonal, above):
            values = super().of_bidiagonals(diagonal, above)
            values[4, 0] *= 1 + 1e-12
            return values

    right = kernels(8)
    with pytest.raises(ArithmeticError, match="1 of 9 products of 2 layers, width 8, key 3"):
        Wrong(right.variant, right.xp, right.launch).chains(3, 9, [8, 8], [2], 1.0)


# Independence of launches


@pytest.mark.parametrize(("width", "field", "log"), [(32, "real", False), (6, "complex", True)])
def test_vectors_of_matrices_do_not_change_a_bit(width, field, log):
    options = {"field": field, "log": log, "depths": [1, 3, 20]}
    # 31 is odd: the last vector has a matrix that is not stored
    one, two = (chains(width, 20, 31, vector=vector, **options) for vector in (1, 2))
    for a, b in zip(one.values, two.values, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.log_diagonal, two.log_diagonal)


@pytest.mark.parametrize(("field", "log"), [("real", False), ("complex", True)])
def test_the_order_of_lanes_does_not_change_a_bit(field, log):
    options = {"field": field, "log": log, "depths": [1, 3, 20]}
    forwards, backwards = (
        chains(6, 20, 20, **options, options=each) for each in ((), ("-DREVERSED",))
    )
    for a, b in zip(forwards.values, backwards.values, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(forwards.log_diagonal, backwards.log_diagonal)


def test_a_chain_depends_on_its_number_and_on_the_key_only():
    all_of_them = chains(8, 4, 50, depths=[2, 4])
    few = chains(8, 4, 20)
    np.testing.assert_array_equal(all_of_them.values[1][:20], few.values[0])
    np.testing.assert_array_equal(chains(8, 2, 20).values[0], all_of_them.values[0][:20])
    assert not np.any(chains(8, 4, 20, key=8).values[0] == few.values[0])


# The law


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("widths", [(8, 8, 8, 8), (9, 8, 13, 8), (1, 3, 1)], ids=str)
def test_the_law_is_that_of_full_matrices(widths, field):
    # two-sample Kolmogorov-Smirnov tests of 3 statistics in 6 cases: one of them rejects by chance
    # with probability 18e-5
    N = min(widths)
    others = list(widths)
    others.remove(N)
    found = unscaled(chains(N, others, 4000, field=field))
    full = rr.sample_singular_values(widths, size=4000, rng=1, field=field, method="dense")
    for statistic in (lambda s: s[:, 0], lambda s: s[:, -1], effective_rank):
        if N > 1 or statistic is not effective_rank:
            assert stats.ks_2samp(statistic(found), statistic(full)).pvalue > LEVEL


def test_the_law_of_lengths():
    # the only diagonal entry of one layer: of 1, 2 and 7 entries
    for entries in (1, 2, 7):
        for field, freedom in (("real", entries), ("complex", 2 * entries)):
            squares = unscaled(chains(1, [entries], 200_000, field=field))[:, 0] ** 2
            law = stats.chi2(freedom, scale=1 if field == "real" else 0.5)
            assert stats.kstest(squares, law.cdf).pvalue > LEVEL


@pytest.mark.parametrize("field", ["real", "complex"])
def test_products_have_the_known_means_of_their_traces(field):
    # 4.4 standard errors in 6 cases are exceeded by chance with probability 7e-5
    widths, count = [12, 12, 12, 12, 12], 4000
    found = chains(12, widths[1:], count, field=field)
    sigma = unscaled(found)
    halves = 2 if field == "real" else 1
    log_det = 4 * np.sum(digamma(np.arange(1, 13) / halves) + np.log(halves / 12)) / 2
    known = [(np.mean(sigma**2, axis=1), 1.0), (found.log_diagonal.sum(axis=0), log_det)]
    if field == "complex":
        nuclear = complex_power_sum(tuple(widths), 0.5)
        known += [
            (sigma.mean(axis=1), nuclear.value),
            ((sigma * np.log(sigma)).mean(axis=1), nuclear.slope / 2),
        ]
    for sample, mean in known:
        assert abs(sample.mean() - mean) < 4.4 * sample.std(ddof=1) / np.sqrt(count)
    # |det W| is the product of all diagonal entries
    np.testing.assert_allclose(np.log(sigma).sum(axis=1), known[1][0], rtol=1e-9)


@pytest.mark.parametrize(("width", "field"), [(5, "real"), (6, "complex")])
def test_logarithms_of_shallow_and_deep_products(width, field):
    logs = chains(width, 300, 20, field=field, log=True, depths=[1, 2, 8, 300])
    plain = chains(width, 300, 20, field=field, depths=[1, 2, 8, 300])
    for k in range(3):
        sigma = unscaled(plain, k)
        # the error of the plain ones
        allowed = 40 * width * EPS * sigma[:, :1]
        assert np.all(np.abs(np.exp(logs.values[k]) - sigma) <= allowed)
    # at any depth the sum is log |det W|, of which some 1000 are added up
    log_det = logs.log_diagonal.sum(axis=0)
    np.testing.assert_allclose(logs.values[3].sum(axis=1), log_det, rtol=1e-13)
    gaps = -np.diff(logs.values[3], axis=1).mean(axis=0)
    # Lyapunov exponents: the k-th is (psi((N - k)/2) + log(2/N))/2, complex psi(N - k) - log N
    halves = 2 if field == "real" else 1
    exponents = digamma((width - np.arange(width)) / halves) / 2
    for gap, (first, second) in zip(gaps, pairwise(exponents), strict=True):
        # standard deviations of single logs are below sqrt(300 psi'(1/2)/4) = 20
        assert abs(gap - 300 * (first - second)) < 5 * np.sqrt(2) * 20 / np.sqrt(20)


# The device's compiler, which needs no device


def nvrtc():
    """NVRTC of the wheel nvidia-cuda-nvrtc-cu12 (session nvrtc of nox)."""
    try:
        folder = importlib.import_module("nvidia.cuda_nvrtc").__path__[0]
    except ImportError:
        pytest.skip("the wheel nvidia-cuda-nvrtc-cu12 is not installed")
    return ctypes.CDLL(next(map(str, Path(folder, "lib").glob("libnvrtc.so*"))))


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("width", [8, 32, 128])
def test_compiles_for_devices(width, field, log, architecture):
    library, program = nvrtc(), ctypes.c_void_p()
    options = Variant(width, field, log).device_options(outside=width * len(field) > 512)
    options = [each.encode() for each in (*options, f"--gpu-architecture={architecture}")]
    text = source().encode()
    library.nvrtcCreateProgram(ctypes.byref(program), text, b"fused.cu", 0, None, None)
    array = (ctypes.c_char_p * len(options))(*options)
    failed = library.nvrtcCompileProgram(program, len(options), array)
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log_text = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log_text)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    assert not failed, log_text.value.decode()
    assert not log_text.value.strip(), log_text.value.decode()  # no warnings, either


# On a device: the same numbers as here


@pytest.mark.gpu
@pytest.mark.parametrize("lanes", [None, 32])
@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("width", [3, 32, 128])
@pytest.mark.parametrize("log", [False, True])
def test_a_device_gives_the_bits_of_the_host(library, width, field, log, lanes):
    xp = library("cupy")
    options = {"lanes": max(lanes or 0, Variant(width, field, log).lanes), "most_blocks": lanes}
    made = device.device_kernels(Variant(width, field, log), xp, **options)
    count = max(4, 256 // width)
    found = made.chains(7, count, [width] * 5, [1, 5], width**-0.5)
    expected = chains(width, 5, count, field=field, log=log, depths=[1, 5])
    for a, b in zip(found.values, expected.values, strict=True):
        np.testing.assert_array_equal(to_numpy(a), b)
    np.testing.assert_array_equal(to_numpy(found.log_diagonal), expected.log_diagonal)


@pytest.mark.gpu
@pytest.mark.parametrize(("width", "field"), [(32, "real"), (17, "complex"), (128, "real")])
def test_matrices_on_a_device(library, width, field):
    xp = library("cupy")
    rng = np.random.default_rng(0)
    for kind in KINDS:
        a = matrices(kind, width, field, rng)
        found = to_numpy(engine.fused_singular_values(xp, xp.asarray(a)))
        expected = np.linalg.svd(a, compute_uv=False)
        assert np.all(np.abs(found - expected) <= 4 * width * EPS * expected[:, :1]), kind


@pytest.mark.gpu
def test_large_matrices_on_a_device(library):
    xp = library("cupy")
    a = np.random.default_rng(0).standard_normal((6, 200, 200))
    found = to_numpy(engine.fused_singular_values(xp, xp.asarray(a)))
    expected = np.linalg.svd(a, compute_uv=False)
    assert np.all(np.abs(found - expected) <= 4 * 200 * EPS * expected[:, :1])


@pytest.mark.gpu
@pytest.mark.parametrize("field", ["real", "complex"])
def test_estimates_on_a_device(library, field):
    xp = library("cupy")
    options = {"samples": 100_000, "rng": 0, "field": field}
    found = rr.estimate("effective_rank", 16, 4, xp=xp, **options)
    expected = rr.estimate("effective_rank", 16, 4, **options)
    assert abs(found.value - expected.value) < 5 * np.hypot(found.error, expected.error)


# The way to the device, which is the host's compiler here


def test_samples_come_from_the_kernel(simulated_device):
    xp = simulated_device
    key = int(next(streams(3)).integers(2**64, dtype=np.uint64))
    found = rr.sample_singular_values(8, 4, 30, rng=3, xp=xp)
    np.testing.assert_array_equal(found, unscaled(chains(8, 4, 30, key=key)))
    logs = rr.sample_singular_values(6, 3, 30, rng=3, field="complex", xp=xp, return_log=True)
    expected = chains(6, 3, 30, key=key, field="complex", log=True).values[0]
    np.testing.assert_array_equal(logs, expected)


def test_estimate_uses_the_kernel(simulated_device):
    options = {"samples": 4000, "rng": 1, "xp": simulated_device}
    found = rr.estimate("effective_rank", 8, 4, **options)
    expected = rr.sample_singular_values(8, 4, 4000, rng=1, xp=simulated_device)
    plain = rr.estimate("effective_rank", 8, 4, **options, control_variates=False)
    assert plain.value == pytest.approx(effective_rank(expected).mean(), rel=1e-12)
    assert abs(found.value - plain.value) < 5 * plain.error
    # the variance is divided by 2.5, as on the host
    assert found.error < 0.7 * plain.error


@pytest.mark.parametrize("shape", [(4, 8, 8), (3, 130, 130), (2, 5, 9)])
def test_batches_of_matrices(simulated_device, shape):
    a = np.random.default_rng(0).standard_normal(shape)
    expected = np.linalg.svd(a, compute_uv=False)
    allowed = 4 * max(shape) * EPS * expected.max()
    np.testing.assert_allclose(
        engine.fused_singular_values(simulated_device, a), expected, atol=allowed
    )


CARDS = [CudaDevice(0, 132, 2048, 233_472, 232_448), CudaDevice(0, 84, 1536, 102_400, 101_376)]


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("width", [1, 8, 9, 32, 33, 64, 112, 128])
@pytest.mark.parametrize("card", CARDS)
def test_launches_fit_the_card(monkeypatch, card, width, field):
    launched = []

    class Recorded:
        def __call__(self, grid, block, arguments, shared_mem):
            launched.append((grid[0], block[0], arguments[0].size, shared_mem))

    monkeypatch.setattr(device, "cuda_device", lambda: card)
    monkeypatch.setattr(device, "_kernel", lambda *_: Recorded())
    variant = Variant(width, field, False)
    device.device_kernels(variant, default_namespace()).launch("chains", 10**6, (), copies=False)
    ((grid, threads, outside, shared),) = launched
    groups = threads // variant.lanes
    assert groups * variant.lanes == threads <= 128
    assert shared <= card.shared_memory_of_block
    inside = 8 * groups * (variant.work_doubles + variant.matrix_doubles)
    if shared < inside:  # a matrix is too large, and each group has a place outside
        assert groups == 1
        assert outside == 2 * grid * variant.matrix_doubles
        assert inside > card.shared_memory_of_block
    assert card.processors <= grid <= 10**6
