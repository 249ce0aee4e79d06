"""Sphinx configuration.  Build with `sphinx-build -W -b html docs docs/_build/html`.

The build works without a network: MathJax comes from the package sphinx-mathjax-offline, the theme
brings its own fonts, and links to NumPy, SciPy and PyTorch are made where their inventories can be
fetched.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

import rmt_rank
from rmt_rank.paper.claims import CLAIMS

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

TORCH = importlib.util.find_spec("torch") is not None

project = "rmt_rank"
author = "the rmt_rank developers"
copyright = author
release = version = rmt_rank.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "inventories",
]
exclude_patterns = ["_build", "examples", "joss", "**/README.rst", "**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
default_role = "py:obj"
smartquotes = False  # psi' and W' are no quotations
python_use_unqualified_type_names = True

# `inventories` leaves out those that cannot be reached
intersphinx_mapping = {
    "numpy": ("https://numpy.org/doc/stable/", None),
    "scipy": ("https://docs.scipy.org/doc/scipy/", None),
    "torch": ("https://docs.pytorch.org/docs/stable/", None),
}

autodoc_typehints = "none"  # numpydoc's Parameters say it in words
autodoc_member_order = "bysource"
autodoc_mock_imports = [] if TORCH else ["torch"]
autosummary_ignore_module_all = False
# Estimate and estimate would be one file where the file system ignores case
autosummary_filename_map = {"rmt_rank.Estimate": "rmt_rank.Estimate-class"}
numpydoc_show_class_members = False
# The two distributions are instances, and their docstrings have SciPy's list of methods.
numpydoc_class_members_toctree = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

sphinx_gallery_conf = {
    "examples_dirs": ["examples/tutorials", "examples/gallery"],
    "gallery_dirs": ["tutorials", "gallery"],
    # those that need PyTorch are shown without results where it is not installed
    "filename_pattern": r"\.py$" if TORCH else r"/(?!torch_)[^/]*\.py$",
    "within_subsection_order": "gallery_settings.ReadingOrder",
    "image_scrapers": ("gallery_settings.save_figures",),
    "reset_modules": ("gallery_settings.reset",),
    "doc_module": ("rmt_rank",),
    "backreferences_dir": "reference/backreferences",
    "inspect_global_variables": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"rmt_rank {release}"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_js_files = ["search_without_tex.js"]
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "get-started": [], "whats-new": []}


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


def find_assigned(_app: Sphinx, module: str) -> tuple[str, dict[str, tuple[str, int, int]]] | None:
    """Let source links find names that a module assigns, such as `effective_rank` in `matrix`."""
    if not module.startswith("rmt_rank"):
        return None
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.find_tags()
    for node in ast.parse(analyzer.code).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            place = ("def", node.lineno, node.end_lineno or node.lineno)
            analyzer.tags.setdefault(node.targets[0].id, place)
    return analyzer.code, analyzer.tags


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("claims", ClaimList)
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("source-read", close_examples)
    app.connect("doctree-resolved", number_references)
    app.connect("viewcode-find-source", find_assigned)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
