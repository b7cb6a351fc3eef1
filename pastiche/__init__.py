"""Pastiche: a photograph, painted in the style of a painting.

`stylize` and `stylize_tensors` load torch when they are first used, and the clients httpx, so that
`pastiche.options` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pastiche.option_warnings import PasticheWarning
from pastiche.options import OptionError, Options
from pastiche.presets import preset
from pastiche.version import __version__

if TYPE_CHECKING:
    # Type checkers read `as` as an export.
    from pastiche.client import AsyncClient as AsyncClient
    from pastiche.client import Client as Client
    from pastiche.engine.stylize import stylize as stylize
    from pastiche.engine.stylize import stylize_tensors as stylize_tensors

# `import *` fetches all of these: without httpx or torch, the other names would make it fail.
__all__ = ["OptionError", "Options", "PasticheWarning", "__version__", "preset"]

_LATER = {
    "AsyncClient": "pastiche.client",
    "Client": "pastiche.client",
    "stylize": "pastiche.engine.stylize",
    "stylize_tensors": "pastiche.engine.stylize",
}
"""The module of each name that is imported when it is first used."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *_LATER]
