"""Speed of the Fuss-Catalan law: its methods beside those of SciPy's beta, one at a time.

All laws and the rival take turns, and the table has the median of the ratios within a round: what
else the machine does falls on both sides.  Times are of the processor, not of the clock, since
everything here has one thread.
"""

import time
from functools import partial

import mpmath
import numpy as np
from compare import repeated, seconds, setting
from scipy import special, stats

import rmt_rank

DEPTHS = [1.0, 2.5, 4.0, 8.0]
METHODS = ["pdf", "logpdf", "cdf", "sf", "ppf"]
POINTS = 1_000_000
ROUNDS = 11
SCALAR_ROUNDS, SCALAR_CALLS = 50, 20
# bars of the ratio to beta's method, at every depth; and for one point
BARS = {"pdf": "<= 1.2", "cdf": "<= 1", "ppf": "<= 1"}
SCALAR_BAR = "<= 2"
WRAPPER = "SciPy's wrapper alone (`uniform`)"

BETA = stats.beta(0.5, 1.5)
uniform = np.random.default_rng(0).random(POINTS)
# the first hundred of the points above, and two where the underlying series converges fastest
MEIJER_POINTS = {
    "the same points": uniform[:100] * 3125 / 256,
    "where the rival is fastest": np.array([0.1, 1.0]),
}

processor_seconds = partial(seconds, clock=time.process_time)


def laws():
    """Both laws at all depths, by name."""
    both = (rmt_rank.fuss_catalan, rmt_rank.singular_value_law)
    return {f"{law.name}, depth {L:g}": law(L) for L in DEPTHS for law in both}


def rows(calls, rounds, unit, repeats, bar):
    """Rows of a table: median times in some unit, medians of the ratios to the first call."""
    times = {k: np.array(t) for k, t in processor_seconds(calls, rounds).items()}
    rival, *others = times
    for name in others:
        own, other = (np.median(times[k]) / (unit * repeats) for k in (name, rival))
        ratio = np.median(times[name] / times[rival])
        its_bar = "-" if name == WRAPPER else bar
        yield f"{name} | {own:.0f} | {other:.0f} | {ratio:.2f} | {its_bar} |"


def many_points(method):
    """Rows for many points."""
    calls = {"beta": partial(getattr(BETA, method), uniform)}
    for name, law in laws().items():
        x = uniform if method == "ppf" else uniform * law.support()[1]
        calls[name] = partial(getattr(law, method), x)
    calls[WRAPPER] = partial(getattr(stats.uniform(), method), uniform)
    for row in rows(calls, ROUNDS, 1e-9, POINTS, BARS.get(method, "-")):
        yield f"| {method} | {row}"


def one_point(method):
    """Rows for one point."""
    calls = {"beta": partial(getattr(BETA, method), 0.5)}
    calls |= {name: partial(getattr(law, method), 0.5) for name, law in laws().items()}
    calls["fuss_catalan, depth 4, not frozen"] = partial(
        getattr(rmt_rank.fuss_catalan, method), 0.5, 4.0
    )
    calls = {name: repeated(call, SCALAR_CALLS) for name, call in calls.items()}
    for row in rows(calls, SCALAR_ROUNDS, 1e-6, SCALAR_CALLS, SCALAR_BAR):
        yield f"| {method} | {row}"


def meijer_g_density(x, depth=4):
    """The density at integer depth as a Meijer G function.

    From E s^z by Gauss's multiplication formula (Penson and Zyczkowski, arXiv:1103.3453).
    """
    L = mpmath.mpf(depth)
    lower = [(k - L) / (L + 1) for k in range(depth)]
    upper = [(k - L + 2) / L for k in range(depth)]
    scale = (L + 1) ** (-L - 0.5) / mpmath.sqrt(2 * mpmath.pi) * L ** (L - 1.5)
    return scale * mpmath.meijerg([[], upper], [lower, []], x * L**L / (L + 1) ** (L + 1))


