"""Items of work: loaded or computed, and kept; worker processes, and when they exit."""

import os
import signal
import sys
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from rmt_rank._lib import work
from rmt_rank._lib.work import completed, processes

pytest.importorskip("xarray", reason="xarray is not installed")

# together, these cells and blocks take minutes
COMMANDS = {
    "experiment": ["convergence", "--quick", "--out", "out", "--jobs", "2"],
    "figure": ["convergence-pdf", "--quick", "--out", "out", "--jobs", "2"],
    "study": ["run", "grid.toml", "--out", "out", "--jobs", "2"],
}
DECLARED = """
[study]
widths = [64]
depths = [40]
samples = 400000
statistics = ["effective_rank"]
"""


@pytest.fixture
def running(start, until, tmp_path):
    """Start a command, and return its process when there is a first result."""

    def started(*command):
        (tmp_path / "grid.toml").write_text(DECLARED)
        process = start(*command, cwd=tmp_path)
        until(lambda: process.poll() is not None or list(tmp_path.rglob("*.npz")))
        assert process.poll() is None
        return process

    return started


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_killed_leaves_no_worker(running, name):
    process = running(sys.executable, "-P", "-m", "rmt_rank", name, *COMMANDS[name])
    process.send_signal(signal.SIGKILL)
    # its output ends when the last process that holds it exits
    assert process.outcome().returncode == -signal.SIGKILL


def test_a_worker_in_a_long_call_ends_with_its_parent(start):
    # minutes in one call of NumPy
    script = """
import os, signal, time
import numpy
from rmt_rank._lib.work import processes
if __name__ == "__main__":
    with processes(2) as pool:
        ones = numpy.ones(2**20)
        futures = [pool.submit(numpy.convolve, ones, ones) for _ in range(2)]
        while not all(future.running() for future in futures):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)
"""
    assert start(sys.executable, "-c", script).outcome().returncode == -signal.SIGKILL


@pytest.mark.parametrize("jobs", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_a_command_started_with_interrupts_ignored_ignores_them(start, until, tmp_path, jobs):
    command = [sys.executable, "-P", "-m", "rmt_rank", "experiment", "convergence", "--tiny"]
    shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    process = start(*shell, *command, "--out", tmp_path / "out", "--jobs", jobs)
    until(lambda: process.poll() is not None or list(tmp_path.rglob("*.npz")))
    os.killpg(process.pid, signal.SIGINT)
    done = process.outcome()
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.usefixtures("signals")
def test_the_action_of_an_interrupt_is_restored():
    for action in (signal.default_int_handler, signal.SIG_IGN):
        signal.signal(signal.SIGINT, action)
        with processes(2) as pool:
            assert signal.getsignal(signal.SIGINT) is action
            assert pool.submit(signal.getsignal, signal.SIGINT).result() is signal.SIG_IGN


def test_workers_of_a_thread_that_is_not_the_first():
    def compute():
        with processes(2) as pool:
            return pool.submit(sum, [1, 2]).result()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(compute).result() == 3


def test_workers_of_others_are_left_alone():
    with processes(2) as mine:
        with pytest.raises(ZeroDivisionError), processes(2) as other:
            other.submit(divmod, 1, 0).result()
        assert mine.submit(sum, [1, 2]).result() == 3


class Failing:
    """An executor whose second item ends in an error, all others being done by then."""

    def __init__(self):
        self.futures = []

    def submit(self, function, *arguments):
        future = Future()
        future.set_running_or_notify_cancel()
        if len(self.futures) == 1:
            future.set_exception(ArithmeticError("no convergence"))
        else:
            future.set_result(function(*arguments))
        self.futures.append(future)
        return future


def test_items_that_are_done_are_loaded_first_and_only_the_others_computed():
    kept, told, computed = {3: 30}, [], []

    def compute(item):
        computed.append(item)
        return 10 * item

    found = completed(
        range(1, 5), compute, kept.get, kept.__setitem__, progress=lambda *both: told.append(both)
    )
    assert list(found) == [(3, 30), (1, 10), (2, 20), (4, 40)]
    assert computed == [1, 2, 4]
    assert kept == {1: 10, 2: 20, 3: 30, 4: 40}
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_finished_items_are_kept_when_another_fails(monkeypatch):
    kept, executor = {}, Failing()
    with pytest.raises(ArithmeticError, match="no convergence"):
        list(completed(range(6), str, kept.get, kept.__setitem__, executor))
    assert kept == {item: str(item) for item in (0, 2, 3, 4, 5)}
    # no more than so many are submitted before a result is waited for
    kept.clear()
    monkeypatch.setattr(work, "_IN_FLIGHT", 2)
    executor = Failing()
    with pytest.raises(ArithmeticError, match="no convergence"):
        list(completed(range(6), str, kept.get, kept.__setitem__, executor))
    assert len(executor.futures) == 2
    assert kept == {0: "0"}
