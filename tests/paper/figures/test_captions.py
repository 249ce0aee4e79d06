"""Captions: sizes in words, and the same on the page of the documentation."""

from pathlib import Path

import pytest

from rmt_rank.paper import experiments
from rmt_rank.paper.figures import FIGURES, find
from rmt_rank.paper.figures.figure import caption

DOCS = Path(__file__).parents[3] / "docs"


def written(name):
    """The caption of a figure at full size."""
    figure = find(name)
    if figure.experiment is None:
        return caption(figure, {})
    return caption(figure, experiments.find(figure.experiment).settings("full"))


@pytest.mark.parametrize("name", FIGURES)
def test_sizes_are_written_in_words(name):
    words = written(name)
    assert words.endswith(".")
    assert not {"{", "["} & set(words)


def test_numbers_in_a_row_and_by_key():
    from dataclasses import replace

    figure = replace(find("phases"), caption="{depths}; {widths}; {draws}; {draws_32}.")
    settings = {"depths": [1, 2, 3, 4], "widths": [2, 4], "draws": {"32": 9}}
    assert caption(figure, settings) == "1 to 4; 2, 4; 9 (32); 9."


@pytest.mark.parametrize("name", FIGURES)
def test_docs(name):
    page = (DOCS / "figures.md").read_text("utf-8")
    picture = f"(../validation/reports/figures/{name}.png)\n\n"
    if picture in page:
        assert page.partition(picture)[2].startswith(written(name) + "\n")
