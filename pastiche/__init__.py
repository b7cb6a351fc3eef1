"""Pastiche: a photograph, painted in the style of a painting.

`stylize` and `stylize_tensors` load torch when they are first used, so that `pastiche.options`
stays light.
"""

from typing import TYPE_CHECKING, Any

from pastiche.option_warnings import PasticheWarning
from pastiche.options import OptionError, Options
from pastiche.presets import preset
from pastiche.version import __version__

if TYPE_CHECKING:
    from pastiche.engine.stylize import stylize, stylize_tensors

__all__ = [
    "OptionError",
    "Options",
    "PasticheWarning",
    "__version__",
    "preset",
    "stylize",
    "stylize_tensors",
]


def __getattr__(name: str) -> Any:
    if name in ("stylize", "stylize_tensors"):
        from pastiche.engine import stylize

        return getattr(stylize, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
