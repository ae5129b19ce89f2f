"""The README's five minutes by hand, its commands run as they stand and their output compared.

In the README `…` stands for what it leaves out; ids, hashes and times differ from run to run.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import threading

from conftest import BINARY, NODE, ROOT, Server

README = (ROOT / "README.md").read_text()


def sessions() -> list[list[tuple[str, str]]]:
    """The console blocks: each command with the output below it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", README, re.S):
        steps = []
        for piece in re.split(r"^\$ ", block, flags=re.M)[1:]:
            lines = piece.splitlines()
            length = 1
            # A command goes on while a quotation is open.
            while "\n".join(lines[:length]).replace("'\"'\"'", "").count("'") % 2:
                length += 1
            steps.append(("\n".join(lines[:length]), "\n".join(lines[length:])))
        found.append(steps)
    return found


def pattern(shown: str) -> re.Pattern:
    """What is shown, with `…` for anything, and any number of the same kind for ids and hashes."""
    text = re.sub(r"\s*…\n\s*…\s*", "…", shown.strip())
    text = re.sub(r",\n ", ",", text)
    pieces = []
    for piece in text.split("…"):
        piece = re.sub(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "\0", piece)
        piece = re.sub(r"(?<![0-9a-f])[0-9a-f]{8}-?$", "\1", piece)
        piece = re.escape(piece).replace("\0", r"[0-9a-f-]{36}").replace("\\\0", r"[0-9a-f-]{36}")
        pieces.append(piece.replace("\1", r"[0-9a-f]{8}-?").replace("\\\1", r"[0-9a-f]{8}-?"))
    return re.compile(".*?".join(pieces) + (".*" if text.endswith("…") else ""), re.S)


def run(command: str, server: Server, setting: dict[str, str]) -> str:
    """Runs one line in a shell of its own; what it sets is kept for the next."""
    command = command.replace("http://127.0.0.1:8080", server.http)
    names = " ".join(f"{name}={value!r}" for name, value in setting.items())
    script = f"walras() {{ '{BINARY}' \"$@\"; }}\n{names}\n{command}\n"
    for name in re.findall(r"^([A-Z]+)=", command, re.M):
        script += f"printf '\\n=%s' \"${name}\""
    done = subprocess.run(
        ["bash", "-c", script], cwd=server.folder, env=server.environment, capture_output=True, text=True,
        timeout=60, check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    output, _, value = done.stdout.partition("\n=")
    for name in re.findall(r"^([A-Z]+)=", command, re.M):
        setting[name] = value
    return output.strip()


def wscat(server: Server, shown: str, setting: dict[str, str]) -> None:
    """Types what stands behind `>` and waits for what stands behind `<`."""
    ours, theirs = pty.openpty()
    command = [NODE / "node_modules" / ".bin" / "wscat", "-c", server.ws, "-H", f"Authorization: Bearer {setting['TRADER']}"]
    process = subprocess.Popen([*command, "--no-color"], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    ender = threading.Timer(60, process.kill)
    ender.start()
    heard = ""
    steps = re.split(r"^(?=[<>] )", shown, flags=re.M)
    for step in filter(None, steps):
        if step.startswith("> "):
            os.write(ours, step[2:].strip().encode() + b"\r")
            continue
        wanted = pattern(step[2:])
        while not (found := wanted.search(heard)):
            data = os.read(ours, 65536)
            assert data, f"{step}\nnot in\n{heard}"
            heard += data.decode().replace("\r\n", "").replace("\r", "")
        heard = heard[found.end():]
    ender.cancel()
    process.kill()
    process.wait()
    os.close(ours)


def test_the_five_minutes_by_hand_go_as_the_readme_says(tmp_path):
    blocks = sessions()
    assert blocks[0][1][0].startswith("export WALRAS_AUTH_HS256_SECRET=")
    secret = blocks[0][1][0].split("=", 1)[1]
    (start, ready), = blocks[1]
    assert start == "walras serve"
    server = Server(tmp_path, WALRAS_AUTH_HS256_SECRET=secret)
    assert json.loads(ready).keys() == {"ready", "http", "ws"}
    assert list(json.loads(ready)) == ["ready", "http", "ws"]
    (tmp_path / "walras-data").symlink_to(tmp_path / "data")
    setting: dict[str, str] = {}
    ran = 0
    try:
        for command, shown in [step for block in blocks[2:] for step in block]:
            ran += 1
            if command.startswith("wscat "):
                wscat(server, shown, setting)
                continue
            output = run(command, server, setting)
            assert pattern(shown).fullmatch(output), f"$ {command}\n{output}\n---- the README shows\n{shown}"
    finally:
        assert server.stop() == 0
    assert ran == 9, "all commands were found"
