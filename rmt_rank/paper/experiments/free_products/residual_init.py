"""Plain and residual networks before training: effective rank over depth, theory and simulation.

Appendix C says that residual networks keep their rank as layers are added.  At initialisation this
depends on the scale: with branches of a fixed variance every layer lowers the rank, with branches
of variance ~ 1/depth it levels off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
)
from rmt_rank.paper.experiments.findings import Finding, Verdict, decided, listed
from rmt_rank.paper.experiments.judges import judge_drops
from rmt_rank.simulation.products.residual_products import sample_residual_singular_values
from rmt_rank.simulation.products.sampling import sample_singular_values
from rmt_rank.theory.free_products.factors import GaussianFactor, ResidualFactor
from rmt_rank.theory.free_products.rank import effective_depth, effective_rank_of_free_product
from rmt_rank.theory.residual_limit.rank import residual_limit_effective_rank

__all__ = ["EXPERIMENT", "NETWORKS", "factors", "run", "verdict"]

# Squared scale of the branches; None for a plain network, "time" for 1/depth.
NETWORKS: dict[str, float | str | None] = {
    "plain": None,
    "residual-unit": 1.0,
    "residual-third": 1 / 3,
    "residual-small": "time",
}

_settings = by_size(
    networks=list(NETWORKS),
    fields=(["real"], ["real", "complex"], ["real", "complex"]),
    # by width
    samples=({"16": 40}, {"32": 400, "128": 40}, {"32": 2000, "128": 300, "512": 20}),
    depths=([1, 2, 4], [1, 2, 4, 8, 16, 32], [1, 2, 4, 8, 16, 32, 64]),
)


def factors(network: str, depth: int) -> list[GaussianFactor | ResidualFactor]:
    """The layers of a network, as free factors."""
    square = NETWORKS[network]
    if square is None:
        return [GaussianFactor()] * depth
    return [ResidualFactor(math.sqrt(1 / depth if square == "time" else float(square)))] * depth


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    network, width, depths = cell["network"], cell["width"], settings["depths"]
    samples = settings["samples"][str(width)]
    square = NETWORKS[network]

    def simulated(at: list[int], rng: np.random.SeedSequence) -> Any:
        """Entropies, shape (samples, depths)."""
        if square is None:
            values = [
                sample_singular_values(width, d, samples, field=cell["field"], rng=stream)
                for d, stream in zip(at, rng.spawn(len(at)), strict=True)
            ]
            return effective_rank(np.stack(values, axis=1))
        scale = math.sqrt(1 / at[0] if square == "time" else float(square))
        return effective_rank(
            sample_residual_singular_values(
                width, at, samples, scale=scale, field=cell["field"], rng=rng
            )
        )

    if square == "time":
        streams = seed.spawn(len(depths))
        ranks = np.concatenate(
            [simulated([d], rng) for d, rng in zip(depths, streams, strict=True)], axis=1
        )
    else:
        ranks = simulated(list(depths), seed)
    limits = [effective_rank_of_free_product(factors(network, d)) for d in depths]
    arrays: Arrays = {"depth": (("depth",), np.array(depths))}
    numbers = {
        "mean_rank": ranks.mean(axis=0),
        "standard_error": ranks.std(axis=0, ddof=1) / math.sqrt(samples),
        "limit": math.log(width) + np.array(limits),
        "effective_depth": np.array([effective_depth(factors(network, d)) for d in depths]),
    }
    numbers["misfit"] = numbers["mean_rank"] - numbers["limit"]
    return arrays | {name: (("depth",), values) for name, values in numbers.items()}


# --- what it says -----------------------------------------------------------------------------


def allowed(dataset: Any) -> Any:
    """Allowed difference between simulation and infinite width, without sampling error."""
    depth, width = dataset.effective_depth, dataset.width
    real = (0.5 + 0.15 * depth) / width
    return real.where(dataset.field == "real", (1 + depth) ** 2 / width**2)


def _judge(dataset: Any) -> list[Finding]:
    return [
        _quality(dataset),
        *(_falls(dataset, name) for name in dataset.network.values.tolist()),
        _plateau(dataset),
    ]


def _quality(dataset: Any) -> Finding:
    limit = allowed(dataset) + 4 * dataset.standard_error
    # formulas for infinite width say nothing of depths beyond it
    inside = dataset.effective_depth <= dataset.width / 4
    ratio = (abs(dataset.misfit) / limit).where(inside)
    worst = float(ratio.max())
    cells = int(inside.sum())
    return Finding(
        "The limit of infinite width holds: real entries to (0.5 + 0.15 L_eff)/N, complex ones to "
        "(1 + L_eff)^2/N^2, where L_eff <= N/4.",
        "free products",
        decided(worst <= 1),
        f"{cells} cells; largest misfit over what is allowed with four standard errors: "
        f"{worst:.2f}",
    )


def _falls(dataset: Any, name: str) -> Finding:
    part = dataset.sel(network=name)
    found = judge_drops(
        f"At initialisation the rank falls from each depth to the next ({name}).",
        "Theorem 1 for free products",
        part.mean_rank.transpose("field", "width", "depth"),
        part.standard_error.transpose("field", "width", "depth"),
    )
    limit = (part.limit - np.log(part.width)).isel(field=0, width=0).values
    return found.saying(f"; limit by depth {listed(part.depth.values, limit, '.4f')}")


def _plateau(dataset: Any) -> Finding:
    """The last doubling of the depth, at a fixed scale and at 1/depth."""
    width = int(dataset.width.max())
    last = {
        name: float(-dataset.sel(network=name, width=width).mean_rank.diff("depth")[..., -1].mean())
        for name in dataset.network.values.tolist()
    }
    fixed = [last[name] for name in last if name not in ("plain", "residual-small")]
    small = last.get("residual-small", math.nan)
    limit = float(residual_limit_effective_rank(1.0))
    holds = small < 0.05 and min(fixed) < 0.05
    return Finding(
        "Residual networks keep their rank as layers are added.",
        "Appendix C, at initialisation",
        Verdict.IN_PART if small < 0.05 and not holds else decided(holds),
        f"the last doubling of the depth costs {small:.3f} nats with branches of variance 1/depth, "
        f"which tends to {limit:.4f} below log N, and {min(fixed):.3f} or more with branches of a "
        f"fixed variance (plain {last.get('plain', math.nan):.3f}); width {width}",
    )


EXPERIMENT = Experiment(
    name="residual-init",
    title="Effective rank of plain and residual networks before training, theory and simulation",
    reference="Appendix C",
    settings=_settings,
    cells=over(network="networks", field="fields", width="samples"),
    compute=_compute,
    judge=_judge,
    shown=columns("mean_rank standard_error limit misfit effective_depth"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
