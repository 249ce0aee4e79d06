"""Terms of order 1/n of Gram matrices: against moments of the law, and on networks."""

import math

import mpmath
import pytest

from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks
from rmt_rank.theory import fuss_catalan_moment
from rmt_rank.theory.finite_width.corrections import finite_width_correction
from rmt_rank.theory.nonlinear.gram_corrections import cosine_correction


@pytest.mark.parametrize("depth", [1, 2, 7, 60, 10**6, 10**9, 10**15])
def test_against_moments_of_the_law(depth):
    # M(z) = Gamma((L+1) z + 1)/(Gamma(z+1) Gamma(L z + 2)), differentiated in mpmath
    with mpmath.mp.workdps(40):

        def moment(z):
            top = mpmath.gamma((depth + 1) * z + 1)
            return top / mpmath.gamma(z + 1) / mpmath.gamma(depth * z + 2)

        slopes = [mpmath.diff(moment, z) for z in (1, 2)]
        expected = float(2 * (slopes[1] - moment(2) * slopes[0]))
    assert fuss_catalan_moment(2, depth) == pytest.approx(depth + 1)
    # two digammas of up to log L = 35 are rounded, and leave log 2: 50 eps each
    assert cosine_correction(1, depth) == pytest.approx(expected, rel=3e-14)
    assert cosine_correction(10, depth) == pytest.approx(expected / 10, rel=3e-14)


def test_ends():
    assert cosine_correction(5, 0) == pytest.approx(0, abs=1e-15)
    assert cosine_correction(1, 10**6) == pytest.approx(2 * math.log(2) * 10**6, rel=1e-5)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_networks(depth):
    n, ratio, networks = 64, 16, 60
    ranks = [
        sample_gram_effective_ranks(
            (ratio * n, n), [depth], "identity", networks, kernel=kernel, rng=4
        )
        for kernel in ("cosine", "linear")
    ]
    gap = (ranks[0] - ranks[1])[:, 0]
    # five standard errors, one in 1.7 million; what is left out is of the order (L/n)^2, with a
    # factor of 1 to 2.2 at widths 32 to 128 (the first-order spectrum becomes negative beyond
    # c = n/2), and 1/q
    allowed = 5 * gap.std(ddof=1) / math.sqrt(networks) + 3 * (depth / n) ** 2 + 0.5 / (ratio * n)
    assert abs(gap.mean() - cosine_correction(n, depth)) < allowed
    assert allowed < cosine_correction(n, depth) / 3


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_square_gram_matrices_have_their_terms_elsewhere(depth):
    # complex: [L^2/2 + (L+1)(2-L)/24]/N^2 and O(1/N^4); 7/12 of Page at L = 1
    scaled = [N**2 * finite_width_correction(N, depth, "complex", power=2).value for N in (40, 80)]
    expected = depth**2 / 2 + (depth + 1) * (2 - depth) / 24
    assert (4 * scaled[1] - scaled[0]) / 3 == pytest.approx(expected, rel=1e-4)
    # real: -e'(1)/N + L^2/N^2, with e'(1) = 2 log 2 - 1 at L = 1
    real = finite_width_correction(50, depth, "real", power=2)
    assert real.remainder == pytest.approx((depth / 50) ** 2)
    if depth == 1:
        assert 50 * (real.value - real.remainder) == pytest.approx(1 - 2 * math.log(2))


def test_bad_input():
    with pytest.raises(ValueError, match="width must be an integer >= 1, got 0"):
        cosine_correction(0, 1)
    with pytest.raises(TypeError, match=r"depth must be an integer >= 0, got 1\.5"):
        cosine_correction(3, 1.5)
