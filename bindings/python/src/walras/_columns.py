"""Arrays in and out.

With numpy, arrays of the fitting type are handed to the library where they lie, and results are numpy arrays. Without
it lists and ``array.array`` do the same, and results are ``array.array``. numpy is imported when first needed.
"""

from __future__ import annotations

import array
import ctypes
import functools
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _abi
from ._library import check, lib
from ._numbers import Grid, Number, rounding_number

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
    Column = Union[npt.NDArray[Any], "array.array[Any]", Sequence[Optional[Number]]]
else:
    Array = Any
    Column = Any

Table = dict[str, Any]
"""Columns by name, all of one length: ``pandas.DataFrame(table)`` reads it."""

# Type codes of `array` by what they are in C and in numpy.
_DTYPES = {"i": "int32", "q": "int64", "Q": "uint64", "d": "float64", "I": "uint32", "B": "uint8"}
_SIZES = {"i": 4, "q": 8, "Q": 8, "d": 8, "I": 4, "B": 1}
# Whole numbers up to here are floats without rounding, and so are powers of ten up to this one.
_EXACT_MAX = 1 << 53
_EXACT_POWER_MAX = 22


@functools.lru_cache(maxsize=None)
def numpy() -> Any:
    """numpy, or ``None`` where it is not installed."""
    try:
        import numpy as module
    except ImportError:
        return None
    return module


class Buffer:
    """Memory of one type that lives as long as this."""

    __slots__ = ("address", "count", "values")

    def __init__(self, values: Any, address: int, count: int) -> None:
        self.values = values
        self.address = address if count else None
        self.count = count


def room(code: str, count: int) -> Buffer:
    """Memory for ``count`` results."""
    if numpy():
        return _of_numpy(numpy().empty(count, _DTYPES[code]))
    return _of_array(array.array(code, bytes(_SIZES[code] * count)))


def _of_numpy(values: Any) -> Buffer:
    return Buffer(values, values.__array_interface__["data"][0], len(values))


def _of_array(values: array.array[Any]) -> Buffer:
    return Buffer(values, values.buffer_info()[0], len(values))


def whole(values: Any, code: str, name: str) -> Buffer:
    """Whole numbers for the library, without a copy where the type fits."""
    if isinstance(values, Buffer):
        return values
    if isinstance(values, array.array) and values.itemsize == _SIZES[code] and values.typecode != "d":
        return _of_array(values)
    if numpy() and (hasattr(values, "__array__") or not isinstance(values, (list, tuple))):
        given = numpy().asarray(values)
        if given.ndim != 1:
            raise ValueError(f"{name} has {given.ndim} dimensions, not one")
        if given.dtype.kind not in "iub" and given.size:
            raise TypeError(f"{name} holds {given.dtype}, not whole numbers")
        fitting = numpy().ascontiguousarray(given, _DTYPES[code])
        if fitting.dtype != given.dtype and not (fitting == given).all():
            raise OverflowError(f"{name} holds numbers beyond {_DTYPES[code]}")
        return _of_numpy(fitting)
    return _of_array(array.array(code, values))


class Steps:
    """A column of prices or quantities, as whole steps or as floats that the library puts on the grid."""

    __slots__ = ("floats", "steps")

    def __init__(self, steps: Buffer | None = None, floats: Buffer | None = None) -> None:
        self.steps = steps
        self.floats = floats

    @property
    def count(self) -> int:
        """How many there are."""
        given = self.steps or self.floats
        return given.count if given else 0


def steps(values: Any, ready: Any, grid: Grid, rounding: str, name: str) -> Steps:
    """A column given as numbers, or ready as whole steps."""
    way = rounding_number(rounding)
    if (values is None) == (ready is None):
        raise TypeError(f"give either {name}s or {name}s in whole steps")
    if ready is not None:
        return Steps(steps=whole(ready, "q", f"{name}s in steps"))
    floats = _floats(values, name)
    if floats is None:
        found = [exact_steps(value, grid, rounding) for value in values]
        return Steps(steps=_of_array(array.array("q", found)))
    return Steps(steps=_rounded(floats, grid, way)) if way else Steps(floats=floats)


