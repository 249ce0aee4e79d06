"""Exact numbers in threads, in forks and from a caller's functions; the digits they print."""

import copy
import inspect
import os
import pickle
import subprocess
import sys
import threading
from fractions import Fraction

import flint
import mpmath
import pytest

from rmt_rank import exact
from rmt_rank.exact.gaussian import balls

# Seconds after which a test counts as hanging; it takes a few.
LIMIT = 600

# every public function that takes digits
CALLS = {
    "angle_of": lambda d: exact.angle_of("1/3", 2, digits=d),
    "angles_of": lambda d: exact.angles_of("1/3", 2, digits=d),
    "complex_covariance": lambda d: exact.complex_covariance((2, 3), "1/2", "1/3", digits=d),
    "complex_power_sum": lambda d: exact.complex_power_sum((2, 2), "1/2", digits=d),
    "complex_power_sum_slope": lambda d: exact.complex_power_sum_slope((2, 2), "1/2", digits=d),
    "conjugate_kernel_entropy": lambda d: exact.conjugate_kernel_entropy(3, 1, "sine", digits=d),
    "density": lambda d: exact.density("1/3", 3, digits=d),
    "differential_effective_rank": lambda d: exact.differential_effective_rank(8, digits=d),
    "differential_effective_rank_derivative": lambda d: (
        exact.differential_effective_rank_derivative(2, digits=d)
    ),
    "dual_activation": lambda d: exact.dual_activation("sine", 1, 2, "1/3", digits=d),
    "dual_activation_closed": lambda d: exact.dual_activation_closed("gelu", 1, 2, "0.3", digits=d),
    "effective_rank_of_free_product": lambda d: exact.effective_rank_of_free_product(
        [exact.gaussian_s_transform(2), exact.residual_s_transform("1/2")], digits=d
    ),
    "enclose_derivative": lambda d: exact.enclose_derivative(3, digits=d),
    "enclose_effective_rank": lambda d: exact.enclose_effective_rank(3, digits=d),
    "integrand_derivative": lambda d: exact.integrand_derivative("1/3", 2, digits=d),
    "integrand_derivative_area": lambda d: exact.integrand_derivative_area(2, digits=d),
    "jacobian": lambda d: exact.jacobian("1/3", 3, digits=d),
    "law": lambda d: exact.law("1/3", 2, digits=d),
    "tracy_widom": lambda d: exact.tracy_widom("1/3", 2, digits=d)[0],
    "turning_threshold": lambda d: exact.turning_threshold(2, digits=d),
    "levy_density": lambda d: exact.levy_density("1/3", 2, digits=d),
    "levy_khintchine": lambda d: exact.levy_khintchine("1/3", 2, digits=d),
    "linear_kernel_entropy": lambda d: exact.linear_kernel_entropy("4/3", 2, digits=d),
    "measures": lambda d: exact.measures([3, 2, 1], digits=d),
    "mode_singular_value": lambda d: exact.mode_singular_value(1, 2, "1/2", 3, digits=d),
    "mode_time": lambda d: exact.mode_time(1, 2, "1/2", 3, digits=d),
    "moment": lambda d: exact.moment("1/3", 2, digits=d),
    "one_layer_effective_rank": lambda d: exact.one_layer_effective_rank([1], 4, 2, digits=d),
    "paper_equation_8_ratio": lambda d: exact.paper_equation_8_ratio("1/3", 2, 1, digits=d),
    "paper_integrand_derivative_area": lambda d: exact.paper_integrand_derivative_area(2, digits=d),
    "rectangular_effective_rank": lambda d: exact.rectangular_effective_rank([2, 3], digits=d),
    "rectangular_law": lambda d: exact.rectangular_law(1, [2, 3], digits=d),
    "rectangular_moment": lambda d: exact.rectangular_moment([2, 3], "1/3", digits=d),
    "residual_limit_effective_rank": lambda d: exact.residual_limit_effective_rank(1, digits=d),
    "residual_limit_law": lambda d: exact.residual_limit_law("3/2", 1, digits=d),
    "residual_limit_moment": lambda d: exact.residual_limit_moment(1, "1/3", digits=d),
    "singular_value": lambda d: exact.singular_value("1/3", 3, digits=d),
    "singular_values": lambda d: exact.singular_values([[3, 1], [1, 2]], digits=d),
}
# functions that take seconds for 50 digits: double integrals, many nodes, many steps
SLOW = (
    "integrand_derivative",
    "levy_khintchine",
    "mode_singular_value",
    "rectangular_effective_rank",
)
SLOWEST = (
    "conjugate_kernel_entropy",
    "dual_activation",
    "integrand_derivative_area",
    "one_layer_effective_rank",
)
# quick functions that cover every way in which precision is set
MIXED = (
    "angles_of",
    "dual_activation_closed",
    "effective_rank_of_free_product",
    "enclose_effective_rank",
    "law",
    "moment",
    "singular_value",
)


