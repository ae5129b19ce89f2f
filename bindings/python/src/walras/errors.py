"""What can go wrong, by what a program should do about it.

Every failure of the library is a :class:`WalrasError` with the library's ``status`` and its name, ``code``. The class
follows from the range of the status alone.
"""

from __future__ import annotations

from . import _abi


class WalrasError(Exception):
    """A call that failed.

    ``status`` is the number of ``include/walras.h``, ``code`` its name there without the prefix (``"AUCTION_NOT_FOUND"``),
    and the text says what was wrong.
    """

    status: int
    code: str

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        self.code = _abi.STATUS_NAMES.get(status, str(status))

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.code})"

    def __reduce__(self) -> tuple[type[WalrasError], tuple[str, int]]:
        return (type(self), (self.args[0], self.status))


class MisuseError(WalrasError):
    """1 to 99: a call that cannot mean anything, such as one on a closed engine. Mend the program."""


class MalformedError(WalrasError, ValueError):
    """100 to 199: terms, options or numbers that cannot be read; the text names the field."""


class NotAllowedError(WalrasError):
    """200 to 299: not with this identity or token."""


class RefusedError(WalrasError):
    """300 to 399: refused by the rules of the auction or by its present state. Trying again changes nothing."""


class NotFoundError(RefusedError, LookupError):
    """There is no such auction, bid or settlement."""


class BusyError(WalrasError):
    """400 to 499: full. The same call may go through later."""


class FaultError(WalrasError):
    """900 to 999: a fault of the library, the disk or the system. What was asked may or may not have happened."""


_RANGES: dict[int, type[WalrasError]] = {
    0: MisuseError,
    1: MalformedError,
    2: NotAllowedError,
    3: RefusedError,
    4: BusyError,
}
_NOT_FOUND = {_abi.AUCTION_NOT_FOUND, _abi.BID_NOT_FOUND, _abi.SETTLEMENT_NOT_FOUND}


def error_for(status: int, message: str) -> WalrasError:
    """The exception for a status that is not 0."""
    kind = NotFoundError if status in _NOT_FOUND else _RANGES.get(status // 100, FaultError)
    return kind(message or _abi.STATUS_NAMES.get(status, "unknown"), status)