def _floats(values: Any, name: str) -> Buffer | None:
    """The values as floats; ``None`` if only exact reading preserves them."""
    if isinstance(values, array.array) and values.typecode == "d":
        return _of_array(values)
    if numpy() and hasattr(values, "__array__"):
        given = numpy().asarray(values)
        if given.ndim != 1:
            raise ValueError(f"{name}s have {given.ndim} dimensions, not one")
        is_exact = given.dtype.kind == "f" or (
            given.dtype.kind in "iu" and (not given.size or -_EXACT_MAX < given.min() <= given.max() < _EXACT_MAX)
        )
        return _of_numpy(numpy().ascontiguousarray(given, "float64")) if is_exact else None
    if not isinstance(values, (Sequence, array.array)):
        raise TypeError(f"{name}s are an array or a list")
    if any(not isinstance(value, (float, int, type(None))) or isinstance(value, bool) for value in values):
        return None
    if any(isinstance(value, int) and not -_EXACT_MAX < value < _EXACT_MAX for value in values):
        return None
    return _of_array(array.array("d", [math.nan if value is None else value for value in values]))


def exact_steps(value: Any, grid: Grid, rounding: str) -> int:
    """How many steps one number is: ``NO_PRICE`` for none, ``OFF_GRID_STEP`` for what is on no step."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _abi.NO_PRICE
    found = grid.steps(value, rounding)
    # What is beyond 64 bits is on no step that a bid can be at.
    return found if found is not None and abs(found) < 1 << 63 else _abi.OFF_GRID_STEP


def _rounded(floats: Buffer, grid: Grid, way: int) -> Buffer:
    """Floats on the grid, those between two steps rounded; NaN stays no price."""
    found = room("q", floats.count)
    takers: Any = ()
    values = floats.values
    if numpy() and not isinstance(values, array.array):
        takers = numpy().flatnonzero(numpy().isnan(values))
    else:
        takers = [index for index, value in enumerate(values) if math.isnan(value)]
    if len(takers):
        values = values[:]
        values = values.copy() if hasattr(values, "copy") else values
        for index in takers:
            values[index] = 0.0
        floats = _of_array(values) if isinstance(values, array.array) else _of_numpy(values)
    check(lib.walras_steps_from_floats(grid.mantissa, grid.scale, way, floats.address, floats.count, found.address))
    for index in takers:
        found.values[index] = _abi.NO_PRICE
    return found


def numbers(steps: Any, grid: Grid) -> Array:
    """Whole steps as floats: each the one nearest to the exact number, as long as that has at most 15 digits."""
    if numpy() and isinstance(steps, numpy().ndarray):
        power = 10.0**grid.scale
        if steps.dtype == object:
            return column([_nearest(int(step), grid) for step in steps], "d")
        if grid.mantissa == 1:
            found: Array = steps / power
        else:
            found = steps * float(grid.mantissa) / power
        return found
    return array.array("d", [_nearest(step, grid) for step in steps])  # type: ignore[return-value]


def _nearest(steps: int, grid: Grid) -> float:
    return float(Fraction(steps * grid.mantissa, 10**grid.scale))


def numbers_or_nan(steps: Any, grid: Grid) -> Array:
    """As :func:`numbers`, with NaN for price takers and for what is off the grid."""
    found = numbers(steps, grid)
    if numpy() and isinstance(steps, numpy().ndarray):
        found[steps <= _abi.OFF_GRID_STEP] = math.nan
    else:
        for index, step in enumerate(steps):
            if step <= _abi.OFF_GRID_STEP:
                found[index] = math.nan
    return found


def shown(values: Any) -> Array:
    """A column for the caller: with numpy always one of its arrays, over the same memory."""
    if numpy() and isinstance(values, array.array):
        return numpy().frombuffer(values, values.typecode if len(values) else "q")  # type: ignore[no-any-return]
    return values  # type: ignore[no-any-return]


def wide(raw: Any, count: int) -> Any:
    """Numbers of 128 bits: as int64 where all fit, else as Python's whole numbers.

    ``raw`` is a buffer of pairs, the lower half first.
    """
    if numpy() and isinstance(raw, numpy().ndarray):
        pairs = raw.reshape(count, 2)
        low, high = pairs[:, 0].view("int64"), pairs[:, 1].view("int64")
        if ((low >> 63) == high).all():
            return low
        return numpy().array([(int(pair[1]) << 64) | (int(pair[0]) & _MASK) for pair in pairs], object)
    signed = [_signed(raw[2 * index], raw[2 * index + 1]) for index in range(count)]
    if all(-(1 << 63) <= value < 1 << 63 for value in signed):
        return array.array("q", signed)
    return signed


def times(values: Any, factor: int) -> Any:
    """Whole numbers times one: as int64 where all fit, else as Python's whole numbers."""
    if numpy() and isinstance(values, numpy().ndarray):
        fits = int(values.max(initial=0)) * factor < 1 << 63
        return values * factor if fits else values.astype(object) * factor
    products = [value * factor for value in values]
    return array.array("q", products) if max(products, default=0) < 1 << 63 else products


