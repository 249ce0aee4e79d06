"""The branch of the generating function of the moments on its cut."""

import math

import numpy as np
import pytest

from rmt_rank.exact.gaussian.generating_function import branch_on_the_cut, roots_inside_the_curve


def test_depth_one_is_the_root_of_a_quadratic():
    # B = 1 + w B^2 at w = 1/s: B = (1 + i sqrt(4w - 1))/(2w) on the upper side of the cut
    for square in (0.1, 1.0, 3.9):
        w = 1 / square
        found = branch_on_the_cut(1, square, digits=20)
        assert [float(x) for x in found] == pytest.approx(
            [1 / (2 * w), math.sqrt(4 * w - 1) / (2 * w)], rel=1e-14
        )


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_the_root_inside_the_curve_is_counted_among_all_roots(depth):
    rng = np.random.default_rng(0)
    edge = depth**depth / (depth + 1) ** (depth + 1)
    for w in edge * (rng.normal(size=5) + 1j * rng.normal(size=5)):
        # w B^(L+1) - B + 1
        roots = np.roots([w, *[0] * (depth - 1), -1, 1])
        angle = np.abs(np.angle(roots))
        radius = np.sin((depth + 1) * angle) / np.sin(depth * angle)
        inside = (angle < np.pi / (depth + 1)) & (np.abs(roots) < radius)
        assert np.sum(inside) == 1
        assert roots_inside_the_curve(depth, w) == pytest.approx(1, abs=1e-9)


def test_real_depths_have_one_root_inside():
    for depth in (0.2, 1.7, 12.5):
        edge = depth**depth / (depth + 1) ** (depth + 1)
        # beside the cut a second root is just outside the curve
        for w in (-0.01, 0.5j, 40 - 30j, (2 + 0.05j) * edge, (2 - 0.05j) * edge):
            assert roots_inside_the_curve(depth, w) == pytest.approx(1, abs=1e-9)


def test_depth_and_square_are_positive():
    with pytest.raises(ValueError, match="depth"):
        branch_on_the_cut(-1, 1)
    with pytest.raises(ValueError, match="square"):
        branch_on_the_cut(1, 0)
