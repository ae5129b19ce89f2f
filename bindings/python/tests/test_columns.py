"""Columns in and out: what is read where it lies, what is converted, what is refused, with numpy and without."""

from __future__ import annotations

import array
import math
import os
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy
import pandas
import pytest

import walras
from walras import _columns
from walras._numbers import Grid

TERMS = {"lot_size": 1, "reserve_price": 10, "supply": {"type": "fixed", "quantity": 100}}
PRICES, QUANTITIES = [12.5, 11.25, 10.0], [60, 60, 60]


def fills(result: walras.Clearing) -> list[int]:
    return [int(lots) for lots in result.quantities_lots]


@pytest.mark.parametrize("prices", [
    PRICES,
    tuple(PRICES),
    ["12.5", "11.25", "10"],
    [Decimal("12.5"), Fraction(45, 4), 10],
    array.array("d", PRICES),
    numpy.array(PRICES),
    numpy.array(PRICES, "float32"),
    numpy.array([12.5, 0, 11.25, 0, 10.0])[::2],
    pandas.Series(PRICES),
], ids=lambda prices: type(prices).__name__)
@pytest.mark.parametrize("quantities", [
    QUANTITIES,
    array.array("q", QUANTITIES),
    numpy.array(QUANTITIES),
    numpy.array(QUANTITIES, "uint8"),
    numpy.array(QUANTITIES, "float64"),
    pandas.Series(QUANTITIES),
], ids=lambda quantities: type(quantities).__name__)
def test_every_kind_of_column_means_the_same(prices, quantities):
    result = walras.clear(TERMS, prices, quantities)
    assert result.price == Decimal("11.25")
    assert fills(result) == [60, 40, 0]
    assert result.revenue == 1125


def test_whole_steps_mean_the_same():
    for make in (list, tuple, numpy.array, lambda steps: array.array("q", steps)):
        result = walras.clear(TERMS, prices_ticks=make([1250, 1125, 1000]), quantities_lots=make(QUANTITIES))
        assert fills(result) == [60, 40, 0]


def test_fitting_arrays_are_read_where_they_lie():
    floats, ticks = numpy.array(PRICES), numpy.array([1250, 1125, 1000])
    grid = Grid(1, 2)
    assert _columns.steps(floats, None, grid, "refuse", "price").floats.address == floats.ctypes.data
    assert _columns.steps(None, ticks, grid, "refuse", "price").steps.address == ticks.ctypes.data
    own = array.array("d", PRICES)
    assert _columns.steps(own, None, grid, "refuse", "price").floats.address == own.buffer_info()[0]
    read_only = numpy.array(PRICES)
    read_only.flags.writeable = False
    assert fills(walras.clear(TERMS, read_only, numpy.array(QUANTITIES))) == [60, 40, 0]


def test_results_are_arrays_of_the_documented_types():
    result = walras.clear(TERMS, PRICES, QUANTITIES)
    kinds = {name: column.dtype.name for name, column in result.bids().items()}
    assert kinds == {
        "price": "float64", "quantity": "float64", "price_ticks": "int64", "quantity_lots": "int64",
        "filled": "float64", "filled_lots": "int64", "payment": "float64", "at_margin": "bool", "refused": "bool",
    }
    assert result.payments.tolist() == [675.0, 450.0, 0.0]
    assert result.payments_units.tolist() == [67500, 45000, 0]


def test_tables_feed_pandas():
    result = walras.clear(TERMS, PRICES, QUANTITIES, bidders=["ann", "bob", "ann"])
    won = pandas.DataFrame(result.allocations())
    assert won["bidder"].tolist() == ["ann", "bob"]
    assert won["payment"].sum() == float(result.revenue)
    assert pandas.DataFrame(result.bids()).shape == (3, 10)
    curve = pandas.DataFrame(result.curve())
    assert curve["demand"].tolist() == [180.0, 120.0, 60.0]
    assert curve["supply"].tolist() == [100.0] * 3
    many = walras.clear_many(TERMS, numpy.array([PRICES, PRICES]), numpy.array([QUANTITIES, QUANTITIES]))
    assert pandas.DataFrame(many.figures())["price"].tolist() == [11.25, 11.25]


