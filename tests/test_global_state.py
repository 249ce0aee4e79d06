"""Global state is unchanged after any public function, and after eight at once.

The functions are called one by one, then in eight threads, each in its own order; all give
the same numbers to the last bit.
"""

import contextlib
import decimal
import gc
import io
import locale
import os
import random
import signal
import sys
import threading
import warnings
from dataclasses import asdict, is_dataclass
from pathlib import Path

import array_api_strict
import flint
import matplotlib as mpl
import mpmath
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from threadpoolctl import threadpool_info, threadpool_limits

import rmt_rank as rr
from rmt_rank._lib.atomic import write
from rmt_rank._lib.blas import one_blas_thread
from rmt_rank._lib.work import processes
from rmt_rank.commands.verify import main as verify
from rmt_rank.paper.figures.style import style
from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks

# Seconds after which threads count as hanging.
LIMIT = 600


def umask():
    """Return the umask without setting it: Linux reports it."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return [line for line in lines if line.startswith("Umask")]


def state():
    """Return the global state of the process, except state per thread."""
    generator = np.random.get_state()  # noqa: NPY002  # this must not change
    return {
        "mpmath": (mpmath.mp.prec, mpmath.mp.dps, mpmath.mp.pretty, mpmath.mp.trap_complex),
        "flint": (flint.ctx.prec, flint.ctx.dps, flint.ctx.pretty, flint.ctx.threads),
        "threads of BLAS": [(each["filepath"], each["num_threads"]) for each in threadpool_info()],
        "NumPy's errors": np.geterr(),
        "NumPy's printing": np.get_printoptions(),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "matplotlib": dict(mpl.rcParams),
        "umask": umask(),
        "locale": locale.setlocale(locale.LC_ALL),
        "decimal": repr(decimal.getcontext()),
        "random": random.getstate(),
        "NumPy's generator": (generator[0], generator[1].tolist(), *generator[2:]),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "path": list(sys.path),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "interpreter": (sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled()),
        "streams": (sys.stdin, sys.stdout, sys.stderr, sys.excepthook, threading.excepthook),
        "array_api_strict": array_api_strict.get_array_api_strict_flags(),
        "laws": (rr.singular_value_law._random_state, rr.fuss_catalan._random_state),
    }


MATRIX = np.random.default_rng(0).standard_normal((6, 5))
SIGMA = np.linalg.svd(MATRIX, compute_uv=False)
PROBLEM = rr.networks.least_squares_problem(4, task_rank=2, examples=3, rng=0)
FACTORS = [rr.ResidualFactor(0.5), rr.GaussianFactor(2.0)]
STRICT = array_api_strict.asarray(MATRIX)


def trained(**options):
    return rr.networks.train(
        PROBLEM, 2, learning_rate=0.1, steps=20, record=10, rng=1, unconverged="ignore", **options
    )


def searched():
    return rr.networks.learning_rate_search(
        PROBLEM, 1, [0.05, 0.1], seeds=1, steps=20, unconverged="ignore"
    )


CALLS = {
    "baseline": lambda: rr.baseline((64, 16), rng=0).value,
    "depth_for": lambda: rr.depth_for(16, 64),
    "rankme": lambda: rr.metrics.rankme(MATRIX),
    "reptrix_rankme": lambda: rr.metrics.reptrix_rankme(MATRIX),
    "srank": lambda: rr.metrics.srank(MATRIX),
    "weightwatcher_entropy": lambda: rr.metrics.weightwatcher_entropy(MATRIX),
    "condition_number": lambda: rr.metrics.condition_number(MATRIX),
    "converged_weight_distance": lambda: rr.networks.converged_weight_distance(trained(), PROBLEM),
    "correlation_map": lambda: rr.nonlinear.correlation_map("tanh")(0.5),
    "correlations": lambda: rr.nonlinear.correlations("erf", 3, correlation=0.5).correlation,
    "critical_weight_variance": lambda: rr.nonlinear.critical_weight_variance("tanh", 0.1),
    "deep_effective_rank": lambda: rr.theory.deep_effective_rank(FACTORS),
    "limit_effective_rank": lambda: rr.limit_effective_rank([0, 0.5, 1e300]),
    "dual_activation": lambda: rr.nonlinear.dual_activation(np.tanh, 1, 2, 0.5),
    "effective_depth": lambda: rr.theory.effective_depth(FACTORS),
    "effective_rank": lambda: rr.effective_rank(MATRIX),
    "effective_rank_gradient": lambda: rr.effective_rank_gradient(MATRIX),
    "limit of factors": lambda: rr.limit_effective_rank(factors=FACTORS),
    "energy_rank": lambda: rr.metrics.energy_rank(MATRIX),
    "estimate": lambda: rr.estimate("effective_rank", 8, 2, samples=600, rng=0).value,
    "expected_effective_rank": lambda: rr.expected_effective_rank(64, 4),
    "expected_gram_effective_rank": lambda: rr.expected_gram_effective_rank(512, 4, 4096, "tanh"),
    "free_product_law": lambda: rr.free_product_law(FACTORS).cdf(1.0),
    "free_product_moment": lambda: rr.theory.free_product_moment(FACTORS, 0.5),
    "fuss_catalan": lambda: rr.fuss_catalan.pdf([0.0, 1e-300, 0.5, 99.0], 2.5),
    "fuss_catalan_moment": lambda: rr.theory.fuss_catalan_moment(0.5, 2.5),
    "gram_effective_rank": lambda: rr.gram_effective_rank(MATRIX),
    "gram_matrix": lambda: rr.gram_matrix(MATRIX, "rbf"),
    "learning_rate_search": lambda: searched().best,
    "least_squares_problem": lambda: rr.networks.least_squares_problem(4, 2, 3, rng=0).targets,
    "limit_measures": lambda: rr.limit_measures(3.0),
    "limit_threshold_rank": lambda: rr.theory.limit_threshold_rank(3.0, 0.5),
    "minimal_norm_effective_rank": lambda: rr.networks.minimal_norm_effective_rank(PROBLEM),
    "mode_effective_rank": lambda: rr.networks.mode_effective_rank(
        1.0, [1.0, 2.0], [0.1, 0.1], 3.0
    ),
    "mode_singular_values": lambda: rr.networks.mode_singular_values(
        1.0, [1.0, 2.0], [0.1, 0.1], 3.0
    ),
    "mode_time": lambda: rr.networks.mode_time([0.5, 0.9], [1.0, 2.0], [0.1, 0.1], 3.0),
    "neural_kernel": lambda: rr.nonlinear.neural_kernel(MATRIX, 2, "relu"),
    "neural_kernel_effective_rank": lambda: rr.nonlinear.neural_kernel_effective_rank(
        MATRIX, [1, 3], "erf"
    ),
    "nuclear_norm": lambda: rr.metrics.nuclear_norm(MATRIX),
    "numerical_rank": lambda: rr.metrics.numerical_rank(MATRIX),
    "one_layer_effective_rank": lambda: rr.networks.one_layer_effective_rank([2.0, 1.0], 4, 2),
    "participation_ratio": lambda: rr.metrics.participation_ratio(MATRIX),
    "phase": lambda: rr.nonlinear.phase("tanh", 1.5, 0.1),
    "rank_measures": lambda: rr.rank_measures(MATRIX),
    "limit of widths": lambda: rr.limit_effective_rank(widths=[2, 3, 4]),
    "rectangular_law": lambda: rr.rectangular_law([2, 3, 4]).pdf(1.0),
    "rectangular_moment": lambda: rr.theory.rectangular_moment([2, 3, 4], 0.5),
    "renyi_effective_rank": lambda: rr.metrics.renyi_effective_rank(MATRIX),
    "limit of many layers": lambda: rr.limit_effective_rank(time=1.0),
    "residual_limit_law": lambda: rr.residual_limit_law(1.0).cdf(1.2),
    "residual_limit_moment": lambda: rr.theory.residual_limit_moment(1.0, 0.5),
    "sample_residual_limit": lambda: rr.sample_residual_limit(6, 1.0, 5, rng=0),
    "sample_residual_singular_values": lambda: rr.sample_residual_singular_values(
        6, [1, 3], 5, scale=0.5, rng=0
    ),
    "sample_singular_values": lambda: rr.sample_singular_values(8, 3, 50, rng=0, workers=2),
    "singular_value_law": lambda: rr.singular_value_law.rvs(3.0, size=4, random_state=5),
    "stable_rank": lambda: rr.metrics.stable_rank(MATRIX),
    "threshold_rank": lambda: rr.metrics.threshold_rank(MATRIX, 0.1),
    "threshold_rank_area": lambda: rr.metrics.threshold_rank_area(MATRIX),
    "train": lambda: trained(seeds=2).arrays["final_loss"][1],
}
# beyond the public functions: other array libraries, exact numbers, claims, figures
CALLS |= {
    "array API": lambda: np.asarray(rr.effective_rank(STRICT)),
    "frozen law": lambda: rr.fuss_catalan(2.0).rvs(3, random_state=7),
    "exact quadrature": lambda: repr(rr.exact.moment("1/2", 2, digits=25)),
    "exact enclosure": lambda: repr(rr.exact.enclose_effective_rank(2, digits=25)),
    "exact derivation": lambda: rr.exact.derivation()[1].check().holds,
    "figure": lambda: drawn(),
    "random features": lambda: sample_gram_effective_ranks((8, 4), [1, 2], "tanh", 20, rng=0),
}
# their results lie in a folder, or they are classes
ELSEWHERE = {"open_study", "run_study"}


def drawn():
    with style("dark"):
        figure = Figure(figsize=(2, 2))
        figure.subplots().plot([0, 1], [1, 0])
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba()).copy()


def bits(found):
    """Convert a result so that it can be compared bit for bit."""
    if is_dataclass(found):
        found = asdict(found)
    if isinstance(found, dict):
        return {name: bits(value) for name, value in found.items()}
    if isinstance(found, tuple | list):
        return [bits(value) for value in found]
    if isinstance(found, np.ndarray | np.generic | float):
        return np.asarray(found).dtype.str, np.shape(found), np.asarray(found).tobytes()
    return found


@pytest.fixture(scope="module")
def alone():
    """Results, one after the other; what is made once and kept is made here."""
    return {name: bits(call()) for name, call in CALLS.items()}


def test_every_public_function_is_called_here():
    shelves = (rr, rr.metrics, rr.networks, rr.nonlinear, rr.study, rr.theory)
    functions = {
        name
        for shelf in shelves
        for name in shelf.__all__
        if callable(getattr(shelf, name)) and not isinstance(getattr(shelf, name), type)
    }
    assert functions - ELSEWHERE <= set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_one_call_changes_nothing(name, alone):
    before = state()
    again = bits(CALLS[name]())
    assert state() == before
    assert again == alone[name]


def test_a_study_changes_nothing(tmp_path, in_threads):
    pytest.importorskip("xarray", reason="xarray is not installed")
    study = rr.study.Study((8,), (1, 2), 200)
    rr.study.run_study(study, tmp_path / "first")  # imports
    before = state()
    values = in_threads(
        [
            lambda place=tmp_path / str(i): rr.study.run_study(study, place).to_dataframe()
            for i in range(8)
        ]
    )
    assert state() == before
    assert all(value.equals(values[0]) for value in values)


def test_eight_threads_change_nothing(alone, in_threads):
    names = list(CALLS)
    step = len(names) // 8

    def work(thread):
        order = names[thread * step :] + names[: thread * step]
        return {name: bits(CALLS[name]()) for name in order}

    before, interval = state(), sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        found = in_threads([lambda thread=thread: work(thread) for thread in range(8)])
    finally:
        sys.setswitchinterval(interval)
    assert state() == before
    for each in found:
        assert {name: each[name] for name in names} == alone


def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_one_blas_thread_is_counted_over_threads(in_threads):
    inside, leave = threading.Barrier(2), threading.Event()

    def first():
        with one_blas_thread():
            inside.wait(LIMIT)
            assert leave.wait(LIMIT)
            return blas_threads()

    def second():
        with one_blas_thread():
            inside.wait(LIMIT)
        # the other thread is still inside
        seen = blas_threads()
        leave.set()
        return seen

    with threadpool_limits(2, user_api="blas"):
        for order in ([first, second], [second, first]):
            leave.clear()
            assert in_threads(order) == [{1}, {1}]
            assert blas_threads() == {2}
        with pytest.raises(RuntimeError), one_blas_thread(), one_blas_thread():
            raise RuntimeError
        assert blas_threads() == {2}


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_blas_has_its_threads_again_where_a_callers_statistic_raises(kind):
    def statistic(sigma):
        raise kind("enough")

    with threadpool_limits(2, user_api="blas"):
        # the traceback keeps all generators alive
        with pytest.raises(kind, match="enough") as caught:
            rr.estimate(statistic, 8, 2, samples=600, rng=0)
        assert caught.traceback
        assert blas_threads() == {2}


def test_styles_in_threads_are_put_back(in_threads):
    before = dict(mpl.rcParams)
    inside, leave = threading.Event(), threading.Event()

    def first():
        with style("dark"):
            inside.set()
            assert leave.wait(LIMIT)

    def second():
        assert inside.wait(LIMIT)
        leave.set()
        with style("paper"):
            return mpl.rcParams["text.color"], mpl.rcParams["font.size"]

    assert in_threads([first, second])[1] == (before["text.color"], 8)
    assert dict(mpl.rcParams) == before


def test_the_command_verify_in_threads(in_threads):
    quick = ["theorem1.both-ends", "--quiet"]
    before = state()
    with contextlib.redirect_stdout(io.StringIO()):
        assert in_threads([lambda: verify(quick)] * 4) == [0] * 4
    assert state() == before


def test_processes_start_from_any_thread(in_threads):
    def work():
        with processes(2) as pool:
            return list(pool.map(abs, [-1, -2]))

    before = state()
    assert in_threads([work]) == [[1, 2]]
    assert work() == [1, 2]
    assert state() == before


def test_written_files_have_the_permissions_of_the_umask(tmp_path, monkeypatch):
    with (tmp_path / "plain").open("w"):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(os, "umask", None)  # not called
        write(tmp_path / "whole", b"content")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert {path.name for path in tmp_path.iterdir()} == {"plain", "whole"}


def test_nothing_of_ours_catches_warnings():
    # catch_warnings is not safe with threads before Python 3.14
    for path in Path(rr.__file__).parent.rglob("*.py"):
        if path.name == "npy.py":
            continue  # one command reads files, in one thread, and NumPy warns of old headers
        text = path.read_text()
        for word in ("catch_warnings", "simplefilter", "filterwarnings", "os.umask", "np.seterr"):
            assert word not in text, f"{path}: {word}"
