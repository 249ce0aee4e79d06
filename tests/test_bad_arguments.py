"""Arguments out of any range: a result that is right, or a refusal that names the argument.

Every public callable of theory, exact, networks, training and data is called with each argument in
turn replaced by an invalid value.  It returns without a warning, or raises a TypeError or
ValueError that names an argument in one short line.  What cannot be right for any argument but
those of `TAKES` is refused.
"""

import contextlib
import decimal
import fractions
import math
import signal
import threading

import numpy as np
import pytest

import rmt_rank as rr
from rmt_rank import exact
from rmt_rank._lib.activations import activation, sine
from rmt_rank.data.images import Images
from rmt_rank.networks import identities
from rmt_rank.networks.initialisation import initial_parameters
from rmt_rank.theory.finite_width import (
    complex_covariance,
    complex_moments,
    exact_means,
    fluctuations,
    lyapunov,
    trace_moments,
)
from rmt_rank.theory.finite_width import corrections as finite_width
from rmt_rank.theory.gaussian import limit_measures, threshold_rank
from rmt_rank.theory.nonlinear import (
    conjugate_kernel,
    correlation_maps,
    gram_corrections,
    neural_kernel,
)
from rmt_rank.theory.rectangular.fluctuations import rectangular_variance
from rmt_rank.training.schedule import recording_schedule

# Time limit in seconds for one call; only a hang reaches it.
ENDLESS = 600


class Hostile:
    """An object that raises on every access."""

    def __repr__(self):
        raise RuntimeError("no text")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no array")


def junk():
    """Return values that are invalid for every argument, by name."""
    return {
        "object": object(),
        "hostile": Hostile(),
        "1j": 1j,
        "bytes": b"a",
        "text": "abc",
        "nan": math.nan,
        "decimal nan": decimal.Decimal("nan"),
        "generator": (i for i in (2, 3)),
        "complex array": np.array([1j, 2]),
        "datetime": np.datetime64("2026-01-01"),
        "Ellipsis": ...,
        "[None]": [None, 1],
        "[text]": ["a", "b"],
        "ragged": [[1], [1, 2]],
        "2d nan": np.full((2, 2), math.nan),
    }


def extremes():
    """Return values that may be arguments of a kind, or are far out of range."""
    return {
        "10**400": 10**400,
        "-10**5000": -(10**5000),
        "2**31": 2**31,
        "2**63": 2**63,
        "2**64": 2**64,
        "-1": -1,
        "0": 0,
        "0.5": 0.5,
        "1e300": 1e300,
        "1e-300": 1e-300,
        "5e-324": 5e-324,
        "inf": math.inf,
        "-inf": -math.inf,
        "True": True,
        "None": None,
        "[]": [],
        "dict": {1: 2, 3: 4},
        "uint8": np.uint8(3),
        "int16": np.int16(3),
        "uint64": np.uint64(2**64 - 1),
        "float16": np.float16(2),
        "longdouble": np.longdouble(2),
        "fraction": fractions.Fraction(3, 2),
        "[10**400]": [10**400, 1],
        "[1e300]": [1.0, 1e300],
        "[5e-324]": [5e-324, 1.0],
        "range": range(10**10),
        "broadcast": np.broadcast_to(2.0, 10**13),
        "2d": np.ones((2, 2)),
    }


# Arguments that slow functions at high precision must refuse at once.
OF_EXACT = ("10**400", "-10**5000", "-1", "inf", "None", "[]", "dict", "range", "broadcast")

SQUARE = rr.networks.LeastSquaresProblem(np.eye(3)[:2], np.ones((2, 3)))
SMALL = rr.networks.least_squares_problem(4, 1, 2, rng=0, test_examples=3)
LINEAR, TANH = rr.networks.LinearNetwork((3, 3, 3)), rr.networks.NonlinearNetwork((3, 3, 3), "tanh")
RESULT = rr.networks.train(SMALL, 1, steps=2, rng=0, unconverged="ignore")
INPUTS = np.arange(12.0).reshape(4, 3) / 10 + 0.1
FACTORS = [rr.GaussianFactor(2), rr.ResidualFactor(1)]
LAW = rr.singular_value_law
IMAGES = Images("a", np.ones((4, 4)), np.array([0, 1, 0, 1]), (2, 2), 2)


