"""The guide's JavaScript, its text unchanged but for URL, token and auction id, under Node with `ws`."""

from __future__ import annotations

import os
import pty
import subprocess
import threading

from conftest import GUIDE_AUCTION, NODE, block_with, fenced_blocks, run_node

GUIDE_URL = "wss://api.auction.example.com/v1/ws"

PREAMBLE = """
const assert = require('node:assert');
global.WebSocket = require('ws');
const report = (value) => { console.log(JSON.stringify(value)); process.exit(0); };
const fail = setTimeout(() => { console.error('nothing came in time'); process.exit(1); }, 40000);
"""


def pasted(block: str, url: str, token: str = "YOUR_TOKEN_HERE") -> str:
    return block.replace(GUIDE_URL, url).replace("YOUR_TOKEN_HERE", token)


def test_connecting_and_subscribing_as_the_snippets_do(server):
    server.create_guide_auction()
    token = server.token("js", "--role", "trader")
    connect = pasted(block_with("javascript", "ws.onopen", "Authenticate immediately"), server.ws, token)
    auction = block_with("javascript", "Subscribe to auction updates")
    bids = block_with("javascript", "Subscribe to all bids for an auction")
    settlement = block_with("javascript", "Subscribe to settlement updates")
    submit = block_with("javascript", "type: 'submit_bid'")
    unsubscribe = block_with("javascript", "type: 'unsubscribe'")
    script = f"""{PREAMBLE}
const logged = [];
const log = console.log;
console.log = (...words) => logged.push(words.join(' '));
const books = [];
const updateOrderBook = (bid) => books.push(bid);
{connect}
const seen = [];
const opened = ws.onopen;
ws.onopen = () => {{
    opened();
    // Each snippet sets its own `onmessage`; all of them hear every message.
    const handlers = [];
    const collect = () => {{ if (ws.onmessage) handlers.push(ws.onmessage); }};
    {{ {auction} }} collect();
    {{ {bids} }} collect();
    {{ {settlement} }} collect();
    {{ {submit} }}
    let asked = false;
    ws.onmessage = (event) => {{
        const data = JSON.parse(event.data);
        seen.push(data);
        handlers.forEach((handler) => handler(event));
        const kinds = seen.map((message) => message.type);
        if (!asked && kinds.includes('new_bid') && logged.some((line) => line.includes('Total bids: 1'))) {{
            asked = true;
            {unsubscribe}
        }}
        if (data.type === 'unsubscribed') {{
            console.log = log;
            report({{ seen, logged, books }});
        }}
    }};
}};
"""
    result = run_node(script)
    kinds = [message["type"] for message in result["seen"]]
    assert kinds[0] == "auth_success"
    assert kinds.count("subscribed") == 3
    assert kinds.index("bid_accepted") < kinds.index("new_bid")
    assert "New bid: 100 @ 50" in result["logged"], result["logged"]
    assert "Current price: 10" in result["logged"]
    assert [bid["quantity"] for bid in result["books"]] == [100]
    assert [message["sequence"] for message in result["seen"]] == list(range(1, len(kinds) + 1))


def test_the_client_class_resubscribes_after_a_lost_connection(server):
    server.create_guide_auction()
    token = server.token("js-class")
    block = pasted(block_with("javascript", "class WebSocketClient"), server.ws)
    script = f"""{PREAMBLE}
const log = console.log; console.log = () => {{}};
{block}
const client = new WebSocketClient({server.ws!r}, {token!r});
let updates = 0, dropped = false, connections = 0;
const hook = () => {{
    const socket = client.ws;
    connections++;
    socket.on('message', (text) => {{
        const data = JSON.parse(text);
        if (data.type !== 'auction_update') return;
        updates++;
        if (!dropped) {{ dropped = true; socket.terminate(); }}
        else if (connections === 2) {{ console.log = log; report({{ updates, connections }}); }}
    }});
}};
const connect = client.connect.bind(client);
client.connect = () => {{ connect(); hook(); }};
hook();
client.subscribe('auction', {{ auction_id: '{GUIDE_AUCTION}' }});
"""
    result = run_node(script)
    assert result["connections"] == 2
    assert result["updates"] >= 2


