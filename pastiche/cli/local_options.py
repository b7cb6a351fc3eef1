"""The options of `--local`, checked before the engine is loaded."""

from collections.abc import Mapping
from typing import Any

import typer

from pastiche.cli.flags import SERVICE_FLAGS
from pastiche.client.options import PICTURE_FIELDS
from pastiche.options import OptionError, Options
from pastiche.presets import preset


def make_options(arguments: Mapping[str, Any]) -> Options:
    """Makes the options from the arguments of a command.

    Raises:
        BadParameter: a flag that only a service understands, or an invalid value.
    """
    chosen = {
        name: v for name, v in arguments.items() if v is not None and name not in PICTURE_FIELDS
    }
    for name in SERVICE_FLAGS:
        if name in chosen:
            raise typer.BadParameter(
                f"--{name.replace('_', '-')} needs a service: it cannot be used with --local."
            )
    if arguments.get("start_image") is not None:
        chosen.setdefault("start", "image")
    try:
        return preset(chosen.pop("preset", "standard"), **chosen)
    except OptionError as error:
        raise typer.BadParameter(str(error)) from error
