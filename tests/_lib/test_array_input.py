"""Array arguments: types that are accepted, and types that are refused with an explanation."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

import rmt_rank
from rmt_rank import metrics
from rmt_rank._lib.array import to_numpy
from rmt_rank._lib.array_input import as_floating
from rmt_rank.metrics import spectrum

# exactly representable in 4 bits
A = np.array([[4.0, 1, 0], [1, 2, 0], [2, 0, 1], [1, 1, 1]])
RANK = rmt_rank.effective_rank(A)
# single precision: the entropy of k values has condition number log k and k roundings of 6e-8
SINGLE = 1e-6


@pytest.mark.parametrize(
    "dtype",
    [
        "bfloat16",
        "float8_e3m4",
        "float8_e4m3",
        "float8_e4m3b11fnuz",
        "float8_e4m3fn",
        "float8_e4m3fnuz",
        "float8_e5m2",
        "float8_e5m2fnuz",
        "float6_e2m3fn",
        "float6_e3m2fn",
        "float4_e2m1fn",
        "int4",
        "uint4",
    ],
)
def test_short_types_of_ml_dtypes(dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    if not hasattr(ml_dtypes, dtype):
        pytest.skip(f"this ml_dtypes has no {dtype}")
    a = A.astype(np.float32).astype(getattr(ml_dtypes, dtype))
    rank = rmt_rank.effective_rank(a)
    assert rank.dtype == (np.float64 if "int" in dtype else np.float32)
    assert rank == pytest.approx(RANK, rel=SINGLE)
    assert rmt_rank.gram_effective_rank(a) == pytest.approx(rmt_rank.gram_effective_rank(A), 1e-5)


def test_short_complex_of_ml_dtypes_keeps_its_imaginary_part():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    if not hasattr(ml_dtypes, "complex32"):
        pytest.skip("this ml_dtypes has no complex32")
    a = A + 1j * A[::-1]
    rank = rmt_rank.effective_rank(a.astype(np.complex64).astype(ml_dtypes.complex32))
    assert rank == pytest.approx(rmt_rank.effective_rank(a), rel=SINGLE)


@pytest.mark.parametrize("dtype", ["?", "b", "H", "q", "e", "f", "d", "g", ">f8", ">f2", ">i2"])
def test_types_of_numpy(dtype):
    a = A.astype(dtype)
    rank = rmt_rank.effective_rank(a)
    short = np.dtype(dtype).kind == "f" and np.dtype(dtype).itemsize <= 4
    assert rank.dtype == (np.float32 if short else np.float64)
    assert rank == pytest.approx(rmt_rank.effective_rank(a.astype(float)), rel=SINGLE)


def test_long_doubles_become_doubles_or_are_refused():
    assert rmt_rank.effective_rank(A.astype(np.clongdouble) * 1j) == pytest.approx(RANK, rel=1e-14)
    if np.finfo(np.longdouble).max == np.finfo(np.float64).max:
        pytest.skip("long double is double here")
    for factor in ("1e1000", "1e-1000"):
        with pytest.raises(ValueError, match="a must lie in the range of double precision, got 4"):
            rmt_rank.effective_rank(A.astype(np.longdouble) * np.longdouble(factor))


@pytest.mark.parametrize(
    "give",
    [
        pytest.param(lambda a: a.view(np.matrix), id="matrix"),
        pytest.param(lambda a: a.view(np.recarray), id="record array"),
        pytest.param(lambda a: a.tolist(), id="lists"),
        pytest.param(list, id="list of rows"),
        pytest.param(memoryview, id="buffer"),
        pytest.param(lambda a: np.repeat(a, 2, 0)[::2], id="strided"),
    ],
)
def test_array_like_objects_are_accepted(give):
    for measure in (rmt_rank.effective_rank, rmt_rank.gram_effective_rank, metrics.reptrix_rankme):
        assert measure(give(A)) == pytest.approx(measure(A), rel=1e-14)


def test_frames_without_missing_values():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    assert rmt_rank.effective_rank(pd.DataFrame(A)) == RANK
    assert spectrum.effective_rank(pd.Series([3, 2])) == spectrum.effective_rank([3, 2])
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    assert rmt_rank.effective_rank(xarray.DataArray(A)) == RANK
    with pytest.raises(TypeError, match=r"a is a mapping \(Dataset\): pass one of its arrays"):
        rmt_rank.effective_rank(xarray.Dataset({"w": (("x", "y"), A)}))


def test_frames_with_types_of_pandas():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    for frame in (
        pd.DataFrame(A).convert_dtypes(),
        pd.DataFrame({"w": pd.array([1, None], dtype="Int64"), "v": [1.0, 2.0]}),
        pd.DataFrame(A).astype("category"),
    ):
        with pytest.raises(TypeError, match=r"a holds pandas' type .*pass .to_numpy"):
            rmt_rank.effective_rank(frame)
    words = pd.DataFrame({"w": ["a", "b"]})
    for text in (words.astype("string"), words.astype("category"), words["w"].astype("string")):
        with pytest.raises(
            TypeError, match=r"a must be an array of numbers, got text, pandas' type"
        ):
            rmt_rank.effective_rank(text)
    with pytest.raises(TypeError, match="a must be an array of numbers, got "):
        rmt_rank.effective_rank(words)
    with pytest.raises(TypeError, match="singular_values holds pandas' type Float64"):
        spectrum.effective_rank(pd.array([1, None], dtype="Float64"))
    with pytest.raises(TypeError, match="a must be an array of numbers"):
        rmt_rank.effective_rank(pd.NA)


def test_frames_of_polars():
    pl = pytest.importorskip("polars", reason="polars is not installed")
    assert rmt_rank.effective_rank(pl.DataFrame(A)) == pytest.approx(RANK, rel=1e-14)
    with pytest.raises(TypeError, match=r"a has missing values: pass .fill_null"):
        rmt_rank.effective_rank(pl.DataFrame({"w": [1.0, None]}))
    with pytest.raises(TypeError, match=r"a is lazy: pass .collect"):
        rmt_rank.effective_rank(pl.DataFrame(A).lazy())


MASKED = np.ma.masked_array(A, A > 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (MASKED, "a is a masked array, whose mask would be ignored: pass .filled"),
        (np.ma.masked, "a is a masked array"),
        ([MASKED, MASKED], "an element of a is a masked array"),
        ([list(MASKED)], "an element of a is a masked array"),
        (sparse.linalg.aslinearoperator(A), "a is a linear operator"),
        ({"weight": A}, r"a is a mapping \(dict\): pass one of its arrays"),
        ([A, A[:2]], "a must be an array of numbers, got a list that NumPy cannot stack"),
        ([[1, 2], [3]], "a must be an array of numbers, got a list that NumPy cannot stack"),
        (None, "a must be an array of numbers, got None"),
        ([[1, None]], r"a must be an array of numbers, got \[\[1, None\]\]|got \[1, None\]"),
        ("weights.npy", "a must be an array of numbers, got 'weights.npy'"),
        (b"abc", "a must be an array of numbers, got b'abc'"),
        (bytearray(b"abc"), "a must be an array of numbers, got bytearray"),
        ({1, 2}, r"a must be an array of numbers, got \{1, 2\}"),
        ((row for row in A), "a must be an array of numbers, got <generator"),
        (np.ndarray, "a must be an array of numbers, got <class"),
        ([[Fraction(1, 2)]], "a must be an array of numbers, got <?Fraction|Fraction"),
        ([[10**400]], "a must be an array of numbers, got the dtype object"),
        (np.zeros(3, "f8,f8"), "got a structured array: pass numpy.lib.recfunctions"),
        (np.zeros((2, 2), "M8[D]"), r"got the dtype datetime64\[D\]"),
        (np.zeros((2, 2), "V2"), r"got the dtype \|V2"),
    ],
)
def test_other_types_are_refused(value, message):
    with pytest.raises(TypeError, match=message):
        rmt_rank.effective_rank(value)


def test_a_range_beyond_the_memory_is_refused():
    with pytest.raises(ValueError, match="a must be smaller: about"):
        rmt_rank.effective_rank(range(10**12))


@pytest.mark.parametrize("kind", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
def test_sparse_arrays_are_refused(kind):
    for form in ("array", "matrix"):
        value = getattr(sparse, f"{kind}_{form}")(A)
        with pytest.raises(TypeError, match=r"features is sparse: pass .toarray\(\)"):
            rmt_rank.gram_effective_rank(value)


def test_lazy_arrays_are_refused():
    array = pytest.importorskip("dask.array", reason="Dask is not installed")
    with pytest.raises(TypeError, match=r"a is lazy: pass .compute\(\)"):
        rmt_rank.effective_rank(array.from_array(A))


class TestTorch:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch", reason="PyTorch is not installed")

    @pytest.mark.parametrize(
        "dtype",
        ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int8", "uint16", "int64"],
    )
    def test_types(self, torch, dtype):
        rank = rmt_rank.effective_rank(torch.tensor(A).to(getattr(torch, dtype)))
        assert rank.dtype == torch.float32
        assert float(rank) == pytest.approx(RANK, rel=SINGLE)

    @pytest.mark.parametrize("default", ["bfloat16", "float16", "float64"])
    def test_integers_become_at_least_single_whatever_the_default(self, torch, default):
        before = torch.get_default_dtype()
        torch.set_default_dtype(getattr(torch, default))
        try:
            rank = rmt_rank.effective_rank(torch.tensor(A).to(torch.int64))
        finally:
            torch.set_default_dtype(before)
        assert rank.dtype == (torch.float64 if default == "float64" else torch.float32)
        assert float(rank) == pytest.approx(RANK, rel=SINGLE)

    @pytest.mark.filterwarnings("ignore:ComplexHalf")  # PyTorch warns when a tensor is made
    def test_complex(self, torch):
        a = A + 1j * A[::-1]
        expected = rmt_rank.effective_rank(a)
        half = rmt_rank.effective_rank(torch.tensor(a).to(torch.complex32))
        assert float(half) == pytest.approx(expected, rel=SINGLE)
        lazily_conjugate = torch.tensor(a.conj()).conj()
        assert float(rmt_rank.effective_rank(lazily_conjugate)) == pytest.approx(expected)
        np.testing.assert_array_equal(to_numpy(lazily_conjugate), a)

    def test_copies_to_the_host(self, torch):
        np.testing.assert_array_equal(to_numpy(torch.tensor(A).bfloat16()), A)
        np.testing.assert_array_equal(to_numpy(torch.tensor(A, requires_grad=True)), A)

    @pytest.mark.filterwarnings("ignore::UserWarning")  # sparse CSR, quantised, nested: beta
    def test_other_tensors_are_refused(self, torch):
        a = torch.tensor(A)
        quantised = torch.quantize_per_tensor(a.float(), 0.1, 0, torch.qint8)
        module = torch.nn.Linear(3, 4)
        for value, message in (
            (a.to_sparse(), r"a is sparse or packed .*pass .to_dense"),
            (a.to_sparse_csr(), r"a is sparse or packed .*pass .to_dense"),
            (quantised, "a is quantised: pass .dequantize"),
            (a.to("meta"), "a is on the meta device and holds no numbers"),
            (torch.nested.nested_tensor([a, a]), "a is a nested tensor"),
            (torch.nn.LazyLinear(3).weight, "a is a parameter that is not initialised yet"),
            (module, "a is a PyTorch module: pass the weight of one of its layers"),
            (module.state_dict(), r"a is a mapping \(OrderedDict\)"),
            ([a.clone().requires_grad_()], "that NumPy cannot stack"),
        ):
            with pytest.raises(TypeError, match=message):
                rmt_rank.effective_rank(value)

    @pytest.mark.parametrize(
        "measure",
        [
            rmt_rank.effective_rank,
            rmt_rank.effective_rank_gradient,
            rmt_rank.gram_effective_rank,
            lambda a: rmt_rank.gram_effective_rank(a, "rbf"),
            lambda a: rmt_rank.gram_effective_rank(a, "arccosine"),
            metrics.rankme,
            metrics.reptrix_rankme,
        ],
    )
    @pytest.mark.parametrize("setting", ["autocast", "medium"])
    def test_no_setting_lowers_the_precision(self, torch, measure, setting):
        generator = torch.Generator().manual_seed(0)
        a = torch.randn(64, 16, generator=generator).requires_grad_()
        value = measure(a)
        gradient = torch.autograd.grad(value.sum(), a)[0]
        before = torch.get_float32_matmul_precision()
        try:
            if setting == "medium":
                torch.set_float32_matmul_precision("medium")
            with torch.autocast("cpu", torch.bfloat16, enabled=setting == "autocast"):
                lowered = measure(a)
                # the backward pass, too
                lowered_gradient = torch.autograd.grad(lowered.sum(), a)[0]
        finally:
            torch.set_float32_matmul_precision(before)
        # the error of bfloat16 would be 4e-3
        torch.testing.assert_close(lowered, value, rtol=1e-5, atol=1e-6)
        scale = float(gradient.abs().max())
        torch.testing.assert_close(lowered_gradient, gradient, rtol=1e-4, atol=1e-5 * scale)

    def test_own_kernels_run_without_autocast(self, torch):
        a = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
        with torch.autocast("cpu", torch.bfloat16):
            assert rmt_rank.gram_matrix(a, lambda x: x @ x.mT).dtype == torch.float32

    def test_weights_of_convolutions_are_refused(self, torch):
        weight = torch.nn.Conv1d(3, 16, 5).weight
        with pytest.raises(ValueError, match=r"got a parameter .* \(16, 3, 5\): .*a.reshape\(len"):
            rmt_rank.effective_rank(weight)
        assert rmt_rank.effective_rank(weight, stack=True).shape == (16,)
        assert rmt_rank.effective_rank(weight.reshape(16, -1)).shape == ()


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "int4", "bool_"])
def test_types_of_jax(dtype):
    jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")
    a = jnp.asarray(A).astype(getattr(jnp, dtype))
    expected = rmt_rank.effective_rank(np.asarray(a).astype(float))
    assert float(rmt_rank.effective_rank(a)) == pytest.approx(expected, rel=SINGLE)


MATRIX_FUNCTIONS = [
    rmt_rank.effective_rank,
    rmt_rank.effective_rank_gradient,
    rmt_rank.metrics.stable_rank,
    rmt_rank.metrics.numerical_rank,
    rmt_rank.gram_matrix,
    rmt_rank.gram_effective_rank,
    metrics.rankme,
    metrics.reptrix_rankme,
    metrics.srank,
    metrics.weightwatcher_entropy,
]


@pytest.mark.parametrize("function", MATRIX_FUNCTIONS)
def test_more_than_three_axes_are_a_stack_only_on_request(function):
    weight = np.random.default_rng(0).normal(size=(16, 3, 4, 5))
    with pytest.raises(ValueError, match=r"\(16, 3, 4, 5\): for the weight of a conv.*stack=True"):
        function(weight)
    stacked = function(weight, stack=True)
    assert stacked.shape[:2] == (16, 3)
    np.testing.assert_array_equal(stacked[1], function(weight[1]))


def test_stack_is_a_flag():
    with pytest.raises(TypeError, match="stack must be True or False, got 1"):
        rmt_rank.effective_rank(A, stack=1)


def test_no_library_is_imported_by_the_checks():
    before = set(sys.modules)
    as_floating("a", [[1.0]], least_dimensions=2)
    assert not (set(sys.modules) - before) & {"torch", "jax", "pandas", "dask", "xarray"}
