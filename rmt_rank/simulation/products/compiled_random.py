"""NumPy's numbers of an SFC64 generator from compiled loops: the same ones, in less time.

NumPy calls a function of the generator for every number, and so does numba with a generator that
is passed to a compiled function.  A loop that has the generator inside keeps its state in
registers, and takes a third of that time for gamma variates.

The generator is SFC64 (C. Doty-Humphrey).  Gamma variates are those of Marsaglia and Tsang
(doi:10.1145/358407.358414), from normal ones by their ziggurat (doi:10.18637/jss.v005.i08); with
shapes below 1 they are those of Ahrens and Dieter (doi:10.1007/BF02293108), from exponential ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rmt_rank.simulation.products.compiled_loops import compiled

__all__ = ["CompiledStream", "compiled_stream"]

Array = npt.NDArray[np.float64]

_compiled = compiled(nogil=True, error_model="numpy")

# NumPy's tables; numba keeps them where a later version might not.
try:
    from numba.np.random import _constants as tables
except ImportError:
    tables = None

# Layers of the ziggurats: an integer below `inside` gives a number, integer times `width`, that is
# accepted at once.
if tables:
    _NORMAL_INSIDE, _NORMAL_WIDTH = tables.ki_double, tables.wi_double
    _NORMAL_DENSITY, _NORMAL_TAIL = tables.fi_double, tables.ziggurat_nor_r
    _EXPONENTIAL_INSIDE, _EXPONENTIAL_WIDTH = tables.ke_double, tables.we_double
    _EXPONENTIAL_DENSITY, _EXPONENTIAL_TAIL = tables.fe_double, tables.ziggurat_exp_r

_UNIT = 2.0**-53
_BYTE = np.uint64(255)
_BITS_52 = np.uint64(2**52 - 1)
_1, _3, _8, _11 = np.uint64(1), np.uint64(3), np.uint64(8), np.uint64(11)
_24, _40 = np.uint64(24), np.uint64(40)


class CompiledStream:
    """The methods `random` and `standard_gamma` of a generator.

    Parameters
    ----------
    stream : numpy.random.Generator
        A generator with SFC64.  It does not advance: use one of the two only.
    """

    def __init__(self, stream: np.random.Generator) -> None:
        self._state = stream.bit_generator.state["state"]["state"].copy()

    def random(self, size: int | None = None, *, out: Array | None = None) -> Array:
        """Uniform numbers; one of the arguments is given."""
        out = np.empty(size) if out is None else out
        _fill_uniform(self._state, out)
        return out

    def standard_gamma(self, shape: Array, *, out: Array | None = None) -> Array:
        """Gamma variates with these shapes, all positive."""
        out = np.empty_like(shape) if out is None else out
        _fill_gamma(self._state, shape.reshape(-1), out.reshape(-1))
        return out


def compiled_stream(stream: np.random.Generator) -> np.random.Generator | CompiledStream:
    """The same stream from compiled loops if it is of the kind SFC64; any other as it is."""
    plain = type(stream) is np.random.Generator and type(stream.bit_generator) is np.random.SFC64
    return CompiledStream(stream) if plain and tables else stream


@_compiled
def _step(a, b, c, count):
    """The generator's next state, and its number."""
    number = a + b + count
    rotated = (c << _24) | (c >> _40)
    return b ^ (b >> _11), c + (c << _3), rotated + number, count + _1, number


@_compiled
def _unit(number):
    """The uniform number in [0, 1) of 64 bits."""
    return np.float64(np.int64(number >> _11)) * _UNIT


@_compiled
def _fill_uniform(state, out):
    a, b, c, count = state[0], state[1], state[2], state[3]
    for i in range(out.size):
        a, b, c, count, number = _step(a, b, c, count)
        out[i] = _unit(number)
    state[0], state[1], state[2], state[3] = a, b, c, count


