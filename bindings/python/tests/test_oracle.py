"""Random books against a few obvious lines of Python, in fractions of nothing but whole numbers."""

from __future__ import annotations

import random

import pytest

import walras


def oracle(supply: int, reserve: int, bids: list[tuple[int, int]]) -> tuple[int | None, list[int]]:
    """The highest price at which demand covers the supply, else the reserve; bids above it are filled, those at it pro rata.

    Pro rata: everybody's share rounded down, and the lots that rounding leaves go one each to the largest remainders,
    earlier bids first.
    """
    def demand(least: int) -> int:
        return sum(quantity for limit, quantity in bids if limit >= max(least, reserve))

    fills = [0] * len(bids)
    if demand(reserve) == 0:
        return None, fills
    covered = [price for price in range(reserve, 20) if demand(price) >= supply]
    price = max(covered, default=reserve)
    left, at_margin = supply, []
    for place, (limit, quantity) in enumerate(bids):
        if limit > price:
            fills[place] = quantity
            left -= quantity
        elif limit == price:
            at_margin.append((quantity, place))
    wanted = sum(quantity for quantity, _ in at_margin)
    shared = min(left, wanted)
    for quantity, place in at_margin:
        fills[place] = shared * quantity // wanted
    spare = shared - sum(fills[place] for _, place in at_margin)
    by_remainder = sorted(at_margin, key=lambda bid: (-(shared * bid[0] % wanted), bid[1]))
    for _, place in by_remainder[:spare]:
        fills[place] += 1
    return price, fills


@pytest.mark.parametrize("seed", range(300))
def test_random_books_clear_as_by_hand(seed):
    chance = random.Random(seed)
    bids = [(chance.randint(1, 12), chance.randint(1, 30)) for _ in range(chance.randint(0, 40))]
    supply, reserve = chance.randint(1, 300), chance.randint(0, 6)
    terms = {"tick_size": 1, "lot_size": 1, "reserve_price": reserve, "supply": {"type": "fixed", "quantity": supply}}
    price, fills = oracle(supply, reserve, bids)
    result = walras.clear(terms, [price for price, _ in bids], [quantity for _, quantity in bids])
    assert result.price_ticks == price, f"seed {seed}"
    assert list(result.quantities_lots) == fills, f"seed {seed}"
    assert sum(result.payments_units) == (price or 0) * sum(fills) == result.revenue, f"seed {seed}"
    assert result.allocated + result.unsold == supply
    assert sorted(result.refused) == [place for place, (price, _) in enumerate(bids) if price < reserve]
    cut = chance.randint(0, len(bids))
    many = walras.clear_many(
        terms, [price for price, _ in bids], [quantity for _, quantity in bids], offsets=[0, cut, len(bids)],
        threads=chance.randint(0, 3),
    )
    for sale, part in zip(many, (bids[:cut], bids[cut:])):
        price, fills = oracle(supply, reserve, part)
        assert (sale.price_ticks, list(sale.quantities_lots)) == (price, fills), f"seed {seed}"
