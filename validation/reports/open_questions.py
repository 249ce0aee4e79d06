"""Numbers for docs/open-questions.md, one section for each theorem, to open_questions.md.

python validation/reports/open_questions.py [section ...]; about two minutes on one core.  Nothing
of rmt_rank is used, so that the package and this script check each other.
"""

import math
import sys
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from scipy import special

BETA = {"real": 1, "complex": 2}


def gaussian(shape, field, rng):
    """Gaussian entries with E|g|^2 = 1."""
    g = rng.standard_normal(shape)
    return g if field == "real" else (g + 1j * rng.standard_normal(shape)) / math.sqrt(2)


def haar(size, width, field, rng):
    q, r = np.linalg.qr(gaussian((size, width, width), field, rng))
    phases = np.diagonal(r, axis1=-2, axis2=-1)
    return q * (phases / np.abs(phases))[:, None, :]


def entropy(sigma, power=1.0):
    with np.errstate(divide="ignore"):
        logs = power * np.log(sigma)
    logs = logs - logs.max(axis=-1, keepdims=True)
    weights = np.exp(logs)
    total = weights.sum(axis=-1)
    # 0 log 0 = 0
    product = np.where(weights > 0, weights * np.where(weights > 0, logs, 0), 0)
    return np.log(total) - product.sum(axis=-1) / total


def generator(y, power, beta, k):
    """L of the k largest shares of sigma^power over power (1-P), y = power log sigma, (n, N)."""
    p = np.exp(y - y[:, :1])
    p /= p.sum(axis=1, keepdims=True)
    top, rest = p[:, :k].sum(axis=1), p[:, k:].sum(axis=1)
    total = 2 * power * (top * (p[:, k:] ** 2).sum(axis=1) - rest * (p[:, :k] ** 2).sum(axis=1))
    for i, j in combinations(range(y.shape[1]), 2):
        coth = beta / np.tanh((y[:, i] - y[:, j]) / power)
        a, b = p[:, i], p[:, j]
        if j < k:
            total += coth * (a - b) * rest
        elif i >= k:
            total -= coth * (a - b) * top
        else:
            total += coth * (a * rest + b * top)
    return total / rest


def brownian():
    rng = np.random.default_rng(1)
    yield "## Brownian factors: least L(sum of the k largest shares of sigma^p)/(p (1-P))"
    yield ""
    yield "Widths 2, 3, 4, 6, every k, 4000 spectra each; nearly equal and far apart ones."
    yield ""
    yield "| field | p | least | expected |"
    yield "|--|--:|--:|--|"
    for field, powers in (("real", (0.05, 0.5, 1, 1.02, 2)), ("complex", (0.05, 1, 2, 2.02, 3))):
        for power in powers:
            least = math.inf
            for width in (2, 3, 4, 6):
                y = rng.standard_normal((4000, width)) * rng.choice(
                    [0.05, 0.3, 1, 4, 10], (4000, 1)
                )
                y = np.sort(y, axis=1)[:, ::-1].copy()
                y[:1000, 1:] -= rng.uniform(0, 12, (1000, 1))
                for k in range(1, width):
                    least = min(least, generator(y, power, BETA[field], k).min())
            sign = ">= 0" if power <= BETA[field] else "< 0"
            yield f"| {field} | {power} | {least:.3g} | {sign} |"


def top_scores(g, d, field, samples, rng):
    """(mean share - share of A)/s.e. of the k largest squares, G = g times Haar, A = diag(d)."""
    s = np.linalg.svd(g[:, None] * haar(samples, d.size, field, rng) * d, compute_uv=False) ** 2
    shares = np.cumsum(s, axis=1) / s.sum(axis=1, keepdims=True)
    fixed = np.cumsum(d**2) / np.sum(d**2)
    error = shares.std(axis=0) / math.sqrt(samples)
    kept = error > 1e-9
    return ((shares.mean(axis=0) - fixed) / np.where(kept, error, 1))[kept], fixed[kept]


