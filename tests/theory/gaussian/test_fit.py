"""Fits of depth and scale to data: zeros, censored data, and data that no law has."""

import warnings

import numpy as np
import pytest
from scipy import stats

from rmt_rank import fuss_catalan, singular_value_law

LAWS = pytest.mark.parametrize("law", [fuss_catalan, singular_value_law], ids=lambda law: law.name)


def sample(law, depth=3.0, size=500):
    return law.rvs(depth, size=size, random_state=np.random.default_rng(0))


@LAWS
def test_zeros_are_left_out_with_their_number(law):
    data = sample(law)
    with_zeros = np.concatenate([[0.0], data, [-0.0]])
    with pytest.warns(UserWarning, match=r"^2 of 502 data are exactly 0.*left out"):
        found = law.fit(with_zeros, floc=0, fscale=1)
    assert found == law.fit(data, floc=0, fscale=1)


@LAWS
def test_values_at_a_location_of_ones_own_count_as_zeros(law):
    data = sample(law)
    with pytest.warns(UserWarning, match=r"^1 of 501 data are exactly 2,"):
        found = law.fit(np.append(data, 0) + 2, floc=2, fscale=1)
    # the data lose eps * 2 by the shift, the fit's own tolerance is 1e-4
    assert found[0] == pytest.approx(law.fit(data, floc=0, fscale=1)[0], rel=1e-2)


@LAWS
def test_scale_of_the_data_is_the_scale_that_is_found(law):
    data = sample(law)
    depth, _, scale = law.fit(data, floc=0)
    for factor in (1e-300, 1e300):
        found = law.fit(data * factor, floc=0)
        assert found[0] == pytest.approx(depth, rel=1e-3)  # the search's tolerance is 1e-4
        assert found[2] == pytest.approx(scale * factor, rel=1e-3)


@LAWS
def test_shape_and_kind_of_data_do_not_matter(law):
    data = sample(law)
    expected = law.fit(data, floc=0, fscale=1)
    assert law.fit(data.reshape(50, 10), floc=0, fscale=1) == expected
    assert law.fit(data.tolist(), floc=0, fscale=1) == expected
    assert law.fit([1, 1, 2, 1], floc=0, fdepth=2) == law.fit([1.0, 1.0, 2.0, 1.0], floc=0, f0=2)


@LAWS
def test_censored_data_are_scipys(law):
    data = sample(law)
    large = data > np.quantile(data, 0.9)
    censored = stats.CensoredData(uncensored=data[~large], right=data[large])
    found = law.fit(censored, floc=0, fscale=1)
    # three standard errors of the depth are about 0.5 here
    assert found[0] == pytest.approx(3, abs=0.6)


@LAWS
def test_zeros_among_censored_data_are_left_out(law):
    data = sample(law, size=50)
    clean = stats.CensoredData(uncensored=data[:40], right=data[40:])
    zeros = stats.CensoredData(uncensored=np.append(data[:40], [0, 0]), right=data[40:])
    with pytest.warns(UserWarning, match=r"^2 of 42 data are exactly 0.*left out") as record:
        found = law.fit(zeros, floc=0, fscale=1)
    assert record[0].filename == __file__
    assert found == law.fit(clean, floc=0, fscale=1)
    with pytest.warns(UserWarning, match=r"^1 of 51 data are exactly 0"):
        found = law.fit(stats.CensoredData(np.append(data, 0)), floc=0, fscale=1)
    assert found == law.fit(data, floc=0, fscale=1)


@LAWS
@pytest.mark.parametrize("scale", [1e-3, 1.0])
def test_data_beyond_the_law_of_depth_one(law, scale):
    depth, _, _ = law.fit([5.0, 6.0, 7.0], floc=0, fscale=scale)
    # the maximum: a step in the depth loses
    here, less, more = (
        law.logpdf([5.0, 6.0, 7.0], depth * factor, scale=scale).sum() for factor in (1, 0.98, 1.02)
    )
    assert here > less
    assert here > more


@LAWS
def test_scale_is_found_where_the_depth_is_fixed(law):
    _, _, scale = law.fit([5.0, 6.0, 7.0], floc=0, f0=2)
    here, less, more = (
        law.logpdf([5.0, 6.0, 7.0], 2, scale=scale * factor).sum() for factor in (1, 0.98, 1.02)
    )
    assert here > less
    assert here > more


@LAWS
def test_a_search_that_ends_without_a_density_says_so(law):
    with pytest.raises(ValueError, match=r"data must be possible .* depth = .*, loc = 0 and scale"):
        law.fit([5.0, 6.0, 1e200], floc=0, fscale=1)


@LAWS
def test_one_parameter_is_found_from_one_value(law):
    depth, loc, scale = law.fit([0.5], floc=0, fscale=1)
    assert (loc, scale) == (0, 1)
    assert 0 < depth < 10


@LAWS
@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], ValueError, "data must not be empty"),
        ([1, np.nan], ValueError, "data must be finite, got nan"),
        ([1, np.inf], ValueError, "data must be finite, got inf"),
        ([1, 10**400], ValueError, "data must be finite as a float"),
        ([1, -0.5], ValueError, r"data must be >= floc = 0.0, got -0.5"),
        ([0, 0], ValueError, "data must hold values above floc"),
        ([0.3, 0.3], ValueError, "data must hold two different values"),
        ([0.3], ValueError, "data must hold two different values"),
        (stats.CensoredData([]), ValueError, "data must not be empty"),
        (stats.CensoredData([0.3, 0.3]), ValueError, "data must hold two different values"),
        (
            stats.CensoredData([1, -0.5], right=[1]),
            ValueError,
            "data must be >= floc = 0.0, got -0.5",
        ),
        (stats.CensoredData([1], left=[0]), ValueError, "data must have upper bounds above floc"),
        (stats.CensoredData(interval=[[-1, 0]]), ValueError, "data must have upper bounds above"),
        ([1j, 2], TypeError, "data must be real numbers"),
        (["a"], TypeError, "data must be real numbers"),
        (None, TypeError, "data must be real numbers"),
        (np.ma.array([1.0, 2.0], mask=[True, False]), TypeError, "data must have no masked"),
    ],
)
def test_data_that_no_law_has_are_refused(law, data, error, message):
    with pytest.raises(error, match=message):
        law.fit(data, floc=0)


@LAWS
@pytest.mark.parametrize("name", ["f0", "fdepth", "fix_depth", "fscale", "scale", "floc", "loc"])
@pytest.mark.parametrize("value", ["a", None, np.nan, 10**400, [1, 2], 1j])
def test_parameters_must_be_numbers(law, name, value):
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
        law.fit([0.5, 1.0], **({"floc": 0} | {name: value}))


@LAWS
def test_fit_and_its_search_do_not_warn(law):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in (sample(law), np.append(sample(law), 100), [1, 2, 1, 1], [1e-200, 1.0]):
            law.fit(data, floc=0)


@LAWS
def test_expectation_needs_one_depth(law):
    with pytest.raises(TypeError, match=r"needs one depth, args=\(depth,\), or a frozen law"):
        law.expect(lambda x: x)
    with pytest.raises(TypeError, match="needs one depth"):
        law.expect(lambda x: x, args=4)
    with pytest.raises(TypeError, match="func must be callable"):
        law.expect(3, (2,))
    with pytest.raises(TypeError, match="depth must be real"):
        law.expect(None, ("a",))
    mean = law.mean(2)
    for found in (law.expect(None, (2,)), law.expect(depth=2), law(2).expect()):
        assert found == pytest.approx(mean, rel=1e-7)  # the quadrature's aim is 1.5e-8
