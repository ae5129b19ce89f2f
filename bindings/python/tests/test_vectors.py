"""All worked auctions of the project, through columns and through documents."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

import walras
from conftest import ROOT

FOLDER = ROOT / "tests" / "vectors"
VECTORS = [vector for path in sorted(FOLDER.glob("*.json")) for vector in json.loads(path.read_text())]


def test_the_vectors_are_all_there():
    assert len(VECTORS) >= 58
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS)


def by_columns(auction: dict) -> walras.Clearing:
    """Clears a vector's auction from lists of its texts."""
    terms = {key: value for key, value in auction.items() if key != "bids"}
    bids = auction["bids"]
    return walras.clear(
        terms,
        [bid["price"] for bid in bids],
        [bid.get("quantity") for bid in bids],
        budgets=[bid.get("budget") for bid in bids] if any("budget" in bid for bid in bids) else None,
        bidders=[bid.get("bidder", bid["id"]) for bid in bids],
        phantom=[bid.get("is_phantom", False) for bid in bids],
    )


def found(result: walras.Clearing, ids: list[str], key: str):
    """A member of a vector's expectation as a result by columns has it."""
    if key == "clearing_price":
        return result.price
    if key == "total_allocated":
        return result.allocated
    if key == "supply_at_price":
        return result.supply
    if key == "total_revenue":
        return result.revenue
    if key == "killed":
        return [ids[index] for index in result.killed]
    if key == "refused":
        return {ids[index]: code for index, code in result.refused.items()}
    if key == "quantities":
        lot = Fraction(result.terms.lot.step)
        return {name: int(lots) * lot for name, lots in zip(ids, result.quantities_lots)}
    return getattr(result, key)


def same(expected, actual) -> bool:
    """Whether a text of a vector means a result."""
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(same, expected, actual))
    try:
        return Fraction(expected) == Fraction(actual)
    except (TypeError, ValueError):
        return bool(expected == actual)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_vector_holds_by_columns(vector):
    result = by_columns(vector["auction"])
    ids = [bid["id"] for bid in vector["auction"]["bids"]]
    assert vector["expect"]
    for key, expected in vector["expect"].items():
        actual = found(result, ids, key)
        if key == "quantities":
            for name, quantity in expected.items():
                assert actual.get(name, 0) == Fraction(quantity), f"{key}.{name}"
        elif key in ("refused", "killed"):
            # Columns tell which bids were killed, documents also in which order.
            assert (actual == expected) if key == "refused" else (sorted(actual) == sorted(expected)), key
        else:
            assert same(expected, actual), f"{key}: {expected} expected, {actual} found"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_vector_holds_as_a_document(vector):
    result = walras.clear_document(vector["auction"])
    for key, expected in vector["expect"].items():
        if key == "quantities":
            for name, quantity in expected.items():
                award = result["allocations"].get(name, {"quantity": "0"})
                assert Fraction(award["quantity"]) == Fraction(quantity), f"{key}.{name}"
        else:
            assert same(expected, result[key]), f"{key}: {expected} expected, {result[key]} found"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_columns_and_documents_agree_on_every_payment(vector):
    columns, document = by_columns(vector["auction"]), walras.clear_document(vector["auction"])
    unit = Fraction(columns.terms.money.step)
    for bid, units in zip(vector["auction"]["bids"], columns.payments_units):
        paid = Fraction(document["allocations"].get(bid["id"], {"payment": 0})["payment"])
        # Where an average price leaves a fraction, columns have it rounded down.
        assert paid - (0 if columns.payments_are_exact else unit) <= int(units) * unit <= paid, bid["id"]
    assert same(document["outcome"], columns.outcome)
