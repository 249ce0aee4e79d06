"""Files that `verify` writes: the evidence as CSV and as JSON, and the figure."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import scipy

from rmt_rank import __version__
from rmt_rank._lib.array import backend_of
from rmt_rank._lib.output import Output
from rmt_rank.commands.verify_report import Report
from rmt_rank.paper.claims import Claim, Context, Evidence
from rmt_rank.paper.claims.gaussian.singular_values import PAPER_DEPTHS, PAPER_WIDTHS
from rmt_rank.simulation.means.chain_statistics import ChainStatistics

__all__ = ["figure_formats", "write_csv", "write_figure", "write_json"]


def write_csv(output: Output, report: Report) -> None:
    """Write a line for each check: its claim, the status of that, and the evidence."""
    text = io.StringIO()
    names = ("claim", "status", *(field.name for field in fields(Evidence)))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for claim, evidence in report.evidence:
        for line in evidence:
            about = {"claim": claim.name, "status": claim.status, "verdict": line.verdict.value}
            writer.writerow(asdict(line) | about)
    output.write(text.getvalue().encode())


def write_json(output: Output, report: Report, context: Context, *, complete: bool) -> None:
    """Write the evidence, the settings and the Monte Carlo results as JSON."""
    content = {
        "rmt_rank": __version__,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "settings": {
            "depths": list(context.depths),
            "widths": list(context.widths),
            "samples": context.samples,
            "field": context.field,
            "digits": context.digits,
            "seed": context.seed,
            "backend": backend_of(context.xp),
        },
        "complete": complete,
        "summary": report.totals(),
        "claims": [
            {
                "name": claim.name,
                "statement": claim.statement,
                "assumptions": claim.assumptions,
                "reference": claim.reference,
                "status": claim.status,
                "refuted_by": claim.refuted_by,
                "argued": claim.argued,
                "instead": claim.instead,
                "evidence": [asdict(line) | {"verdict": line.verdict.value} for line in evidence],
            }
            for claim, evidence in report.evidence
        ],
        "monte_carlo": [_summary(chain) for chain in context.chains.values()],
    }
    text = json.dumps(_plain(content), indent=1, allow_nan=False)
    output.write(f"{text}\n".encode())


def _summary(chain: ChainStatistics) -> dict[str, Any]:
    """Return a chain's statistics, with the distances of its spectra instead of their points."""
    content = asdict(chain)
    below, levels = content.pop("below"), content.pop("levels")
    del content["below_error"]
    return content | {"spectral_distance": np.max(np.abs(below - levels), axis=1)}


def _plain(value: Any) -> Any:
    """JSON's own types: arrays as lists, nan and infinities as null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def figure_formats() -> tuple[str, ...]:
    """File name endings that a figure may have."""
    return ("pdf", "png", "svg")


def write_figure(output: Output, claims: list[Claim], context: Context, *, draw_more: bool) -> None:
    """Draw the figure that goes with the claims, with the Monte Carlo results so far."""
    from rmt_rank.paper.figures.figure import Figure
    from rmt_rank.paper.figures.gaussian import singular_values, theorem1
    from rmt_rank.paper.figures.style import style

    buffer = io.BytesIO()
    with style():
        if all(claim.name.startswith("singular-values.") for claim in claims):
            grid = [(width, PAPER_DEPTHS) for width in PAPER_WIDTHS]
            if draw_more:
                chains = [context.chain(*place) for place in grid]
            else:
                chains = [context.chains[place] for place in grid if place in context.chains]
            figure = Figure(figsize=singular_values.SIZE)
            singular_values.draw(chains, figure)
        else:
            if draw_more and context.whole_depths():
                for width in context.widths:
                    context.chain(width)
            figure = Figure(figsize=theorem1.SIZE)
            theorem1.draw(context.own_chains(), context.depths, figure)
        figure.savefig(buffer, format=str(output.path).rpartition(".")[2].lower())
    output.write(buffer.getvalue())