def case(function, /, **good):
    return function, good


def laws():
    for law in (rr.free_product_law(FACTORS), rr.rectangular_law([2, 3]), rr.residual_limit_law(1)):
        for method in (law.pdf, law.logpdf, law.cdf, law.logcdf, law.sf, law.logsf):
            yield case(method, x=0.5)
        yield case(law.ppf, q=0.5)
        yield case(law.isf, q=0.5)
        yield case(law.interval, confidence=0.5)
        yield case(law.rvs, size=3, random_state=0)
        yield case(law.moment, order=2)
        yield case(law.stats, moments="mvsk")
        yield case(law.effective_rank, power=1, order=2)
    # one method for all; this law's density is quick
    law = rr.rectangular_law([2, 3])
    yield case(law.expect, func=math.sqrt, lb=0.5, ub=1, conditional=True)


def networks():
    for network in (LINEAR, rr.networks.LinearNetwork((3, 3, 3), 1, True), TANH):
        data, _ = network.data(SQUARE)
        parameters, weights = np.ones((1, network.size)), [np.ones((3, 3))] * 2
        yield case(network.data, problem=SQUARE)
        yield case(network.weights, parameters=parameters)
        yield case(network.parameters, weights=weights)
        for method in (network.loss, network.loss_and_gradient, network.forward):
            yield case(method, parameters=parameters, data=data)
        yield case(network.test_loss, parameters=parameters, data=data, test=data)
    yield case(TANH.features, parameters=np.ones((1, TANH.size)), inputs=np.eye(3), layer=1)
    yield case(TANH.accuracy, parameters=np.ones((1, TANH.size)), data=TANH.data(SQUARE)[0])


