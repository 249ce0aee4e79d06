"""Vectors of eight float64 for compiled loops: a number of each of eight matrices.

A compiled loop that computes with them does the same for eight matrices, in registers; LLVM turns
them into the vector instructions that the processor has.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.imputils import lower_cast
from numba.extending import intrinsic, models, overload, register_model

from rmt_rank.simulation.products.compiled_loops import compiled

__all__ = [
    "LANES",
    "any_lane",
    "broadcast",
    "exponent",
    "load",
    "maximum",
    "power_of_two",
    "ratio",
    "select",
]
__all__ += ["splat", "square_root", "store"]

LANES = 8

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_BITS = ir.VectorType(ir.IntType(64), LANES)
# products and sums may be joined; nothing is reordered
_JOINED = ("contract",)


class _Vector(types.Type):
    def __init__(self) -> None:
        super().__init__("Vector")


class _Mask(types.Type):
    def __init__(self) -> None:
        super().__init__("Mask")


vector, mask = _Vector(), _Mask()


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _VECTOR)


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), LANES))


def _splat(builder, number):
    first = builder.insert_element(
        ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
    )
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), zeros)


@lower_cast(types.Float, _Vector)
@lower_cast(types.Integer, _Vector)
def _cast(context, builder, source, _target, number):
    return _splat(builder, context.cast(builder, number, source, types.float64))


def _flat(array):
    """Raise TypingError for an array whose places are not those of its ravel()."""
    if array.layout != "C" or array.dtype != types.float64:
        raise TypingError(f"a C-contiguous array of float64 is needed, got {array}")


def _pointer(context, builder, kind, array, place):
    """Address of the vector that begins at a place of a flat view of an array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [place]), _VECTOR.as_pointer())


@intrinsic
def load(_context, array, place):
    """The vector array.ravel()[place : place + 8]; the array is C-contiguous."""
    _flat(array)

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], *arguments)
        return builder.load(pointer, align=8)

    return vector(array, types.intp), generate


@intrinsic
def broadcast(_context, array, place):
    """Eight times the number at a place of array.ravel(); the array is C-contiguous."""
    _flat(array)

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return _splat(builder, builder.load(builder.gep(data, [arguments[1]])))

    return vector(array, types.intp), generate


@intrinsic
def store(_context, array, place, value):
    """Write a vector where `load` would read it."""
    _flat(array)

    def generate(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _binary(function, instruction, result):
    @intrinsic
    def compute(_context, a, b):
        def generate(_context, builder, _signature, arguments):
            return instruction(builder, *arguments)

        return result(vector, vector), generate

    @overload(function)
    def _overload(a, b):
        if vector in (a, b) and all(
            kind == vector or isinstance(kind, types.Number) for kind in (a, b)
        ):
            return lambda a, b: compute(a, b)
        return None


for _function, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _binary(
        _function,
        lambda builder, a, b, name=_name: getattr(builder, name)(a, b, flags=_JOINED),
        vector,
    )
for _function, _name in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
):
    _binary(_function, lambda builder, a, b, name=_name: builder.fcmp_ordered(name, a, b), mask)


def _on_masks(function, name):
    @intrinsic
    def compute(_context, a, b):
        def generate(_context, builder, _signature, arguments):
            return getattr(builder, name)(*arguments)

        return mask(mask, mask), generate

    @overload(function)
    def _overload(a, b):
        return (lambda a, b: compute(a, b)) if a == b == mask else None


_on_masks(operator.and_, "and_")
_on_masks(operator.or_, "or_")


@intrinsic
def splat(_context, number):
    """Eight times the same number."""

    def generate(_context, builder, _signature, arguments):
        return _splat(builder, arguments[0])

    return vector(types.float64), generate


@intrinsic
def select(_context, condition, a, b):
    """A where the condition holds, and b elsewhere."""

    def generate(_context, builder, _signature, arguments):
        return builder.select(*arguments)

    return vector(mask, vector, vector), generate


@intrinsic
def any_lane(_context, condition):
    """Return whether the condition holds anywhere."""

    def generate(_context, builder, _signature, arguments):
        bits = builder.bitcast(arguments[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(mask), generate


@intrinsic
def square_root(_context, a):
    """Square roots."""

    def generate(_context, builder, _signature, arguments):
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        name = f"llvm.sqrt.v{LANES}f64"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, arguments)

    return vector(vector), generate


@intrinsic
def maximum(_context, a, b):
    """The larger of two numbers; b if a is not a number."""

    def generate(_context, builder, _signature, arguments):
        return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)

    return vector(vector, vector), generate


# The bits of a double of which the lowest ones are an integer, from 0 on.
_TWO_52 = float(2**52)
_BIAS = 1023.0


@intrinsic
def power_of_two(_context, a):
    """2^a of integers from -1022 to 1023."""

    def generate(_context, builder, _signature, arguments):
        constant = ir.Constant(_VECTOR, [_TWO_52 + _BIAS] * LANES)
        bits = builder.bitcast(builder.fadd(arguments[0], constant), _BITS)
        return builder.bitcast(builder.shl(bits, ir.Constant(_BITS, [52] * LANES)), _VECTOR)

    return vector(vector), generate


@intrinsic
def exponent(_context, a):
    """The integer k with 2^k <= a < 2^(k+1), of positive numbers; -1023 of 0 and of subnormals."""

    def generate(_context, builder, _signature, arguments):
        bits = builder.bitcast(arguments[0], _BITS)
        bits = builder.lshr(bits, ir.Constant(_BITS, [52] * LANES))
        constant = ir.Constant(_VECTOR, [_TWO_52] * LANES)
        bits = builder.or_(bits, builder.bitcast(constant, _BITS))
        shift = ir.Constant(_VECTOR, [_TWO_52 + _BIAS] * LANES)
        return builder.fsub(builder.bitcast(bits, _VECTOR), shift)

    return vector(vector), generate


# Powers of two that are kept from overflow.
_FAR = 900.0


@compiled(nogil=True, error_model="numpy")
def ratio(from_power, to_power):
    """2^(from - to), at most 2^900 and at least 2^-900."""
    power = maximum(from_power - to_power, splat(-_FAR))
    return power_of_two(select(power > _FAR, splat(_FAR), power))
