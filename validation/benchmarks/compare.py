"""Shared functions of the benchmarks: rivals timed in turns, and a line about the machine."""

import platform
import time
from importlib.metadata import PackageNotFoundError, version


def seconds(calls, rounds, warm_up=1, clock=time.perf_counter):
    """Times of each call, all of them taking turns, so that noise meets all alike."""
    for call in calls.values():
        for _ in range(warm_up):
            call()
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = clock()
            call()
            times[name].append(clock() - start)
    return times


def least_seconds(calls, rounds, warm_up=1):
    """Least time of each call."""
    return {name: min(each) for name, each in seconds(calls, rounds, warm_up).items()}


def ratio(rival, own, digits=2):
    """Rival's time over the own one: of the least times, and the range over rounds."""
    rounds = [a / b for a, b in zip(rival, own, strict=True)]
    return (
        f"{min(rival) / min(own):.{digits}f} ({min(rounds):.{digits}f} to {max(rounds):.{digits}f})"
    )


def repeated(call, times):
    """A call that is too quick for the clock, several times over."""

    def many():
        for _ in range(times):
            call()

    return many


def setting(*packages):
    """The machine and the versions that a table was made with."""
    try:
        from cpuinfo import get_cpu_info

        cpu = get_cpu_info().get("brand_raw") or platform.processor()
    except ImportError:
        cpu = platform.processor() or platform.machine()
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return f"{cpu}; {', '.join(found)}"
