"""The package's picture of the C interface against the header: every function, struct, number."""

from __future__ import annotations

import ctypes
import re

import pytest

from conftest import ROOT
from walras import _abi, _columns, _library, _numbers
from walras._functions import FUNCTIONS as OWN

HEADER = re.sub(r"//[^\n]*|/\*.*?\*/", "", (ROOT / "include" / "walras.h").read_text(), flags=re.DOTALL)
DEFINES = {
    name: eval(value, {"INT64_MIN": -(1 << 63)})
    for name, value in re.findall(r"#define WALRAS_(\w+) ([-+()\w ]+)\n", HEADER)
}
FUNCTIONS = {
    name: (result.strip(), [] if arguments.strip() == "void" else re.findall(r"(?:[^,()]|\((?:[^()]|\([^()]*\))*\))+", arguments))
    for result, name, arguments in re.findall(r"\n([\w ]+[ *])(walras_\w+)\(((?:[^()]|\([^()]*\))*)\);", HEADER)
}
STRUCTS = {
    name: re.findall(r"\s*([^;]+?)(\w+)(\[\d+\])?;", body)
    for name, body in re.findall(r"typedef struct (walras_\w+) \{(.*?)\}", HEADER, flags=re.DOTALL)
}
WIDTHS = {
    "uint8_t": ctypes.c_uint8, "uint16_t": ctypes.c_uint16, "int32_t": ctypes.c_int32, "uint32_t": ctypes.c_uint32, "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64, "double": ctypes.c_double, "walras_status": ctypes.c_int32,
}


def python_name(struct: str) -> str:
    return "".join(part.capitalize() for part in struct.removeprefix("walras_").split("_"))


def is_pointer(kind) -> bool:
    return kind in (ctypes.c_void_p, ctypes.c_char_p) or issubclass(kind, ctypes._Pointer)


def agrees(declared: str, kind) -> bool:
    """Whether a C type is what ctypes was told."""
    if "*" in declared:
        return is_pointer(kind)
    plain = declared.replace("const ", "").replace("struct ", "").split()[0]
    if plain in WIDTHS:
        return kind is WIDTHS[plain]
    return kind is getattr(_abi, python_name(plain), None)


def test_the_header_was_understood():
    assert len(FUNCTIONS) == len(set(re.findall(r"\b(walras_\w+)\(", HEADER))) >= 60
    assert len(STRUCTS) == HEADER.count("typedef struct") - len(re.findall(r"typedef struct \w+ \w+;", HEADER)) >= 5


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_is_declared_as_in_the_header(name):
    result, arguments = FUNCTIONS[name]
    assert name in OWN, "the header has a function that the package does not know"
    own_result, own_arguments = OWN[name]
    assert agrees(result if "*" not in result else "char *", own_result)
    assert len(arguments) == len(own_arguments)
    for declared, kind in zip(arguments, own_arguments):
        assert agrees(declared, kind), f"{declared} is not {kind}"


def test_no_function_is_declared_that_the_header_lacks():
    assert sorted(OWN) == sorted(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_a_struct_has_the_members_of_the_header(name):
    own = getattr(_abi, python_name(name))
    members = STRUCTS[name]
    assert [member for _, member, _ in members] == [field[0] for field in own._fields_]
    for (declared, _, extent), field in zip(members, own._fields_):
        kind = field[1]._type_ if extent else field[1]
        assert agrees(declared, kind), f"{declared} is not {kind}"
        if extent:
            assert field[1]._length_ == int(extent.strip("[]"))


def numbered(prefix: str, names) -> dict[str, int]:
    return {f"{prefix}_{name.upper()}": number for number, name in enumerate(names) if name}


def test_numbers_are_those_of_the_header():
    ours = {
        **{name: value for name, value in vars(_abi).items() if name.isupper() and isinstance(value, int)},
        **_abi.STATUSES,
        **{f"EVENT_{name.upper()}": number for name, number in _abi.EVENTS.items()},
        **{f"ROUND_{name.upper()}": number for name, number in _numbers.ROUNDINGS.items()},
        **numbered("OUTCOME", _abi.OUTCOMES),
        **numbered("REFUSED", _abi.REFUSALS),
        **numbered("AUCTION", _abi.AUCTION_STATUSES),
        **numbered("BID", _abi.BID_STATUSES),
        **numbered("STANDING", _abi.STANDINGS),
        **numbered("ENGINE", _abi.READINESSES),
        **numbered("DURABILITY", _abi.DURABILITIES),
        **numbered("BIDS", _abi.WHICH_BIDS),
        **numbered("STEP", _abi.STEPS),
        **numbered("LOG", _abi.LOG_LEVELS),
    }
    # AUCTION_NOT_FOUND and the like are statuses that the package names a second time.
    assert ours == DEFINES


def test_the_library_speaks_this_version():
    assert _library.lib.walras_abi_version() == _abi.ABI_VERSION
    assert _columns.numpy() is not None, "the tests run with numpy"
