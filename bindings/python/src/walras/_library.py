"""Finds the C library, loads it once, and turns its answers into exceptions.

Looked at in this order: the path in the environment variable ``WALRAS_LIBRARY``, then the file beside this module, where
the wheel puts it.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import sys
from typing import Any

from . import _abi
from ._functions import FUNCTIONS
from .errors import error_for

_NAMES = {"win32": "walras.dll", "darwin": "libwalras.dylib"}


def path() -> pathlib.Path:
    """Where the library is."""
    given = os.environ.get("WALRAS_LIBRARY")
    if given:
        return pathlib.Path(given)
    return pathlib.Path(__file__).with_name(_NAMES.get(sys.platform, "libwalras.so"))


def _load() -> ctypes.CDLL:
    place = path()
    if not place.is_file():
        raise ImportError(f"the walras library is not at {place}; set WALRAS_LIBRARY, or install the package with pip")
    library = ctypes.CDLL(str(place))
    library.walras_abi_version.restype = ctypes.c_uint32
    library.walras_abi_version.argtypes = []
    version = library.walras_abi_version()
    if version != _abi.ABI_VERSION:
        raise ImportError(
            f"the library at {place} has version {version} of the interface, this package needs {_abi.ABI_VERSION}"
        )
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


lib = _load()


def check(status: int) -> None:
    """Raises what a status means; 0 means success."""
    if status:
        raise error_for(status, lib.walras_last_error().decode("utf-8", "replace"))


def log(level: str) -> None:
    """Reports on standard error what happens inside the library: ``"error"``, ``"warn"``, ``"info"``, ``"debug"``, ``"trace"``,
    or nothing, ``"off"``, as at first.

    The lines come from the library's own threads and do not pass through Python's ``logging``.
    """
    if level not in _abi.LOG_LEVELS:
        raise ValueError(f"a level is one of {_abi.LOG_LEVELS}, not {level!r}")
    check(lib.walras_log_set(_abi.LOG_LEVELS.index(level), None, None))


def library_version() -> str:
    """The version of the loaded library, such as ``"0.1.0"``."""
    version: bytes = lib.walras_version()
    return version.decode()


def text_of(call: Any, *arguments: Any) -> str:
    """The text that a call gives through its last two outputs."""
    text, length = ctypes.c_void_p(), ctypes.c_uint64()
    check(call(*arguments, text, length))
    return ctypes.string_at(text.value or 0, length.value).decode()


def text_in(text: str | None) -> tuple[bytes | None, int]:
    """A text as two arguments of a call; ``None`` as null."""
    if text is None:
        return None, 0
    encoded = text.encode()
    return encoded, len(encoded)