def gram():
    rng = np.random.default_rng(2)
    yield "## Gram shares under a fixed factor in random position"
    yield ""
    complex_, below, above = [], [], []
    for _ in range(120):
        width = int(rng.integers(2, 7))
        g = np.exp(rng.standard_normal(width) * rng.choice([0.3, 1, 2]))
        d = np.exp(rng.standard_normal(width) * rng.choice([0.3, 1, 3]))
        g[1:] *= rng.random(width - 1) > 0.2
        d[2:] *= rng.random(width - 2) > 0.2
        d = np.sort(d)[::-1]
        complex_ += list(top_scores(g, d, "complex", 4000, rng)[0])
        scores, fixed = top_scores(g, d, "real", 4000, rng)
        below += list(scores[fixed <= 0.5])
        above += list(scores[fixed > 0.5])
    yield "120 pairs (g, A), widths 2 to 6, some singular: least (mean share - share of A)/s.e."
    yield ""
    yield "| entries | shares | number | least score |"
    yield "|--|--|--:|--:|"
    yield f"| complex | all k | {len(complex_)} | {min(complex_):.2f} |"
    yield f"| real | at most 1/2 | {len(below)} | {min(below):.2f} |"
    yield f"| real | above 1/2: no theorem | {len(above)} | {min(above):.2f} |"
    yield ""
    # E[(Q_jj - Q_11)/T] = (2/beta) (e_1 - e_j) E[|Q_1j|^2/T^2]
    n, e = 400_000, np.array([3.0, 0.4, 1.0])
    yield "The identity of the proof, left less right in standard errors:"
    yield ""
    for field in BETA:
        k = haar(n, 3, field, rng)
        q = np.einsum("nai,a,naj->nij", k.conj(), np.array([5.0, 1.0, 0.1]), k)
        t = np.einsum("i,nii->n", e, q).real
        difference = (q[:, 1, 1] - q[:, 0, 0]).real / t
        difference -= 2 / BETA[field] * (e[0] - e[1]) * np.abs(q[:, 0, 1]) ** 2 / t**2
        yield f"- {field}: {difference.mean() / difference.std() * math.sqrt(n):.2f}"


def width_two():
    rng = np.random.default_rng(3)
    n = 100_000
    yield "## Width 2: r = log(sigma_1/sigma_2) increases stochastically with depth"
    yield ""
    yield f"Largest P(r_(L+1) <= R) - P(r_L <= R) over R, in units of its s.e., {n} chains each."
    yield "The last factor is Gaussian, or diag(3, 1) between Haar matrices."
    yield ""
    yield "| field | last factor | L = 1 | 2 | 3 | 4 | 5 |"
    yield "|--|--|--:|--:|--:|--:|--:|"
    grid = np.linspace(0.05, 12, 240)
    start = np.array([3.0, 1.0])[:, None]
    for field in BETA:
        scores = {"Gaussian": [], "fixed": []}
        w = gaussian((n, 2, 2), field, rng)
        for _ in range(5):
            old = below(w, grid)
            error = np.sqrt(2 * np.maximum(old * (1 - old), 1 / n) / n)
            fixed = start * haar(n, 2, field, rng) @ w
            w = gaussian((n, 2, 2), field, rng) @ w
            w = w / np.linalg.norm(w, axis=(1, 2), keepdims=True)
            scores["Gaussian"].append(np.max((below(w, grid) - old) / error))
            scores["fixed"].append(np.max((below(fixed, grid) - old) / error))
        for name, found in scores.items():
            yield f"| {field} | {name} | " + " | ".join(f"{x:.1f}" for x in found) + " |"


def below(w, grid):
    """Parts of the sample with r <= R, R on the grid."""
    s = np.linalg.svd(w, compute_uv=False)
    return np.searchsorted(np.sort(np.log(s[:, 0] / s[:, 1])), grid) / len(w)


def spherical(width, t, field):
    """E[(chi_(N-1)/chi_N)^t], twice as many degrees of freedom for complex entries."""
    half = BETA[field] / 2
    a, b = (width - 1) * half, width * half
    log = special.gammaln(a + t / 2) - special.gammaln(a)
    return math.exp(log + special.gammaln(b - t / 2) - special.gammaln(b))


