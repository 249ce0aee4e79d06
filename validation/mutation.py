"""Mutation testing of theory/gaussian and metrics, into reports/mutation.md.

python validation/mutation.py FOLDER

A mutant is one small change of the code: another operator, boundary, constant or branch, or a
statement that is left out.  A mutant that no test notices is either equivalent to the code, or
shows that a test is missing.  PER_FILE mutants of each file are drawn at a fixed seed.

The tests of a folder are collected and run once, and the lines that each of them reaches are
recorded.  For each mutant the process forks; the child replaces the code of the functions, and the
constants, by those of the mutant, and runs the tests that reach the changed statement until one
fails.  No file is changed.  The results of a file are kept in FOLDER; a second run tries only the
survivors that reports/mutation_survivors.csv does not explain.

Limits: hypothesis draws EXAMPLES examples instead of 60, tests of one mutant take at most LIMIT
seconds, the slow tests and SciPy's own are left out, and a changed constant is not followed into
constants of other modules that were computed from it.
"""

import ast
import csv
import functools
import gc
import importlib
import json
import os
import random
import signal
import sys
import time
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _pytest.runner import runtestprotocol
from mutants import mutants

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "validation/reports/mutation.md"
SURVIVORS = ROOT / "validation/reports/mutation_survivors.csv"

HEAD = """# Mutation testing

Made by `python validation/mutation.py FOLDER`, which describes the method and its limits, with
PyTorch and without JAX.

| file | mutants | tried | killed | survived |
|--|--:|--:|--:|--:|
{counts}

## Survivors

| place | code | change | why it survives |
|--|--|--|--|
{survivors}

## Survivors that later tests kill

| place | code | change | test |
|--|--|--|--|
{killed}
"""

PER_FILE = 40
SEED = 0
EXAMPLES = 15
# calls of a function, in a test, whose lines are recorded
TRACED = 50
# seconds of processor time, from the first run, and of wall time for one mutant
LIMIT, TIMEOUT = 10.0, 120

FILES = {
    "metrics": "gram kernels matrix prepared presets scaling shares spectrum thresholds",
    "theory/gaussian": "angle angle_law coupling effective_rank fuss_catalan inversion "
    "limit_measures moments tables threshold_rank",
}
# SciPy's tests of distributions take longer than all others
LEFT_OUT = ["--ignore=tests/theory/gaussian/test_scipy_suite.py"]


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from codes(each)


