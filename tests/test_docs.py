"""The examples of the documentation and the README."""

import doctest
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_examples_of_the_pages(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert doctest.testfile(str(page), module_relative=False).failed == 0


def test_code_of_the_readme_runs():
    text = (ROOT / "README.md").read_text()
    blocks = text.split("```python\n")[1:]
    assert len(blocks) == 5
    first, second, third, finite, fourth = (block.split("```")[0] for block in blocks)
    names = {}
    *body, last = first.strip().splitlines()
    exec("\n".join(body), names)
    # the number in the README's comment
    assert eval(last, names) == pytest.approx(-0.707, abs=5e-4)
    assert names["law"].mean() == pytest.approx(0.625)
    assert np.shape(names["sigma"]) == (500, 64)
    exec(second, {"print": lambda *_: None})
    *body, last = third.strip().splitlines()
    exec("\n".join(body), names)
    # 64 samples of 32 Gaussian features: below log(32) = 3.47
    assert 3 < eval(last, names) < np.log(32)
    exec(finite, names)
    assert names["answer"].method == "corrected"
    exec(fourth, names)
    assert names["result"].standard_error <= 1e-3
