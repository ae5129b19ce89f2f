"""`walras dev` in a terminal: one block that refreshes in place, then a table, and nothing that wraps."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from conftest import BINARY

ROWS, COLUMNS = 50, 100


class Terminal:
    """As much of a terminal as the screen needs: lines, going up, and erasing."""

    def __init__(self) -> None:
        self.lines, self.row, self.column = [""], 0, 0
        self.redraws = 0
        self.wrapped = False
        # Lines of the block begin with a return, what scrolls by does not.
        self.in_block = False

    def feed(self, text: str) -> None:
        for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
            if piece == "\n":
                self.row += 1
                self.in_block = False
                if self.row == len(self.lines):
                    self.lines.append("")
            elif piece == "\r":
                self.column = 0
                self.in_block = True
            elif piece.startswith("\x1b["):
                self.control(piece[2:-1], piece[-1])
            else:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + piece + line[self.column + len(piece) :]
                self.column += len(piece)
                self.wrapped |= self.in_block and self.column > COLUMNS

    def control(self, number: str, kind: str) -> None:
        if kind == "A":
            self.redraws += 1
            self.row -= int(number or 1)
            assert self.row >= 0, "above the first line there is nothing"
        elif kind == "K":
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif kind == "J":
            del self.lines[self.row + 1 :]
            self.lines[self.row] = self.lines[self.row][: self.column]
        else:
            assert kind in "mlh", f"an unknown sequence: {number}{kind}"

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)


def shown(*arguments: str, **environment: str) -> tuple[Terminal, str]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [BINARY, "dev", "--port", "0", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **environment},
    )
    os.close(theirs)
    raw = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        raw += data
    os.close(ours)
    assert process.wait(timeout=30) == 0, raw.decode(errors="replace")
    terminal, text = Terminal(), raw.decode()
    terminal.feed(text)
    return terminal, text


def test_one_block_refreshes_in_place_and_a_table_stays():
    terminal, raw = shown("--once", "--duration", "3s", "--seed", "7")
    assert terminal.redraws >= 10, "it is drawn again several times a second"
    assert not terminal.wrapped, "a line that wraps would break the block"
    text = terminal.text
    assert len(re.findall(r"^ Auction 1  ━+", text, re.M)) == 1, text
    assert text.count(" demand ") == 1 and text.count(" supply ") == 1, "the block stands there once"
    assert re.search(r"Auction 1 cleared at \d+\.\d\d: ", text), text
    assert "clearing price" in text and "indicative price" in text
    assert "\x1b[1m" in raw and "\x1b[0m" in raw


def test_colours_can_be_switched_off():
    _, raw = shown("--once", "--duration", "1s", "--seed", "7", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*m", raw)