def test_floats_that_programs_write_are_on_the_grid():
    result = walras.clear({**TERMS, "tick_size": 0.1}, [10 + 0.1 + 0.2, 10.4], [100, 100])
    assert result.refused == {}
    assert result.bids()["price_ticks"].tolist() == [103, 104]


@pytest.mark.parametrize("kind", [list, numpy.array, lambda prices: [str(price) for price in prices]])
def test_numbers_off_the_grid_are_refused_or_rounded_as_asked(kind):
    prices = kind([12.504, 12.496, 12.509])
    refused = walras.clear(TERMS, prices, QUANTITIES)
    assert refused.refused == {0: "not_a_multiple", 1: "not_a_multiple", 2: "not_a_multiple"}
    assert refused.price is None
    down = walras.clear(TERMS, prices, QUANTITIES, rounding="down")
    assert down.bids()["price_ticks"].tolist() == [1250, 1249, 1250]
    nearest = walras.clear(TERMS, prices, QUANTITIES, rounding="nearest")
    assert nearest.bids()["price_ticks"].tolist() == [1250, 1250, 1251]
    lots = walras.clear(TERMS, PRICES, kind([60.7, 60.2, 1.5]), rounding="down")
    assert lots.bids()["quantity_lots"].tolist() == [60, 60, 1]
    assert walras.clear(TERMS, PRICES, kind([60.7, 60.2, 1.0])).refused == {0: "not_a_multiple", 1: "not_a_multiple"}


def test_price_takers_have_no_price():
    for prices in ([None, 11.25, 10.0], [math.nan, 11.25, 10.0], numpy.array([math.nan, 11.25, 10.0])):
        for rounding in ("refuse", "down", "nearest"):
            result = walras.clear(TERMS, prices, QUANTITIES, rounding=rounding)
            assert fills(result) == [60, 40, 0]
            assert math.isnan(result.bids()["price"][0])


def test_numbers_too_wide_for_64_bits_keep_all_digits():
    terms = {"tick_size": 1, "lot_size": 1, "supply": {"type": "fixed", "quantity": 10**18}}
    result = walras.clear(terms, [9 * 10**17], [10**18])
    assert list(result.payments_units) == [9 * 10**35]
    assert result.revenue == Decimal(9 * 10**35)
    assert result.payments.tolist() == [9e35]


def test_whole_numbers_beyond_the_floats_keep_all_digits():
    terms = {"tick_size": 1, "lot_size": 1, "supply": {"type": "fixed", "quantity": 10**18}}
    odd = (1 << 53) + 1
    for quantities in ([odd], numpy.array([odd]), [str(odd)]):
        assert fills(walras.clear(terms, [5], quantities)) == [odd]


def test_bidders_are_any_labels():
    terms = {**TERMS, "max_quantity_per_bidder": 50, "money_unit": 1}
    for labels in (["ann", "ann", "bob"], numpy.array(["ann", "ann", "bob"]), [("a", 1), ("a", 1), None]):
        result = walras.clear(terms, PRICES, [30, 30, 30], bidders=labels)
        assert fills(result) == [30, 20, 30], "capped together"
        by_bidder = result.bidders()
        assert by_bidder["quantity"].tolist() == [50.0, 30.0]
        assert by_bidder["bidder"] == list(dict.fromkeys(labels if isinstance(labels, list) else labels.tolist()))
        assert by_bidder["payment"] == [Decimal(500), Decimal(300)]
    numbers = walras.clear(terms, PRICES, [30, 30, 30], bidders=numpy.array([7, 7, 9], "uint32"))
    assert numbers.bidders()["bidder"] == [7, 9]


def test_time_priority_is_the_sequence():
    terms = {**TERMS, "allocation": "price_time"}
    result = walras.clear(terms, [11, 11, 11], [60, 60, 60], sequences=[3, 1, 2])
    assert fills(result) == [0, 60, 40]


