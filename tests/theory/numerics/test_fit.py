"""Fits of a shape and a scale: known parameters, a slow maximiser, scaled data, bad input."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

import rmt_rank as rr
from rmt_rank.exact.residual_limit.quadrature import residual_limit_law as exact_residual_law


def residual(time):
    return rr.residual_limit_law(time)


def one_layer(ratio):
    return rr.rectangular_law([1, ratio])


def hard_edge(ratio):
    return rr.rectangular_law([ratio, 1, 1, ratio])


def gaussian_factors(aspect):
    return rr.free_product_law([rr.GaussianFactor(aspect), rr.GaussianFactor()])


FAMILIES = {
    "time": (residual, 0.5, 2.0),
    "late": (residual, 20.0, 1.0),
    "ratio": (one_layer, 3.0, 30.0),
    "ratio, zeros": (hard_edge, 3.0, 2.0),
    "aspect": (gaussian_factors, 2.0, 3.0),
}
CASES = pytest.mark.parametrize("case", FAMILIES)
SIZE = 400


def reach(family, true, sign):
    """A distance at which a likelihood exceeds that of the truth with a probability below 5e-7.

    By Markov's inequality that probability is at most (int sqrt(f g))^SIZE, here the mean of
    sqrt(g/f) over quantiles of f.
    """
    nodes, weights = np.polynomial.legendre.leggauss(150)
    u = np.pi / 4 * (nodes + 1)
    # quantiles behave like powers at both ends
    x = family(true).ppf(np.sin(u) ** 4 * (1 + 2 * np.cos(u) ** 2))
    rate = 12 * np.sin(u) ** 3 * np.cos(u) ** 3 * weights * np.pi / 4
    f = family(true).pdf(x)
    inside = f > 0
    distance = 0.01 * true
    while True:
        g = family(true + sign * distance).pdf(x)
        affinity = float(rate[inside] @ np.sqrt(g[inside] / f[inside]))
        if affinity**SIZE < 5e-7:
            return distance
        distance *= 1.4


@CASES
def test_shape_of_a_sample(case):
    family, true, start = FAMILIES[case]
    data = family(true).rvs(SIZE, random_state=1)
    shape, loc, scale = family(start).fit(data, fscale=1)
    assert (loc, scale) == (0, 1)
    # false alarm 1e-6: an estimate beyond means a likelihood there above that of the truth, if the
    # likelihood has one maximum
    assert true - reach(family, true, -1) < shape < true + reach(family, true, 1)


@pytest.mark.parametrize("case", ["time", "ratio"])
def test_scale_of_a_sample(case):
    family, true, start = FAMILIES[case]
    law = family(true)
    data = 7 * law.rvs(SIZE, random_state=2)
    assert family(start).fit(data, f0=true) == pytest.approx(
        family(start).fit(data, **{f"f{case}": true}), rel=1e-15
    )
    found = family(start).fit(data, f0=true)

    class Scaled:
        def __init__(self, scale):
            self.scale = scale

        def ppf(self, q):
            return self.scale * law.ppf(q)

        def pdf(self, x):
            return law.pdf(x / self.scale) / self.scale

    # false alarm 1e-6, as above
    assert 7 - reach(Scaled, 7.0, -1) < found[2] < 7 + reach(Scaled, 7.0, 1)
    assert found[:2] == (true, 0)


@pytest.mark.parametrize("case", ["time", "late", "ratio", "ratio, zeros"])
def test_both_are_a_maximum_of_the_likelihood(case):
    """No point near the fit is better; the search's tolerance is 1e-4 in the log likelihood."""
    family, true, start = FAMILIES[case]
    data = 2 * family(true).rvs(SIZE, random_state=3)

    def log_likelihood(shape, scale):
        return family(shape).logpdf(data / scale).sum() - SIZE * math.log(scale)

    shape, _, scale = family(start).fit(data)
    best = log_likelihood(shape, scale)
    assert best >= log_likelihood(true, 2)
    for a in (0.97, 0.999, 1, 1.001, 1.03):
        for b in (0.99, 0.9997, 1, 1.0003, 1.01):
            assert log_likelihood(shape * a, scale * b) <= best + 1e-3


@pytest.mark.parametrize("case", ["time", "ratio"])
def test_slow_maximiser_of_the_exact_density(case):
    family, true, start = FAMILIES[case]
    data = family(true).rvs(4, random_state=4)

    def density(x, shape):
        if case == "time":
            return exact_residual_law(x, shape, digits=12)[0]
        # Marchenko and Pastur
        low, high = (1 - math.sqrt(shape)) ** 2, (1 + math.sqrt(shape)) ** 2
        return math.sqrt(max((high - x * x) * (x * x - low), 0)) / (math.pi * x)

    def cost(shape):
        densities = [float(density(float(x), shape)) for x in data]
        return -sum(map(math.log, densities)) if min(densities) > 0 else 1e3

    shape, _, _ = family(start).fit(data, fscale=1)
    bounds = (shape / 1.1, shape * 1.1)
    slow = optimize.minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    # SciPy's search stops at steps of 1e-4
    assert shape == pytest.approx(slow.x, abs=3e-4)


