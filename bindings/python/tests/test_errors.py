"""Failures of the pure clearing, and that the class of an exception follows from the status alone."""

from __future__ import annotations

import pickle

import pytest

import walras
from walras import _abi
from walras.errors import error_for

RANGES = {
    0: walras.MisuseError,
    1: walras.MalformedError,
    2: walras.NotAllowedError,
    3: walras.RefusedError,
    4: walras.BusyError,
    9: walras.FaultError,
}


@pytest.mark.parametrize("name, status", [(name, status) for name, status in _abi.STATUSES.items() if status])
def test_every_status_has_the_class_of_its_range(name, status):
    error = error_for(status, "what was wrong")
    assert isinstance(error, RANGES[status // 100])
    assert (error.status, error.code) == (status, name)
    assert str(error) == f"what was wrong ({name})"
    assert isinstance(error, LookupError) == name.endswith("_NOT_FOUND")
    assert isinstance(error, ValueError) == (100 <= status < 200)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.status, str(again)) == (type(error), status, str(error))


@pytest.mark.parametrize("terms, named", [
    ({}, "supply"),
    ({"supply": {"type": "fixed"}}, "quantity"),
    ({"supply": {"type": "fixed", "quantity": 1}, "reserve_prise": 3}, "reserve_price"),
    ({"supply": {"type": "fixed", "quantity": 1}, "tick_size": 0}, "tick_size"),
    ("{", ""),
    ("[]", ""),
])
def test_bad_terms_name_what_is_wrong(terms, named):
    for make in (walras.Terms, lambda terms: walras.clear(terms, [1], [1])):
        with pytest.raises(walras.MalformedError) as caught:
            make(terms)
        assert caught.value.code == "INVALID_MESSAGE"
        assert named in str(caught.value)


def test_terms_that_are_no_json_are_an_error_of_their_own():
    for terms in ({"supply": {"type": "fixed", "quantity": object()}}, {"supply": {"quantity": float("nan")}}):
        with pytest.raises((TypeError, ValueError)):
            walras.Terms(terms)


def test_terms_are_read_once_and_tell_their_grids():
    terms = walras.Terms({"tick_size": "0.005", "lot_size": 100, "reserve_price": 2, "supply": {"type": "fixed", "quantity": 500}})
    assert (str(terms.tick.step), terms.lot.step, str(terms.money.step)) == ("0.005", 100, "0.5")
    assert (terms.lowest_price_ticks, terms.lowest_price) == (400, 2)
    assert list(terms.supply_lots([400, 500])) == [5, 5]
    assert walras.clear(terms, [3.005], [100]).terms is terms


def test_sales_that_do_not_fit_their_offsets_are_misuse():
    terms = {"lot_size": 1, "supply": {"type": "fixed", "quantity": 1}}
    for offsets in ([1, 2], [0, 1], [0, 2, 1, 2]):
        with pytest.raises(walras.MisuseError) as caught:
            walras.clear_many(terms, [1, 2], [1, 2], offsets=offsets)
        assert caught.value.code == "BAD_LENGTH"
    with pytest.raises(ValueError):
        walras.clear_many(terms, [1, 2], [1, 2], offsets=[])
    with pytest.raises(ValueError):
        walras.clear_many(terms, [1, 2], [1, 2])
    many = walras.clear_many(terms, [1, 2], [1, 2], offsets=[0, 1, 1, 2])
    assert [sale.outcome for sale in many] == ["cleared", "no_sale", "cleared"]
    assert (many[-1].price, many[1].price, len(many[:2])) == (2, None, 2)
    with pytest.raises(IndexError):
        many[3]


def test_documents_with_bad_terms_are_malformed_and_bad_bids_are_refused():
    with pytest.raises(walras.MalformedError):
        walras.clear_document({"bids": []})
    sale = {"tick_size": "0.01", "lot_size": 1, "supply": {"type": "fixed", "quantity": 10}}
    bids = [{"id": "a", "price": 10, "quantity": 5}, {"id": "b", "price": 10.001, "quantity": 5}]
    assert walras.clear_document({**sale, "bids": bids})["refused"] == {"b": "not_a_multiple"}