def real_width_two():
    """depth -> E S of a real product of width 2, and the constant of its decay."""
    u = np.exp(np.linspace(-40, 40, 1601))
    t, dt = np.linspace(0, 60, 2401, retstep=True)
    lam, dl = np.linspace(0, 12, 1201, retstep=True)
    # the Abel transform of S(r) at t, with cosh r - 1 = c
    kernel = []
    for start in 2 * np.sinh(t / 2) ** 2:
        c = start + u**2
        r = np.log1p(c + np.sqrt(c * (c + 2)))
        s = np.log1p(np.exp(-r)) + r * np.exp(-r) / (1 + np.exp(-r))
        kernel.append(2 * math.sqrt(2) / math.pi * 0.05 * np.sum(u * s))
    weights = np.full(t.size, dt)
    weights[0] /= 2
    transform = np.cos(np.outer(lam, t)) @ (weights * kernel)
    log_phi = 2 * np.real(special.loggamma(0.75 + 0.5j * lam)) - math.log(math.pi) / 2

    def mean(depth):
        return dl * np.sum(lam * np.tanh(np.pi * lam) * np.exp(depth * log_phi) * transform)

    return mean, transform[0]


def decay():
    rng = np.random.default_rng(4)
    yield "## The decay of the mean effective rank"
    yield ""
    mean, constant = real_width_two()
    values = ", ".join(f"{mean(depth):.12f}" for depth in (1, 2, 3, 4, 8))
    yield f"Real entries, width 2, depths 1, 2, 3, 4, 8, by inversion: {values}."
    yield f"2 log 2 - Catalan = {2 * math.log(2) - 0.915965594177219015:.12f}."
    w, sampled = np.eye(2), []
    for _ in range(4):
        w = rng.standard_normal((200_000, 2, 2)) @ w
        w = w / np.linalg.norm(w, axis=(1, 2), keepdims=True)
        found = entropy(np.linalg.svd(w, compute_uv=False))
        sampled.append(f"{found.mean():.4f}({found.std() / math.sqrt(found.size):.4f})")
    yield f"Monte Carlo at depths 1 to 4: {', '.join(sampled)}."
    psi = special.polygamma(1, 0.75)
    ratios = []
    for depth in (10, 100, 1000):
        leading = 2 * math.pi**1.5 * constant * (psi * depth) ** -1.5
        ratios.append(f"{mean(depth) / leading / spherical(2, 0.5, 'real') ** depth:.4f}")
    yield f"Over the leading term (transform at 0: {constant:.6f}), depths 10, 100, 1000: "
    yield f"{', '.join(ratios)}."
    yield ""
    yield "Widths 2 to 4, E S/phi(beta/2)^L by importance sampling of triangular factors"
    yield "(bounded for complex entries; like L^(-3/2) at width 2 for real ones):"
    yield ""
    depths = (8, 32, 128)
    yield "| field | width | phi | " + " | ".join(f"L = {d}" for d in depths) + " |"
    yield "|--|--:|--:|" + "--:|" * len(depths)
    for field in BETA:
        for width in (2, 3, 4):
            found = tilted(width, depths, field, 20_000, rng)
            rate = spherical(width, BETA[field] / 2, field)
            yield f"| {field} | {width} | {rate:.5f} | " + " | ".join(found) + " |"


def tilted(width, depths, field, samples, rng):
    """E S/phi^L with errors, from triangular factors of the law tilted by |r_22/r_11|^(beta/2)."""
    beta = BETA[field]
    degrees = beta * np.arange(width, 0, -1.0)
    degrees[0] -= beta / 2
    degrees[1] += beta / 2
    product = np.broadcast_to(np.eye(width), (samples, width, width))
    log_weight, found = np.zeros(samples), []
    for depth in range(1, depths[-1] + 1):
        r = np.triu(gaussian((samples, width, width), field, rng), 1)
        diagonal = np.sqrt(rng.chisquare(degrees, (samples, width)) / beta)
        r = r + diagonal[:, :, None] * np.eye(width)
        log_weight += beta / 2 * np.log(diagonal[:, 0] / diagonal[:, 1])
        product = r @ product
        product = product / np.linalg.norm(product, axis=(1, 2), keepdims=True)
        if depth in depths:
            x = entropy(np.linalg.svd(product, compute_uv=False)) * np.exp(log_weight)
            found.append(f"{x.mean():.4f}({x.std() / math.sqrt(samples):.4f})")
    return found


