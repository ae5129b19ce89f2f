"""The pure clearing: one sale, or many, from arrays to prices, fills and payments. No engine is needed."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from typing import Any

from . import _abi, _columns
from ._book import Book
from ._columns import Column
from ._library import check, lib
from .result import Clearing, Clearings
from .terms import Terms, TermsLike, json_text


def clear(
    terms: TermsLike,
    prices: Column | None = None,
    quantities: Column | None = None,
    *,
    prices_ticks: Column | None = None,
    quantities_lots: Column | None = None,
    budgets: Sequence[Any] | None = None,
    sequences: Column | None = None,
    bidders: Sequence[Any] | None = None,
    phantom: Any = None,
    rounding: str = "refuse",
) -> Clearing:
    """Clears one sale and gives the price, what each bid wins and what it pays.

    Columns have one entry for each bid and one length. float64 arrays of numpy for ``prices`` and ``quantities``, and
    int64 arrays for ``prices_ticks`` and ``quantities_lots``, are read where they lie; lists take ``int``, ``float``,
    ``Decimal`` and text.

    prices: highest prices, in units of price; ``None`` or NaN for a price taker. Or ``prices_ticks``, in ticks.
    quantities: in units of quantity. Or ``quantities_lots``, in lots.
    budgets: money to spend in place of a quantity, in units of price times quantity; ``None`` where there is none.
    sequences: time priorities, lower first, equal ones by position; without them the position.
    bidders: whose bids they are, for caps and payments by bidder: any hashable values; matched with the terms'
        ``net_long`` by their text. Without them each bid has a bidder of its own.
    phantom: true where a bid only takes part in price discovery.
    rounding: what becomes of numbers off the grid: ``"refuse"`` refuses the bid, ``"down"`` and ``"nearest"`` round.

    A bid that the sale cannot take is refused, see ``refused`` of the result; the rest clears. The Python interpreter's
    lock is released meanwhile. Raises :class:`MalformedError` for terms that cannot be read, ``ValueError`` for columns
    that do not fit together.
    """
    terms = Terms.of(terms)
    book = Book(
        terms, prices, quantities, prices_ticks=prices_ticks, quantities_lots=quantities_lots, budgets=budgets,
        sequences=sequences, bidders=bidders, phantom=phantom, rounding=rounding,
    )  # fmt: skip
    lots, marks = _columns.room("q", book.count), _columns.room("B", book.count)
    payments = _room_for_payments(terms, book.count)
    winners = book.count if terms.document.get("money_unit") is not None else 0
    by_bidder = [_columns.room("I", winners), _columns.room("q", winners), _columns.room("Q", 2 * winners)]
    fills = _abi.Fills(
        lots.address, _columns.at(payments), marks.address, winners, *(column.address for column in by_bidder)
    )
    figures = _abi.Clearing()
    check(lib.walras_clear_with(terms._handle, book.struct(), fills, figures))
    bidder_columns = tuple(column.values for column in by_bidder)
    return Clearing(book, figures, lots.values, payments and payments.values, marks.values, bidder_columns)


def clear_many(
    terms: TermsLike,
    prices: Column | None = None,
    quantities: Column | None = None,
    *,
    offsets: Column | None = None,
    prices_ticks: Column | None = None,
    quantities_lots: Column | None = None,
    budgets: Sequence[Any] | None = None,
    sequences: Column | None = None,
    bidders: Sequence[Any] | None = None,
    phantom: Any = None,
    rounding: str = "refuse",
    threads: int = 0,
) -> Clearings:
    """Clears many sales under the same terms in one call, for simulations.

    Columns are as for :func:`clear`, all sales behind each other: sale ``i`` has the bids from ``offsets[i]`` to before
    ``offsets[i + 1]``, so there is one offset more than sales. Without ``offsets`` every column is a numpy array of two
    dimensions with one row for each sale. ``threads``: how many to use, 0 for one each processor.

    Awards by bidder are not worked out. If one sale cannot be cleared the call fails, and its text says which.
    """
    terms = Terms.of(terms)
    if offsets is None:
        columns: tuple[Any, ...] = (prices, quantities, prices_ticks, quantities_lots, sequences, bidders, phantom)
        offsets, columns = _by_rows(columns)
        prices, quantities, prices_ticks, quantities_lots, sequences, bidders, phantom = columns
    book = Book(
        terms, prices, quantities, prices_ticks=prices_ticks, quantities_lots=quantities_lots, budgets=budgets,
        sequences=sequences, bidders=bidders, phantom=phantom, rounding=rounding,
    )  # fmt: skip
    places = _columns.whole(offsets, "Q", "offsets")
    if places.count == 0:
        raise ValueError("there is one offset more than sales: none at all cannot be")
    count = places.count - 1
    lots, marks = _columns.room("q", book.count), _columns.room("B", book.count)
    payments = _room_for_payments(terms, book.count)
    figures = (_abi.Clearing * count)()
    fills = _abi.Fills(lots.address, _columns.at(payments), marks.address, 0, None, None, None)
    check(
        lib.walras_clear_many(
            terms._handle, count, places.address, book.struct(), threads, fills, ctypes.addressof(figures)
        )
    )
    return Clearings(book, places.values, figures, lots.values, payments and payments.values, marks.values)


def _room_for_payments(terms: Terms, count: int) -> _columns.Buffer | None:
    """Memory for payments, if they are more than the one price times what each bid has won."""
    return _columns.room("Q", 2 * count) if terms.document.get("price_rule") == "pay_as_bid" else None


def clear_document(document: Mapping[str, Any] | str) -> dict[str, Any]:
    """Clears one auction given as a document with its ``bids``, exactly as the program ``walras clear`` does.

    The result is that program's: numbers as exact decimal texts, fractions as ``"2/3"``, ids as given. Raises
    :class:`MalformedError` for terms that cannot be read; a bad bid is refused and the rest clears.
    """
    text = json_text(document)
    result, length = ctypes.c_void_p(), ctypes.c_uint64()
    check(lib.walras_clear_json(text, len(text), result, length))
    found: dict[str, Any] = json.loads(ctypes.string_at(result.value or 0, length.value))
    return found


def _by_rows(columns: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Offsets for columns with one row for each sale, and the columns with all rows behind each other."""
    shapes = {column.shape for column in columns if hasattr(column, "shape")}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError("without offsets all columns are arrays of one shape in two dimensions")
    sales, bids = shapes.pop()
    offsets = _columns.numpy().arange(sales + 1, dtype="uint64") * _columns.numpy().uint64(bids)
    return offsets, tuple(column if column is None else column.reshape(-1) for column in columns)
