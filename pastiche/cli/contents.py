"""Which photographs are to be painted, and where each picture goes."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

import typer

from pastiche.cli.arguments import is_folder
from pastiche.cli.screen import UnusableFile, put_out
from pastiche.client.records import Format

PIPE = "-"

FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
ENDINGS: dict[Format, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
PICTURES = (*FORMATS, ".avif", ".heic", ".heif", ".gif", ".tif", ".tiff", ".bmp")
"""What in a folder is meant to be a picture, if not one that can be taken."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a picture goes; standard output where there is no path."""

    path: Path | None
    format: Format

    @property
    def name(self) -> str:
        """As it is told."""
        return str(self.path or PIPE)


@dataclass(frozen=True, slots=True)
class Content:
    """One photograph, and where its picture goes."""

    name: str
    picture: str | bytes
    target: Target


def picture_of(argument: str) -> str | bytes:
    """A picture as an argument names it: the path itself, or what comes in by the pipe."""
    return sys.stdin.buffer.read() if argument == PIPE else argument


def check_pipes(arguments: Sequence[str]) -> None:
    """Raises BadParameter where more than one picture is to come in by the pipe."""
    if arguments.count(PIPE) > 1:
        raise typer.BadParameter("only one picture can come in by standard input.")


def check_output(output: str | None, *, writes_json: bool) -> None:
    """Raises BadParameter where a picture and JSON would go to the same pipe."""
    if output == PIPE and writes_json:
        raise typer.BadParameter("cannot be - beside --json.", param_hint="--output")


# os.path is asked, not Path: a name that no file can have is to it no file, and to Path an error.


def contents_of(argument: str, output: str, wanted: Format | None) -> list[Content]:
    """The photographs that an argument names: one, or those of a folder or of a pattern.

    Raises:
        UnusableFile: there are none.
        BadParameter: the output fits neither one file nor a folder.
    """
    if argument != PIPE and os.path.isdir(argument):
        paths = _pictures_in(Path(argument))
    elif has_magic(argument) and not os.path.exists(argument):
        paths = [Path(each) for each in glob(argument, recursive=True) if os.path.isfile(each)]
    else:
        return [_only(argument, output, wanted)]
    if not paths:
        raise UnusableFile(f"There is no picture in {argument}.")
    return _several(sorted(paths), output, wanted or "png")


def target_of(output: str, wanted: Format | None) -> Target:
    """Where one picture goes, in the format that is wanted, or that the file's name ends with."""
    if output == PIPE:
        return Target(None, wanted or "png")
    path = Path(output)
    by_name = FORMATS.get(path.suffix.lower())
    if wanted is None and by_name is None:
        raise typer.BadParameter(
            f"{output} should end with .png, .jpg or .webp; or say --format.",
            param_hint="--output",
        )
    if not os.path.isdir(path.parent):
        raise UnusableFile(f"There is no folder {path.parent} for the picture.")
    return Target(path, wanted or by_name or "png")


def _pictures_in(folder: Path) -> list[Path]:
    try:
        return [
            each
            for each in folder.iterdir()
            # Hidden files are no photographs: macOS puts a ._IMG_1.jpg beside an IMG_1.jpg.
            if each.suffix.lower() in PICTURES
            and not each.name.startswith(".")
            and not each.is_dir()
        ]
    except OSError as error:
        raise UnusableFile(f"{folder} cannot be read: {error.strerror}.") from error


def _only(argument: str, output: str, wanted: Format | None) -> Content:
    name = "standard input" if argument == PIPE else argument
    if output != PIPE and is_folder(output):
        stem = "pastiche" if argument == PIPE else Path(argument).stem
        own = set() if argument == PIPE else {Path(argument).resolve()}
        target = _in_folder(Path(output), stem, wanted or "png", own)
    else:
        target = target_of(output, wanted)
    return Content(name, picture_of(argument), target)


def _several(paths: list[Path], output: str, wanted: Format) -> list[Content]:
    if output == PIPE or os.path.isfile(output):
        raise typer.BadParameter(
            "must be a folder where there are several contents.", param_hint="--output"
        )
    taken = {path.resolve() for path in paths}
    return [
        Content(str(path), str(path), _in_folder(Path(output), path.stem, wanted, taken))
        for path in paths
    ]


def _in_folder(folder: Path, stem: str, wanted: Format, taken: set[Path]) -> Target:
    """A file in the folder that no content is or goes to, by the content's own name if it can be:
    no photograph is written over."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableFile(f"{folder} cannot be made: {error.strerror}.") from error
    number = 1
    path = folder / f"{stem}{ENDINGS[wanted]}"
    while path.resolve() in taken:
        number += 1
        path = folder / f"{stem}-{number}{ENDINGS[wanted]}"
    taken.add(path.resolve())
    return Target(path, wanted)


def save(picture: bytes, target: Target) -> None:
    """Whole or not at all: a full disk leaves neither half a picture nor the old one spoilt.

    Raises:
        UnusableFile: it cannot be written.
    """
    if target.path is None:
        put_out(picture)
        return
    part = target.path.with_name(f".{target.path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(picture)
        part.replace(target.path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise UnusableFile(f"{target.path} cannot be saved: {error.strerror}.") from error
