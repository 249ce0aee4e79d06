"""Definitions 1 to 5 in mpmath, on matrices whose singular values are known."""

import mpmath
import pytest

from rmt_rank.exact import measures, singular_values


def test_singular_values_of_a_known_matrix():
    # a^T a = [[25, 20], [20, 25]]: eigenvalues 45 and 5
    first, second = singular_values([[3, 0], [4, 5]], digits=40)
    with mpmath.workdps(40):
        assert abs(first**2 - 45) < mpmath.mpf(10) ** -38
        assert abs(second**2 - 5) < mpmath.mpf(10) ** -38


def test_wide_and_complex_matrices():
    assert [float(s) for s in singular_values([[0, 0, 2], [1, 0, 0]])] == pytest.approx([2, 1])
    # a unitary matrix times 3
    assert [float(s) for s in singular_values([[0, 3j], [3, 0]])] == pytest.approx([3, 3])


def test_measures_of_known_spectra():
    flat = measures([2, 2, 2, 2], tau="0.25", digits=30)
    assert abs(flat["effective_rank"] - mpmath.log(4)) < 1e-15
    assert {name: float(value) for name, value in flat.items() if name != "effective_rank"} == {
        "threshold_rank": 4,  # tau itself counts
        "stable_rank": 4,
        "nuclear_norm": 8,
    }
    one = measures([5, 0, 0], digits=30)
    assert [float(one[name]) for name in ("effective_rank", "threshold_rank", "stable_rank")] == [
        0,
        1,
        1,
    ]
    # p = 3/4, 1/4
    two = measures([3, 1], tau="0.3", digits=30)
    with mpmath.workdps(30):
        expected = 2 * mpmath.log(2) - 3 * mpmath.log(3) / 4
        assert abs(two["effective_rank"] - expected) < mpmath.mpf(10) ** -28
    assert float(two["threshold_rank"]) == 1
    assert float(two["stable_rank"]) == pytest.approx(10 / 9, rel=1e-15)


def test_digits_are_refused():
    with pytest.raises(ValueError, match="digits is 0; allowed"):
        measures([1], digits=0)
