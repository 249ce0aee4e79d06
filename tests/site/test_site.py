"""The built site, opened in Chromium from a local server; `make docs` builds it.

The environment variable RMT_RANK_SITE names another folder than docs/_build/html.
"""

import functools
import html
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

SITE = Path(
    os.environ.get("RMT_RANK_SITE", Path(__file__).parents[2] / "docs/_build/html")
).resolve()
# Seconds for an answer of the page; only a hang reaches it.
LIMIT = 60

pytestmark = [
    pytest.mark.slow,  # Chromium opens some hundred pages, and a tutorial is run
    pytest.mark.skipif(
        not (SITE / "searchindex.js").exists(), reason="the site is not built: make docs"
    ),
]

# Pairs of boxes beside each other that overlap by more than a pixel.
OVERLAPS = """
(() => {
  const groups = ['.sd-card', '.sphx-glr-thumbcontainer', '.bd-header .nav-item, .bd-header button',
                  '.bd-article > section > *'];
  const found = [];
  for (const group of groups) {
    const boxes = [...document.querySelectorAll(group)].map(e => [e, e.getBoundingClientRect()])
      .filter(([, b]) => b.width > 0 && b.height > 0);
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [[e, a], [f, b]] = [boxes[i], boxes[j]];
      if (e.contains(f) || f.contains(e)) continue;
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (x > 1 && y > 1) found.push(e.outerHTML.slice(0, 80) + ' / ' + f.outerHTML.slice(0, 80));
    }
  }
  return found;
})()
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    """Address of a server of the site."""
    handler = functools.partial(Quiet, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}/"
        found.shutdown()
        thread.join()


def pages():
    """All pages, but of those of single functions and of source code some only."""
    found = sorted(page.relative_to(SITE).as_posix() for page in SITE.rglob("*.html"))
    found = [page for page in found if not page.startswith("_static/")]  # the theme's templates
    alike = [page for page in found if page.startswith(("reference/generated/", "_modules/"))]
    return [page for page in found if page not in alike] + alike[::20]


def wrong(browser, server):
    """Errors and warnings of the console, and requests to other servers."""
    return [
        each
        for each in browser.problems((server, "data:"))
        if isinstance(each, str) or each.get("type") not in ("log", "info", "debug")
    ]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_and_report_nothing(browser, server, width, scheme):
    bad = {}
    for page in pages():
        browser.open(server + page, width=width, scheme=scheme)
        found = [*wrong(browser, server), *browser.js(OVERLAPS)]
        if browser.js("document.documentElement.scrollWidth") > width:
            found.append("it scrolls to the side")
        if browser.js("document.documentElement.dataset.theme") != scheme:
            found.append(f"it is not {scheme}")
        if found:
            bad[page] = found
    assert bad == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_those_of_the_theme(browser, server, scheme):
    browser.open(server + "tutorials/rank_of_a_random_network.html", scheme=scheme)
    shown = browser.js(
        "[...document.querySelectorAll('article img')].filter(e => e.offsetParent)"
        ".map(e => e.className)"
    )
    assert len(shown) == 3
    assert all(f"only-{scheme}" in each for each in shown)


def search(browser, server, words):
    browser.open(server + "search.html?q=" + urllib.parse.quote(words))
    deadline = time.monotonic() + LIMIT
    done = (
        "/found|did not match/.test(document.querySelector('.search-summary')?.textContent) && "
        "[...document.querySelectorAll('#search-results li')].every(e => e.children.length > 1)"
    )
    while not browser.js(done):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return browser.js(
        "[...document.querySelectorAll('#search-results li')].map("
        "e => [e.querySelector('a').getAttribute('href'), e.textContent])"
    )


def test_search_finds_a_function(browser, server):
    found = search(browser, server, "effective_rank")
    assert any("reference/generated/rmt_rank.effective_rank.html" in link for link, _ in found[:3])


@pytest.mark.parametrize("words", ["effective_rank", "entropy", "proof", "singular"])
def test_search_shows_no_tex(browser, server, words):
    found = search(browser, server, words)
    assert found
    # a backslash in front of a bracket or of a word is TeX; nothing else on these pages has one
    assert [text for _, text in found if re.search(r"\\[(\[A-Za-z]", text)] == []


def test_a_notebook_downloads_and_runs(browser, server, tmp_path):
    browser.open(server + "tutorials/rank_of_a_random_network.html")
    address = browser.js("document.querySelector('a[href$=\".ipynb\"]').href")
    notebook = json.loads(urllib.request.urlopen(address).read())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code = "\n".join(line for cell in cells for line in cell.splitlines() if line[:1] != "%")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "depth  4: -0.697 nats, 50% of the dimensions" in result.stdout


def test_links_lead_somewhere():
    texts = {page: page.read_text("utf-8") for page in SITE.rglob("*.html")}
    targets = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in texts.items()}
    broken = set()
    for page, text in texts.items():
        for link in set(re.findall(r'<a\b[^>]*\bhref="([^"]+)"', text)):
            path, _, anchor = urllib.parse.unquote(html.unescape(link)).partition("#")
            if re.match(r"[a-z]+:", path):
                continue
            target = (page.parent / path.partition("?")[0]).resolve() if path else page
            known = targets.get(target, {anchor})
            # viewcode's links back lead to the right page, but it knows one module for each file
            if page.is_relative_to(SITE / "_modules"):
                anchor = ""
            if not target.exists() or (anchor and anchor not in known):
                broken.add(f"{page.relative_to(SITE)}: {link}")
    assert broken == set()
