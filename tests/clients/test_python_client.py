"""The guide's Python client, its class unchanged but for URL, token and auction id.

Its usage lines hand over plain lambdas, whose `None` cannot be awaited: an error of the guide. Handlers here
are `async def`, as the class expects.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl

import websockets

from conftest import Server, block_with


def guide_client(server_url: str, token: str, auction: str, connect=websockets.connect):
    """The guide's class, made from its text."""
    block = block_with("python", "class AuctionWebSocket")
    body = block.split("# Usage", 1)[0].replace("your-auction-id", auction)
    names: dict = {}
    exec(compile(body, "guide.py", "exec"), names)
    names["websockets"] = type("websockets", (), {"connect": staticmethod(connect)})
    return names["AuctionWebSocket"](server_url, token)


async def bid(server: Server, auction: str, token: str, quantity: float, price: float, url=None, **options):
    """Places one bid as the guide does and gives its acknowledgement."""
    async with websockets.connect(url or server.ws, **options) as socket:
        await socket.send(json.dumps({"type": "auth", "token": f"Bearer {token}"}))
        await socket.send(json.dumps({
            "type": "submit_bid",
            "auction_id": auction,
            "payload": {"quantity": quantity, "price": price, "is_marginal": False},
        }))
        async for message in socket:
            data = json.loads(message)
            assert data["type"] not in ("error", "bid_rejected", "auth_failure"), data
            if data["type"] == "bid_accepted":
                return data


async def watch_one_bid(server: Server, url: str | None = None, **options) -> list[dict]:
    auction = server.create_guide_auction()
    client = guide_client(
        url or server.ws, server.token("watcher"), auction,
        connect=lambda address: websockets.connect(address, **options),
    )
    heard: list[dict] = []
    first, changed = asyncio.Event(), asyncio.Event()

    async def on_update(payload):
        heard.append(payload)
        first.set()
        if payload["total_bids"] == 1:
            changed.set()

    client.on("auction_update", on_update)
    running = asyncio.create_task(client.connect())
    await asyncio.wait_for(first.wait(), 20)
    await bid(server, auction, server.token("bidder", "--role", "trader"), 100.0, 50.0, url, **options)
    await asyncio.wait_for(changed.wait(), 20)
    assert not running.done(), "the client is still connected"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return heard


def test_the_python_client_of_the_guide_sees_the_auction_move(server):
    heard = asyncio.run(watch_one_bid(server))
    assert heard[0]["status"] == "active"
    assert heard[0]["total_bids"] == 0
    assert heard[-1]["total_quantity"] == 100.0
    assert heard[-1]["current_price"] == 10.0, "demand is short of supply: the reserve"


def self_signed(folder):
    """A certificate for 127.0.0.1 that nobody but the test trusts."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "walras test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    return folder / "cert.pem", folder / "key.pem"


def test_the_python_client_runs_over_tls_with_a_certificate_it_trusts(tmp_path, monkeypatch):
    certificate, key = self_signed(tmp_path)
    server = Server(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key))
    try:
        assert server.ws.startswith("wss://") and server.http.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr("urllib.request._opener", None)
        import urllib.request

        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusting))
        urllib.request.install_opener(opener)
        heard = asyncio.run(watch_one_bid(server, ssl=trusting))
        assert heard[-1]["total_bids"] == 1
    finally:
        assert server.stop() == 0
