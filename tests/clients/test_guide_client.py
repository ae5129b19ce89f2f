"""The corrected Python client beside the bindings, run as the program that it is."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys

from conftest import ROOT, Server
from test_python_client import bid

CLIENT = ROOT / "bindings" / "python" / "examples" / "guide_client.py"


class Line:
    """A TCP line to the server that can be cut."""

    def __init__(self, server: Server) -> None:
        host, port = server.ws.removeprefix("ws://").split("/")[0].rsplit(":", 1)
        self.target = host, int(port)
        self.open: list[asyncio.StreamWriter] = []
        self.count = 0

    async def start(self) -> str:
        self.listener = await asyncio.start_server(self.carry, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self.listener.sockets[0].getsockname()[1]}/v1/ws"

    async def carry(self, reader, writer) -> None:
        self.count += 1
        far_reader, far_writer = await asyncio.open_connection(*self.target)
        self.open += [writer, far_writer]

        async def pipe(source, sink):
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    def cut(self) -> None:
        for writer in self.open:
            writer.transport.abort()
        self.open.clear()


async def follow(server: Server) -> list[str]:
    auction = server.create_guide_auction(supply={"type": "fixed", "quantity": 100})
    line = Line(server)
    url = await line.start()
    client = await asyncio.create_subprocess_exec(
        sys.executable, CLIENT, url, server.token("watcher"), auction, stdout=subprocess.PIPE
    )
    heard: list[str] = []

    async def until(wanted: str) -> None:
        while not heard or heard[-1] != wanted:
            text = await asyncio.wait_for(client.stdout.readline(), 30)
            assert text, f"it ended after {heard}"
            heard.append(text.decode().rstrip())

    await until("Price: 10.0")
    trader = server.token("trader", "--role", "trader")
    await bid(server, auction, trader, 150.0, 50.0)
    await until("Bid: 150.0 @ 50.0")
    await until("Price: 50.0")
    line.cut()
    # While nobody listens, somebody bids, and the auction ends.
    await bid(server, auction, trader, 20.0, 60.0)
    server.rest("POST", f"/v1/auctions/{auction}/close", server.token("operator", "--role", "admin"))
    await until("Cleared at: 50.0")
    heard += (await asyncio.wait_for(client.stdout.read(), 30)).decode().splitlines()
    assert await asyncio.wait_for(client.wait(), 30) == 0, "it ends with the auction"
    assert line.count == 2
    line.listener.close()
    return heard


def test_the_corrected_client_follows_an_auction_through_a_lost_connection(server):
    heard = asyncio.run(follow(server))
    bids = [line for line in heard if line.startswith("Bid: ")]
    assert bids == ["Bid: 150.0 @ 50.0", "Bid: 20.0 @ 60.0"], "every bid once, the missed one too"
    assert heard.count("Cleared at: 50.0") == 1


def test_it_says_how_it_is_called():
    done = subprocess.run([sys.executable, CLIENT], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert "usage: guide_client.py URL TOKEN AUCTION_ID" in done.stderr