@pytest.mark.parametrize("case", ["time", "ratio"])
@pytest.mark.parametrize("factor", [1e-100, 1e100])
def test_scale_of_the_data_is_the_scale_that_is_found(case, factor):
    family, true, start = FAMILIES[case]
    data = family(true).rvs(SIZE, random_state=5)
    shape, _, scale = family(start).fit(data)
    found = family(start).fit(data * factor)
    # the search stops where the log likelihood changes by 1e-4, which is (0.01)^2
    assert found[0] == pytest.approx(shape, rel=1e-2)
    assert found[2] == pytest.approx(scale * factor, rel=1e-2)


def test_zeros_are_left_out_with_their_number():
    law = rr.rectangular_law([1, 3])
    data = law.rvs(50, random_state=6)
    with pytest.warns(UserWarning, match=r"^2 of 52 data are exactly 0.*left out") as record:
        found = law.fit([0, *data, -0.0], fscale=1)
    assert record[0].filename == __file__
    assert found == law.fit(data.reshape(5, 10), fscale=1)


def test_options_of_scipy():
    law = rr.residual_limit_law(1)
    data = rr.residual_limit_law(0.5).rvs(SIZE, random_state=7)
    by_moments = law.fit(data, fscale=1, method="mm")
    # E s = exp(tau)
    assert law.fit(data, 0.7, fscale=1)[0] == pytest.approx(law.fit(data, fscale=1)[0], abs=3e-4)
    assert rr.residual_limit_law(by_moments[0]).mean() == pytest.approx(data.mean(), rel=1e-3)
    large = data > np.quantile(data, 0.9)
    censored = stats.CensoredData(uncensored=data[~large], right=data[large])
    # Var(log s) = 2 tau + tau^2/3 has a relative error of about sqrt(2/400); six of them
    assert law.fit(censored, fscale=1)[0] == pytest.approx(0.5, rel=6 * math.sqrt(2 / SIZE))
    shifted = law.fit(data + 2, floc=2, fscale=1)
    assert shifted[0] == pytest.approx(law.fit(data, fscale=1)[0], abs=3e-4)
    with pytest.raises(TypeError, match="Unknown arguments"):
        law.fit(data, fdepth=2)


def test_zeros_among_censored_data_and_data_beyond_the_start():
    law = rr.rectangular_law([1, 3])
    with pytest.warns(UserWarning, match="^1 of 4 data are exactly 0") as record:
        found = law.fit(stats.CensoredData([0, 0.5, 1, 1.5], right=[1.2]), f0=3)
    assert record[0].filename == __file__
    assert found == law.fit(stats.CensoredData([0.5, 1, 1.5], right=[1.2]), f0=3)
    law = rr.residual_limit_law(1)
    # equal data, which alone say that the time is 0
    time, _, _ = law.fit([2.0, 2.0], fscale=1)
    here, less, more = (
        float(rr.residual_limit_law(time * factor).logpdf(2.0)) for factor in (1, 0.98, 1.02)
    )
    assert here > max(less, more)
    with pytest.raises(ValueError, match=r"data must be possible .* time = "):
        law.fit([1.0, 2.0], fscale=1e-300)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], ValueError, "data must not be empty"),
        ([1, np.nan], ValueError, "data must be finite, got nan"),
        ([1, -0.5], ValueError, r"data must be >= floc = 0.0, got -0.5"),
        ([0, 0], ValueError, "data must hold values above floc"),
        ([0.3, 0.3], ValueError, "data must hold two different values, or time or scale"),
        ([1j, 2], TypeError, "data must be real numbers"),
        (["a"], TypeError, "data must be real numbers"),
        (None, TypeError, "data must be real numbers"),
    ],
)
def test_data_that_no_law_has_are_refused(data, error, message):
    with pytest.raises(error, match=message):
        rr.residual_limit_law(1).fit(data)


@pytest.mark.parametrize("name", ["f0", "ftime", "fix_time", "time", "fscale", "scale", "floc"])
@pytest.mark.parametrize("value", ["a", None, np.nan, [1, 2], 1j])
def test_parameters_must_be_numbers(name, value):
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
        rr.residual_limit_law(1).fit([0.5, 1.0], **{name: value})


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (rr.rectangular_law([1, 1]), "widths must have two different values for a fit"),
        (rr.rectangular_law([1, 2, 3]), "widths must have two different values for a fit"),
        (rr.free_product_law([rr.GaussianFactor()]), "factors must have one aspect or scale"),
        (
            rr.free_product_law([rr.GaussianFactor(2), rr.ResidualFactor(1)]),
            "factors must have one aspect or scale",
        ),
    ],
)
def test_laws_without_one_shape_are_refused(law, message):
    with pytest.raises(ValueError, match=message):
        law.fit([1.0, 2.0])