def theory():
    kernel = {"activation": "erf", "weight_variance": 1.0, "bias_variance": 0.0}
    rank = {"depth": 2, "power": 1, "order": 1}
    yield case(rr.limit_effective_rank, **rank)
    yield case(rr.limit_effective_rank, **rank | {"order": 3})
    yield case(rr.limit_effective_rank, derivative=True, **rank)
    yield case(rr.limit_effective_rank, derivative=True, **rank | {"order": math.inf})
    yield case(rr.limit_effective_rank, derivative=True, **rank | {"order": 3})
    yield case(rr.theory.fuss_catalan_moment, order=1, depth=2)
    yield case(rr.limit_effective_rank, widths=(2.0, 3.0), power=1, order=1)
    yield case(rr.rectangular_law, widths=(2.0, 3.0))
    yield case(rr.theory.RectangularLaw, widths=(2.0, 3.0))
    yield case(rr.theory.rectangular_moment, widths=(2.0, 3.0), order=1)
    yield case(rr.FreeFactor, s_transform=lambda u: 1 / (2 + u), name="a")
    yield case(rr.GaussianFactor, aspect=2)
    yield case(rr.ResidualFactor, scale=1, layers=1)
    yield case(rr.theory.deep_effective_rank, factors=FACTORS, power=1)
    yield case(rr.theory.effective_depth, factors=FACTORS)
    yield case(rr.limit_effective_rank, factors=FACTORS, power=1, order=1)
    yield case(rr.theory.free_product_moment, factors=FACTORS, order=1)
    yield case(rr.free_product_law, factors=FACTORS)
    yield case(rr.theory.FreeProductLaw, factors=tuple(FACTORS))
    yield case(rr.limit_effective_rank, time=1, power=1)
    yield case(rr.theory.residual_limit_moment, time=1, order=1)
    yield case(rr.residual_limit_law, time=1)
    yield case(rr.theory.ResidualLimitLaw, time=1)
    yield case(rr.theory.DepthRatio, depth=1, deeper=2)
    yield case(rr.theory.DepthRatio(1, 2).moment, order=1)
    yield case(rr.theory.DepthRatio(1, 2).jump_density, y=1)
    yield case(rr.theory.DepthRatio(1, 2).rvs, size=3, rng=0)
    yield case(rr.limit_measures, depth=2, threshold=0.5, delta=0.01)
    yield case(rr.theory.limit_threshold_rank, depth=2, threshold=0.5)
    yield case(limit_measures.limit_energy_rank, depth=2, delta=0.01, power=1)
    yield case(limit_measures.limit_participation_ratio, depth=2, power=2)
    yield case(limit_measures.limit_stable_rank, depth=2)
    yield case(threshold_rank.threshold_rank_peak, threshold=3.0)
    yield case(threshold_rank.turning_threshold, depth=2.0)
    modes = {"targets": [2, 1], "initial": 0.01, "depth": 2}
    yield case(rr.networks.mode_effective_rank, time=1, **modes)
    yield case(rr.networks.mode_singular_values, time=1, **modes)
    yield case(rr.networks.mode_singular_values, time=1, targets=[2, 0], initial=3, depth=3)
    yield case(rr.networks.mode_time, values=0.5, **modes)
    yield case(rr.networks.one_layer_effective_rank, singular_values=[1, 0], features=4, examples=2)
    yield case(
        rr.networks.one_layer_effective_rank,
        singular_values=[1, 0],
        features=4,
        examples=2,
        scale=1,
    )
    yield case(
        rr.networks.one_layer_effective_rank,
        singular_values=[1, 0],
        features=4,
        examples=2,
        power=2,
    )
    yield case(rr.nonlinear.dual_activation, activation="gelu", first=1, second=2, correlation=0.5)
    yield case(rr.nonlinear.dual_activation, activation="erf", first=1, second=2, correlation=0.5)
    yield case(rr.nonlinear.correlation_map, activation="tanh", variance=1)
    yield case(rr.nonlinear.correlation_map("tanh").gap, gap=0.5)
    yield case(rr.nonlinear.correlations, depth=3, correlation=0.5, variance=1, **kernel)
    yield case(rr.nonlinear.correlations, **kernel | {"activation": "relu", "depth": 3})
    yield case(correlation_maps.variance_map, variance=1, **kernel)
    yield case(rr.nonlinear.neural_kernel, inputs=INPUTS, depth=2, **kernel)
    yield case(
        rr.nonlinear.neural_kernel, inputs=INPUTS, depth=2, activation="relu", weight_variance=2
    )
    yield case(neural_kernel.neural_kernel_of_gram, gram=np.eye(2), depth=2, **kernel)
    yield case(
        rr.nonlinear.neural_kernel_effective_rank,
        inputs=INPUTS,
        depths=[1],
        kernel="cosine",
        **kernel,
    )
    yield case(rr.nonlinear.phase, variance=1, **kernel)
    yield case(rr.nonlinear.phase("tanh", 2.0).limit_rank, samples=3)
    yield case(rr.nonlinear.critical_weight_variance, activation="tanh", bias_variance=0.0)
    conjugate = {"activation": "erf", "weight_variance": 1.0}
    yield case(
        conjugate_kernel.conjugate_kernel,
        samples_per_width=2,
        depths=[1],
        features_per_width=1,
        **conjugate,
    )
    yield case(
        conjugate_kernel.conjugate_kernel_plateau,
        samples_per_width=2,
        activation="tanh",
        weight_variance=2.0,
    )
    yield case(complex_covariance.complex_covariance, widths=(4, 5), z=0.5, w=0.5)
    shape = {"width": 4, "depth": 1, "field": "complex"}
    yield case(complex_covariance.nuclear_norm_log_variance, **shape)
    yield case(finite_width.finite_width_correction, power=1, **shape)
    yield case(finite_width.finite_width_correction, power=1, **shape | {"field": "real"})
    yield case(exact_means.exact_expected_effective_rank, power=1, **shape | {"width": 2})
    yield case(complex_moments.annealed_effective_rank, widths=(4, 5), power=1)
    yield case(complex_moments.complex_moment_correction, z=1, depth=2)
    yield case(complex_moments.complex_power_sum, widths=(4, 5), z=0.5)
    yield case(trace_moments.trace_moments, widths=(3, 4), order=2, field="real")
    yield case(fluctuations.effective_rank_variance, power=1, order=1, **shape)
    yield case(rectangular_variance, widths=(4, 5), field="real", power=1)
    yield case(gram_corrections.cosine_correction, width=8, depth=2)
    for function in (
        lyapunov.lyapunov_exponents,
        lyapunov.lyapunov_variances,
        lyapunov.effective_rank_decay_rate,
    ):
        yield case(function, width=4, field="real")
    yield from laws()