def key(code: types.CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def objects(kind: type) -> list[Any]:
    """Objects of a type, also those that tests/conftest.py hides from the garbage collector."""
    gc.unfreeze()
    found = [each for each in gc.get_objects() if type(each) is kind]
    gc.freeze()
    return found


def is_data(value: Any) -> bool:
    plain = isinstance(value, int | float | str | tuple | list | dict | np.ndarray)
    return plain and not hasattr(value, "_fields")


def graft(module: types.ModuleType, code: types.CodeType, functions: list[Any]) -> None:
    """Give functions, defaults and constants of a module those that a mutant would have."""
    kept = ("__name__", "__file__", "__package__", "__spec__")
    namespace = {name: module.__dict__[name] for name in kept}
    exec(code, namespace)
    new_code = {key(each): each for each in codes(code)}
    new_functions = {
        key(each.__code__): each
        for each in gc.get_objects()
        if type(each) is types.FunctionType and each.__globals__ is namespace
    }
    for each in functions:
        place = key(each.__code__)
        if place in new_code and new_code[place].co_freevars == each.__code__.co_freevars:
            each.__code__ = new_code[place]
        if place in new_functions:
            each.__defaults__ = new_functions[place].__defaults__
            each.__kwdefaults__ = new_functions[place].__kwdefaults__
    for name, old in list(module.__dict__.items()):
        new = namespace.get(name)
        if is_data(old) and repr(old) != repr(new):
            for other in list(sys.modules.values()):
                if getattr(other, "__dict__", {}).get(name) is old:
                    setattr(other, name, new)
        if isinstance(old, types.FunctionType) and isinstance(new, types.FunctionType):
            old.__dict__.update(new.__dict__)
        if isinstance(old, type) and old.__module__ == module.__name__:
            if hasattr(old, "_field_defaults"):
                old.__new__.__defaults__ = new.__new__.__defaults__
            for attribute, value in vars(new).items():
                if is_data(value) and not attribute.startswith("__"):
                    setattr(old, attribute, value)


class Run:
    """A pytest plugin that runs the tests of a folder once, and then for each mutant of its files.

    `kept` has the files, as modules, and where their results are written.
    """

    def __init__(self, kept: dict[types.ModuleType, Path]) -> None:
        self.kept = kept
        self.sources = {module.__file__ for module in kept}
        self.seconds: dict[str, float] = {}
        self.lines: dict[str, set[tuple[str, int]]] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Let hypothesis draw few examples, and not look for the simplest."""
        import hypothesis  # not at the top: pytest warns of plugins that were imported before it

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "mutation", hypothesis.settings(), phases=phases, max_examples=EXAMPLES
        )
        hypothesis.settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the collected tests, and then the mutants of each file."""
        items = [item for item in session.items if self.first_run(item)]
        self.caches = [
            each
            for each in objects(functools._lru_cache_wrapper)
            if each.__module__.startswith("rmt_rank")
        ]
        for module, path in self.kept.items():
            path.write_text(json.dumps(self.results(module, items, read(path))))
        return True

    def first_run(self, item: pytest.Item) -> bool:
        """Run a test and record its time and lines; False for one that is skipped."""
        lines: set[tuple[str, int]] = set()
        calls: Counter[types.CodeType] = Counter()

        def trace_lines(frame: Any, event: str, _: Any) -> Any:
            lines.add((frame.f_code.co_filename, frame.f_lineno))
            return trace_lines

        def trace(frame: Any, event: str, _: Any) -> Any:
            if frame.f_code.co_filename not in self.sources:
                return None
            calls[frame.f_code] += 1
            return trace_lines if calls[frame.f_code] <= TRACED else None

        start = time.process_time()
        sys.settrace(trace)
        reports = runtestprotocol(item, nextitem=None, log=False)
        sys.settrace(None)
        self.lines[item.nodeid] = lines
        self.seconds[item.nodeid] = time.process_time() - start
        if any(report.failed for report in reports):
            print(item.nodeid, "fails without a mutant, and is left out", flush=True)
        return all(report.passed for report in reports)

    def results(
        self, module: types.ModuleType, items: list[Any], before: dict[str, Any]
    ) -> dict[str, Any]:
        """Number of mutants, and a row for each that was tried.

        A row has line, function, change, killer, and True if the mutant survived before.
        """
        file = module.__file__
        functions = [f for f in objects(types.FunctionType) if f.__code__.co_filename == file]
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
        every = list(mutants(tree))
        drawn = random.Random(SEED).sample(range(len(every)), min(PER_FILE, len(every)))
        name = "/".join(module.__name__.split(".")[1:])
        explained = explanations()
        kills: Counter[str] = Counter()
        tried = []
        for count, mutant in enumerate(every[i] for i in sorted(drawn)):
            place = [mutant.old.lineno, mutant.function, mutant.change()]
            known = count < len(before["tried"]) and before["tried"][count][1:3] == place[1:]
            if known:
                _, *key, killer, _ = before["tried"][count]
                if killer is not None or (name, *key) in explained:
                    tried.append([*place, *before["tried"][count][3:]])
                    continue
            mutant.put(mutant.new)
            code = compile(ast.fix_missing_locations(tree), file, "exec")
            mutant.put(mutant.old)
            places = {(file, line) for line in mutant.lines or ()}
            reaching = [i for i in items if not places.isdisjoint(self.lines[i.nodeid])]
            if not reaching:  # code that runs on import: tests that reach the file
                reaching = [i for i in items if any(f == file for f, _ in self.lines[i.nodeid])]
            reaching.sort(key=lambda item: (-kills[item.name], self.seconds[item.nodeid]))
            killer = self.killer(reaching, module, code, functions)
            kills[killer or ""] += 1
            print(name, *place, "|", killer, flush=True)
            tried.append([*place, killer, known and killer is not None])
        return {"all": len(every), "tried": tried}

    def killer(
        self, items: list[Any], module: types.ModuleType, code: types.CodeType, functions: list[Any]
    ) -> str | None:
        """Name of a test that fails for a mutant; None if none does."""
        read, write = os.pipe()
        if not (child := os.fork()):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(TIMEOUT)
            left = LIMIT
            for cache in self.caches:
                cache.cache_clear()
            try:
                graft(module, code, functions)
                for item in items:
                    if left < 0:
                        break
                    left -= self.seconds[item.nodeid]
                    reports = runtestprotocol(item, nextitem=None, log=False)
                    if any(report.failed for report in reports):
                        os.write(write, item.name.encode()[:2000])
                        break
            except BaseException as error:
                os.write(write, f"({type(error).__name__} on import)".encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            killer = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return f"(signal {os.WTERMSIG(status)})"
        return killer or None


def run(part: str, kept: dict[str, Path]) -> None:
    """Write the results of files of a folder, in a process of its own: pytest imports once."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    try:
        package = f"rmt_rank.{part.replace('/', '.')}"
        modules = {importlib.import_module(f"{package}.{n}"): path for n, path in kept.items()}
        options = ["-q", "-s", "-p", "no:cacheprovider", "-m", "not slow and not gpu"]
        pytest.main([*options, *LEFT_OUT, f"tests/{part}"], plugins=[Run(modules)])
    finally:
        os._exit(0)


def explanations() -> dict[tuple[str, ...], str]:
    """Why a mutant survives, by file, function and change."""
    with SURVIVORS.open(newline="", encoding="utf-8") as file:
        return {(r["file"], r["function"], r["change"]): r["why"] for r in csv.DictReader(file)}


def read(path: Path) -> dict[str, Any]:
    """Results of a file, or empty ones."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"tried": []}


def write(results: dict[str, dict[str, Any]]) -> None:
    """Write the report, with every survivor and those that later tests killed."""
    why = explanations()
    rows: dict[str, list[str]] = {"counts": [], "survivors": [], "killed": []}
    total = Counter[str]()
    for name, result in results.items():
        path = ROOT / f"rmt_rank/{name}.py"
        code = path.read_text(encoding="utf-8").splitlines()
        alive = sum(row[3] is None for row in result["tried"])
        counts = Counter(all=result["all"], tried=len(result["tried"]), alive=alive)
        total.update(counts)
        rows["counts"].append(table_row(name, counts))
        for line, function, change, killer, again in result["tried"]:
            # a function keeps its name when lines above it are added
            where = f"`{name}.py`" + (f" `{function}`" if function else "")
            place = where, cell(code[line - 1].strip()), cell(change)
            reason = why.get((name, function, change), "not explained")
            if killer is None:
                rows["survivors"].append(f"| {' | '.join(place)} | {reason} |")
            elif again:
                rows["killed"].append(f"| {' | '.join(place)} | {cell(killer)} |")
    rows["counts"].append(table_row("all", total))
    text = HEAD.format(**{name: "\n".join(lines) for name, lines in rows.items()})
    REPORT.write_text(text, encoding="utf-8")


def cell(code: str) -> str:
    return f"`` {code.replace('|', chr(92) + '|')} ``"


def table_row(name: str, n: Counter[str]) -> str:
    return f"| {name} | {n['all']} | {n['tried']} | {n['tried'] - n['alive']} | {n['alive']} |"


def main(folder: Path) -> None:
    os.chdir(ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    results, why = {}, explanations()
    for part, names in FILES.items():
        paths = {name: folder / f"{part.replace('/', '-')}-{name}.json" for name in names.split()}
        open_ = {
            name: path
            for name, path in paths.items()
            if not path.exists()
            or any(
                killer is None and (f"{part}/{name}", function, change) not in why
                for _, function, change, killer, _ in read(path)["tried"]
            )
        }
        if open_:
            run(part, open_)
        results |= {f"{part}/{name}": read(path) for name, path in paths.items()}
    write(results)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
