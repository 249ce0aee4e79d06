"""Speed of the Fuss-Catalan law beside SciPy's beta distribution and mpmath's Meijer G function.

Run by validation/benchmarks/run.py, which makes the table of ratios: seconds of different runs
cannot be compared.
"""

import mpmath
import numpy as np
import pytest
from scipy import stats

import rmt_rank

DEPTHS = [1.0, 3.0, 8.0, 2.5]
POINTS = 1_000_000

uniform = np.random.default_rng(0).random(POINTS)


def pdf_and_cdf(law, x):
    law.pdf(x)
    law.cdf(x)


def test_pdf_and_cdf_of_beta(benchmark):
    benchmark(pdf_and_cdf, stats.beta(0.5, 1.5), uniform)


def test_pdf_and_cdf_of_uniform(benchmark):
    # nearly nothing but SciPy's masks and copies: what no distribution can be faster than
    benchmark(pdf_and_cdf, stats.uniform(), uniform)


@pytest.mark.parametrize("depth", DEPTHS)
def test_pdf_and_cdf(benchmark, depth):
    law = rmt_rank.fuss_catalan(depth)
    benchmark(pdf_and_cdf, law, uniform * law.support()[1])


def test_ppf_of_beta(benchmark):
    benchmark(stats.beta(0.5, 1.5).ppf, uniform)


def test_ppf_of_uniform(benchmark):
    benchmark(stats.uniform().ppf, uniform)


@pytest.mark.parametrize("depth", DEPTHS)
def test_ppf(benchmark, depth):
    benchmark(rmt_rank.fuss_catalan(depth).ppf, uniform)


# the first hundred of the others' points; and two where the series behind it converges fastest
MEIJER_POINTS = {"same": tuple(uniform[:100] * 3125 / 256), "best": (0.1, 1.0)}


def meijer_g_density(x, depth=4):
    """The density at whole depth as a Meijer G function.

    From E s^z by Gauss's multiplication formula (Penson and Zyczkowski, arXiv:1103.3453).
    """
    L = mpmath.mpf(depth)
    lower = [(k - L) / (L + 1) for k in range(depth)]
    upper = [(k - L + 2) / L for k in range(depth)]
    scale = (L + 1) ** (-L - 0.5) / mpmath.sqrt(2 * mpmath.pi) * L ** (L - 1.5)
    return scale * mpmath.meijerg([[], upper], [lower, []], x * L**L / (L + 1) ** (L + 1))


@pytest.mark.parametrize("where", MEIJER_POINTS)
def test_density_by_meijer_g(benchmark, where):
    points = MEIJER_POINTS[where]
    values = benchmark.pedantic(lambda: [meijer_g_density(x) for x in points], rounds=3)
    np.testing.assert_allclose(
        [float(v) for v in values], rmt_rank.fuss_catalan.pdf(points, 4), rtol=1e-12
    )


def test_density(benchmark):
    law = rmt_rank.fuss_catalan(4.0)
    benchmark(law.pdf, uniform * law.support()[1])
