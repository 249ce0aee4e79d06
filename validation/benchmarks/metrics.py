"""Speed of the measures of rank: ratios to named rivals from one run."""

import numpy as np
from compare import least_seconds, repeated, setting

import rmt_rank as rr
from rmt_rank.metrics import presets

ROUNDS = 30


def rankme_as_written(z, eps=1e-7):
    """RankMe in PyTorch as its users write it."""
    import torch

    s = torch.linalg.svdvals(z)
    p = s / s.sum() + eps
    return torch.exp(-(p * torch.log(p)).sum())


def rows():
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(1000, 32, 32))
    times = least_seconds(
        {
            "own": lambda: rr.rank_measures(batch),
            "rival": lambda: np.linalg.svdvals(batch),
        },
        ROUNDS,
    )
    yield (
        "`rank_measures`, 1000 x 32 x 32",
        "`numpy.linalg.svdvals`",
        times["own"],
        times["rival"],
        f"{times['own'] / times['rival']:.3f} of its time",
        "<= 1.1",
    )

    features = rng.normal(size=(256, 32))
    gram = rr.gram_matrix(features)
    times = least_seconds(
        {
            "own": repeated(lambda: rr.gram_effective_rank(features), 200),
            "values": lambda: np.linalg.svdvals(gram),
            "vectors": lambda: np.linalg.svd(gram),
        },
        ROUNDS,
    )
    own = times["own"] / 200
    for name, rival in (
        ("values", "`svdvals` of the 256 x 256 Gram matrix, which is given"),
        ("vectors", "`svd` of it, with vectors"),
    ):
        yield (
            "`gram_effective_rank`, 256 samples x 32 features",
            rival,
            own,
            times[name],
            f"{times[name] / own:.0f} times faster",
            ">= 30" if name == "values" else "-",
        )

    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
    for samples, width, times_over in ((256, 32, 200), (2048, 512, 1)):
        z = torch.randn(samples, width, generator=torch.Generator().manual_seed(0))
        calls = {
            "own": repeated(lambda z=z: presets.rankme(z), times_over),
            "rival": repeated(lambda z=z: rankme_as_written(z), times_over),
            "values": repeated(lambda z=z: torch.linalg.svdvals(z), times_over),
        }
        times = least_seconds(calls, ROUNDS)
        own, rival, values = (times[name] / times_over for name in calls)
        yield (
            f"`presets.rankme`, PyTorch float32 {samples} x {width}",
            "RankMe as written in PyTorch",
            own,
            rival,
            f"{own / rival:.2f} of its time; SVD alone {values / rival:.2f}",
            "<= 1",
        )


def floor():
    """Seconds of what the Gram matrix's effective rank cannot do without."""
    features = np.random.default_rng(0).normal(size=(256, 32))
    small = features.T @ features
    calls = {
        "product": repeated(lambda: features.T @ features, 200),
        "values": repeated(lambda: np.linalg.eigvalsh(small), 200),
    }
    return [each / 200 for each in least_seconds(calls, ROUNDS).values()]


def table():
    lines = [
        "# Speed of the measures of rank",
        "",
        f"Made by `make benchmark`. {setting('numpy', 'torch')}. One thread; least of {ROUNDS} "
        "rounds, rivals in turns within one run.",
        "",
        "| what | rival | us | rival's | ratio | bar |",
        "|--|--|--:|--:|--:|--:|",
    ]
    for what, rival, own, other, ratio, bar in rows():
        lines.append(
            f"| {what} | {rival} | {own * 1e6:,.0f} | {other * 1e6:,.0f} | {ratio} | {bar} |"
        )
    product, values = floor()
    lines += [
        "",
        "The floor. `rank_measures` cannot beat the decomposition that it makes; the measures read "
        "its values some forty times, and the matrices once, to see whether a scale is needed. "
        f"`gram_effective_rank` has a product of 32 x 256 x 32 ({product * 1e6:.0f} us) and the "
        f"eigenvalues of a 32 x 32 matrix ({values * 1e6:.0f} us) as its floor; the rest is the "
        "calls of some forty array functions. The same calls are what RankMe pays for its checks "
        "of type, scale and finiteness on small features.",
    ]
    return "\n".join(lines) + "\n"
