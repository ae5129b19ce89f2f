"""The WebSocket and REST server in this process, on its own threads; and tokens for its clients."""

from __future__ import annotations

import ctypes
import weakref
from typing import TYPE_CHECKING, Any

from ._library import check, lib, text_of
from .terms import json_text

if TYPE_CHECKING:
    from .engine import Engine


class Server:
    """A server on an engine. When it is made, connections are taken; Python code does not run for them.

    options: the keys of ``walras config`` but ``data``, ``durability`` and ``log``: ``listen`` (``"127.0.0.1:0"``, a port given by
    the system), ``drain_ms`` (1000), ``shards`` (1), ``development`` (true takes the token ``test-token``, and ``test-token:NAME``, from
    anybody), keys for tokens, limits. Without a key it makes a secret of its own, for :meth:`token`.

    Stop the server when done, or use it in a ``with`` statement; the engine goes on.
    """

    def __init__(self, engine: Engine, **options: Any) -> None:
        text, handle = json_text(options), ctypes.c_void_p()
        check(lib.walras_server_start(engine._handle, text, len(text), handle))
        self._handle = handle.value
        self._free = weakref.finalize(self, lib.walras_server_free, handle.value)
        self._engine = engine
        port = ctypes.c_uint16()
        check(lib.walras_server_port(self._handle, port))
        self.port: int = port.value
        """The port at which the server listens."""
        host = str(options.get("listen", "127.0.0.1:0")).rpartition(":")[0]
        self._host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
        self._is_secure = any(key.startswith("tls") for key in options)

    @property
    def url(self) -> str:
        """Where WebSocket clients connect, from this machine."""
        return f"{'wss' if self._is_secure else 'ws'}://{self._host}:{self.port}/v1/ws"

    @property
    def http(self) -> str:
        """Where REST clients begin, from this machine."""
        return f"{'https' if self._is_secure else 'http'}://{self._host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections are open."""
        count = ctypes.c_uint32()
        check(lib.walras_server_connections(self._handle, count))
        return count.value

    def token(self, subject: str, **claims: Any) -> str:
        """A token that this server takes.

        claims: ``roles`` (such as ``["trader"]``), ``permissions``, ``bidder`` (the party; the subject without it), ``ttl_seconds``
        (3600), ``auctions``, ``channels``, ``subs``, ``limits``, as of ``walras token``.
        """
        return _token(self._handle, {"subject": subject, **claims})

    def stop(self) -> None:
        """Takes no more connections, tells every client when to come back, closes all over ``drain_ms``, and waits for that."""
        if self._free.alive:
            check(lib.walras_server_stop(self._handle))
            self._free()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Server {self.url}>" if self._free.alive else "<Server stopped>"


def token(subject: str, secret: str, **claims: Any) -> str:
    """A token signed with a secret, for servers that are configured with it. Claims are those of :meth:`Server.token`, and
    ``issuer``, ``audience``."""
    return _token(None, {"subject": subject, "secret": secret, **claims})


def _token(server: int | None, options: dict[str, Any]) -> str:
    text = json_text(options)
    return text_of(lib.walras_token, server, text, len(text))
