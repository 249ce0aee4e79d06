"""Studies: finished blocks survive, and numbers do not depend on the process or the order."""

import json
import multiprocessing
import os
import signal
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from rmt_rank import estimate
from rmt_rank._lib import store as lib_store
from rmt_rank._lib import work as lib_work
from rmt_rank._lib.archive import blank_seal, dump_json, load_json, pack, sealed
from rmt_rank._lib.store import StoreError
from rmt_rank.simulation.study import run as study_run
from rmt_rank.simulation.study import store as study_store
from rmt_rank.simulation.study import work as study_blocks
from rmt_rank.study import Study, open_study, run_study

pytest.importorskip("xarray", reason="xarray is not installed")

BLOCK = 200
DECLARED = {
    "widths": (4, 6),
    "depths": (1, 3),
    "samples": 900,
    "fields": ("real", "complex"),
    "statistics": ("effective_rank", {"name": "spectral_measure", "bins": [0, 1, 3]}),
    "seed": 7,
}
BLOCKS = 2 * 2 * 2 * 5


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(study_blocks, "block_samples", lambda *_: BLOCK)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The study, computed at once in this process."""
    patch = pytest.MonkeyPatch()
    patch.setattr(study_blocks, "block_samples", lambda *_: BLOCK)
    path = tmp_path_factory.mktemp("study") / "store"
    result = run_study(Study(**DECLARED), path)
    patch.undo()
    return result


def same(result, whole):
    # to the last bit; provenance says when
    return result.drop_attrs().identical(whole.drop_attrs())


class Shuffled:
    """An executor that computes in this process, latest first."""

    def __init__(self):
        self.todo = []

    def submit(self, function, *arguments):
        future = Future()
        self.todo.append((future, function, arguments))
        if len(self.todo) > 3:
            self.run()
        return future

    def run(self):
        for future, function, arguments in reversed(self.todo):
            future.set_running_or_notify_cancel()
            future.set_result(function(*arguments))
        self.todo.clear()


def test_results_have_the_grid_and_agree_with_estimate(whole):
    assert whole.sizes == {"field": 2, "width": 2, "depth": 2, "bin": 2}
    assert (whole.samples == 900).all()
    assert whole.attrs["complete"] == 1
    direct = estimate("effective_rank", 6, 3, samples=50_000, rng=1, field="complex")
    cell = whole.sel(field="complex", width=6, depth=3)
    error = np.hypot(float(cell.effective_rank_error), direct.error)
    assert abs(float(cell.effective_rank) - direct.value) < 5 * error
    assert (whole.effective_rank_variance_reduction > 1).all()
    shares = whole.spectral_measure.sum("bin")
    assert (abs(shares - 1) < 0.05).all()
    provenance = json.loads(whole.attrs["provenance"])
    assert provenance["versions"]["numpy"] == np.__version__
    assert provenance["blas_threads"] == 1


def test_order_does_not_matter(whole, tmp_path, monkeypatch):
    executor = Shuffled()
    monkeypatch.setattr(lib_work, "_IN_FLIGHT", 4)
    right = lib_work.wait

    def wait(running, **options):
        executor.run()
        return right(running, **options)

    monkeypatch.setattr(lib_work, "wait", wait)
    assert same(run_study(Study(**DECLARED), tmp_path / "store", executor=executor), whole)


def test_a_study_interrupted_at_every_block_resumes(whole, tmp_path):
    path = tmp_path / "store"

    seen = []
    for last in (0, 1, 7, BLOCKS - 1):

        def progress(done, _total, last=last):
            seen.append(done)
            if done > last:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_study(Study(**DECLARED), path, progress=progress)
        assert len(list(path.glob("*.npz"))) == last + 1
        part = open_study(path)
        assert part.attrs["complete"] == (last + 1 == BLOCKS)
        assert int(part.samples.sum()) <= BLOCK * (last + 1)
    result = run_study(Study(**DECLARED), path)
    assert same(result, whole)
    assert sorted(set(seen)) == sorted({*range(9), 8, *range(8, BLOCKS + 1)})


def test_nothing_is_computed_twice(whole, tmp_path, monkeypatch):
    path = tmp_path / "store"
    run_study(Study(**DECLARED), path)
    monkeypatch.setattr(study_run, "compute", lambda _: pytest.fail("computed again"))
    assert same(run_study(Study(**DECLARED), path), whole)


SCRIPT = """
import os, signal, sys
from rmt_rank.study import Study, run_study
from rmt_rank.simulation.study import run as study_run, store as study_store, work
work.block_samples = lambda *_: {block}