def fluctuations():
    rng = np.random.default_rng(5)
    yield "## Fluctuations of the effective rank: N^2 Var S against L (L^2+4)/(16 beta (L+1))"
    yield ""
    yield "| field | width | " + " | ".join(f"L = {depth}" for depth in (1, 2, 3, 4)) + " |"
    yield "|--|--:|--:|--:|--:|--:|"
    for field in BETA:
        for width, samples in ((12, 10_000), (32, 2000)):
            w, cells = np.eye(width), []
            for _ in range(4):
                w = gaussian((samples, width, width), field, rng) @ w / math.sqrt(width)
                variance = width**2 * np.var(entropy(np.linalg.svd(w, compute_uv=False)))
                cells.append(f"{variance:.3f}({variance * math.sqrt(2 / samples):.3f})")
            yield f"| {field} | {width} | " + " | ".join(cells) + " |"
        formula = [L * (L**2 + 4) / (16 * BETA[field] * (L + 1)) for L in (1, 2, 3, 4)]
        yield f"| {field} | formula | " + " | ".join(f"{v:.3f}" for v in formula) + " |"


def contour(nu, points=4000):
    """zeta on a circle around the spectrum that leaves out 0, weights d zeta/(2 pi i), and x."""
    nu = np.asarray(nu, dtype=float)
    slope = np.poly1d([0.0])
    whole = np.poly1d(np.poly(-1 / nu) * np.prod(nu))
    slope = np.polysub(np.polymul([1, 0], np.polyder(whole)), whole)
    roots = np.roots(slope)
    edges = [float(np.polyval(whole, x.real) / x.real) for x in roots if abs(x.imag) < 1e-9]
    b = max(edges)
    a = max(e for e in edges if 0 < e < b * (1 - 1e-9))
    center, radius = (a / 2 + 1.5 * b) / 2, (1.5 * b - a / 2) / 2
    angle = 2 * np.pi * np.arange(points) / points
    zeta = center + radius * np.exp(1j * angle)
    x = np.empty(points, dtype=complex)
    equation = np.poly1d(whole)
    # the branch that vanishes at infinity: the least positive root at the right-most point
    real = np.roots(equation - np.poly1d([zeta[0], 0]))
    start = min(r.real for r in real if abs(r.imag) < 1e-9 and r.real > 0)
    for i, z in enumerate(zeta):
        for _ in range(20):
            value = np.polyval(whole, start) - z * start
            start = start - value / (np.polyval(np.polyder(whole), start) - z)
        x[i] = start
    return zeta, radius * np.exp(1j * angle) / points, x