def test_the_heartbeat_snippet_answers_a_ping(server):
    # The server pings every 30 s; here the snippet is fed a ping and its answer must be taken.
    token = server.token("js-ping")
    snippet = block_with("javascript", "Handle ping-pong")
    script = f"""{PREAMBLE}
const ws = new WebSocket({server.ws!r});
const seen = [];
ws.onopen = () => {{
    ws.send(JSON.stringify({{ type: 'auth', token: 'Bearer ' + {token!r} }}));
    {snippet}
    const handler = ws.onmessage;
    handler({{ data: JSON.stringify({{ type: 'ping' }}) }});
    ws.onmessage = (event) => {{
        const data = JSON.parse(event.data);
        seen.push(data.type);
        handler(event);
        if (data.type === 'auth_success') ws.send(JSON.stringify({{ type: 'ping', timestamp: 'now' }}));
        if (data.type === 'pong') report({{ seen, payload: data.payload }});
    }};
}};
"""
    result = run_node(script)
    assert result["seen"] == ["auth_success", "pong"], "the snippet's pong is welcome and gets no answer"
    assert result["payload"]["client_time"] == "now"


def test_the_load_test_gets_every_ping_answered_and_nobody_disconnected(dev):
    block = block_with("javascript", "WebSocket load test script")
    block = block.replace(GUIDE_URL, dev.ws).replace("60000", "10000")
    assert "'Bearer test-token'" in block
    block = block.replace("const WebSocket = require('ws');", "const WebSocket = Counting;")
    block = block.replace("loadTest(100, 10);", """loadTest(100, 10).then(() => {
    const { sent, answered, closedEarly } = totals;
    setTimeout(() => report({ sent, answered: totals.answered, closedEarly }), 2000);
});""")
    script = f"""
const report = (value) => {{ console.log(JSON.stringify(value)); process.exit(0); }};
const totals = {{ sent: 0, answered: 0, closedEarly: 0 }};
const ended = {{ value: false }};
class Counting extends require('ws') {{
    constructor(url) {{
        super(url);
        this.on('message', (text) => {{ if (JSON.parse(text).type === 'pong') totals.answered++; }});
        this.on('close', () => {{ if (!this.asked) totals.closedEarly++; }});
    }}
    send(text) {{
        if (this.readyState !== 1) return;
        if (text.includes('"ping"')) totals.sent++;
        super.send(text);
    }}
    // What is under way is still answered before the connection goes.
    close() {{ this.asked = true; setTimeout(() => super.close(), 1000); }}
}}
{block}
"""
    result = run_node(script, timeout=90)
    assert result["sent"] >= 100 * 10 * 9, result
    # Pings that the interval sent in the last second before the end may still be under way.
    assert result["answered"] >= result["sent"] - 0, result
    assert result["closedEarly"] == 0, result


def test_wscat_connects_with_the_guides_lines(server):
    server.create_guide_auction()
    token = server.token("wscat")
    lines = [line for line in fenced_blocks("bash")[0].splitlines() if line and not line.startswith("#")]
    command = next(line for line in lines if line.startswith("wscat -c")).replace(GUIDE_URL, server.ws)
    said = [line.replace("YOUR_TOKEN", token) for line in lines if line.startswith("{")]
    assert len(said) == 2
    program, *arguments = command.split()
    # A terminal of its own, as wscat expects; it takes lines only once it is connected.
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [NODE / "node_modules" / ".bin" / program, *arguments], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    ender = threading.Timer(40, process.kill)
    ender.start()
    heard = b""
    steps = [(b"Connected", said[0]), (b"auth_success", said[1]), (b"auction_update", None)]
    for awaited, answer in steps:
        while awaited not in heard:
            try:
                heard += os.read(ours, 65536)
            except OSError:
                break
        assert awaited in heard, heard.decode(errors="replace")
        if answer is not None:
            os.write(ours, answer.encode() + b"\r")
    ender.cancel()
    process.kill()
    process.wait()
    os.close(ours)
    assert b'"subscribed"' in heard
