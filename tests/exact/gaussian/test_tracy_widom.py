"""Tracy-Widom laws by Painleve II: digits, the density, and what is refused."""

from fractions import Fraction

import mpmath
import pytest

from rmt_rank.exact import tracy_widom


@pytest.mark.parametrize("beta", [1, 2])
def test_more_digits_confirm_the_value(beta):
    few, many = (tracy_widom(-3, beta, digits=digits) for digits in (20, 35))
    for a, b in zip(few, many, strict=True):
        assert abs(a / b - 1) < mpmath.mpf(10) ** -19


def test_digits_of_bornemann():
    # C. A. Tracy and H. Widom; F. Bornemann, arXiv:0904.1581, Section 2.3.2: F_2(-2)
    cdf = tracy_widom(-2, 2, digits=20)[1]
    assert abs(cdf - mpmath.mpf("0.41322414250512257485")) < 1e-15


def test_the_density_is_the_derivative():
    h = Fraction(1, 2**26)
    for beta in (1, 2):
        pdf = tracy_widom(1, beta, digits=20)[0]
        low, high = (tracy_widom(1 + each, beta, digits=30)[1] for each in (-h, h))
        # a difference leaves out h^2 F'''/6, and |F'''| < 1
        assert abs((high - low) / (2 * mpmath.mpf(2) ** -26) - pdf) < 1e-16


def test_arguments_outside_the_range_are_refused():
    for x, beta, name in [(-41, 1, "x"), (101, 1, "x"), (0, 4, "beta"), (0, 1.5, "beta")]:
        with pytest.raises((ValueError, TypeError), match=name):
            tracy_widom(x, beta)