def progress(done, _total):
    if done == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

run_study(Study(**{declared!r}), sys.argv[1], progress=progress)
"""


@pytest.mark.parametrize("after", [1, 6])
def test_killed_at_once(whole, tmp_path, after, start):
    path = tmp_path / "store"
    script = SCRIPT.format(block=BLOCK, declared=DECLARED)
    done = start(sys.executable, "-c", script, path, after).outcome()
    assert done.returncode == -signal.SIGKILL
    assert len(list(path.glob("*.npz"))) == after
    assert same(run_study(Study(**DECLARED), path), whole)


def test_two_processes_give_the_same_bits(whole, tmp_path):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        result = run_study(Study(**DECLARED), tmp_path / "store", executor=pool)
    assert same(result, whole)


@pytest.mark.slow
def test_dask_cluster_with_a_worker_killed(whole, tmp_path):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    options = {
        "n_workers": 2,
        "threads_per_worker": 1,
        "processes": True,
        "dashboard_address": ":0",
        "worker_dashboard_address": ":0",
    }
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        workers = client.run(os.getpid)

        def progress(done, _total):
            if done == 3:
                os.kill(next(iter(workers.values())), signal.SIGKILL)

        result = run_study(
            Study(**DECLARED),
            tmp_path / "store",
            executor=client.get_executor(),
            progress=progress,
        )
    assert same(result, whole)
    assert len(list((tmp_path / "store").glob("*.npz"))) == BLOCKS


class TestStore:
    def started(self, tmp_path):
        path = tmp_path / "store"

        def stop(done, _total):
            if done == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_study(Study(**DECLARED), path, progress=stop)
        return path, sorted(path.glob("*.npz"))

    @pytest.mark.parametrize("size", [0, 10, 500])
    def test_a_truncated_file_is_named(self, tmp_path, size):
        path, files = self.started(tmp_path)
        files[0].write_bytes(files[0].read_bytes()[:size])
        for function in (lambda: run_study(Study(**DECLARED), path), lambda: open_study(path)):
            with pytest.raises(
                StoreError,
                match=f"{files[0].name} cannot be read as a block of a study: .*; remove it",
            ):
                function()

    def test_a_changed_bit_is_detected(self, tmp_path):
        path, files = self.started(tmp_path)
        content = bytearray(files[0].read_bytes())
        content[len(content) // 2] ^= 1
        files[0].write_bytes(content)
        with pytest.raises(StoreError, match=files[0].name):
            open_study(path)

    def test_files_of_other_blocks_and_studies_are_named(self, tmp_path):
        path, files = self.started(tmp_path)
        content = files[0].read_bytes()
        files[0].write_bytes(files[1].read_bytes())
        with pytest.raises(StoreError, match=f"{files[0].name} .* it belongs to another"):
            open_study(path)
        files[0].write_bytes(content)
        other, others = self.started(tmp_path / "other")
        others[0].write_bytes(content)
        with pytest.raises(StoreError, match=f"{others[0].name} .* it belongs to another"):
            open_study(other)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"count_0": np.array(-1)}, "its count must be >= 1"),
            ({"count_0": np.array(101)}, "another number of samples than its block, 200"),
            ({"count_0": np.array(10**9)}, "its count must be >= 1 and <= 200"),
            ({"count_0": np.array(100.0)}, "its count must have .* a type of kind 'iu'"),
            ({"count_0": np.array([100])}, r"its count must have the shape \(\)"),
            ({"count_1": None}, "it holds the arrays"),
            ({"mean_0": None}, "it holds the arrays"),
            ({"more": np.array(0)}, "it holds the arrays"),
            ({"mean_0": lambda mean: mean * np.nan}, "its mean must be finite"),
            ({"mean_0": lambda mean: mean.astype(complex)}, "its mean must have"),
            ({"mean_0": lambda mean: mean[1:]}, "its mean must have the shape"),
            ({"mean_0": lambda mean: mean + 9}, "its mean of effective_rank must be"),
            ({"products_0": lambda products: products[1:, 1:]}, "its products must have the shape"),
            ({"products_1": lambda products: -products}, "its products of a control with itself"),
            ({"products_1": lambda products: products * np.inf}, "its products must be finite"),
            ({"squares_1": lambda squares: -squares}, "its squares must be >= 0"),
            ({"study": np.array(5)}, "belongs to another study or block"),
        ],
    )
    def test_impossible_content_is_refused(self, tmp_path, change, words):
        """Wrong content is refused even if its digest is right."""
        path, files = self.started(tmp_path)
        with np.load(files[0]) as archive:
            arrays = dict(archive)
        for name, new in change.items():
            arrays[name] = new(arrays[name]) if callable(new) else new
        kept = {name: array for name, array in arrays.items() if array is not None}
        files[0].write_bytes(pack("block of a study", kept))
        for function in (lambda: run_study(Study(**DECLARED), path), lambda: open_study(path)):
            with pytest.raises(StoreError, match=f"{files[0].name} .*{words}.*; remove it"):
                function()

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"study": None}, "it holds backend, compiled, provenance"),
            ({"study": [1]}, "its study and its provenance must be objects"),
            ({"study": {}}, "missing 3 required positional arguments"),
            ({"compiled": 1}, "compiled must be true or false, got 1"),
            ({"backend": "torch"}, "backend must be one of 'numpy', 'cupy', got 'torch'"),
            ({"provenance": "mine"}, "its study and its provenance must be objects"),
            ({"more": 1}, "it holds study, backend, compiled, provenance, more"),
            ({"study": DECLARED | {"widths": [-1]}}, "widths must be an integer >= 1"),
            ({"study": DECLARED | {"widths": [float("inf")]}}, "widths must be an integer >= 1"),
            ({"study": DECLARED | {"samples": float("nan")}}, "a value is NaN"),
            ({"study": DECLARED | {"other": 1}}, "unexpected keyword argument 'other'"),
        ],
    )
    def test_an_impossible_declaration_is_refused(self, tmp_path, change, words):
        path, _ = self.started(tmp_path)
        content = load_json(path / "study.json", "declaration of a study") | change
        kept = {name: value for name, value in content.items() if value is not None}
        (path / "study.json").write_bytes(dump_json("declaration of a study", kept))
        with pytest.raises(StoreError, match=rf"study\.json cannot be read .*{words}"):
            open_study(path)

    @pytest.mark.parametrize("damage", [None, b"", b"{", b"\0" * 400])
    def test_a_lost_declaration_is_restored(self, tmp_path, damage, whole):
        path, files = self.started(tmp_path)
        declaration = path / "study.json"
        content = declaration.read_bytes()
        declaration.unlink()
        if damage is not None:
            declaration.write_bytes(damage)
        with pytest.raises(
            StoreError, match=r"study\.json .*run the study again with the same TOML"
        ):
            open_study(path)
        # a damaged block does not hinder, and is named afterwards
        block = files[0].read_bytes()
        files[0].write_bytes(block[:-9])
        with (
            pytest.warns(UserWarning, match=r"study\.json was missing or damaged, and was written"),
            pytest.raises(StoreError, match=f"{files[0].name} .*; remove it"),
        ):
            run_study(Study(**DECLARED), path)
        assert declaration.read_bytes() == content
        files[0].write_bytes(block)
        assert same(run_study(Study(**DECLARED), path), whole)

    @pytest.mark.parametrize("damage", [None, b"{"])
    def test_a_lost_declaration_is_not_made_up(self, tmp_path, damage):
        path, files = self.started(tmp_path)
        (path / "study.json").unlink()
        if damage is not None:
            (path / "study.json").write_bytes(damage)

        def refused(study):
            with pytest.raises(StoreError, match="choose another folder"):
                run_study(study, path)
            assert (path / "study.json").exists() == (damage is not None)

        refused(Study(**DECLARED | {"seed": 8}))
        # a block of another beginning, of which it is not known which one was declared
        _, others = self.started(tmp_path / "other")
        files[0].write_bytes(others[0].read_bytes())
        refused(Study(**DECLARED))
        for each in files:
            each.write_bytes(b"Dear")
        refused(Study(**DECLARED))

    def test_a_declaration_nested_without_end(self, tmp_path):
        seal = blank_seal("declaration of a study")
        text = f'{{"seal": "{seal}", "study": {"[" * 100_000}'
        (tmp_path / "study.json").write_bytes(sealed(text.encode()))
        with pytest.raises(StoreError, match="it is nested too deeply"):
            open_study(tmp_path)

    def test_a_result_that_is_not_finite_is_not_kept(self, tmp_path):
        path, files = self.started(tmp_path)
        store = study_store.StudyStore.open(path)
        block = next(study_blocks.blocks(store.study, store.engine, ("real", 4, 1)))
        halves = store.load(block)
        assert halves is not None
        files[0].unlink()
        wrong = replace(halves[0], mean=halves[0].mean * np.nan)
        with pytest.raises(StoreError, match="its mean must be finite"):
            store.save(block, [wrong, halves[1]])
        assert not files[0].exists()
        store.save(block, halves)
        again = store.load(block)
        for mine, theirs in zip(halves, again, strict=True):
            assert mine.mean.tobytes() == theirs.mean.tobytes()

    def test_two_studies_are_not_mixed(self, tmp_path):
        path, _ = self.started(tmp_path)
        with pytest.raises(StoreError, match="holds another study"):
            run_study(Study(**DECLARED | {"seed": 8}), path)

    def test_another_folder_is_refused(self, tmp_path):
        (tmp_path / "thesis.tex").touch()
        with pytest.raises(
            StoreError,
            match=r"exists and is not a store of a study: it holds 'thesis\.tex'",
        ):
            run_study(Study(**DECLARED), tmp_path)
        with pytest.raises(StoreError, match="is not a store of a study"):
            open_study(tmp_path)
        with pytest.raises(StoreError, match="is not a store of a study"):
            open_study(tmp_path / "none")
        (tmp_path / "study.json").write_text("{}")
        with pytest.raises(
            StoreError,
            match="cannot be read as a declaration of a study: it has no seal",
        ):
            open_study(tmp_path)

    def test_compiled_loops_without_numba_are_refused(self, tmp_path, monkeypatch):
        path, _ = self.started(tmp_path)
        declared = json.loads((path / "study.json").read_text())
        if not declared["compiled"]:
            pytest.skip("numba is not installed")
        monkeypatch.setattr(study_store, "compiled_loops", lambda: None)
        with pytest.raises(StoreError, match="numba, which does not work here"):
            run_study(Study(**DECLARED), path)

    def test_a_full_disk_leaves_no_part(self, tmp_path, monkeypatch):
        path = tmp_path / "store"
        right = lib_store.write

        def full(target, content):
            if len(list(path.glob("*.npz"))) == 2:
                raise OSError(28, "No space left on device")
            right(target, content)

        monkeypatch.setattr(lib_store, "write", full)
        with pytest.raises(OSError, match="No space left"):
            run_study(Study(**DECLARED), path)
        assert len(list(path.iterdir())) == 3


class TestDeclaration:
    def test_toml(self, tmp_path):
        path = tmp_path / "s.toml"
        path.write_text(
            "[study]\nwidths = [4, 6]\ndepths = [1, 3]\nsamples = 900\n"
            'fields = ["real", "complex"]\nseed = 7\n'
            '[[study.statistics]]\nname = "effective_rank"\n[[study.statistics]]\n'
            'name = "spectral_measure"\nbins = [0, 1, 3]\n'
        )
        assert Study.from_toml(path).to_dict() == Study(**DECLARED).to_dict()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("widths = [", "is not a TOML file"),
            ("[other]\n", r"must have one table, \[study\], got \['other'\]"),
            ("[study]\nwidths = [4]\n", r"missing keys in \[study\]: \['depths', 'samples'\]"),
            (
                "[study]\nwidths = [4]\ndepths = [1]\nsamples = 9\nsample = 1\n",
                r"unknown keys in \[study\]: \['sample'\]",
            ),
        ],
    )
    def test_bad_toml(self, tmp_path, text, message):
        path = tmp_path / "s.toml"
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            Study.from_toml(path)

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            ({"widths": ()}, ValueError, "widths must have at least 1 entry"),
            ({"widths": 4}, TypeError, "widths must be a sequence of integers, got 4"),
            ({"fields": "real"}, TypeError, "fields must be a sequence of names"),
            ({"statistics": "effective_rank"}, TypeError, "statistics must be a sequence"),
            ({"statistics": (5,)}, TypeError, "statistics must be names or dicts, got 5"),
            (
                {"statistics": ({"name": "effective_rank", "power": "a"},)},
                TypeError,
                "power must be real numbers, got 'a'",
            ),
            (
                {"statistics": ({"name": "spectral_measure", "bins": [0, 1], "power": 2},)},
                ValueError,
                "power is not an option of the statistic 'spectral_measure'",
            ),
            ({"widths": (4, 4)}, ValueError, r"widths must not repeat a value, got \(4, 4\)"),
            ({"depths": (0,)}, ValueError, "depths must be an integer >= 1, got 0"),
            ({"samples": 1}, ValueError, "samples must be an integer >= 2, got 1"),
            ({"fields": ("R",)}, ValueError, "fields must be one of 'real', 'complex', got 'R'"),
            ({"seed": -1}, ValueError, "seed must be an integer >= 0, got -1"),
            ({"control_variates": 1}, TypeError, "control_variates must be True or False, got 1"),
            ({"statistics": ()}, ValueError, "statistics must have at least 1 entry"),
            ({"statistics": ("rank",)}, ValueError, "statistic must be callable or one of"),
            (
                {"statistics": ({"name": "effective_rank", "q": 1},)},
                ValueError,
                "must have no options but power, order, bins",
            ),
            (
                {"statistics": ({"name": "effective_rank", "powr": 1},)},
                ValueError,
                r"got \['powr'\]; did you mean 'power'\?",
            ),
        ],
    )
    def test_bad_values(self, change, error, message):
        with pytest.raises(error, match=message):
            Study(**DECLARED | change)


def test_numpy_arrays_and_integers_are_accepted(tmp_path):
    study = Study(
        widths=np.array([4]),
        depths=range(1, 3),
        samples=np.int64(20),
        seed=np.int64(1),
        statistics=({"name": "spectral_measure", "bins": np.linspace(0, 2, 3)},),
    )
    assert run_study(study, tmp_path / "store").sizes["bin"] == 2


def test_two_processes_that_begin_at_once(tmp_path, monkeypatch):
    path = tmp_path / "store"
    right = study_store._provenance

    def slowly():
        # another process begins between the look and the writing
        monkeypatch.setattr(study_store, "_provenance", right)
        run_study(Study(**DECLARED | {"samples": 200}), path)
        return right()

    monkeypatch.setattr(study_store, "_provenance", slowly)
    run_study(Study(**DECLARED | {"samples": 200}), path)
    assert sorted(p.name for p in path.iterdir() if p.suffix != ".npz") == ["study.json"]


class Failing:
    """An executor whose second block ends in an error, all others being done by then."""

    def __init__(self):
        self.count = 0

    def submit(self, function, *arguments):
        future = Future()
        future.set_running_or_notify_cancel()
        self.count += 1
        if self.count == 2:
            future.set_exception(ArithmeticError("no convergence"))
        else:
            future.set_result(function(*arguments))
        return future


def test_finished_blocks_are_kept_when_another_fails(tmp_path):
    path = tmp_path / "store"
    with pytest.raises(ArithmeticError, match="no convergence"):
        run_study(Study(**DECLARED), path, executor=Failing())
    assert len(list(path.glob("*.npz"))) == BLOCKS - 1


def test_ragged_statistics_are_filled_with_nan(tmp_path):
    study = Study(widths=(2, 4), depths=(2,), samples=300, statistics=("log_singular_values",))
    result = run_study(study, tmp_path / "store")
    assert result.log_singular_values.dims == ("field", "width", "depth", "index")
    narrow = result.log_singular_values.sel(width=2).values.ravel()
    assert np.isfinite(narrow[:2]).all()
    assert np.isnan(narrow[2:]).all()


def test_blocks_are_of_a_size(monkeypatch):
    monkeypatch.undo()
    study = Study(**DECLARED)
    # 2^23 over width^2 (depth + 5), or over width^2 (4 depth + 8 width); at least 16
    places = ((8, 1), (32, 8), (256, 8))
    assert [study_blocks.block_samples(study, *place) for place in places] == [21845, 630, 16]
    study = Study(**DECLARED | {"statistics": ("log_singular_values",)})
    assert [study_blocks.block_samples(study, *place) for place in places] == [1927, 28, 16]
