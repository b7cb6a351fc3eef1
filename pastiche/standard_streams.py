"""Standard output and error as every program of ours writes to them."""

import sys
from io import TextIOWrapper


def replace_unencodable_characters() -> None:
    """Writes question marks for the characters that the terminal's encoding does not have, in place
    of an exception: messages have more than ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
