"""A page that shows inspections: one file, which opens without a network."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.text import shown
from rmt_rank.inspection.meaning import meaning
from rmt_rank.inspection.result import Inspection, MatrixReport
from rmt_rank.theory.rectangular.law import rectangular_law

__all__ = ["page"]

Array = npt.NDArray[np.float64]

_BINS, _POINTS = 40, 121
# The axis of a spectrum ends at this multiple of the law's edge; larger values are listed.
_CUT = 3.0
# Values beyond the axis that are listed, and names that are listed for each reason.
_LISTED = 12


def page(results: Sequence[tuple[str, Inspection]], settings: Mapping[str, str]) -> str:
    """Return an HTML page with a strip of layers, their spectra, a table and the settings.

    Parameters
    ----------
    results : sequence of (str, Inspection)
        Name and result of each model.
    settings : mapping of str to str
        What the page lists as settings; empty values are left out.

    Returns
    -------
    str
        The page: it contains its data and loads nothing.

    Notes
    -----
    Names from files are data of the page and never markup: the data are JSON in which every < is
    written as an escape, and the script sets texts only.
    """
    from rmt_rank import __version__

    nulls = dict.fromkeys(null for _, result in results for null in result.nulls)
    data = {
        "models": [_model(name, result) for name, result in results],
        "meanings": {null: meaning(null) for null in nulls},
        "settings": {key: shown(value) for key, value in settings.items() if value}
        | {"rmt_rank": __version__},
    }
    text = json.dumps(_finite(data), allow_nan=False, separators=(",", ":"))
    template = files("rmt_rank.inspection").joinpath("report.html").read_text(encoding="utf-8")
    # a less-than sign could end the script element that holds the data
    return template.replace("{{data}}", text.replace("<", "\\u003c"))


def _model(name: str, result: Inspection) -> dict[str, Any]:
    q = {(row["name"], row["step"], row["null"]): row["q"] for row in result.rows()}
    reasons: dict[str, dict[str, Any]] = {}
    for each in result.skipped:
        key = re.sub(r"\d+", "0", each.why)
        found = reasons.setdefault(
            key, {"why": shown(each.why), "error": each.error, "count": 0, "names": []}
        )
        found["count"] += 1
        if len(found["names"]) < _LISTED:
            found["names"].append(shown(each.name))
    return {
        "name": shown(name),
        "nulls": list(result.nulls),
        "steps": [shown(step) for step in result.steps],
        "matrices": [_matrix(each, q) for each in result.matrices],
        "skipped": list(reasons.values()),
    }


def _matrix(each: MatrixReport, q: Mapping[tuple[str, int, str], float]) -> dict[str, Any]:
    unknown = [found for found in each.comparisons if found.note]
    notes = [each.note, *(f"not compared with {found.null}: {found.note}" for found in unknown)]
    return {
        "name": shown(each.name),
        "kind": shown(each.kind),
        "shape": list(each.shape),
        "stored": shown(each.stored),
        "note": shown("; ".join(filter(None, notes))),
        "where": shown(each.where),
        "spikes": each.spikes,
        "step": each.step,
        "rank": each.effective_rank,
        "nulls": {
            found.null: {
                "expected": found.expected,
                "deficit": found.deficit,
                "low": found.low,
                "high": found.high,
                "z": found.z,
                "p": found.p,
                "q": q[each.name, each.step, found.null],
                "method": found.method,
            }
            for found in each.comparisons
        },
        "spectrum": _spectrum(each),
    }


def _spectrum(each: MatrixReport) -> dict[str, Any] | None:
    """Histogram of the singular values over their root mean square, and the null law's density."""
    largest = float(each.singular_values.max(initial=0.0))
    if not 0 < largest < math.inf:
        return None
    values = each.singular_values / largest  # whose squares neither over- nor underflow
    u = values / math.sqrt(float(np.mean(values**2)))
    law = None if each.kind in ("product", "Gram matrix") else _law(*sorted(each.shape))
    cut = _CUT * law["end"] if law else math.inf
    end = 1.02 * max(float(u[u <= cut].max(initial=0.0)), law["end"] if law else 0.0)
    counts, _ = np.histogram(u, bins=_BINS, range=(0.0, end))
    beyond = u[u > end]
    return {
        "end": end,
        "density": [float(x) for x in np.round(counts / (u.size * end / _BINS), 6)],
        "count": int(u.size),
        "beyond": [round(float(x), 4) for x in beyond[:_LISTED]],
        "number_beyond": int(beyond.size),
        "law": law,
    }


@functools.lru_cache(maxsize=1024)
def _law(rows: int, columns: int) -> dict[str, Any]:
    """Marchenko-Pastur's law of the singular values at mean square 1, on a grid of points."""
    law = rectangular_law([rows, columns])
    unit = math.sqrt(columns / rows)  # their root mean square
    start, end = law.support()
    x = np.linspace(start, end, _POINTS)
    density = np.asarray(law.pdf(x)) * unit
    return {
        "end": end / unit,
        "x": [round(float(each), 6) for each in x / unit],
        "y": [round(float(each), 6) for each in density],
    }


def _finite(value: Any) -> Any:
    """Replace nan and infinities, which JSON does not have, by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return value
