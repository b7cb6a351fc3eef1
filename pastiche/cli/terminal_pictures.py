"""Pictures in terminals that can show them.

Kitty's protocol, also of Ghostty: https://sw.kovidgoyal.net/kitty/graphics-protocol/
iTerm2's protocol, also of WezTerm: https://iterm2.com/documentation-images.html
"""

import base64
import os
import sys
from collections.abc import Mapping
from typing import Literal

from pastiche.cli.screen import ERR, notice

Protocol = Literal["kitty", "iterm"]

MOST_COLUMNS = 60
_CHUNK = 4096
"""How much base64 kitty accepts in one sequence."""


def detect_protocol(environment: Mapping[str, str]) -> Protocol | None:
    """The protocol of this terminal; None if it has none, or it is not known."""
    terminal, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if terminal.startswith(("screen", "tmux")):
        return None  # they do not pass pictures on
    if "KITTY_WINDOW_ID" in environment or terminal in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    return "iterm" if program in ("iTerm.app", "WezTerm") else None


def should_show(flag: bool | None) -> bool:
    """Whether to show a picture: as the flag says; without one, if the terminal can."""
    if flag is None:
        return ERR.is_terminal and detect_protocol(os.environ) is not None
    if flag and detect_protocol(os.environ) is None:
        notice("This terminal is not known to show pictures.")
        return False
    return flag


def show(png: bytes) -> None:
    """Shows a picture on standard error: standard output may be a file."""
    protocol = detect_protocol(os.environ)
    columns = min(MOST_COLUMNS, ERR.width - 1)
    if protocol is None:
        return
    sequence = {"kitty": _by_kitty, "iterm": _by_iterm}[protocol](png, columns)
    sys.stderr.write(sequence + "\n")
    sys.stderr.flush()


def _by_kitty(png: bytes, columns: int) -> str:
    text = base64.b64encode(png).decode()
    chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    head = f"a=T,f=100,q=2,c={columns},"
    last = len(chunks) - 1
    return "".join(
        f"\x1b_G{head if index == 0 else ''}m={int(index < last)};{chunk}\x1b\\"
        for index, chunk in enumerate(chunks)
    )


def _by_iterm(picture: bytes, columns: int) -> str:
    text = base64.b64encode(picture).decode()
    return f"\x1b]1337;File=inline=1;size={len(picture)};width={columns}:{text}\x07"
