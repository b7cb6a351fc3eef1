"""What is asked of the engine in this process, checked before it is loaded."""

from collections.abc import Mapping
from typing import Any

import typer

from pastiche.cli.flags import OF_A_SERVICE
from pastiche.client.options import PICTURE_FIELDS
from pastiche.options import OptionError, Options
from pastiche.presets import preset


def options_of(asked: Mapping[str, Any]) -> Options:
    """The options among what is asked for.

    Raises:
        BadParameter: something that only a service can see to, or that no option may be.
    """
    chosen = {name: v for name, v in asked.items() if v is not None and name not in PICTURE_FIELDS}
    for name in OF_A_SERVICE:
        if name in chosen:
            raise typer.BadParameter(f"--{name.replace('_', '-')} needs a service: not --local.")
    if asked.get("start_image") is not None:
        chosen.setdefault("start", "image")
    try:
        return preset(chosen.pop("preset", "standard"), **chosen)
    except OptionError as error:
        raise typer.BadParameter(str(error)) from error