def training():
    yield case(sine, omega=2.0)
    yield case(activation, given="relu")
    yield case(
        rr.nonlinear.Activation,
        name="x",
        function=np.sinh,
        derivative=np.cosh,
        odd=True,
        kinks=(0.0,),
    )
    yield case(rr.networks.LinearNetwork, widths=(3, 3, 3), skip=0, batch_norm=False)
    yield case(
        rr.networks.NonlinearNetwork,
        widths=(3, 3),
        activation="tanh",
        expansion=1,
        criterion="squared",
    )
    eye = np.eye(3)
    yield case(
        rr.networks.LeastSquaresProblem,
        inputs=eye,
        targets=eye,
        test_inputs=eye,
        test_targets=eye,
        task=eye,
    )
    yield case(SQUARE.loss, weight=eye)
    yield case(
        rr.networks.least_squares_problem,
        width=4,
        task_rank=1,
        examples=2,
        rng=0,
        noise=0,
        test_examples=3,
    )
    yield case(rr.networks.minimal_norm_effective_rank, problem=SQUARE)
    yield case(identities.balance, weights=[eye, eye])
    yield case(identities.effective_weight, weights=[eye, eye], skip=0)
    yield case(
        identities.converged_weight, problem=SQUARE, first_weight=eye, later_weights=[eye], skip=0
    )
    yield case(identities.converged_weight_error, problem=SQUARE, loss=1.0)
    yield case(
        identities.singular_value_velocity, weight=np.diag([1.0, 2, 3]), gradient=eye, depth=2
    )
    yield case(
        initial_parameters,
        network=LINEAR,
        count=1,
        stream=np.random.default_rng(0),
        initialisation="marginals",
        scale=1.0,
        as_depth=2,
    )
    yield case(
        rr.networks.train,
        problem=SMALL,
        network=1,
        optimizer="gradient_descent",
        learning_rate=0.05,
        seeds=1,
        steps=2,
        tolerance=1e-6,
        divergence=1e6,
        initialisation="normal",
        scale=1.0,
        as_depth=None,
        record=2,
        layers=False,
        start=None,
        rng=0,
        dtype="float64",
        xp=None,
        progress=False,
        unconverged="ignore",
    )
    yield case(
        rr.networks.learning_rate_search,
        problem=SMALL,
        network=1,
        rates=[0.01, 0.02],
        optimizer="adam",
        seeds=1,
        steps=3,
        extensions=0,
        rng=0,
        unconverged="ignore",
    )
    yield case(recording_schedule, steps=10, count=5)
    yield case(rr.networks.converged_weight_distance, result=RESULT, problem=SMALL)
    yield case(
        rr.networks.TrainingResult,
        network=RESULT.network,
        settings=RESULT.settings,
        arrays=RESULT.arrays,
        state=RESULT.state,
    )
    yield case(IMAGES.subset, count=2, rng=0, balanced=True)
    yield case(
        Images,
        name="a",
        inputs=np.ones((4, 4)),
        labels=np.array([0, 1, 0, 1]),
        shape=(2, 2),
        classes=2,
    )
    yield from networks()


