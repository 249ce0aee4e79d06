"""What the benchmarks share: rivals timed in turns, and a line about the machine."""

import platform
import time
from importlib.metadata import PackageNotFoundError, version


def least_seconds(calls, rounds, warm_up=1):
    """Least time of each call, all of them taking turns, so that noise meets all alike."""
    for call in calls.values():
        for _ in range(warm_up):
            call()
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            least[name] = min(least[name], time.perf_counter() - start)
    return least


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
