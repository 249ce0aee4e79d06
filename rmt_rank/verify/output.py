"""Files that `verify` writes: found to be writable before the work starts, written whole or not."""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from rmt_rank import __version__
from rmt_rank.claims import Context
from rmt_rank.simulation.chains import ChainStatistics
from rmt_rank.verify.report import Report

__all__ = ["Output", "figure_formats", "write_figure", "write_json"]


class Output:
    """A path to be written later.

    Raises
    ------
    OSError
        If a file cannot be written there.
    ValueError
        If the path's suffix is not among the formats.
    """

    def __init__(self, option: str, path: Path | None, formats: tuple[str, ...] | None) -> None:
        self.path = path
        if path is None:
            return
        if formats is not None and path.suffix.removeprefix(".").lower() not in formats:
            raise ValueError(
                f"{option} must end in one of .{', .'.join(formats)}, got {str(path)!r}"
            )
        try:
            if path.exists():
                with path.open("ab"):
                    pass
            else:
                with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
                    pass
        except OSError as error:
            raise OSError(f"{option} cannot be written: {path} ({error.strerror})") from error


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step; devices and pipes are written to directly."""
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            mask = os.umask(0)
            os.umask(mask)
            Path(file.name).chmod(0o666 & ~mask)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def write_json(path: Path, report: Report, context: Context, *, complete: bool) -> None:
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
            "backend": context.xp.__name__.rpartition(".")[2],
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
                "evidence": [asdict(line) | {"verdict": line.verdict.value} for line in evidence],
            }
            for claim, evidence in report.evidence
        ],
        "monte_carlo": [_summary(chain) for chain in context.chains.values()],
    }
    text = json.dumps(_plain(content), indent=1, allow_nan=False)
    _write(path, f"{text}\n".encode())


def _summary(chain: ChainStatistics) -> dict[str, Any]:
    """A chain's statistics, with the distances of its spectra in place of all their points."""
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


def write_figure(path: Path, context: Context, *, draw_more: bool) -> None:
    """Draw density and effective rank with what Monte Carlo knows."""
    from io import BytesIO

    from matplotlib.figure import Figure

    from rmt_rank.figures import theorem1
    from rmt_rank.figures.style import style

    if draw_more and context.whole_depths():
        for width in context.widths:
            context.chain(width)
    buffer = BytesIO()
    with style():
        figure = Figure(figsize=theorem1.SIZE)
        theorem1.draw(list(context.chains.values()), context.depths, figure)
        figure.savefig(buffer, format=path.suffix.removeprefix(".").lower())
    _write(path, buffer.getvalue())