def of_exact():
    at = {"depth": 2, "digits": 10}
    yield case(exact.enclose_effective_rank, power=1, **at)
    yield case(exact.enclose_derivative, power=1, **at)
    yield case(exact.certify_decreasing, low=0, high=2, power=1, most_boxes=200)
    yield case(exact.certify_levy_growth, high=20, most_boxes=2000)
    yield case(exact.certify_turning, most_boxes=200)
    yield case(exact.trace_covariance, depth=2, m=1, n=2, field="real")
    yield case(exact.limit_trace_covariance, widths=(3, 4), m=1, n=2, field="real")
    yield case(exact.levy_density, y=1, **at)
    yield case(exact.moment, order=1, **at)
    yield case(exact.density, angle=0.1, **at)
    yield case(exact.singular_value, angle=0.1, **at)
    yield case(exact.angles_of, x=0.5, squared=True, **at)
    yield case(exact.angle_of, x=0.5, squared=True, **at)
    yield case(exact.integrand_derivative, angle=0.1, normalisation="printed", **at)
    yield case(exact.integrand_derivative_signs, depth=2, normalisation="printed", points=3)
    yield case(exact.complex_power_sum, widths=(3, 4), z=0.5, digits=10)
    yield case(exact.complex_covariance, widths=(3, 4), z=0.5, w=0.5, digits=10)
    yield case(exact.expected_characteristic_polynomial, widths=(3, 4))
    yield case(exact.residual_moments, square=1, count=2)
    yield case(exact.gaussian_s_transform, aspect=1)
    yield case(exact.residual_s_transform, scale=1, layers=1)
    yield case(exact.measures, sigma=[1, 2], tau="0.01", digits=10)
    yield case(exact.singular_values, matrix=[[1, 2], [3, 4]], digits=10)
    yield case(exact.mode_time, value=0.5, target=1, initial=0.1, **at)
    closed = {"first": 1, "second": 1, "correlation": 0.5, "omega": 1, "digits": 10}
    yield case(exact.dual_activation_closed, activation="erf", **closed)


# Junk that arguments with certain names accept: any text, seeds as in NumPy, steps one by one.
TAKES = {
    "name": {"text"},
    "rng": {"ragged"},
    "random_state": {"ragged"},
    "record": {"generator"},
    # laws return nan for nan, as SciPy's do
    "x": {"nan", "2d nan"},
    "q": {"nan", "2d nan"},
    "confidence": {"nan", "2d nan"},
}
# Other names of arguments in messages.
ALIASES = {"given": {"activation"}, "first_weight": {"weights"}}


@contextlib.contextmanager
def time_limit():
    """Raise if a call does not end; not in threads, which get no signals."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_):
        raise BaseExceptionGroup("no end", [KeyboardInterrupt()])

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, ENDLESS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(function, arguments):
    """Return None for a result, the error otherwise."""
    with time_limit():
        try:
            function(**arguments)
        except (TypeError, ValueError) as error:
            return error
    return None


def label(one):
    return getattr(one[0], "__qualname__", type(one[0]).__name__)


def check(function, good, values, never):
    names = {*good, *(alias for name in good for alias in ALIASES.get(name, ()))}
    title = getattr(function, "__name__", type(function).__name__)
    for name in good:
        takes = TAKES.get(name, set())
        for what, value in values.items():
            error = outcome(function, good | {name: value})
            where = f"{title}({name}={what})"
            if error is None:
                assert what not in never or what in takes, f"{where} is accepted"
                continue
            message = str(error)
            assert any(each in message for each in names), f"{where}: {message}"
            assert len(message) < 500, f"{where}: {message[:100]}"
            assert "\n" not in message, where
            # messages of NumPy, SciPy and Python
            assert "ufunc" not in message, f"{where}: {message}"


@pytest.mark.parametrize("one", [*theory(), *training()], ids=label)
def test_every_argument_is_right_or_refused_by_name(one):
    function, good = one
    assert outcome(function, good) is None
    check(function, good, junk() | extremes(), junk())


@pytest.mark.parametrize("one", list(of_exact()), ids=label)
def test_exact_functions_refuse_by_name(one):
    function, good = one
    assert outcome(function, good) is None
    far = {name: value for name, value in extremes().items() if name in OF_EXACT}
    check(function, good, junk() | far, junk())


def test_every_public_callable_is_tried():
    ours = ("theory", "networks", "training", "data", "_lib.activations")
    tried = {label(one).split(".")[0] for one in [*theory(), *training()]}
    # results, which functions of the same names or `train` make, and the two SciPy objects
    results = {"LimitMeasures", "LearningRateSearch", "ConvergedDistance", "OrthogonalFactor"}
    shelves = (rr, rr.networks, rr.nonlinear, rr.theory)
    for shelf, name in ((each, name) for each in shelves for name in each.__all__):
        thing = getattr(shelf, name)
        module = getattr(thing, "__module__", "") or ""
        if callable(thing) and module.startswith(tuple(f"rmt_rank.{layer}" for layer in ours)):
            assert name in tried | results | {"fuss_catalan", "singular_value_law"}, name
