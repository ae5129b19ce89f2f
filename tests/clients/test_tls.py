"""A port with a certificate speaks TLS and nothing else, to WebSockets and to REST alike."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time

import pytest
import websockets.sync.client

from conftest import Server
from test_python_client import self_signed


@pytest.fixture
def secured(tmp_path):
    certificate, key = self_signed(tmp_path)
    server = Server(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key))
    host, port = server.http.removeprefix("https://").rsplit(":", 1)
    yield server, host, int(port), ssl.create_default_context(cafile=str(certificate))
    assert server.stop() == 0


def everything_from(connection: socket.socket) -> bytes:
    heard = b""
    try:
        while data := connection.recv(65536):
            heard += data
    except ConnectionError:
        pass
    return heard


def test_both_faces_answer_behind_tls(secured):
    server, host, port, trusting = secured
    rest = http.client.HTTPSConnection(host, port, context=trusting, timeout=20)
    rest.request("GET", "/health/ready")
    assert json.load(rest.getresponse()) == {"status": "ready"}
    with websockets.sync.client.connect(server.ws, ssl=trusting) as client:
        client.send(json.dumps({"type": "auth", "token": server.token("alice")}))
        assert json.loads(client.recv(timeout=20))["type"] == "auth_success"


def test_plain_http_gets_no_http_answer(secured):
    server, host, port, trusting = secured
    for request in [b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01nonsense" + b"x" * 600]:
        with socket.create_connection((host, port), timeout=20) as plain:
            plain.sendall(request)
            heard = everything_from(plain)
        assert b"HTTP" not in heard, heard
    with websockets.sync.client.connect(server.ws, ssl=trusting) as client:
        client.send(json.dumps({"type": "auth", "token": server.token("alice")}))
        assert json.loads(client.recv(timeout=20))["type"] == "auth_success"


def test_whoever_does_not_trust_the_certificate_is_not_let_down_silently(secured):
    server, _, _, _ = secured
    with pytest.raises(ssl.SSLCertVerificationError):
        websockets.sync.client.connect(server.ws, ssl=ssl.create_default_context())


def test_a_handshake_that_never_comes_ends_after_five_seconds(secured):
    _, host, port, _ = secured
    with socket.create_connection((host, port), timeout=20) as silent:
        started = time.monotonic()
        assert everything_from(silent) == b""
        assert 4 < time.monotonic() - started < 15