def hard_edge():
    rng = np.random.default_rng(6)
    yield "## The real 1/N correction where the smallest width occurs once"
    yield ""
    yield "R of log c - q/c by contour integrals, and N (E S - limit) by Monte Carlo."
    yield ""
    yield "| widths | R | N = 8 | 16 | 32 |"
    yield "|--|--:|--:|--:|--:|"
    for ratios in ((1, 2), (2, 1, 2), (1, 1.5, 3)):
        nu = 1 / np.array(ratios)
        zeta, weight, x = contour(nu)
        root, logs = np.sqrt(zeta), np.log(zeta) / 2
        c = np.sum(weight * root * x / zeta).real
        q = np.sum(weight * root * logs * x / zeta).real
        product = np.prod(1 + np.multiply.outer(x, nu), axis=1)
        j = product * (
            1 - np.sum(np.multiply.outer(x, nu) / (1 + np.multiply.outer(x, nu)), axis=1)
        )
        log_j = np.log(np.abs(j)) + 1j * np.unwrap(np.angle(j))
        e_t = -np.sum(weight * 0.5 / root * log_j).real / 2
        e_q = -np.sum(weight * 0.5 * (logs + 1) / root * log_j).real / 2
        correction = ((1 + q / c) * e_t - e_q) / c
        cells = []
        for unit, samples in ((8, 20_000), (16, 10_000), (32, 4000)):
            sizes = [int(unit * r) for r in ratios]
            w = rng.standard_normal((samples, sizes[1], sizes[0]))
            for a, b in pairwise(sizes[1:]):
                w = rng.standard_normal((samples, b, a)) @ w
            s = entropy(np.linalg.svd(w, compute_uv=False))
            gap = unit * (s.mean() - math.log(unit) - math.log(c) + q / c)
            cells.append(f"{gap:.4f}({unit * s.std() / math.sqrt(samples):.4f})")
        name = ":".join(f"{r:g}" for r in ratios)
        yield f"| {name} | {correction:.5f} | " + " | ".join(cells) + " |"


def log_spectrum(width, time, samples, rng):
    """Eigenvalues of sqrt(time) GUE + time diag(N-1, ..., 1-N)."""
    h = gaussian((samples, width, width), "complex", rng)
    h = (h + h.conj().swapaxes(1, 2)) / math.sqrt(2)
    drift = np.diag(np.arange(width - 1, -width, -2.0))
    return np.linalg.eigvalsh(math.sqrt(time) * h + time * drift)


def proportional():
    rng = np.random.default_rng(7)
    yield "## Depth c times the width, complex entries"
    yield ""
    steps, samples, time = 200, 8000, 1.0
    w = np.eye(3)
    for _ in range(steps):
        w = w + math.sqrt(2 * time / steps) * gaussian((samples, 3, 3), "complex", rng) @ w
    direct = entropy(np.linalg.svd(w, compute_uv=False))
    other = entropy(np.exp(log_spectrum(3, time, 40_000, rng)))
    yield f"Width 3, Brownian factors to time 1: E S = {direct.mean():.4f}"
    yield f"({direct.std() / math.sqrt(samples):.4f}) by {steps} small factors, {other.mean():.4f}"
    yield f"({other.std() / math.sqrt(other.size):.4f}) by eigenvalues."
    yield ""
    yield "| c | n | E S by eigenvalues | E S - log(1/c) | Gaussian layers, N = 16 | N = 32 |"
    yield "|--:|--:|--:|--:|--:|--:|"
    for c in (0.5, 1, 2, 4, 8):
        n = math.ceil(32 / c) + 4
        s = entropy(np.exp(log_spectrum(n, c / 4, 3000, rng)))
        cells = []
        for width in (16, 32):
            count = 1000
            w = np.eye(width)
            for _ in range(round(c * width)):
                w = gaussian((count, width, width), "complex", rng) @ w
                w = w / np.linalg.norm(w, axis=(1, 2), keepdims=True)
            found = entropy(np.linalg.svd(w, compute_uv=False))
            cells.append(f"{found.mean():.4f}({found.std() / math.sqrt(count):.4f})")
        error = s.std() / math.sqrt(s.size)
        yield f"| {c} | {n} | {s.mean():.4f}({error:.4f}) | {s.mean() + math.log(c):.4f} | " + (
            " | ".join(cells) + " |"
        )


SECTIONS = {
    f.__name__: f for f in (brownian, gram, width_two, decay, fluctuations, hard_edge, proportional)
}


def main():
    chosen = sys.argv[1:] or SECTIONS
    lines = ["# Open questions", "", "Made by `python validation/reports/open_questions.py`.", ""]
    for name in chosen:
        lines += [*SECTIONS[name](), ""]
        print("\n".join(lines[-20:]) if sys.argv[1:] else name, flush=True)
    if not sys.argv[1:]:
        Path(__file__).with_suffix(".md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
