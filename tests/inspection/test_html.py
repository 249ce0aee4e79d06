"""The page of `rmt-rank inspect --html`, opened in Chromium without a network."""

import json
import re

import numpy as np
import pytest

from rmt_rank import inspect, rectangular_law
from rmt_rank.inspection.html import page

HOSTILE = '</script><script>document.title="broken"</script><img src=x onerror=alert(1)>'
NAMES = [
    HOSTILE,
    "quotes\"'&amp;<b>",
    "controls\x1b[2J\n\x00\u202e\u2028",
    "{{data}}",
    "",
    "é ∑ 漢",
]


@pytest.fixture(scope="module")
def layers():
    rng = np.random.default_rng(0)
    found = {f"layer.{i}.weight": rng.normal(size=(40, 60)) for i in range(4)}
    spiked = rng.normal(size=(40, 60))
    spiked[:, 0] += 40
    return found | {name: spiked + rng.normal(size=(40, 60)) for name in NAMES}


@pytest.fixture(scope="module")
def report(layers, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    other = inspect({"other.weight": np.random.default_rng(1).normal(size=(33, 50))})
    result = inspect(layers | {"bias": np.ones(3)})
    path.write_text(page([(HOSTILE, result), ("second", other)], {"filter": HOSTILE}), "utf-8")
    return path


def data_of(path):
    text = path.read_text("utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def test_names_are_data(report):
    text = report.read_text("utf-8")
    assert text.count("</script>") == 2
    assert "onerror" not in re.sub(r'id="data">.*?</script>', "", text, flags=re.S)
    names = [each["name"] for each in data_of(report)["models"][0]["matrices"]]
    assert HOSTILE in names
    assert "controls\\x1b[2J\\n\\x00\\u202e\\u2028" in names
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []


def test_histogram_and_law_have_the_same_unit(layers, report):
    shown = {each["name"]: each for each in data_of(report)["models"][0]["matrices"]}
    spectrum = shown["layer.0.weight"]["spectrum"]
    width = spectrum["end"] / len(spectrum["density"])
    # both densities have total 1; the law's by the trapezoidal rule on 121 points
    assert sum(spectrum["density"]) * width == pytest.approx(1, abs=1e-4)
    law = spectrum["law"]
    assert np.trapezoid(law["y"], law["x"]) == pytest.approx(1, abs=2e-3)
    assert np.trapezoid(law["y"] * np.square(law["x"]), law["x"]) == pytest.approx(1, abs=2e-3)
    # entries of variance 1 have the mean square 60; the law's unit is entries of variance 1/40
    edge = rectangular_law([40, 60]).support()[1]
    values = np.linalg.svd(layers["layer.0.weight"], compute_uv=False)
    unit = np.sqrt(np.mean(values**2))
    assert law["end"] == pytest.approx(edge / np.sqrt(60 / 40), rel=1e-12)
    # at width 40 the largest value is within a tenth of the edge
    assert values[0] / unit == pytest.approx(law["end"], rel=0.1)
    # a row of 40s is far beyond three edges, and is listed instead of shown
    far = shown[HOSTILE]["spectrum"]
    assert far["number_beyond"] == 1
    assert far["beyond"][0] > 3 * law["end"]


def test_it_opens_without_a_network_and_without_messages(browser, report):
    browser(
        "Network.emulateNetworkConditions",
        offline=True,
        latency=0,
        downloadThroughput=-1,
        uploadThroughput=-1,
    )
    browser.open(report.as_uri())
    assert browser.problems() == []
    assert browser.js("document.title") == "Rank of layers against chance"
    assert browser.js("document.querySelectorAll('img').length") == 0
    assert browser.js("document.querySelectorAll('#strip circle').length") == 10
    cells = "[...document.querySelectorAll('#layers tbody tr')].map(r => r.cells[0].textContent)"
    assert HOSTILE in browser.js(cells)
    assert "it has 1 dimension" in browser.js("document.getElementById('skipped').textContent")


def test_a_click_on_a_head_sorts_the_table(browser, report):
    browser.open(report.as_uri())
    column = "[...document.querySelectorAll('#layers tbody tr')].map(r => r.cells[{}].textContent)"
    before = [float(each) for each in browser.js(column.format(1))]
    assert before == sorted(before, reverse=True)
    click = "document.querySelector('#layers [data-key={}]').click()"
    browser.js(click.format("deficit"))
    assert [float(each) for each in browser.js(column.format(1))] == sorted(before)
    sort = "document.querySelector('#layers [data-key=name]').closest('th').ariaSort"
    browser.js(click.format("name"))
    assert browser.js(sort) == "ascending"
    browser.js(click.format("name"))
    names = browser.js(column.format(0))
    assert browser.js(sort) == "descending"
    assert names.index("layer.3.weight") < names.index("layer.0.weight")
    assert browser.problems() == []


def test_a_click_shows_a_spectrum(browser, report):
    browser.open(report.as_uri())
    assert browser.js("document.querySelectorAll('#spectrum .histogram').length") == 0
    # a click of the mouse in the strip, and one on a row
    box = browser.js(
        "(() => { const b = document.querySelector('#strip [data-index=\"1\"]')"
        ".getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        browser(
            "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
        )
    title = "document.querySelector('#spectrum h2').textContent"
    assert browser.js(title) == "Singular values of layer.1.weight"
    assert browser.js("document.querySelectorAll('#spectrum .histogram').length") > 5
    assert browser.js("document.querySelectorAll('#spectrum .law').length") == 1
    browser.js(
        "[...document.querySelectorAll('#layers td button')]"
        ".find(b => b.textContent === 'quotes\"\\'&amp;<b>').click()"
    )
    assert browser.js(title) == "Singular values of quotes\"'&amp;<b>"
    assert "beyond the axis" in browser.js("document.getElementById('spectrum').textContent")
    assert browser.problems() == []


def test_models_null_models_and_names_are_chosen(browser, report):
    browser.open(report.as_uri())
    change = (
        "(s => {{ s.value = '{1}'; s.dispatchEvent(new Event('{2}')); }})"
        "(document.getElementById('{0}'))"
    )
    browser.js(change.format("null", "shuffle", "change"))
    assert "against shuffle" in browser.js("document.getElementById('meaning').textContent")
    browser.js(change.format("filter", "LAYER.2", "input"))
    assert browser.js("document.querySelectorAll('#layers tbody tr').length") == 1
    browser.js(change.format("filter", "", "input"))
    browser.js(change.format("model", "1", "change"))
    assert browser.js("document.querySelectorAll('#layers tbody tr').length") == 1
    assert browser.js("document.getElementById('skipped').hidden")
    assert browser.problems() == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window(browser, report, width, scheme):
    browser.open(report.as_uri(), width=width, scheme=scheme)
    browser.js("document.querySelector('#layers td button').click()")
    # nothing but the boxes that scroll is wider than the window
    assert browser.js("document.documentElement.scrollWidth") <= width
    colours = browser.js("getComputedStyle(document.body).backgroundColor")
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 19, 24)"}[scheme]
    assert browser.problems() == []


def test_a_page_without_matrices_says_so(browser, tmp_path):
    path = tmp_path / "empty.html"
    path.write_text(page([("a", inspect({"bias": np.ones(3)}))], {}), "utf-8")
    browser.open(path.as_uri())
    assert browser.problems() == []
    assert "No layer was compared" in browser.js("document.getElementById('strip').textContent")
