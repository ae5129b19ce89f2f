"""Settlements: what participants say, and what an executor reports."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import _abi
from ._library import check, lib, text_in
from .auction import raw_id

if TYPE_CHECKING:
    from .engine import Engine


class Settlements:
    """Calls of participants and of the executor, for settlements of an engine's auctions.

    An auction whose terms say ``"settlement": {"executor": "host"}`` asks for each step with an event of kind
    ``"settlement_request"`` on the channel ``"settlement"``; its ``data`` holds the step and what each party pays and gets. Carry
    the step out once, even if it is asked for again after a restart, and :meth:`report`.
    """

    def __init__(self, engine: Engine) -> None:
        # No reference back keeps the engine from being collected.
        self._handle = engine._handle

    def affirm(
        self, settlement: uuid.UUID | str, party: str, hash: bytes | str, *, agree: bool = True, reason: str | None = None
    ) -> None:
        """Says for a participant that it agrees with the allocations of a SHA-256 (32 bytes or hexadecimal), or objects.

        Raises :class:`RefusedError`, for instance for a wrong hash or a party that takes no part.
        """
        digest = bytes.fromhex(hash) if isinstance(hash, str) else bytes(hash)
        if len(digest) != 32:
            raise ValueError(f"a hash has 32 bytes, not {len(digest)}")
        check(
            lib.walras_settlement_affirm(
                self._handle, raw_id(settlement), *text_in(party), digest, int(agree), *text_in(reason)
            )
        )

    def report(
        self,
        settlement: uuid.UUID | str,
        step: str,
        *,
        done: bool = True,
        gas_used: int = 0,
        execution_path: Sequence[str] | None = None,
        reason: str | None = None,
    ) -> None:
        """Reports, as the executor, that a step (``"prepare"``, ``"commit"`` or ``"abort"``) was carried out, or that it was not.

        ``gas_used`` and ``execution_path`` are told to everybody when the settlement is complete. Raises :class:`RefusedError` with
        code ``"SETTLEMENT_CONFLICT"`` if the settlement does not wait for that.
        """
        if step not in _abi.STEPS:
            raise ValueError(f"a step is one of {_abi.STEPS}, not {step!r}")
        path = None if execution_path is None else json.dumps(list(execution_path))
        check(
            lib.walras_settlement_report(
                self._handle, raw_id(settlement), _abi.STEPS.index(step), int(done), gas_used, *text_in(path),
                *text_in(reason),
            )  # fmt: skip
        )
