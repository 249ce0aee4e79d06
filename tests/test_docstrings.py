"""Docstrings of all public names say what the signatures do, by the checks in pyproject.toml."""

import importlib
import inspect
import tomllib
from pathlib import Path

import pytest

numpydoc = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed")
from numpydoc.docscrape import get_doc_object  # noqa: E402

SHELVES = ["", ".metrics", ".networks", ".nonlinear", ".study", ".theory", ".exact", ".data"]
SETTINGS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
CHECKS = SETTINGS["tool"]["numpydoc_validation"]["checks"]


class Docstring(numpydoc.Validator):
    """numpydoc's validator, but the fields of a result may be documented as attributes.

    Functions make the results, so that no caller passes the fields as parameters.
    """

    def __init__(self, obj_name):
        super().__init__(get_doc_object(self._load_obj(obj_name)))
        if inspect.isclass(self.obj) and not self.doc["Parameters"]:
            self.doc["Parameters"] = self.doc["Attributes"]


def public():
    """Yield the names of all functions and classes; SciPy writes those of the two instances."""
    for shelf in (f"rmt_rank{each}" for each in SHELVES):
        module = importlib.import_module(shelf)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                yield f"{shelf}.{name}"


@pytest.mark.parametrize("name", list(public()))
def test_the_docstring_matches_the_signature(name):
    errors = numpydoc.validate(name, validator_cls=Docstring)["errors"]
    assert [error for error in errors if error[0] in CHECKS] == []
