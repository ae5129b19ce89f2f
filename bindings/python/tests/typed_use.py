"""How a typed program uses the package: read by a type checker, not run."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy

import walras

terms = walras.Terms({"supply": {"type": "fixed", "quantity": 10}})
result: walras.Clearing = walras.clear(terms, [1.0, None, "2.5", Decimal(3)], numpy.array([1, 2, 3, 4]))
price: Decimal | None = result.price
ratio: Fraction | None = result.marginal_fill_ratio
refused: dict[int, str] = result.refused
total: float = float(result.payments.sum())
many: walras.Clearings = walras.clear_many(terms, numpy.ones((2, 2)), numpy.ones((2, 2)), threads=2)
first: walras.Clearing = many[0]
try:
    walras.clear("{}", [1], [1])
except walras.MalformedError as error:
    code: str = error.code
    status: int = error.status


async def watch() -> None:
    with walras.Engine(clock="manual", seed=1) as engine, engine.serve(development=True) as server:
        auction: walras.Auction = engine.create_auction({"supply": {"type": "fixed", "quantity": 10}})
        receipt: walras.Receipt = auction.submit("ann", Decimal("1.5"), 2, client_bid_id="a")
        answers: walras.Submitted = auction.submit_many(["a", "b"], numpy.ones(2), [1.0, 2], path=True)
        refusals: dict[int, str] = answers.refused
        state: walras.State = auction.state()
        current: Decimal | None = state.current_price
        url: str = server.url
        async for event in engine.events(["bids"]):
            kind: str = event.kind
            party: str | None = event.party
        for event in auction.events():
            print(event.kind)
