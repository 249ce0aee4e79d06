"""Suggestions for misspelled names."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable

import lazy_loader

__all__ = ["attach", "did_you_mean", "getattr_with_hint", "no_attribute"]

# Modules whose names are not at the top level.
_MODULES = ("metrics", "networks", "nonlinear", "study", "theory", "exact", "data", "paper")


def did_you_mean(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return the end of an error message that suggests the most similar name, '' if none is."""
    found = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {prefix + found[0]!r}?" if found else ""


def attach(
    package: str, file: str
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return what `lazy_loader.attach_stub` does, with a suggestion for a misspelled name."""
    imported, directory, names = lazy_loader.attach_stub(package, file)
    fail = getattr_with_hint(package, names)

    def attribute(name: str) -> object:
        return imported(name) if name in names else fail(name)

    return attribute, directory, names


def getattr_with_hint(module: str, names: Iterable[str]) -> Callable[[str], object]:
    """Return a `__getattr__` for a module that has only these names: it suggests one of them."""

    def attribute(name: str) -> object:
        hint = did_you_mean(name, names)
        raise AttributeError(f"module {module!r} has no attribute {name!r}{hint}")

    return attribute


def no_attribute(name: str) -> str:
    """Return a message that `rmt_rank` has no such attribute, and which one is similar."""
    known = {each: each for each in importlib.import_module("rmt_rank").__all__}
    for module in _MODULES:
        for each in importlib.import_module(f"rmt_rank.{module}").__all__:
            known.setdefault(each, f"{module}.{each}")
    found = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {known[found[0]]!r}?" if found else ""
    return f"module 'rmt_rank' has no attribute {name!r}{hint}"