@pytest.mark.parametrize("columns, error", [
    ({"prices": [11.0], "quantities": [1, 2]}, ValueError),
    ({"prices": [11.0], "quantities": [1], "bidders": []}, ValueError),
    ({"prices": [11.0], "quantities": [1], "sequences": [1, 2]}, ValueError),
    ({"prices": [11.0], "quantities": [1], "phantom": [True, False]}, ValueError),
    ({"prices": [11.0], "quantities": [1], "budgets": [1, 2]}, ValueError),
    ({"prices": [11.0]}, TypeError),
    ({"quantities": [1]}, TypeError),
    ({"prices": [11.0], "prices_ticks": [1100], "quantities": [1]}, TypeError),
    ({"prices": [11.0], "quantities": [1], "rounding": "up"}, ValueError),
    ({"prices": [[11.0]], "quantities": [1]}, TypeError),
    ({"prices": numpy.zeros((2, 2)), "quantities": [1]}, ValueError),
    ({"prices": ["eleven"], "quantities": [1]}, ValueError),
    ({"prices": [object()], "quantities": [1]}, TypeError),
    ({"prices": [True], "quantities": [1]}, TypeError),
    ({"prices": 11.0, "quantities": [1]}, TypeError),
    ({"prices_ticks": numpy.array([11.0]), "quantities": [1]}, TypeError),
    ({"prices_ticks": [1 << 63], "quantities": [1]}, OverflowError),
    ({"prices_ticks": numpy.array([1 << 63], "uint64"), "quantities": [1]}, OverflowError),
], ids=str)
def test_columns_that_mean_nothing_are_errors(columns, error):
    with pytest.raises(error):
        walras.clear(TERMS, **columns)


def test_the_picture_is_a_drawing():
    import xml.etree.ElementTree as ElementTree

    for result in (walras.clear(TERMS, PRICES, QUANTITIES), walras.clear(TERMS, [], []), walras.clear(TERMS, [1], [1])):
        root = ElementTree.fromstring(result._repr_svg_())
        assert root.tag.endswith("svg")
    drawn = walras.clear(TERMS, PRICES, QUANTITIES)._repr_svg_()
    assert "cleared: 100 at 11.25" in drawn and drawn.count("<polyline") == 3
    book = walras.clear(TERMS, numpy.arange(1000, 51000) / 100, numpy.ones(50000))
    assert len(book._repr_svg_()) < 60_000, "a large book is thinned"


WITHOUT_NUMPY = """
import array, sys
sys.modules["numpy"] = None
import walras
terms = {"lot_size": 1, "reserve_price": 10, "supply": {"type": "fixed", "quantity": 100}}
result = walras.clear(terms, [12.5, 11.25, "10", None, 10.001], [60, 60, 60, 5, 5], bidders=["a", "b", "a", "c", "d"])
assert result.quantities_lots == array.array("q", [60, 35, 0, 5, 0]), result.quantities_lots
assert result.refused == {4: "not_a_multiple"}
assert result.payments[:2] == array.array("d", [675.0, 393.75])
assert list(result.curve()["demand_lots"]) == [185, 125, 65]
assert result.allocations()["bidder"] == ["a", "b", "c"]
assert len(result.bids()["price"]) == 5
rounded = walras.clear(terms, array.array("d", [12.509]), [200], rounding="down")
assert str(rounded.price) == "12.5"
many = walras.clear_many(terms, [12.5, 11.0], [200, 200], offsets=[0, 1, 2])
assert list(many.figures()["price"]) == [12.5, 11.0]
assert many.figures()["revenue"] == array.array("d", [1250.0, 1100.0])
assert result._repr_svg_().startswith("<svg")
with walras.Engine(clock="manual", seed=1) as engine, engine.events() as events:
    auction = engine.create_auction(terms)
    answers = auction.submit_many(["a", "b"], [15, 12], [60, 60], path=True)
    assert list(answers.path) == [10.0, 12.0] and answers.refused == {} and None not in answers.bids
    auction.submit_many("c", array.array("d", [11.0, 9.0]), array.array("q", [5, 5]))
    assert auction.what_if([13], [10])["filled"] == array.array("d", [10.0])
    assert auction.curve()["demand"] == array.array("d", [125.0, 120.0, 60.0])
    auction.close()
    assert auction.allocations()["payment"] == array.array("d", [720.0, 480.0])
    assert events.events("bid_accepted")["party"] == ["a", "b", "c"]
    assert auction._repr_svg_().startswith("<svg")
assert "numpy" not in [name for name, module in sys.modules.items() if module]
"""


def test_lists_do_where_there_is_no_numpy():
    done = subprocess.run([sys.executable, "-c", WITHOUT_NUMPY], env=os.environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
