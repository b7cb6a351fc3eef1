"""Prepares standard output and standard error, for every program of Pastiche."""

import sys
from io import TextIOWrapper


def replace_unencodable_characters() -> None:
    """Writes question marks for characters that the terminal's encoding lacks, instead of raising
    an exception: messages are not only ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
