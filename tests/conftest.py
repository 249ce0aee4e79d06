"""Set-up shared by all tests."""

import contextlib
import gc
import os
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import ClassVar

import array_api_compat
import array_api_strict
import hypothesis
import numpy as np
import pytest

from rmt_rank._lib.array import default_namespace, namespace
from rmt_rank._lib.errors import BackendUnavailableError
from rmt_rank.paper import experiments
from rmt_rank.paper.experiments.experiment import run_experiment
from rmt_rank.simulation.products.fused import device
from rmt_rank.simulation.products.fused.host import compiler, host_kernels
from rmt_rank.simulation.products.fused.source import Variant

# Time limit in seconds for tasks that take a few on an idle machine; only a hang reaches it.
LIMIT = 600

hypothesis.settings.register_profile("suite", deadline=None, max_examples=30, derandomize=True)
hypothesis.settings.load_profile("suite")


# Collection makes a million objects that stay: searching them for garbage, again and again, would
# take a quarter of its time.
gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    # markers of SciPy's own test modules, which tests/theory/gaussian/test_scipy_suite.py imports
    for name in ("thread_unsafe", "xslow", "fail_slow", "xfail_on_32bit", "parallel_threads_limit"):
        config.addinivalue_line("markers", f"{name}: used inside scipy.stats.tests")


# Cases that take more than 0.3 s of a processor; others, or other tests of the same code, remain.
SLOW = frozenset(Path(__file__).with_name("slow.txt").read_text("utf-8").split("\n")[:-1])


def pytest_collection_modifyitems(config, items):
    names = {item.nodeid for item in items}
    for item in items:
        if item.nodeid in SLOW:
            item.add_marker(pytest.mark.slow)
    if not config.option.file_or_dir:
        tests = {name.partition("[")[0] for name in names}
        unknown = sorted(n for n in SLOW - names if n.partition("[")[0] in tests)
        if unknown:
            raise pytest.UsageError(f"slow.txt names tests that do not exist: {unknown[:3]}")
    # processes that share a run must collect the same names, so no name may contain an address
    unstable = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if unstable:
        raise pytest.UsageError(f"names of tests change from run to run: {unstable[:3]}")


class TinyRuns:
    """Experiments at their tiny size, computed once for all tests and all their processes."""

    def __init__(self, shared):
        self._shared = shared

    def __call__(self, name):
        """Return a Dataset of an experiment that the caller may change."""
        if name == "convolutional":
            pytest.importorskip("torch", reason="PyTorch is not installed")
        return run_experiment(experiments.find(name), "tiny", folder=self._shared / name)

    def folder(self, name, copy):
        """Return a copy of the folder with the results of an experiment."""
        self(name)
        return shutil.copytree(self._shared / name, copy)


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory):
    """See `TinyRuns`."""
    pytest.importorskip("xarray", reason="xarray is not installed")
    base = tmp_path_factory.getbasetemp()
    # processes of pytest-xdist have a folder each in that of the session
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return TinyRuns(shared / "tiny_runs")


def _library(name: str):
    """Array API namespace of a library; the test is skipped where there is none."""
    if name == "array_api_strict":
        return array_api_strict
    if name == "jax":
        jax = pytest.importorskip("jax", reason="JAX is not installed")
        jax.config.update("jax_enable_x64", True)
        return jax.numpy
    try:
        return namespace(name)
    except BackendUnavailableError as error:
        # the error's sentence is the reason: which package, or that there is no CUDA device
        pytest.skip(str(error))


@pytest.fixture
def library():
    """Return a function from the name of a library to its namespace, see `_library`."""
    return _library


# Sizes of the H200, in bytes but for the first two; CuPy's names.
_H200 = {
    "MultiProcessorCount": 132,
    "MaxThreadsPerMultiProcessor": 2048,
    "MaxSharedMemoryPerMultiprocessor": 233_472,
    "MaxSharedMemoryPerBlockOptin": 232_448,
}


class _Kernel:
    """A kernel with CuPy's interface that runs on the host and checks the launch."""

    max_dynamic_shared_size_bytes = 0

    def __init__(self, name, options):
        defined = dict(each[2:].split("=") for each in options if each.startswith("-D"))
        field = "complex" if defined["COMPLEX"] == "1" else "real"
        self.variant = Variant(int(defined["WIDTH"]), field, defined["LOGS"] == "1")
        self.name, self.defined = name, defined

    def __call__(self, grid, block, arguments, shared_mem=0):
        outside, *rest = arguments
        limit = _H200["MaxSharedMemoryPerBlockOptin"]
        assert shared_mem == self.max_dynamic_shared_size_bytes <= limit
        assert block[0] <= 128
        if self.name == "chains":
            lanes = int(self.defined["LANES"])
            places = grid[0] * block[0] // lanes
            depths = rest[3]
            if depths > 1 or self.defined["PLACE_OUTSIDE"] == "1":
                assert outside.size == 2 * places * self.variant.matrix_doubles
        host_kernels(self.variant, 1, "-O1").launch(self.name, 0, tuple(rest), copies=False)


