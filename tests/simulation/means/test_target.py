"""Every target stops: reached, out of reach, below rounding, or without variation."""

import math
import sys

import numpy as np
import pytest

from rmt_rank import estimate, expected_effective_rank
from rmt_rank.simulation.means.target import TargetWarning


@pytest.mark.parametrize("power", [1e-20, 1e-300, 3e-308])
def test_a_power_that_leaves_nothing_to_vary(power):
    result = expected_effective_rank(4, 2, power=power, target_error=1e-3, rng=0)
    assert abs(result.value - math.log(4)) <= result.error <= 1e-3


def test_the_error_of_a_constant_statistic_covers_unseen_events():
    # at this power the largest singular value is the whole spectrum; the rest underflows
    result = estimate("effective_rank", 8, 40, power=1e6, target_error=1e-2, rng=0)
    assert result.reached
    assert result.value == 0
    assert result.error == math.log(8) / result.samples
    shares = estimate("spectral_measure", 4, 2, samples=100, bins=[98, 99], rng=0)
    assert shares.error == 1 / 100
    assert estimate("effective_rank", 1, 2, target_error=1e-9, rng=0).error == 0


@pytest.mark.parametrize(
    ("which", "arguments", "why"),
    [
        (lambda s: np.ones(len(s)), {"target_error": 1e-3}, "nothing varied in 4096 samples"),
        ("singular_values", {"target_error": 1e-300}, "below the rounding"),
        ("effective_rank", {"target_error": 1e-15}, "it would take about .* the maximum is"),
        ("effective_rank", {"target_error": 3e-16}, "below the rounding"),
        (
            "effective_rank",
            {"target_error": 1e-9, "max_samples": 600},
            "600 samples were drawn, the maximum",
        ),
        ("singular_values", {"target_error": 1e-300, "max_samples": 600}, "600 samples were"),
    ],
)
def test_a_target_out_of_reach_stops_with_a_reason(which, arguments, why):
    with pytest.warns(TargetWarning, match=why) as caught:
        result = estimate(which, 8, **({"depth": 2, "rng": 0} | arguments))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not result.reached
    assert "was not reached" in result.why
    assert result.samples <= 11_000


def test_expected_rank_says_that_its_target_was_not_reached():
    with pytest.warns(TargetWarning, match="was not reached") as caught:
        result = expected_effective_rank(8, 8, target_error=1e-12, rng=0)
    assert caught[0].filename == __file__
    assert result.error > 1e-12
    assert "target_error 1e-12 was not reached" in result.why


@pytest.mark.parametrize("target", [1e-16, 5e-324, sys.float_info.min])
@pytest.mark.parametrize("function", [estimate, expected_effective_rank])
def test_a_target_below_rounding_is_refused(function, target):
    first = ("effective_rank",) if function is estimate else ()
    with pytest.raises(ValueError, match=r"target_error must be finite and >= 2\.22"):
        function(*first, 4, 2, target_error=target)


def test_exact_controls_reach_any_target_above_rounding():
    # tr W^T W is itself a control: no variance is left
    result = estimate(lambda s: np.mean(s**2, axis=1), 8, 2, target_error=1e-11, rng=1)
    assert result.reached
    assert abs(result.value - 1) < 1e-12
    assert result.error > 0
