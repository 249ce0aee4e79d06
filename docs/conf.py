"""Sphinx configuration.  Build with `sphinx-build -W -b html docs docs/_build/html`.

Nothing is fetched while building or reading: the formulas' MathJax files come from the package
sphinx-mathjax-offline, and there is no intersphinx.
"""

from __future__ import annotations

import re

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import rmt_rank
from rmt_rank.paper.claims import CLAIMS

project = "rmt_rank"
author = "the rmt_rank developers"
copyright = author
release = version = rmt_rank.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3
default_role = "py:obj"
smartquotes = False  # psi' and W' are no quotations
python_use_unqualified_type_names = True

autodoc_typehints = "none"  # numpydoc's Parameters say it in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
# The two distributions are instances, and their docstrings have SciPy's list of methods.
numpydoc_class_members_toctree = False

html_theme = "furo"
html_title = f"rmt_rank {release}"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]


class ClaimList(SphinxDirective):
    """`rmt_rank.paper.claims.CLAIMS` as a list, so that page and program cannot differ."""

    def run(self) -> list[nodes.Node]:
        lines = []
        for claim in CLAIMS:
            lines += [
                f"`{claim.name}`, {claim.status}",
                f": {_escaped(claim.statement)}",
                "",
                f"  Assumptions: {_escaped(claim.assumptions)}. "
                f"Where: {_escaped(claim.reference)}. "
                f"Refuted by: {_escaped(claim.refuted_by)}.",
                "",
            ]
        holder = nodes.container()
        self.state.nested_parse(StringList(lines), self.content_offset, holder)
        return holder.children


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\*_`$[]|<>" else char for char in text)


def escape_bars(_app: Sphinx, _what: str, _name: str, _obj: object, _opt: object, lines: list[str]):
    """Let |x| in a docstring mean the absolute value, not a substitution."""
    lines[:] = [line if "`" in line else line.replace("|", "\\|") for line in lines]


def close_examples(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Drop the empty line that ends an example for doctest."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")


def number_references(_app: Sphinx, doctree: nodes.document, _page: str) -> None:
    """Print [1] for what numpydoc calls [R0123-1] to keep the docstrings' references apart."""
    for text in list(doctree.findall(nodes.Text)):
        if match := re.fullmatch(r"\[R[0-9a-f]+-(\d+)\]", text.astext()):
            text.parent.replace(text, nodes.Text(f"[{match[1]}]"))


def setup(app: Sphinx) -> None:
    app.add_directive("claims", ClaimList)
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("source-read", close_examples)
    app.connect("doctree-resolved", number_references)