class _CupyOfTheHost(types.ModuleType):
    """The functions of CuPy that are used beside its array API: one device, with much memory."""

    def __init__(self):
        super().__init__("cupy")
        self.free_bytes = 2**37
        runtime = types.SimpleNamespace(
            getDeviceCount=lambda: 1,
            memGetInfo=lambda: (self.free_bytes, 2**37),
            CUDARuntimeError=RuntimeError,
        )
        self.cuda = types.SimpleNamespace(
            runtime=runtime, Device=lambda: types.SimpleNamespace(id=0, attributes=_H200)
        )

    def get_default_memory_pool(self):
        return types.SimpleNamespace(free_bytes=lambda: 0)

    def RawModule(self, code, options, backend):  # noqa: N802
        assert (backend, "chains" in code) == ("nvrtc", True)
        return types.SimpleNamespace(get_function=lambda name: _Kernel(name, options))


@pytest.fixture
def simulated_device(monkeypatch):
    """CuPy's namespace, where the host stands in for the device, NumPy for CuPy's arrays.

    The kernels are compiled by the host's compiler; `sys.modules["cupy"]` is the stand-in.
    """
    if compiler() is None:
        pytest.skip("there is no C++ compiler")
    xp = types.ModuleType("array_api_compat.cupy")
    vars(xp).update({k: v for k, v in vars(default_namespace()).items() if k[:2] != "__"})
    xp.random = np.random
    monkeypatch.setitem(sys.modules, "cupy", _CupyOfTheHost())
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", xp)
    monkeypatch.setattr(array_api_compat, "is_cupy_namespace", lambda module: module is xp)
    caches = device._kernel, device._module
    for each in caches:
        each.cache_clear()
    yield xp
    for each in caches:
        each.cache_clear()


@pytest.fixture
def signals():
    """Make signals act as in a process started from a terminal, regardless of inherited settings.

    A background shell starts its jobs with SIGINT ignored, and others block signals; children
    inherit both.  A handler written in Python is the default action in a child.
    """
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGCHLD: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, action) for number, action in usual.items()}
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, usual)
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    for number, action in before.items():
        # None stands for a handler that was not set from Python
        signal.signal(number, signal.SIG_DFL if action is None else action)


class _Process(subprocess.Popen):
    """A process with its own group and text pipes."""

    OPTIONS: ClassVar = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "start_new_session": True,
        "text": True,
    }

    def outcome(self):
        """Wait for the process, and return exit code, output and errors."""
        output, errors = self.communicate(timeout=LIMIT)
        return subprocess.CompletedProcess(self.args, self.returncode, output, errors)

    def end(self):
        """Kill the process and its children, and close its pipes."""
        # macOS does not allow killing a group without living members, which has ended
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


@pytest.fixture
def start(signals):
    """Start a command as a process in its own group, which is killed when the test ends."""
    with contextlib.ExitStack() as processes:

        def started(*command, **options):
            process = _Process([*map(str, command)], **(_Process.OPTIONS | options))
            processes.callback(process.end)
            return process

        yield started


@pytest.fixture
def until():
    """Wait until a function returns something true, and return that."""

    def wait(condition):
        deadline = time.monotonic() + LIMIT
        while not (value := condition()):
            assert time.monotonic() < deadline, f"not within {LIMIT} s"
            time.sleep(0.05)
        return value

    return wait


@pytest.fixture
def in_threads():
    """Run functions without arguments concurrently, and return their results in order."""

    def run(work):
        barrier = threading.Barrier(len(work))

        def started(each):
            barrier.wait(LIMIT)
            return each()

        pool = ThreadPoolExecutor(len(work))
        futures = [pool.submit(started, each) for each in work]
        unfinished = wait(futures, LIMIT).not_done
        pool.shutdown(wait=not unfinished)
        assert not unfinished, f"{len(unfinished)} of {len(work)} threads have not ended"
        return [future.result() for future in futures]

    return run


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium without a window."""
    module = runpy.run_path(Path(__file__).with_name("chromium.py"))
    if module["BROWSER"] is None:
        pytest.skip("there is no Chromium: install the package chromium")
    found = module["Browser"](tmp_path_factory.mktemp("browser"))
    yield found
    found.close()
