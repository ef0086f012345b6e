"""A pseudo-terminal of some width, and what a call prints on it."""

import fcntl
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch


def on_terminal(columns: int, call: Callable[[], object]) -> list[str]:
    """The lines that ``call`` leaves on a terminal's screen, without colours.

    The process's own input, output and standard error are the terminal meanwhile.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    parts: list[bytes] = []
    reader = threading.Thread(target=_read, args=(ours, parts))
    reader.start()
    saved = [os.dup(number) for number in (0, 1, 2)]
    environment = {"TERM": "xterm", "COLUMNS": "", "LINES": "", "NO_COLOR": ""}
    try:
        for number in (0, 1, 2):
            os.dup2(theirs, number)
        with (
            patch.dict(os.environ, environment),
            open(os.dup(theirs), "w", encoding="utf-8", buffering=1) as stream,
            redirect_stdout(stream),
            redirect_stderr(stream),
        ):
            call()
    finally:
        for number, copy in enumerate(saved):
            os.dup2(copy, number)
            os.close(copy)
        os.close(theirs)
        reader.join()
        os.close(ours)
    return _screen(b"".join(parts).decode())


def _read(terminal: int, parts: list[bytes]) -> None:
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how a terminal ends that nobody writes to any more
            return
        if not part:
            return
        parts.append(part)


def _screen(text: str) -> list[str]:
    """Lines as they stand in the end: ``2K`` empties one, ``1A`` goes one up."""
    lines, row = [""], 0
    for piece in re.split(r"(\x1b\[[\d;?]*[A-Za-z]|\n)", text.replace("\r", "")):
        if piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\x1b[1A":
            row -= 1
        elif piece == "\x1b[2K":
            lines[row] = ""
        elif not piece.startswith("\x1b"):
            lines[row] += piece
    return [line.rstrip() for line in lines]
