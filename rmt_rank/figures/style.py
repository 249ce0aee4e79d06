"""One look for all figures."""

from __future__ import annotations

from contextlib import AbstractContextManager

import matplotlib as mpl

__all__ = ["depth_colours", "style"]


def style() -> AbstractContextManager[None]:
    """Context in which figures are drawn and saved."""
    return mpl.rc_context(
        {
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlelocation": "left",
            "axes.titlesize": "medium",
            "figure.dpi": 150,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "legend.frameon": False,
            "lines.linewidth": 1.6,
            "savefig.bbox": "tight",
            "svg.hashsalt": "rmt_rank",
        }
    )


def depth_colours(count: int) -> list[tuple[float, float, float, float]]:
    """Colours from shallow to deep, distinct in grey and to the colour-blind."""
    ramp = mpl.colormaps["viridis"]
    return [ramp(0.92 * i / max(1, count - 1)) for i in range(count)]
