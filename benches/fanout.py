#!/usr/bin/env python3
"""Measures the fan-out of walras beside its peers, all in one run, with `walras bench`.

    benches/fanout.py [--repeat N] [--only WORDS] [--binary target/release/walras]

Every server runs on the first core and the load generator on the second (`taskset`), so nothing else should run
meanwhile. Each figure is the median of N runs, servers taking turns. The peers are built from benches/peers: a bare
write of a ready frame to each socket (`floor`), uWebSockets as PyPI's `socketify` carries it, driven from C (`uws`;
wants a C compiler and libuv's library), tokio-tungstenite with tokio's broadcast channel as it comes (`broadcast`)
and with a small read buffer and one flush for all that waits (`tuned`), and npm's `ws`. `spinning` is walras with
`spin_us`, which does not sleep between two bids.
walras signs everybody in, clears and logs every bid (`--durability os`), and numbers every message; the peers do
nothing of it. Prints Markdown.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches" / "peers"
BUILT = ROOT / "target" / "peers"
SECRET = "a secret for measurements only, 32 bytes and more"
SERVER_CORE, CLIENT_CORE = "0", "1"
SOCKETIFY = "socketify==0.0.31"
PARTS = ("fanout", "latency", "pings", "idle", "stalled")
# Ours, and what each is told beside the rest.
OURS = {"walras": [], "spinning": ["--set", "spin_us=100000"]}


def pinned(core, *command):
    return ["taskset", "-c", core, *map(str, command)]


class Server:
    """A server on a free port, ended by `with`."""

    def __init__(self, name, binary, settings=()):
        self.folder = tempfile.TemporaryDirectory(prefix="walras-bench-")
        environment = dict(os.environ, WALRAS_AUTH_HS256_SECRET=SECRET, WALRAS_LOG="error")
        self.is_ours = name in OURS
        if self.is_ours:
            command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", self.folder.name + "/data"]
            command += ["--durability", "os", "--accept-loss", "--drain", "0s", *OURS[name], *settings]
        elif name == "ws":
            command = ["node", PEERS / "ws" / "server.js"]
        elif name == "uws":
            command = [BUILT / "uws" / "server"]
        else:
            command = [BUILT / "release" / "peers", name]
        self.process = subprocess.Popen(
            pinned(SERVER_CORE, *command), env=environment, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        self.url = json.loads(line)["ws"] if self.is_ours else f"ws://127.0.0.1:{int(line)}"
        self.name, self.binary, self.environment = name, binary, environment

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def bench(self, *arguments):
        command = [self.binary, "bench", *arguments, "--url", self.url]
        command += ["--server-pid", self.process.pid, "--json"]
        if not self.is_ours:
            command += ["--token", "any"]
        done = subprocess.run(pinned(CLIENT_CORE, *command), env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name} {arguments}: {done.stderr.strip().splitlines()[-1:]}")
        return json.loads(done.stdout)


def medians(arguments, names, bench, keys, settings=()):
    """For each server the medians of these figures over several runs, each on a new server."""
    found = {name: [] for name in names}
    for _ in range(arguments.repeat):
        for name in names:
            with Server(name, arguments.binary, settings) as server:
                found[name].append(server.bench(*bench))
    return {
        name: {key: statistics.median(figures[key] for figures in runs) for key in keys}
        for name, runs in found.items()
    }


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def fanout(arguments):
    head, rows = ["CPU s per million deliveries"], {}
    for window in (1, 16):
        for subscribers in (100, 1000, 5000):
            head.append(f"{subscribers:,} × {window}")
            names = ["walras", "floor", "uws", "tuned", "ws"] + (["broadcast"] if subscribers == 1000 else [])
            bench = ["fanout", "--subscribers", subscribers, "--window", window, "--seconds", arguments.seconds]
            key = "cpu_s_per_million_deliveries"
            found = medians(arguments, names, bench, [key])
            for name in ("walras", "floor", "uws", "tuned", "broadcast", "ws"):
                figure = f"{found[name][key]:.2f}" if name in found else ""
                rows.setdefault(name, [name]).append(figure)
    table(head, rows.values())


def latency(arguments):
    keys = ["latency_p50_us", "latency_p99_us", "latency_p99_9_us"]
    rows = []
    for subscribers, rate in ((1000, 20), (100, 200)):
        bench = ["fanout", "--subscribers", subscribers, "--rate", rate, "--seconds", arguments.seconds]
        names = ["walras", "spinning", "floor", "uws", "tuned", "ws"]
        for name, figures in medians(arguments, names, bench, keys).items():
            shown = [f"{figures[key] / 1000:.2f}" for key in keys]
            rows.append([f"{subscribers:,} subscribers, {rate} bids/s", name, *shown])
    table(["latency of a delivery, ms", "server", "p50", "p99", "p99.9"], rows)


def pings(arguments):
    keys = ["pings_per_s", "latency_p50_us", "latency_p99_us"]
    bench = ["pings", "--connections", 64, "--seconds", arguments.seconds]
    rows = []
    for name, figures in medians(arguments, ["walras", "uws", "tuned"], bench, keys).items():
        rows.append([name, *(f"{figures[key]:,.0f}" for key in keys)])
    table(["64 connections", "pings answered a second", "p50 µs", "p99 µs"], rows)


def idle(arguments):
    keys = ["bytes_per_connection", "opened_s"]
    rows = []
    for name, subscriptions in (("walras", 1), ("walras", 50), ("tuned", 1), ("broadcast", 1), ("ws", 1)):
        bench = ["idle", "--connections", arguments.connections, "--subscriptions", subscriptions]
        figures = medians(arguments, [name], bench, keys)[name]
        shown = [f"{figures['bytes_per_connection']:,.0f}", f"{figures['opened_s']:.2f}"]
        rows.append([name, str(subscriptions), *shown])
    table([f"{arguments.connections:,} idle connections", "subscriptions", "bytes each", "all ready after, s"], rows)


def stalled(arguments):
    keys = ["latency_p50_us", "latency_p99_us", "stalled_closed_4431", "stalled_reset", "stalled_open"]
    rows = []
    for count in (0, 10):
        bench = ["fanout", "--subscribers", 1000, "--rate", 150, "--seconds", "40s", "--stalled", count]
        wanted = keys if count else keys[:2]
        figures = medians(arguments, ["walras"], bench, wanted)["walras"]
        ends = "/".join(f"{figures[key]:.0f}" for key in keys[2:]) if count else ""
        rows.append([str(count), f"{figures[keys[0]] / 1000:.2f}", f"{figures[keys[1]] / 1000:.2f}", ends])
    head = ["of 1,000 subscribers read nothing", "p50 of the others, ms", "p99, ms", "closed 4431 / reset / open"]
    table(head, rows)


def build():
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    command = ["cargo", "build", "--release", "--locked", "--target-dir", BUILT]
    subprocess.run([*command, "--manifest-path", PEERS / "rust" / "Cargo.toml"], **quiet)
    subprocess.run(["npm", "ci", "--no-fund", "--no-audit", "--loglevel=error"], cwd=PEERS / "ws", **quiet)
    build_uws(BUILT / "uws", quiet)


def build_uws(folder, quiet):
    """The package is fetched for its library alone; only the C program is run."""
    library = folder / "libsocketify_linux_amd64.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*fetch, "--dest", folder, SOCKETIFY], **quiet)
        [package] = folder.glob("*.tar.gz")
        with tarfile.open(package) as archive:
            [member] = [each for each in archive if each.name.endswith("/" + library.name)]
            library.write_bytes(archive.extractfile(member).read())
    program = ["gcc", "-O2", "-D_GNU_SOURCE", PEERS / "uws" / "server.c", "-o", folder / "server"]
    subprocess.run([*program, library, "-Wl,-rpath," + str(folder)], **quiet)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "walras", help="the walras to measure")
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median is taken")
    parser.add_argument("--seconds", default="5s", help="length of a run")
    parser.add_argument("--connections", type=int, default=10_000, help="idle connections")
    parser.add_argument("--only", default=",".join(PARTS), help="which parts, of " + ",".join(PARTS))
    arguments = parser.parse_args()
    build()
    for part in arguments.only.split(","):
        if part not in PARTS:
            sys.exit(f"no such part: {part}")
        globals()[part](arguments)


if __name__ == "__main__":
    main()