def meijer_g():
    """Rows of the comparison with the only other implementation of the density."""
    law = rmt_rank.fuss_catalan(4.0)
    x = uniform * law.support()[1]
    for where, points in MEIJER_POINTS.items():

        def rival(points=points):
            return [float(meijer_g_density(v)) for v in points]

        np.testing.assert_allclose(rival(), law.pdf(points), rtol=1e-12)
        times = processor_seconds({"own": partial(law.pdf, x), "rival": rival}, 3)
        own, other = np.median(times["own"]) / POINTS, np.median(times["rival"]) / len(points)
        bar = ">= 10,000" if where == "the same points" else "-"
        yield (
            f"| pdf, depth 4, {where} | {own * 1e9:.0f} | {other * 1e9:,.0f} "
            f"| {other / own:,.0f} times faster | {bar} |"
        )


def floor():
    """Nanoseconds per element of NumPy's and SciPy's functions, in a block that fits the cache."""
    x = uniform[:8192] + 0.1
    out, index, column = np.empty_like(x), (x * 100).astype(np.intp), np.arange(129.0)
    work = {
        "`*`": partial(np.multiply, x, x, out=out),
        "`/`": partial(np.divide, x, x, out=out),
        "`sqrt`": partial(np.sqrt, x, out=out),
        "`floor`": partial(np.floor, x, out=out),
        "`take`": partial(column.take, index, mode="clip"),
        "`exp`": partial(np.exp, x, out=out),
        "`log`": partial(np.log, x, out=out),
        "`power`": partial(np.power, x, 0.3, out=out),
        "`tan`": partial(np.tan, x, out=out),
        "`xlogy`": partial(special.xlogy, 0.5, x),
        "`xlog1py`": partial(special.xlog1py, 0.5, -x / 2),
    }
    times = processor_seconds({name: repeated(call, 20) for name, call in work.items()}, 50)
    return ", ".join(f"{k} {min(t) / 20 / x.size * 1e9:.1f}" for k, t in times.items())


def table():
    head = "| method | law | {} | rival's | ratio | bar |"
    rule = "|--|--|--:|--:|--:|--:|"
    lines = [
        "# Speed of the Fuss-Catalan law",
        "",
        f"Made by `make benchmark`, one thread. {setting('numpy', 'scipy', 'mpmath')}. The rival "
        "is `scipy.stats.beta(0.5, 1.5)`, four times which is `fuss_catalan` at depth 1. Each "
        "method alone, all laws and the rival in turn, processor time: medians of the times, and "
        f"of the ratios within a round, of {ROUNDS} rounds ({SCALAR_ROUNDS} for one point).",
        "",
        f"## {POINTS:,} points",
        "",
        head.format("ns a point"),
        rule,
        *(row for method in METHODS for row in many_points(method)),
        "",
        "## One point",
        "",
        "A call with one float.",
        "",
        head.format("us"),
        rule,
        *(row for method in METHODS for row in one_point(method)),
        "",
        "## Meijer's G function",
        "",
        "`mpmath.meijerg`, the other implementation of the density at integer depth.",
        "",
        "| what | ns a point | rival's | ratio | bar |",
        "|--|--:|--:|--:|--:|",
        *meijer_g(),
        "",
        "## The floor",
        "",
        f"ns an element, in blocks of 8192, least of 50 rounds: {floor()}.",
        "",
        "A density needs SciPy's masks and copies (the wrapper alone, which no distribution can "
        "beat), a power for w, a square root, some five products and quotients, and one look-up "
        "in a table with a polynomial of degree 5: six `take`, ten products and sums, and the "
        "index. By the line above that is the wrapper and 30 to 45 ns, and it is all that is done "
        "(`tables.py`). Probabilities need the same; quantiles a second power or an "
        "exponential, and their points sorted into two groups. For one point the wrapper takes "
        "most of the time; Newton's method on Python floats takes some 25 us for a density and 40 "
        "us for a quantile.",
        "",
        "Depths beyond 255 or below 1/255, few points (below 7,168 at depths 1/7 to 7, 102,400 at "
        "depth 255), and several depths in one call have no table: Newton's method on arrays, some "
        "300 ns a density and 800 ns a quantile. A table is made once for each depth, in the time "
        "that those few points take.",
    ]
    return "\n".join(lines) + "\n"
