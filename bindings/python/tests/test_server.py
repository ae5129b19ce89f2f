"""The server inside the process: clients of the guide bid over sockets while Python watches and drives."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import pytest
import websockets

import walras

GUIDE_AUCTION = "550e8400-e29b-41d4-a716-446655440000"
TERMS = {"auction_id": GUIDE_AUCTION, "supply": {"type": "fixed", "quantity": 1000}, "lot_size": 1, "reserve_price": 10}


@pytest.fixture
def engine():
    with walras.Engine() as made:
        yield made


async def client(url: str, token: str, bids: list[tuple[float, float]]) -> list[dict]:
    """Signs in, subscribes and bids as the guide shows; gives all messages up to the auction's end."""
    messages = []
    async with websockets.connect(url) as socket:
        await socket.send(json.dumps({"type": "auth", "token": f"Bearer {token}"}))
        await socket.send(json.dumps({"type": "subscribe", "channel": "auction", "auction_id": GUIDE_AUCTION}))
        for quantity, price in bids:
            await socket.send(json.dumps({
                "type": "submit_bid", "auction_id": GUIDE_AUCTION,
                "payload": {"quantity": quantity, "price": price, "is_marginal": False},
            }))
        async for text in socket:
            messages.append(json.loads(text))
            if messages[-1]["type"] == "auction_complete":
                return messages
    return messages


def test_clients_of_the_guide_bid_while_python_watches(engine):
    auction = engine.create_auction(TERMS)

    async def run() -> tuple[list[walras.Event], list[list[dict]]]:
        with engine.serve() as server, auction.events(["bids"]) as events:
            offers = {"ann": [(600.0, 15.0), (100.0, 11.0)], "bob": [(500.0, 12.0)]}
            clients = [
                asyncio.ensure_future(client(server.url, server.token(name, roles=["trader"]), bids))
                for name, bids in offers.items()
            ]
            heard = []
            async for event in events:
                heard.append(event)
                if len(heard) == 3:
                    break
            assert server.connections == 2
            auction.submit("host's own", 14, 100)
            auction.close()
            return heard, await asyncio.gather(*clients)

    heard, messages = asyncio.run(asyncio.wait_for(run(), 60))
    assert sorted((event.party, float(event.quantity), float(event.price)) for event in heard) == [
        ("ann", 100.0, 11.0), ("ann", 600.0, 15.0), ("bob", 500.0, 12.0),
    ]
    assert [event.offset for event in heard] == [2, 3, 4]
    accepted = [message for own in messages for message in own if message["type"] == "bid_accepted"]
    assert {message["payload"]["bid_id"] for message in accepted} == {str(event.subject) for event in heard}
    for own in messages:
        assert own[-1]["payload"]["clearing_price"] == 12.0 and own[-1]["payload"]["total_allocated"] == 1000.0
    won = auction.allocations()
    assert dict(zip(won["party"], won["filled"].tolist())) == {"ann": 600.0, "bob": 300.0, "host's own": 100.0}


def test_market_data_and_prices_reach_the_clients(engine):
    async def run() -> dict:
        with engine.serve(development=True) as server:
            async with websockets.connect(server.url) as socket:
                await socket.send(json.dumps({"type": "auth", "token": "Bearer test-token"}))
                await socket.send(json.dumps({"type": "subscribe", "channel": "market_data", "options": {"token": "ETH"}}))
                async for text in socket:
                    message = json.loads(text)
                    if message["type"] == "subscribed":
                        engine.put_prices("BTC", {"usd": 1.0})
                        engine.put_prices("ETH", {"usd": 2500.0})
                    if message["type"] == "price_update":
                        return message["payload"]
        return {}

    assert asyncio.run(asyncio.wait_for(run(), 60))["prices"] == {"usd": 2500.0}


def test_rest_and_the_program_see_one_engine(engine):
    with engine.serve() as server:
        token = server.token("olive", roles=["operator"])
        request = urllib.request.Request(
            f"{server.http}/v1/auctions", json.dumps(TERMS).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer)["auction_id"] == GUIDE_AUCTION
        assert engine.auction(GUIDE_AUCTION).state().status == "active"


def test_a_server_that_stops_tells_its_clients_and_leaves_the_engine(engine):
    auction = engine.create_auction(TERMS)

    async def run() -> tuple[list[str], int]:
        server = engine.serve(development=True, drain_ms=10)
        kinds = []
        async with websockets.connect(server.url) as socket:
            await socket.send(json.dumps({"type": "auth", "token": "Bearer test-token"}))
            kinds.append(json.loads(await socket.recv())["type"])
            stopping = asyncio.get_running_loop().run_in_executor(None, server.stop)
            try:
                while True:
                    kinds.append(json.loads(await socket.recv())["type"])
            except websockets.ConnectionClosed as closed:
                await stopping
                assert closed.rcvd is not None
                for call in (lambda: server.connections, lambda: server.token("x")):
                    with pytest.raises(walras.MisuseError):
                        call()
                server.stop()
                return kinds, closed.rcvd.code

    kinds, code = asyncio.run(asyncio.wait_for(run(), 60))
    assert kinds[0] == "auth_success" and kinds[-1] == "server_notice" and code == 1012
    auction.submit("ann", 15, 1)
    with engine.serve() as again:
        assert again.connections == 0


def test_tokens_for_servers_elsewhere():
    secret = "0123456789abcdef0123456789abcdef"
    token = walras.token("ann", secret, roles=["trader"], ttl_seconds=60)
    assert token.count(".") == 2
    with walras.Engine() as engine, engine.serve(auth={"hs256_secret": secret}) as server:
        assert server.token("ann").count(".") == 2
    with pytest.raises(walras.WalrasError):
        walras.token("ann", secret, rolls=["trader"])
