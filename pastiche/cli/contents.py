"""Which photographs a command paints, and where each picture is saved."""

import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from shutil import copymode
from typing import Any, BinaryIO, TypeAlias
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

import typer

from pastiche.cli.console import InvalidFile, check_standard_output, write_output
from pastiche.client.job_options import PICTURE_FIELDS
from pastiche.client.models import Format
from pastiche.client.requests import is_reference

PIPE = "-"

LONGEST_URL = 100
"""How many characters of a URL are shown in messages: a data URI may have megabytes."""

LONGEST_STEM_BYTES = 100

FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
ENDINGS: dict[Format, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
PICTURES = (*FORMATS, ".avif", ".heic", ".heif", ".gif", ".tif", ".tiff", ".bmp")
"""The extensions of pictures in a folder. Some have a format that is rejected later."""


_OPEN_FILE = re.compile(r"(/proc/\d+|/dev)/fd/\d+")
"""A file that a process has open, by its number there."""

FileId: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a picture is saved: a path, or standard output if it is None."""

    path: Path | None
    format: Format

    @property
    def name(self) -> str:
        """Its name in messages."""
        return str(self.path or PIPE)


@dataclass(frozen=True, slots=True)
class Content:
    """A photograph, and where its picture is saved.

    Attributes:
        picture: None if the service uses that of an earlier job.
    """

    name: str
    picture: str | bytes | None
    target: Target


def open_argument(argument: str) -> str | bytes:
    """The picture that an argument names: the path itself, or the bytes of standard input or of a
    pipe, which can be read only once.

    Raises:
        InvalidFile: standard input or a pipe cannot be read.
    """
    if argument == PIPE:
        return _read_standard_input()
    return _read_special(Path(argument)) if _is_special(Path(argument)) else argument


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise InvalidFile("Standard input is closed.")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InvalidFile(f"Standard input cannot be read: {error.strerror}.") from error


def _read_special(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidFile(f"{path} cannot be read: {error.strerror}.") from error


def open_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options. A picture among them that is `-`, such as a mask, is read from standard
    input."""
    opened = dict(options)
    for field in PICTURE_FIELDS:
        given = opened.get(field)
        if isinstance(given, str):
            opened[field] = open_argument(given)
        elif given is not None:
            opened[field] = [open_argument(each) for each in given]
    return opened


def check_pictures(
    photographs: list[str], styles: list[str] | None, further: Sequence[str]
) -> list[str]:
    """Checks that there are styles, and returns them.

    Args:
        further: other pictures that are read.

    Raises:
        BadParameter: there are no styles, or two pictures would be read from standard input.
    """
    if not styles:
        _, *rest = photographs
        example = shlex.join(["-s", rest[0] if rest else "painting.jpg"])
        raise typer.BadParameter(f"name the painting, as in: {example}", param_hint="--style / -s")
    check_standard_input([*photographs, *styles, *further])
    return styles


def check_standard_input(pictures: Sequence[str]) -> None:
    """Raises BadParameter if several pictures would be read from standard input."""
    if pictures.count(PIPE) > 1:
        raise typer.BadParameter("only one picture can be read from standard input.")


def check_output(output: str | None, *, writes_json: bool) -> None:
    """Checks standard output, if something is written there.

    Raises:
        BadParameter: a picture and JSON would both go there.
        InvalidFile: it is closed.
    """
    if output == PIPE and writes_json:
        raise typer.BadParameter("cannot be - together with --json.", param_hint="--output")
    if output == PIPE or writes_json:
        check_standard_output()


def further_pictures(options: Mapping[str, Any]) -> list[str]:
    """The pictures among the options, such as masks."""
    given = [options.get(field) or () for field in PICTURE_FIELDS]
    return [each for one in given for each in ([one] if isinstance(one, str) else one)]


# The code below uses os.path: for a name that no file can have, it returns False, and Path raises.


def find_contents(
    photographs: Sequence[str],
    styles: Sequence[str],
    output: str | None,
    format: Format | None,
    further: Sequence[str] = (),
) -> list[Content]:
    """Finds the photographs that the arguments name: files, URLs, folders and patterns.

    Args:
        styles: used in the names of the pictures if there is no output.
        output: a file or a folder. None for the current folder.
        further: other pictures that are read, which must not be replaced.

    Raises:
        InvalidFile: there are no photographs, or the folder cannot be created.
        BadParameter: the output fits neither one file nor a folder, or is one of the pictures.
    """
    suffix = _style_suffix(styles)
    found = [_expand(each, suffix if output is None else None) for each in photographs]
    pictures = [picture for several in found for picture in several]
    is_one = len(found) == 1 and pictures == list(photographs)
    sources = (*pictures, *styles, *further)
    if output is not None and is_one and not _is_folder(output):
        target = make_target(output, format, sources)
        return [Content(describe_picture(pictures[0]), open_argument(pictures[0]), target)]
    if output is not None and (output == PIPE or os.path.isfile(output)):
        raise typer.BadParameter(
            "must be a folder if there are several photographs.", param_hint="--output"
        )
    folder = Path(output or "")
    _check_folder(folder)
    read = _identify_files(sources)
    taken: set[str] = set()
    contents = []
    for picture in pictures:
        stem = _stem(picture) if output is not None else _shorten(_stem(picture)) + suffix
        target = _choose_target_in(folder, stem, format or "png", read, taken)
        contents.append(Content(describe_picture(picture), open_argument(picture), target))
    return contents


def make_repeated_content(
    picture: str,
    styles: Sequence[str],
    output: str | None,
    format: Format | None,
    further: Sequence[str] = (),
) -> Content:
    """The photograph that an earlier picture was painted from, which the service has.

    Args:
        picture: the earlier picture. Its name is used for the new one if there is no output.
        styles, output, further: as for `find_contents`.

    Raises:
        BadParameter, InvalidFile: the output cannot be used.
    """
    name, sources = describe_picture(picture), (picture, *styles, *further)
    if output is not None and not _is_folder(output):
        return Content(name, None, make_target(output, format, sources))
    folder = Path(output or "")
    _check_folder(folder)
    suffix = _style_suffix(styles) if styles and output is None else ""
    stem = _shorten(_stem(picture)) + suffix
    target = _choose_target_in(folder, stem, format or "png", _identify_files(sources), set())
    return Content(name, None, target)


def _style_suffix(styles: Sequence[str]) -> str:
    return f"-in-the-style-of-{_shorten('-and-'.join(map(_stem, styles)))}"


def _identify_files(pictures: Iterable[str]) -> set[FileId]:
    return {found for each in pictures if (found := _identify(each)) is not None}


def _identify(path: str | Path) -> FileId | None:
    """The device and the inode of a file. None if it does not exist. On a disk that ignores case, a
    file has several names."""
    if not os.path.isfile(path):
        return None
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _expand(argument: str, suffix: str | None) -> list[str]:
    """The pictures that an argument names: those of a folder or of a pattern, or itself.

    Args:
        suffix: the suffix of the pictures to be saved. Files with it are results of an earlier run.
    """
    if argument == PIPE or is_reference(argument):
        return [argument]
    if os.path.isdir(argument):
        paths = _pictures_in(Path(argument))
    elif has_magic(argument) and not os.path.exists(argument):
        paths = [Path(each) for each in glob(argument, recursive=True) if os.path.isfile(each)]
    else:
        return [argument]
    if suffix is not None:
        is_result = re.compile(rf".*{re.escape(suffix)}(-\d+)?", re.DOTALL).fullmatch
        paths = [each for each in paths if not is_result(each.stem)]
    if not paths:
        raise InvalidFile(f"No picture was found in {argument}.")
    return [str(each) for each in sorted(paths)]


def _is_folder(output: str) -> bool:
    return output != PIPE and (output.endswith(("/", os.sep)) or os.path.isdir(output))


def describe_picture(picture: str) -> str:
    """The name of a photograph in messages."""
    return "standard input" if picture == PIPE else picture[:LONGEST_URL]


def _stem(picture: str) -> str:
    """The part of a file name that comes from a picture: from its file, its URL or its style."""
    if picture == PIPE or picture[:8].lower().startswith(("data:", "picture:")):
        return "picture"
    if is_reference(picture):
        name = unquote(urlsplit(picture).path).rpartition("/")[2]
        return re.sub(r"[^\w.-]+", "-", Path(name).stem).strip(".-") or "picture"
    return Path(picture).stem


def _shorten(name: str) -> str:
    """Cuts a name, in bytes, so that a file name has room for two."""
    return name.encode(errors="surrogateescape")[:LONGEST_STEM_BYTES].decode(errors="ignore")


def make_target(output: str, format: Format | None, sources: Iterable[str] = ()) -> Target:
    """Where a picture is saved, in the given format or the format of the file's extension.

    Args:
        sources: the pictures that it is painted from, which it must not replace.

    Raises:
        BadParameter: the format is not known, or the output is one of the sources.
        InvalidFile: its folder does not exist.
    """
    if output == PIPE:
        return Target(None, format or "png")
    path = Path(output)
    by_name = FORMATS.get(path.suffix.lower())
    if format is None and by_name is None:
        raise typer.BadParameter(
            f"{output} must end with .png, .jpg or .webp, or --format must be given.",
            param_hint="--output",
        )
    if not os.path.isdir(path.parent):
        raise InvalidFile(f"There is no folder {path.parent} for the picture.")
    if _identify(path) in _identify_files(sources):
        raise typer.BadParameter(
            f"{output} is one of the pictures to paint from.", param_hint="--output"
        )
    return Target(path, format or by_name or "png")


def _check_folder(folder: Path) -> None:
    """Raises InvalidFile if a folder does not exist and could not be created."""
    nearest = next((each for each in (folder, *folder.parents) if os.path.exists(each)), folder)
    if nearest != folder and not (os.path.isdir(nearest) and os.access(nearest, os.W_OK)):
        raise InvalidFile(f"{folder} cannot be created in {nearest}.")


def check_target(target: Target, *, makes_folder: bool = False) -> None:
    """Checks, before a picture is painted, that it can be saved.

    Args:
        makes_folder: whether saving it creates its folder.

    Raises:
        InvalidFile: its folder or an earlier file cannot be written, the folder is missing, or the
            path is a folder.
    """
    if target.path is None:
        return
    file = _resolve(target.path)
    if os.path.isdir(file):
        raise InvalidFile(f"{target.path} cannot be saved: it is a folder.")
    if not makes_folder and not os.path.isdir(file.parent):  # a link may lead into another folder
        raise InvalidFile(f"{target.path} cannot be saved: there is no folder {file.parent}.")
    # Writing to what is special does not depend on the permissions of its folder.
    written = [("it", file)] if _is_special(file) else [("its folder", file.parent), ("it", file)]
    for name, place in written:
        try:
            place.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InvalidFile(f"{target.path} cannot be saved: {error.strerror}.") from error
        if not os.access(place, os.W_OK):
            raise InvalidFile(f"{target.path} cannot be saved: {name} is write-protected.")


def _is_special(path: Path) -> bool:
    """Whether it is a device, a pipe or an open file such as /dev/stdout, which is read once,
    and written to rather than replaced."""
    if not os.path.exists(path) or os.path.isdir(path):
        return False
    return not os.path.isfile(path) or _find_open_file(path) is not None


def _find_open_file(path: Path) -> Path | None:
    """The path of an open file, /proc/PID/fd/N or /dev/fd/N, that this path leads to. None if it
    leads elsewhere."""
    # os.path.realpath would go on to the file that is open.
    while not _OPEN_FILE.fullmatch(named := os.path.join(os.path.realpath(path.parent), path.name)):
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return Path(named)


def _open_in_place(path: Path) -> BinaryIO:
    """Opens a device, a pipe or an open file for writing. An open file of this process is used as
    it is: opened by its path, it would be written from its beginning."""
    found = _find_open_file(path)
    if found is not None and found.parent in (Path("/dev/fd"), Path(f"/proc/{os.getpid()}/fd")):
        return open(int(found.name), "wb", closefd=False)
    return path.open("ab")


def _resolve(path: Path) -> Path:
    """The file that a symbolic link leads to. A device, a pipe or an open file is returned as it
    is, because /dev/stdout leads to a name that may not be possible to open."""
    return path if _is_special(path) else Path(os.path.realpath(path))


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


def _choose_target_in(
    folder: Path, stem: str, format: Format, read: set[FileId], taken: set[str]
) -> Target:
    """A file of the folder, named like the photograph if possible, that is neither a picture that
    is read nor the output of another photograph."""
    number = 1
    path = folder / f"{stem}{ENDINGS[format]}"
    while _identify(path) in read or _fold(path) in taken:
        number += 1
        path = folder / f"{stem}-{number}{ENDINGS[format]}"
    taken.add(_fold(path))
    return Target(path, format)


def _fold(path: Path) -> str:
    """A key that is equal for all names that a disk may treat as the same file, whatever their case
    and the encoding of their accents."""
    return normalize("NFC", os.path.realpath(path)).casefold()


def save(picture: bytes, path: Path | None, *, makes_folder: bool = False) -> str:
    """Saves a picture atomically, so that a full disk leaves neither half a picture nor a damaged
    old one, whose permissions the new one gets. A symbolic link is followed. A device, a pipe or an
    open file such as /dev/stdout is written to directly.

    Args:
        path: where to save it. None for standard output.
        makes_folder: whether to create its folder.

    Returns:
        Where it is, for a message, which also tells whether an earlier file was replaced.

    Raises:
        InvalidFile: it cannot be written.
    """
    if path is None:
        write_output(picture)
        return PIPE
    file = _resolve(path)
    # This name does not contain the picture's name, which may already have the maximum length.
    part = file.with_name(f".pastiche-{os.getpid()}.part")
    try:
        if _is_special(file):
            with _open_in_place(file) as out:
                out.write(picture)
            return str(path)
        if makes_folder:
            file.parent.mkdir(parents=True, exist_ok=True)
        replaces = os.path.exists(file)
        with part.open("wb") as out:
            if replaces:
                with suppress(OSError):  # some disks have no permissions
                    copymode(file, part)
            out.write(picture)
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InvalidFile(f"{path} cannot be saved: {error.strerror}.") from error
    return f"{path} (an earlier file is replaced)" if replaces else str(path)
