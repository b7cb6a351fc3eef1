"""Pictures in terminals that can show them.

Kitty's protocol, which Ghostty speaks too: https://sw.kovidgoyal.net/kitty/graphics-protocol/
iTerm2's, which WezTerm speaks too: https://iterm2.com/documentation-images.html
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
"""What kitty takes at once of a picture's base64."""


def protocol_of(environment: Mapping[str, str]) -> Protocol | None:
    """How this terminal is told a picture; None where it cannot be, or where that is not known."""
    terminal, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if terminal.startswith(("screen", "tmux")):
        return None  # they keep it to themselves
    if "KITTY_WINDOW_ID" in environment or terminal in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    return "iterm" if program in ("iTerm.app", "WezTerm") else None


def is_wanted(asked: bool | None) -> bool:
    """Whether a picture is to be shown: as it is asked, else where the terminal can."""
    if asked is None:
        return ERR.is_terminal and protocol_of(os.environ) is not None
    if asked and protocol_of(os.environ) is None:
        notice("This terminal is not known to show pictures.")
        return False
    return asked


def show(png: bytes) -> None:
    """Shows a picture, beside what is told: standard output may be a file."""
    protocol = protocol_of(os.environ)
    columns = min(MOST_COLUMNS, ERR.width - 1)
    if protocol is None:
        return
    drawn = {"kitty": _by_kitty, "iterm": _by_iterm}[protocol](png, columns)
    sys.stderr.write(drawn + "\n")
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
