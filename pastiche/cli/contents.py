"""Which photographs a command paints, and where each picture is saved."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

import typer

from pastiche.cli.console import InvalidFile, write_output
from pastiche.client.models import Format
from pastiche.client.requests import is_reference

PIPE = "-"

FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
ENDINGS: dict[Format, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
PICTURES = (*FORMATS, ".avif", ".heic", ".heif", ".gif", ".tif", ".tiff", ".bmp")
"""Files of a folder that are meant as pictures, even if some have a format that is rejected."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a picture is saved; standard output if there is no path."""

    path: Path | None
    format: Format

    @property
    def name(self) -> str:
        """Its name in messages."""
        return str(self.path or PIPE)


@dataclass(frozen=True, slots=True)
class Content:
    """A photograph, and where its picture is saved."""

    name: str
    picture: str | bytes
    target: Target


def open_argument(argument: str) -> str | bytes:
    """The picture that an argument names: the path itself, or the bytes of standard input."""
    return sys.stdin.buffer.read() if argument == PIPE else argument


def check_pipes(arguments: Sequence[str]) -> None:
    """Raises BadParameter if more than one picture would be read from standard input."""
    if arguments.count(PIPE) > 1:
        raise typer.BadParameter("only one picture can be read from standard input.")


def check_output(output: str | None, *, writes_json: bool) -> None:
    """Raises BadParameter if a picture and JSON would both go to standard output."""
    if output == PIPE and writes_json:
        raise typer.BadParameter("cannot be - together with --json.", param_hint="--output")


# os.path, not Path: for names that no file can have, it says that there is no file; Path raises.


def find_contents(argument: str, output: str, format: Format | None) -> list[Content]:
    """Finds the photographs that an argument names: one, or those of a folder or of a pattern.

    Raises:
        InvalidFile: there are none.
        BadParameter: the output fits neither one file nor a folder.
    """
    if argument != PIPE and os.path.isdir(argument):
        paths = _pictures_in(Path(argument))
    elif has_magic(argument) and not (is_reference(argument) or os.path.exists(argument)):
        paths = [Path(each) for each in glob(argument, recursive=True) if os.path.isfile(each)]
    else:
        return [_find_one(argument, output, format)]
    if not paths:
        raise InvalidFile(f"There is no picture in {argument}.")
    return _find_several(sorted(paths), output, format or "png")


def make_target(output: str, format: Format | None) -> Target:
    """Where a picture is saved, in the given format or that of the file's extension."""
    if output == PIPE:
        return Target(None, format or "png")
    path = Path(output)
    by_name = FORMATS.get(path.suffix.lower())
    if format is None and by_name is None:
        raise typer.BadParameter(
            f"{output} should end with .png, .jpg or .webp; or give --format.",
            param_hint="--output",
        )
    if not os.path.isdir(path.parent):
        raise InvalidFile(f"There is no folder {path.parent} for the picture.")
    return Target(path, format or by_name or "png")


def _pictures_in(folder: Path) -> list[Path]:
    try:
        return [
            each
            for each in folder.iterdir()
            # Hidden files are not photographs: macOS puts a ._IMG_1.jpg beside an IMG_1.jpg.
            if each.suffix.lower() in PICTURES
            and not each.name.startswith(".")
            and not each.is_dir()
        ]
    except OSError as error:
        raise InvalidFile(f"{folder} cannot be read: {error.strerror}.") from error


def _find_one(argument: str, output: str, format: Format | None) -> Content:
    name = "standard input" if argument == PIPE else argument
    if output != PIPE and (output.endswith(("/", os.sep)) or os.path.isdir(output)):
        stem = "pastiche" if argument == PIPE else Path(argument).stem
        own = set() if argument == PIPE else {Path(argument).resolve()}
        target = _choose_target_in(Path(output), stem, format or "png", own)
    else:
        target = make_target(output, format)
    return Content(name, open_argument(argument), target)


def _find_several(paths: list[Path], output: str, format: Format) -> list[Content]:
    if output == PIPE or os.path.isfile(output):
        raise typer.BadParameter(
            "must be a folder if there are several photographs.", param_hint="--output"
        )
    taken = {path.resolve() for path in paths}
    return [
        Content(str(path), str(path), _choose_target_in(Path(output), path.stem, format, taken))
        for path in paths
    ]


def _choose_target_in(folder: Path, stem: str, format: Format, taken: set[Path]) -> Target:
    """A file of the folder, named like the photograph if possible, that is neither a photograph nor
    the output of another one: no photograph is overwritten."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidFile(f"{folder} cannot be created: {error.strerror}.") from error
    number = 1
    path = folder / f"{stem}{ENDINGS[format]}"
    while path.resolve() in taken:
        number += 1
        path = folder / f"{stem}-{number}{ENDINGS[format]}"
    taken.add(path.resolve())
    return Target(path, format)


def save(picture: bytes, path: Path | None) -> None:
    """Saves a picture atomically: a full disk leaves neither half a picture nor a damaged old one.

    Args:
        path: standard output if it is None.

    Raises:
        InvalidFile: it cannot be written.
    """
    if path is None:
        write_output(picture)
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(picture)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InvalidFile(f"{path} cannot be saved: {error.strerror}.") from error
