"""The law's three implementations agree: Python floats, arrays, tables."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_rank import fuss_catalan, singular_value_law
from rmt_rank.theory.gaussian import angle as spectral_angle
from rmt_rank.theory.gaussian import angle_law as spectral_law
from rmt_rank.theory.gaussian import tables as spectral_tables

LAWS = [fuss_catalan, singular_value_law]
METHODS = ["PDF", "CDF", "SF", "PPF", "ISF"]
# 1/255 and 255 are the last depths with a table: the layer of width 1/(L+1) takes 4096 intervals
DEPTHS = [1 / 255, 0.03, 0.1, 0.5, 0.9, 1, 1.5, 2.5, 4, 7.1, 15, 60, 255]


def general(name, x, depth, h):
    return getattr(spectral_law, name).general(x, spectral_angle.constants(depth), h)


def by_table(name, x, depth, h):
    table = getattr(spectral_law, name).tabulated(float(depth), h)
    assert np.all(x >= table.smallest)
    return table.values(x)


def ratios():
    """Values of x/x_max over the whole range, whose spacing avoids the nodes."""
    small = np.logspace(-139, -1, 2000)
    top = 1 - np.logspace(-12, -2, 200)
    return np.sort([*small, *np.linspace(0.001, 1 - 1e-9, 20_001), *top])


@pytest.mark.parametrize("h", [1.0, 0.5])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", ["PDF", "CDF", "SF"])
def test_tables_agree_with_newton(name, depth, h):
    ratio = ratios()
    x = ratio * spectral_angle.largest_value(depth, h)
    value, expected = by_table(name, x, depth, h), general(name, x, depth, h)
    normal = expected > np.finfo(float).tiny
    # interpolation 4e-15 (tables.py), Newton's error 1.4e-15 times the Lebesgue constant
    # 2, both implementations' powers: a/h rounded to half an ulp of at most 2 times |log x|
    slack = 1e-14 + 2 * 1.2e-16 * np.abs(np.log(x))
    # an ulp of x/x_max, and one of w, is an ulp over 1 - x/x_max of 1 - x/x_max; the factor is
    # 3/2 at most; w = (x/x_max)^(a/h) carries h (L+1) ulps where it is near 1
    slack += 4.5e-16 * (1 + h * (depth + 1)) / (1 - ratio)
    assert np.all(np.abs(value / expected - 1)[normal] < slack[normal])


@pytest.mark.parametrize("h", [1.0, 0.5])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", ["PPF", "ISF"])
def test_tabulated_quantiles_agree_with_newton(name, depth, h):
    tail = np.logspace(-290, -1, 2000)
    p = np.sort([*tail, *np.linspace(0.001, 0.999, 20_001), *(1 - np.logspace(-15, -2, 200))])
    value, expected = by_table(name, p, depth, h), general(name, p, depth, h)
    normal = expected > np.finfo(float).tiny
    # the quantile is a power h (L+1) of w, whose error is that of the table and of Newton's method
    slack = 2e-14 * (1 + h * (depth + 1))
    np.testing.assert_allclose(value[normal], expected[normal], rtol=slack)


@pytest.mark.parametrize("h", [1.0, 0.5])
@pytest.mark.parametrize("depth", [0.02, 1, 4, 200])
def test_tables_at_the_ends(depth, h):
    edge = spectral_angle.largest_value(depth, h)
    assert by_table("PDF", edge[np.newaxis], depth, h) == 0
    assert by_table("SF", edge[np.newaxis], depth, h) == 0
    assert by_table("CDF", edge[np.newaxis], depth, h) == 1
    assert by_table("PPF", np.array([0.0, 1.0]), depth, h).tolist() == [0, edge]
    assert by_table("ISF", np.array([0.0, 1.0]), depth, h).tolist() == [edge, 0]


@pytest.mark.parametrize("name", ["PDF", "CDF", "SF"])
def test_tables_where_their_intervals_meet(name):
    # at depth 1, w = (x/4)^(1/2) is exactly the end of an interval; the bound of
    # test_tables_agree_with_newton is largest at the last of them, 9.9e-14
    x = 4 * (np.arange(1, 128) / 128) ** 2
    np.testing.assert_allclose(by_table(name, x, 1, 1.0), general(name, x, 1, 1.0), rtol=1e-13)


def test_depths_without_a_table():
    assert spectral_tables.nodes(spectral_angle.constants(255)) == 4096 * 6
    for depth in (256, 1 / 256, 1e100, 1e-100):
        assert spectral_tables.nodes(spectral_angle.constants(depth)) is None


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("method", ["pdf", "logpdf", "cdf", "sf", "ppf", "isf"])
@given(st.floats(1e-3, 1e3), st.floats(1e-6, 1 - 1e-6))
def test_one_point_is_as_good_as_an_array(law, method, depth, ratio):
    x = ratio if method in ("ppf", "isf") else ratio * law.support(depth)[1]
    alone, frozen = getattr(law, method)(x, depth), getattr(law(depth), method)(x)
    first = getattr(law, method)([x, x], depth)[0]
    assert alone == frozen
    # both are good to 1e-14 and the condition: L + 1 for a quantile, 1/(1 - x/x_max) near the
    # upper edge, |log x| for a power; log f = 0 somewhere
    condition = 1 + depth if method in ("ppf", "isf") else 1 / (1 - ratio)
    slack = 1e-14 * (1 + condition)
    assert alone == pytest.approx(first, rel=slack, abs=slack if method == "logpdf" else 1e-320)


@pytest.mark.parametrize("h", [1.0, 0.5])
@pytest.mark.parametrize("depth", [1e-3, 0.01, 1, 30, 1e4])
@pytest.mark.parametrize("name", METHODS)
def test_python_floats_at_the_corners_of_their_range(name, depth, h):
    method = getattr(spectral_law, name)
    edge = 1.0 if method.of_probability else float(spectral_angle.largest_value(depth, h))
    for ratio in (1e-140, 1e-130, 1e-20, 0.5, 1 - 1e-5, 1 - 1e-10, 1 - 2**-53):
        x = max(ratio, spectral_law.FLOAT_SMALLEST) * edge
        value = spectral_law._of_one(method, x, float(depth), h)
        if value is None:  # x/x_max is rounded: at the end of the range either may compute it
            assert ratio in (1e-140, 1 - 2**-53)
            continue
        expected = general(name, np.array([x]), depth, h)[0]
        # as below: the condition of a power, and of 1 - x/x_max
        condition = abs(np.log(x)) + (1 + depth if method.of_probability else 1 / (1 - ratio))
        assert value == pytest.approx(expected, rel=min(1e-14 * (1 + condition), 0.9), abs=1e-320)


def test_scalars_take_python_floats(monkeypatch):
    def fails(*_):
        raise AssertionError("arrays for one point")

    monkeypatch.setattr(spectral_law, "_of_many", fails)
    for law in LAWS:
        for method in ("pdf", "logpdf", "cdf", "sf", "ppf", "isf"):
            assert np.isfinite(getattr(law(4.0), method)(0.5))
            assert getattr(law, method)([0.5], 4.0).shape == (1,)


def test_blocks_do_not_change_the_values():
    edge = fuss_catalan.support(2.0)[1]
    x = np.linspace(0.001, 1, 3 * spectral_law.BLOCK + 17) * edge
    x[spectral_law.BLOCK + 3] = 1e-200  # one block has a point that no table has
    table = spectral_law.PDF.tabulated(2.0, 1.0)
    usual = x >= table.smallest
    density = fuss_catalan.pdf(x, 2.0)
    np.testing.assert_array_equal(density[usual], table.values(x[usual]))
    np.testing.assert_array_equal(density[~usual], general("PDF", x[~usual], 2.0, 1.0))
    depth = np.full(x.shape, 2.0)
    depth[-1] = 3.0  # now the depth varies, and Newton's method computes all points
    mixed = fuss_catalan.pdf(x, depth)
    np.testing.assert_allclose(mixed[:-2], density[:-2], rtol=1e-12)
    assert mixed[-1] == fuss_catalan.pdf([edge, edge], 3.0)[0]


def test_tables_from_many_threads():
    for function in (spectral_tables.density, spectral_tables._tails, spectral_tables._quantiles):
        function.cache_clear()
    x = np.linspace(0.01, 0.99, 8000)
    depths = [1.0, 2.5, 4.0, 8.0] * 4

    def values(depth):
        law = fuss_catalan(depth)
        return np.concatenate([law.pdf(x), law.cdf(x), law.ppf(x)])

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(values, depths))
    for depth, result in zip(depths, together, strict=True):
        np.testing.assert_array_equal(result, values(depth))