@_compiled
def _fill_gamma(state, shapes, out):
    a, b, c, count = state[0], state[1], state[2], state[3]
    shape, third, width = 0.0, 0.0, 0.0
    for i in range(out.size):
        if shapes[i] <= 1:
            state[0], state[1], state[2], state[3] = a, b, c, count
            out[i] = _small_gamma(state, shapes[i])
            a, b, c, count = state[0], state[1], state[2], state[3]
            continue
        if shapes[i] != shape:
            shape = shapes[i]
            third = shape - 1 / 3
            width = 1 / np.sqrt(9 * third)
        while True:
            a, b, c, count, number = _step(a, b, c, count)
            x, inside = _normal(number)
            if not inside:
                state[0], state[1], state[2], state[3] = a, b, c, count
                x = _rare_normal(state, number)
                a, b, c, count = state[0], state[1], state[2], state[3]
            cube = 1 + width * x
            if cube <= 0:
                continue
            cube = cube * cube * cube
            a, b, c, count, number = _step(a, b, c, count)
            u, square = _unit(number), x * x
            # most are accepted without the logarithms
            if u < 1 - 0.0331 * square * square or (
                np.log(u) < 0.5 * square + third * (1 - cube + np.log(cube))
            ):
                out[i] = third * cube
                break
    state[0], state[1], state[2], state[3] = a, b, c, count


@_compiled
def _normal(number):
    """A normal variate of 64 bits, and whether it is accepted at once."""
    layer = np.int64(number & _BYTE)
    size = (number >> _8 >> _1) & _BITS_52
    x = np.float64(np.int64(size)) * _NORMAL_WIDTH[layer]
    return -x if (number >> _8) & _1 else x, size < _NORMAL_INSIDE[layer]


@_compiled
def _rare_normal(state, number):
    """The normal variate that begins with a number that is not accepted at once."""
    while True:
        x, inside = _normal(number)
        if inside:
            return x
        layer = np.int64(number & _BYTE)
        if layer == 0:
            while True:
                beyond = -np.log1p(-_next_unit(state)) / _NORMAL_TAIL
                height = -np.log1p(-_next_unit(state))
                if height + height > beyond * beyond:
                    far = _NORMAL_TAIL + beyond
                    # the bit that NumPy takes as the sign here
                    return -far if (number >> _8 >> _1 >> _8) & _1 else far
        if _below(_NORMAL_DENSITY, layer, _next_unit(state), np.exp(-0.5 * x * x)):
            return x
        number = _next(state)


@_compiled
def _below(density, layer, u, value):
    """Return whether a place in a layer at the height u lies below the density."""
    return (density[layer - 1] - density[layer]) * u + density[layer] < value


@_compiled
def _exponential(state):
    while True:
        number = _next(state) >> _3
        layer = np.int64(number & _BYTE)
        size = number >> _8
        x = np.float64(np.int64(size)) * _EXPONENTIAL_WIDTH[layer]
        if size < _EXPONENTIAL_INSIDE[layer]:
            return x
        if layer == 0:
            return _EXPONENTIAL_TAIL - np.log1p(-_next_unit(state))
        if _below(_EXPONENTIAL_DENSITY, layer, _next_unit(state), np.exp(-x)):
            return x


@_compiled
def _small_gamma(state, shape):
    """A gamma variate with a shape of at most 1."""
    if shape == 1:
        return _exponential(state)
    while True:
        u, v = _next_unit(state), _exponential(state)
        if u <= 1 - shape:
            x = u ** (1 / shape)
            if x <= v:
                return x
        else:
            y = -np.log((1 - u) / shape)
            x = (1 - shape + shape * y) ** (1 / shape)
            if x <= v + y:
                return x


@_compiled
def _next(state):
    a, b, c, count, number = _step(state[0], state[1], state[2], state[3])
    state[0], state[1], state[2], state[3] = a, b, c, count
    return number


@_compiled
def _next_unit(state):
    return _unit(_next(state))
