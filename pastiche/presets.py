"""Named points in the options: `draft`, `standard`, `fine`, and two as they are done elsewhere."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pastiche.options import OptionError, Options

Preset = Literal["draft", "standard", "fine", "paper", "neural-style"]

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "draft": {"size": 256, "iterations": 50},
    "standard": {},
    "fine": {"size": 1024, "iterations": 150},
    "paper": {
        "normalisation": "paper",
        "style_statistic": "gram",
        "content_weight": 1.0,
        "style_weight": 1000.0,
        "tv_weight": 0.0,
        "pooling": "average",
        "padding": "zeros",
        "scales": 1,
        "start": "noise",
        "iterations": 500,
    },
    "neural-style": {
        "normalisation": "neural-style",
        "style_statistic": "gram",
        "backbone": "vgg19-caffe",
        "content_weight": 5.0,
        "style_weight": 100.0,
        "tv_weight": 0.001,
        "tv_norm": "absolute",
        "pooling": "max",
        "padding": "zeros",
        "scales": 1,
        "start": "noise",
        "iterations": 1000,
    },
}
"""What each preset sets; everything else is at its default."""

MEANINGS: Mapping[Preset, str] = {
    "draft": "To look at a pair quickly.",
    "standard": "The defaults.",
    "fine": "For a wall: larger, and with the patience for it.",
    "paper": "As in Gatys, Ecker, Bethge (2016), section 2.3: its sums, α/β = 10⁻³, from noise.",
    "neural-style": "As the tool of that name has it: its defaults, with the Caffe network.",
}


def preset(name: Preset = "standard", **chosen: Any) -> Options:
    """The options of a preset, with those that are `chosen` in the place of its own.

    Raises:
        OptionError: no preset of that name, or a value that cannot be used.
    """
    if name not in PRESETS:
        raise OptionError("preset", f"must be one of {', '.join(get_args(Preset))}, not {name!r}.")
    return Options(**{**PRESETS[name], **chosen})
