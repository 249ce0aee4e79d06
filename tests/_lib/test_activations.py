"""Activations: values against SciPy, derivatives against differences, refusals."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from scipy import special

from rmt_rank._lib.activations import ACTIVATIONS, Activation, activation, is_named, sine
from rmt_rank._lib.array import erf, to_numpy

X = np.linspace(-4, 4, 33).reshape(3, 11)
KNOWN = {
    "identity": X,
    "relu": np.maximum(X, 0),
    "tanh": np.tanh(X),
    "gelu": X * special.ndtr(X),
    "erf": special.erf(X),
    "sine": np.sin(X),
}
EACH = [*ACTIVATIONS.values(), sine(30)]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values(name):
    # a handful of operations on numbers below 5
    np.testing.assert_allclose(activation(name)(X), KNOWN[name], rtol=0, atol=1e-14)


@pytest.mark.parametrize("each", EACH, ids=lambda a: a.name)
def test_derivative(each):
    # central differences: a sixth of h^2 times the third derivative, at most 27000 for sine(30),
    # and rounding of the argument, at most 120, over h
    h = 1e-6
    x = X + 0.01  # off the kink
    slope = (each(x + h) - each(x - h)) / (2 * h)
    np.testing.assert_allclose(
        each.derivative(x), slope, rtol=0, atol=1e-12 * 27000 / 6 + 120 * 2.3e-16 / h
    )


@pytest.mark.parametrize("each", EACH, ids=lambda a: a.name)
def test_odd_flags_match_the_functions(each):
    assert each.odd == np.allclose(each(-X), -each(X), rtol=0, atol=1e-15)


@pytest.mark.parametrize("each", EACH, ids=lambda a: a.name)
@pytest.mark.parametrize("name", ["array_api_strict", "torch", "cupy"])
def test_other_libraries(library, name, each):
    xp = library(name)
    x = xp.asarray(X, dtype=xp.float64)
    # the same formula by another library: a few roundings of the argument of sin(30 x)
    for function in (each.function, each.derivative):
        np.testing.assert_allclose(
            to_numpy(function(x)), function(X), rtol=0, atol=30 * 120 * 2.3e-16
        )


def test_erf_of_scalars():
    assert erf(np.float64(0.5)) == special.erf(0.5)


def test_functions_of_users():
    made = activation(np.sinh)
    assert (made.name, made.derivative) == ("sinh", None)
    assert activation(made) is made
    assert activation("sine") is ACTIVATIONS["sine"]
    assert activation("sine(30)") == sine(30) != sine(2)
    assert activation("sine(2.5)").name == sine(2.5).name


@pytest.mark.parametrize(
    "each", [*EACH, sine(1.23456789), sine(1e-7), sine(1e20)], ids=lambda a: a.name
)
def test_named_activations_are_the_same_objects_after_pickling(each):
    assert is_named(each)
    assert activation(each.name) is each
    for again in (pickle.loads(pickle.dumps(each)), copy.deepcopy(each)):
        assert again is each
    # nor do their functions need the name
    other = dataclasses.replace(each, name="other")
    again = pickle.loads(pickle.dumps(other))
    np.testing.assert_array_equal(again(X), each(X))
    np.testing.assert_array_equal(again.derivative(X), each.derivative(X))


def test_user_activations_are_equal_after_pickling():
    for mine in (
        activation(np.sinh),
        Activation("relu", np.sinh, np.cosh, odd=True),
        Activation("dead zone", np.sinh, kinks=(-1.0, 1.0)),
    ):
        assert pickle.loads(pickle.dumps(mine)) == mine
        assert not is_named(mine)


def test_reprs_are_short():
    assert repr(activation("relu")) == "Activation('relu')"
    assert repr(sine(30)) == "Activation('sine(30)')"
    assert repr(activation(np.sinh)) == "Activation('sinh', a user's, without derivative)"
    assert repr(Activation("relu", np.sinh, np.cosh)) == "Activation('relu', a user's)"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("swish", ValueError, "activation must be one of 'identity', 'relu'"),
        ("sine(0)", ValueError, "omega must be"),
        (3, TypeError, "a name or a function on arrays, got 3"),
        (lambda x: x if x > 0 else 0, TypeError, "must take arrays of any shape"),
        (lambda x: x.sum(), TypeError, "of the shape it is given"),
        (lambda x: x + 0j, TypeError, "must give real arrays"),
        (lambda x: x - x.mean(), TypeError, "entry by entry"),
        (lambda x: np.full_like(x, np.inf), ValueError, "must be finite"),
        (Activation("flat", lambda x: 1.0), TypeError, "'flat' must give real arrays"),
    ],
)
def test_refusals(given, error, message):
    with pytest.raises(error, match=message):
        activation(given)
    with pytest.raises(ValueError, match="omega must be"):
        sine(0)
