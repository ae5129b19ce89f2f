"""The WebSocket guide's Python client, corrected.

The guide hands plain lambdas to a class that awaits what they return, which fails at the first message; and it
handles `new_bid` without subscribing to `bids`. Here handlers may be plain functions or coroutines, the
channels are named, and a connection that breaks is opened again and resumes where it was.

    pip install websockets
    python guide_client.py ws://127.0.0.1:8080/v1/ws test-token 550e8400-e29b-41d4-a716-446655440000
"""

import asyncio
import inspect
import json
import sys

import websockets


class AuctionWebSocket:
    def __init__(self, url, token, auction_id, channels=("auction", "bids")):
        self.url = url
        self.token = token
        self.auction_id = auction_id
        self.channels = list(channels)
        self.handlers = {}
        # Where each channel was when it was last heard, to resume from.
        self.since = {}

    def on(self, event_type, handler):
        self.handlers[event_type] = handler
        return self

    async def connect(self):
        """Listens until the auction is over, through lost connections."""
        # `async for` connects again with a growing pause each time the body ends in `continue`.
        async for websocket in websockets.connect(self.url):
            try:
                await self.sign_in(websocket)
                async for message in websocket:
                    if not await self.handle(json.loads(message)):
                        return
            except websockets.ConnectionClosed:
                continue

    async def sign_in(self, websocket):
        await websocket.send(json.dumps({"type": "auth", "token": f"Bearer {self.token}"}))
        for channel in self.channels:
            subscribe = {"type": "subscribe", "channel": channel, "auction_id": self.auction_id}
            if channel in self.since:
                subscribe["since"] = self.since[channel]
            await websocket.send(json.dumps(subscribe))

    async def handle(self, data):
        """Hands a message to its handler; false once no channel is left."""
        payload = data.get("payload") or {}
        kind = data["type"]
        if kind in ("auth_failure", "error"):
            raise RuntimeError(f"refused: {data['error']}")
        if kind == "subscribed":
            self.since[payload["channel"]] = {"epoch": payload["epoch"], "offset": payload["offset"]}
        elif kind == "unsubscribed":
            self.channels.remove(payload["channel"])
        elif "offset" in payload:
            channel = "bids" if kind.startswith(("new_bid", "bid_")) else "auction"
            if channel in self.since:
                self.since[channel]["offset"] = max(self.since[channel]["offset"], payload["offset"])
        if kind in self.handlers:
            answer = self.handlers[kind](payload)
            if inspect.isawaitable(answer):
                await answer
        return bool(self.channels)


def main(url, token, auction_id):
    client = AuctionWebSocket(url, token, auction_id)
    client.on("auction_update", lambda p: print(f"Price: {p['current_price']}", flush=True))
    client.on("new_bid", lambda p: print(f"Bid: {p['quantity']} @ {p['price']}", flush=True))
    client.on("auction_complete", lambda p: print(f"Cleared at: {p['clearing_price']}", flush=True))
    asyncio.run(client.connect())


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: guide_client.py URL TOKEN AUCTION_ID")
    main(*sys.argv[1:])