_MASK = (1 << 64) - 1


def _signed(low: int, high: int) -> int:
    value = (high << 64) | low
    return value - (1 << 128) if value >> 127 else value


def column(values: Iterable[Any], code: str) -> Array:
    """A column of results from Python's own numbers."""
    if numpy():
        return numpy().array(list(values), _DTYPES[code])  # type: ignore[no-any-return]
    return array.array(code, values)  # type: ignore[return-value]


def picked(values: Any, indices: Any) -> Any:
    """The items at these places."""
    if numpy() and isinstance(values, numpy().ndarray):
        return values[indices]
    if isinstance(values, array.array):
        return array.array(values.typecode, [values[index] for index in indices])
    return [values[index] for index in indices]


def at(values: Any) -> ctypes.c_void_p | None:
    """The address of a buffer that may be missing."""
    return None if values is None else values.address


def steps_of_floats(floats: Buffer, grid: Grid) -> Array:
    """Floats as whole steps: price takers as ``NO_PRICE``, what is off the grid as ``OFF_GRID_STEP``."""
    values = floats.values
    if not numpy() or isinstance(values, array.array):
        return column([exact_steps(value, grid, "refuse") for value in values], "q")
    # Most are on the grid: the nearest step, as a float, is the number itself. The others are read exactly.
    with numpy().errstate(invalid="ignore"):
        is_plain = numpy().abs(values) * (10.0**grid.scale / grid.mantissa) < _EXACT_MAX
    plain = _of_numpy(numpy().where(is_plain, values, 0.0))
    found = _rounded(plain, grid, rounding_number("nearest")).values
    for index in numpy().flatnonzero(numbers(found, grid) != values):
        found[index] = exact_steps(float(values[index]), grid, "refuse")
    return found  # type: ignore[no-any-return]


def where(values: Any, mask: int) -> Any:
    """The places of values that share a bit with the mask."""
    if numpy() and isinstance(values, numpy().ndarray):
        return numpy().flatnonzero(values & mask)
    return array.array("q", [index for index, value in enumerate(values) if value & mask])


def having(values: Any, mask: int) -> Any:
    """Whether each value shares a bit with the mask."""
    if numpy() and isinstance(values, numpy().ndarray):
        return (values & mask) != 0
    return [bool(value & mask) for value in values]


def field(structs: Any, name: str, code: str) -> Any:
    """One member of every struct of a ctypes array, as a column."""
    if numpy():
        kind = _DTYPES[code]
        size, start = ctypes.sizeof(structs._type_), getattr(structs._type_, name).offset
        bytes_of = numpy().frombuffer(structs, "uint8").reshape(len(structs), size)
        part = bytes_of[:, start : start + numpy().dtype(kind).itemsize]
        return numpy().ascontiguousarray(part).view(kind).reshape(len(structs))
    return array.array(code, [getattr(struct, name) for struct in structs])


def field_pairs(structs: Any, name: str) -> Any:
    """One member of 128 bits of every struct, as pairs of halves for :func:`wide`."""
    if not numpy():
        values = [getattr(struct, name) for struct in structs]
        return array.array("Q", [half for value in values for half in (value.low, value.high & _MASK)])
    size, start = ctypes.sizeof(structs._type_), getattr(structs._type_, name).offset
    bytes_of = numpy().frombuffer(structs, "uint8").reshape(len(structs), size)
    return numpy().ascontiguousarray(bytes_of[:, start : start + 16]).view("uint64").reshape(2 * len(structs))


def field_bytes(structs: Any, name: str) -> list[bytes]:
    """One member of every struct as its bytes."""
    size, start = ctypes.sizeof(structs._type_), getattr(structs._type_, name).offset
    extent = getattr(structs._type_, name).size
    raw = bytes(structs)
    return [raw[place + start : place + start + extent] for place in range(0, len(raw), size)]


def each_number(steps: Any, grids: Sequence[Grid]) -> Array:
    """Whole steps as floats, each on its own grid, NaN for none."""
    if len(set(grids)) == 1:
        return numbers_or_nan(steps, grids[0])
    pairs = zip(map(int, steps), grids)
    return column([math.nan if step <= _abi.OFF_GRID_STEP else _nearest(step, grid) for step, grid in pairs], "d")


def flags(phantom: Any) -> Any:
    """True and false as bytes of 1 and 0."""
    if numpy() and isinstance(phantom, numpy().ndarray):
        return phantom.astype(bool).view("uint8")
    return array.array("B", [bool(flag) for flag in phantom])