def numbers(found):
    """Yield the numbers of a result, one after another."""
    if isinstance(found, exact.Enclosure):
        return [found.lower, found.upper]
    if isinstance(found, dict):
        return list(found.values())
    return list(found) if isinstance(found, tuple | list) else [found]


def precisions():
    return mpmath.mp.prec, mpmath.mp.dps, flint.ctx.prec


@pytest.fixture
def hasty():
    """Make threads switch every few microseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_every_function_with_digits_is_called_here():
    with_digits = {
        name
        for name in exact.__all__
        if callable(getattr(exact, name))
        and "digits" in inspect.signature(getattr(exact, name)).parameters
    }
    # a double contour integral, which is asked for 12 digits in its own tests
    assert with_digits - {"limit_variance"} == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_results_show_the_digits_asked_for(name):
    # above a double's 17 for the slowest functions, and 50 for the others
    before, wanted = precisions(), 18 if name in SLOWEST else 25 if name in SLOW else 50
    found, finer = (numbers(CALLS[name](digits)) for digits in (wanted, wanted + 5))
    assert precisions() == before
    for value, better in zip(found, finer, strict=True):
        assert isinstance(value, mpmath.mpf)
        with mpmath.workdps(80):
            # the last digit may be off by one; they count from the point in part
            allowed = mpmath.mpf(10) ** (1 - wanted) * max(1, abs(better))
            for shown in (str(value), repr(value).removeprefix("mpf('").removesuffix("')")):
                assert abs(mpmath.mpf(shown) - better) < allowed


def test_a_result_prints_fifty_digits():
    # the closed form, by mpmath's own gamma and digamma functions
    with mpmath.workdps(60):
        half = mpmath.mpf(1) / 2
        log_c = mpmath.loggamma(11 * half) - mpmath.loggamma(3 * half) - mpmath.loggamma(6)
        slope = 9 * mpmath.digamma(11 * half) - mpmath.digamma(3 * half) - 8 * mpmath.digamma(6)
        expected = mpmath.nstr(log_c - slope / 2, 50)
    value = exact.differential_effective_rank(8, digits=50)
    assert str(value) == expected
    assert len(expected) == 52
    assert repr(value).startswith(f"mpf('{expected[:-1]}")


def test_arithmetic_with_a_result_keeps_its_digits():
    one = exact.moment(1, 2, digits=50)
    assert str(one / 3) == "0." + 50 * "3"
    assert str(1 - one / 3) == "0." + 49 * "6" + "7"
    # as everywhere in mpmath, the left operand decides
    assert str(mpmath.mpf(1) / (one * 3)) == "0." + 15 * "3"


def test_copies_keep_digits():
    value = exact.moment("1/2", 2, digits=40)
    for other in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), copy.copy(value)):
        assert other == value
        assert repr(other) == repr(value)
    enclosure = exact.enclose_effective_rank(2, digits=40)
    assert pickle.loads(pickle.dumps(enclosure)) == enclosure


@pytest.mark.usefixtures("hasty")
def test_eight_threads_with_different_digits(in_threads):
    alone = {(name, d): repr(CALLS[name](d)) for name in MIXED for d in (15, 30)}
    before = precisions()
    plan = list(alone)

    def work(thread):
        # each thread has its own order
        order = plan[thread:] + plan[:thread]
        return {key: repr(CALLS[key[0]](key[1])) for key in order}

    for found in in_threads([lambda thread=thread: work(thread) for thread in range(8)]):
        assert found == alone
    assert precisions() == before


@pytest.mark.usefixtures("hasty")
def test_a_caller_may_set_mpmaths_precision_at_any_time(in_threads):
    expected = repr(exact.law("1/3", 2, digits=30))
    done = threading.Event()

    def caller():
        seen = 0
        while not done.is_set():
            with mpmath.workdps(20 + seen % 7):
                seen += 1
                assert mpmath.mp.dps == 20 + (seen - 1) % 7
        return seen

    def ours():
        try:
            return [repr(exact.law("1/3", 2, digits=30)) for _ in range(5)]
        finally:
            done.set()

    before = precisions()
    seen, found = in_threads([caller, ours])
    assert seen
    assert found == 5 * [expected]
    assert precisions() == before


@pytest.mark.usefixtures("hasty")
def test_steps_of_the_derivation_in_threads(in_threads):
    steps = {step.name: step for step in exact.derivation()}
    quick = (
        "jacobian",
        "distribution function",
        "levy growth",
        "sign",
        "gram matrix",
        "levy-khinchine",
    )
    before = precisions()
    work = [steps[name].check for name in quick]
    work += [lambda: exact.certify_decreasing(0, 10), lambda: exact.certify_levy_growth(2)]
    found = in_threads(work)
    assert all(result.holds for result in found[: len(quick)])
    assert found[-2] == exact.certify_decreasing(0, 10)
    assert found[-1] == exact.certify_levy_growth(2)
    assert precisions() == before


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_errors_of_a_callers_function(kind):
    before = precisions()
    seen = []

    def breaks(x):
        seen.append(mpmath.mp.dps)
        if len(seen) > 20:
            raise kind("enough")
        return mpmath.tanh(x)

    for call in (
        lambda: exact.dual_activation(breaks, 1, 1, 0, digits=33),
        lambda: exact.conjugate_kernel_entropy(3, 1, breaks, digits=33),
        lambda: exact.effective_rank_of_free_product([breaks], digits=33),
    ):
        seen.clear()
        with pytest.raises(kind, match="enough"):
            call()
        # a caller's function computes at the working precision
        assert min(seen) > 33
        assert precisions() == before


def test_an_interrupt_in_ball_arithmetic(monkeypatch):
    before = precisions()

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(balls, "_zeta", interrupt)
    with pytest.raises(KeyboardInterrupt):
        exact.certify_decreasing(0, 1)
    assert precisions() == before


def test_a_callers_function_that_calls_back(in_threads):
    # one of ours, with other calls of ours in between, at other precisions
    ours = exact.gaussian_s_transform(2)

    def s_transform(u):
        exact.enclose_effective_rank(2, digits=12)
        exact.singular_value("1/3", 2, digits=100)
        return ours(u)

    rank = exact.effective_rank_of_free_product
    (found,) = in_threads([lambda: rank([s_transform], digits=15)])
    assert found == rank([ours], digits=15)


def test_s_transforms_work_at_the_callers_precision():
    with mpmath.workdps(40):
        value = exact.residual_s_transform("1/2")(mpmath.mpf("-0.25"))
        root = mpmath.sqrt(mpmath.mpf(25) / 16 - mpmath.mpf(1) / 4)
        assert abs(value - 4 / ((1 + root) ** 2 - mpmath.mpf(1) / 16)) < mpmath.mpf(10) ** -38
    # one of our functions inside one of the caller's
    mine = exact.gaussian_s_transform(2)
    wrapped = exact.effective_rank_of_free_product([lambda u: mpmath.mpf(1) * mine(u)], digits=25)
    assert wrapped == exact.effective_rank_of_free_product([mine], digits=25)


FORK = """
import os, sys, threading
from rmt_rank import exact

expected = repr(exact.differential_effective_rank(3, digits=25))
inside, leave = threading.Event(), threading.Event()

def activation(x):
    inside.set()
    leave.wait()
    raise RuntimeError

def hold():
    try:
        exact.dual_activation(activation, 1, 1, 0)
    except RuntimeError:
        pass

thread = threading.Thread(target=hold)
thread.start()
inside.wait()
child = os.fork()
if child == 0:
    same = repr(exact.differential_effective_rank(3, digits=25)) == expected
    os._exit(0 if same else 1)
_, status = os.waitpid(child, 0)
leave.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_fork_while_another_thread_computes():
    command = [sys.executable, "-P", "-W", "ignore::DeprecationWarning", "-c", FORK]
    # a separate session, so that a hanging child is killed with its parent
    process = subprocess.Popen(command, start_new_session=True)
    try:
        assert process.wait(LIMIT) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()


def test_numbers_of_any_context_are_taken_exactly():
    other = mpmath.MPContext()
    other.dps = 60
    third = other.mpf(1) / 3
    assert exact.moment(third, 2, digits=40) == exact.moment(
        Fraction(*map(int, mpmath.libmp.to_rational(third._mpf_))), 2, digits=40
    )
