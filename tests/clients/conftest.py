"""A real server for each test: the built binary, a free port, a folder of its own."""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import subprocess
import threading
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("WALRAS_BINARY", ROOT / "target" / "debug" / "walras"))
GUIDE = ROOT / "tests" / "guide" / "WEBSOCKET_GUIDE.md"
GUIDE_AUCTION = "550e8400-e29b-41d4-a716-446655440000"
NODE = pathlib.Path(__file__).parent / "node"


class Server:
    """A running `walras serve`, stopped by its own PID."""

    def __init__(
        self, folder: pathlib.Path, *arguments: str, secret: str | None = None, **environment: str
    ) -> None:
        self.folder = folder
        self.secret = secret or secrets.token_hex(32)
        self.environment = {**os.environ, "WALRAS_AUTH_HS256_SECRET": self.secret, **environment}
        command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--data", folder / "data", *arguments]
        self.errors = open(folder / "stderr", "ab")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.errors, env=self.environment, text=True
        )
        line = self.process.stdout.readline()
        assert line, f"the server said nothing: {(folder / 'stderr').read_text()}"
        ready = json.loads(line)
        assert ready["ready"] is True
        self.http, self.ws = ready["http"], ready["ws"]
        # Whatever else it prints must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def token(self, subject: str, *arguments: str) -> str:
        """Mints a token from the same configuration."""
        command = [BINARY, "token", "--subject", subject, *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=30
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def rest(self, method: str, path: str, token: str | None = None, body: object = None) -> dict:
        """One REST call that must succeed; gives the answer's JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.http + path, data=data, method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def create_guide_auction(self, **terms: object) -> str:
        """Opens an auction under the guide's id."""
        operator = self.token("operator", "--role", "admin")
        self.rest("POST", "/v1/auctions", operator, {
            "auction_id": GUIDE_AUCTION,
            "supply": {"type": "fixed", "quantity": 10000},
            "reserve_price": 10,
            "duration_ms": 3_600_000,
            **terms,
        })
        return GUIDE_AUCTION

    def kill(self) -> None:
        """Ends it without a word, as a crash would."""
        self.process.kill()
        self.process.wait(timeout=60)
        self.errors.close()

    def stop(self) -> int:
        """Asks it to end and waits for that."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=60)
        self.errors.close()
        return code


@pytest.fixture
def server(tmp_path: pathlib.Path):
    running = Server(tmp_path)
    yield running
    assert running.stop() == 0, (tmp_path / "stderr").read_text()


class Dev:
    """A running `walras dev` without its demo's bidders in the way, for the guide's `test-token`."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.errors = open(folder / "dev-stderr", "ab")
        command = [BINARY, "dev", "--port", "0", "--data", folder / "dev-data", "--bidders", "2", "--duration", "1h"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.lines: list[str] = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if "wscat -c " in line:
                self.ws = line.split("wscat -c ", 1)[1].split()[0].strip("'\"")
                break
        assert hasattr(self, "ws"), "\n".join(self.lines)
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=60)
        self.errors.close()
        return code


@pytest.fixture
def dev(tmp_path: pathlib.Path):
    running = Dev(tmp_path)
    yield running
    assert running.stop() == 0, (tmp_path / "dev-stderr").read_text()


def fenced_blocks(language: str) -> list[str]:
    """The guide's fenced blocks of a language, in order, as they stand."""
    blocks, current, inside = [], [], False
    for line in GUIDE.read_text().splitlines():
        if not inside and line.strip() == f"```{language}":
            inside, current = True, []
        elif inside and line.strip() == "```":
            blocks.append("\n".join(current))
            inside = False
        elif inside:
            current.append(line)
    return blocks


def block_with(language: str, *words: str) -> str:
    """The one block of a language that holds all these words."""
    found = [block for block in fenced_blocks(language) if all(word in block for word in words)]
    assert len(found) == 1, f"{len(found)} blocks of {language} hold {words}"
    return found[0]


def run_node(script: str, *, timeout: float = 60, **environment: str) -> dict:
    """Runs a script under Node, the way a user would paste it; its last line of output is its report."""
    path = NODE / f".run-{secrets.token_hex(8)}.cjs"
    path.write_text(script)
    try:
        done = subprocess.run(
            ["node", path], env={**os.environ, **environment}, cwd=NODE,
            capture_output=True, text=True, timeout=timeout, check=False,
        )
    finally:
        path.unlink()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.strip().splitlines()[-1])
