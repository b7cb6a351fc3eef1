"""The settings and pictures that `pastiche again` takes from an earlier picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer

from pastiche.cli.arguments import limit_megabytes
from pastiche.cli.console import InvalidFile, notice
from pastiche.cli.contents import describe_picture, open_argument
from pastiche.client import ApiError, Client
from pastiche.picture_settings import PictureSettings, UnreadableSettings, read_settings
from pastiche.picture_sources import UnreadablePicture, read_bytes

_OWNERS = {"mask": "--style", "style_mask": "--style", "content_map": "--content"}
"""Further pictures, by field, and the picture that each belongs to."""


def read_earlier_picture(path: str) -> PictureSettings:
    """How a picture was painted.

    Raises:
        InvalidFile: the file cannot be read, or has no settings.
    """
    name = describe_picture(path)
    try:
        data = read_bytes(open_argument(path), name, round(limit_megabytes() * 1e6))
    except UnreadablePicture as error:
        raise InvalidFile(str(error)) from error
    try:
        return read_settings(data)
    except UnreadableSettings as error:
        raise InvalidFile(f"{name} {error}") from error


def find_missing(
    content: Sequence[str] | None, style: Sequence[str] | None, changed: Mapping[str, Any]
) -> list[str]:
    """The flags of the pictures that are not given.

    Raises:
        BadParameter: a further picture is given without the one that it belongs to.
    """
    given = {"--content": content, "--style": style}
    missing = [flag for flag, pictures in given.items() if not pictures]
    for field, owner in _OWNERS.items():
        if field in changed and owner in missing:
            raise typer.BadParameter(f"--{field.replace('_', '-')} needs {owner} as well.")
    return missing


def require_pictures(missing: Sequence[str]) -> None:
    """Raises BadParameter if pictures are missing for the engine in this process."""
    if missing:
        raise typer.BadParameter(
            f"--local needs {' and '.join(missing)}: the file does not name its pictures, because "
            "names are private."
        )


def check_job(client: Client, job_id: str | None, name: str, missing: Sequence[str]) -> str:
    """Checks that the service still has a job, whose pictures it can use again. Returns its id.

    Args:
        job_id: the id in the file of an earlier picture.
        name: the name of that file, for messages.

    Raises:
        BadParameter: the file has no id.
        ApiError: the service has no such job.
    """
    flags = " and ".join(missing)
    if job_id is None:
        raise typer.BadParameter(f"{name} does not name the job of a service: give {flags}.")
    try:
        return client.get_job(job_id).id
    except ApiError as error:
        if error.code not in ("job_not_found", "job_expired"):
            raise
        sentence = f"The service no longer has the pictures of this job: give {flags}."
        raise ApiError(error.code, error.status, sentence) from error


def repeat_options(
    earlier: PictureSettings,
    name: str,
    changed: Mapping[str, Any],
    *,
    styles: int,
    reuses_start: bool,
) -> dict[str, Any]:
    """The options that a picture was painted with, updated with the changed ones.

    Args:
        styles: the number of styles that are given, 0 if the styles of its job are used again.
        reuses_start: whether the service uses the start image of its job again.

    Raises:
        BadParameter: it was painted from a start image, and none is given.
    """
    own = asdict(earlier.options)
    if "start_image" in changed:
        own["start"] = "image"
    elif own["start"] == "image" and "start" not in changed and not reuses_start:
        raise typer.BadParameter(
            f"{name} was painted from a start image: give it with --start-image, or "
            "--start content.",
            param_hint="--start-image",
        )
    weights = own["style_weights"]
    if weights and styles and len(weights) != styles and "style_weights" not in changed:
        number = f"{styles} style{'s' if styles > 1 else ''}"
        notice(f"The style weights of {name} are not used: {len(weights)} for {number}.")
        own["style_weights"] = ()
    return {**own, **changed}
