"""Writes the client's generated modules: `make client`.

`client.py`, `connection.py` and `job_handle.py` are the modules whose names begin with `async_`,
without `async` and `await`; `job_options.py` declares the arguments of a submission from the table
of options, for editors and type checkers. A test compares the files with what these functions
return.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args, get_origin

from unasync import Rule, unasync_files

from pastiche.job_settings import JOB_SETTINGS
from pastiche.option_values import LayerWeights
from pastiche.options import LIVE_OPTIONS, OPTIONS
from shared.inputs import PICTURE_FIELDS

FOLDER = Path(__file__).parents[1] / "pastiche" / "client"

SYNCHRONOUS_MODULES = ("client.py", "connection.py", "job_handle.py")
"""The modules that are generated from those whose names begin with `async_`."""

_NAMES = {
    "AsyncClient": "Client",
    "AsyncConnection": "Connection",
    "AsyncJobHandle": "JobHandle",
    "AsyncRetrying": "Retrying",
    "aclose": "close",
    "aclosing": "closing",
    "aiter_bytes": "iter_bytes",
    "aiter_sse": "iter_sse",
    "anyio": "time",
    "aread": "read",
    "async_client": "client",
    "async_connection": "connection",
    "async_job_handle": "job_handle",
    "make_form_in_thread": "make_form",
    "read_upload_in_thread": "read_upload",
}
"""The names in the asynchronous modules, and their replacements."""

_WORDS = {
    '"""`AsyncClient`, on asyncio or trio. `client.py` is generated from this file by '
    "`make client`.": '"""`Client`: generated from `async_client.py` by `make client`.',
    '"""`AsyncConnection`. `connection.py` is generated from this file by '
    "`make client`.": '"""`Connection`: generated from `async_connection.py` by `make client`.',
    '"""`AsyncJobHandle`. `job_handle.py` is generated from this file by '
    "`make client`.": '"""`JobHandle`: generated from `async_job_handle.py` by `make client`.',
    "`AsyncClient`": "`Client`",
    "`async with`": "`with`",
    "an `with`": "a `with`",
}
"""The words in docstrings, and their replacements."""

_TYPES = {
    LayerWeights: "LayerWeights",
    int: "int",
    float: "float",
    bool: "bool",
    str: "str",
}


def generate_synchronous(name: str) -> str:
    """The source of a synchronous module, such as `client.py`, from its asynchronous one."""
    rule = Rule("/async/", "/sync/", additional_replacements=_NAMES)
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "async", name), Path(folder, "sync", name)
        source.parent.mkdir()
        source.write_text((FOLDER / f"async_{name}").read_text("utf-8"), "utf-8")
        unasync_files([str(source)], [rule])
        text = target.read_text("utf-8")
    for word, replacement in _WORDS.items():
        text = text.replace(word, replacement)
    return _format(text)


def generate_options() -> str:
    """The source of the types of a submission's options."""
    types = {name: _name(option.annotation) for name, option in {**OPTIONS, **JOB_SETTINGS}.items()}
    types["start"] += " | str"
    axes = {name: types[name] for name, option in OPTIONS.items() if option.sweep}
    pictures = {
        name: "JobPicture" if field.most == 1 else "JobPictures"
        for name, field in PICTURE_FIELDS.items()
        if not field.required
    }
    pictures["pictures_of"] = types.pop("pictures_of")
    common = {name: kind for name, kind in types.items() if name not in axes}
    return _format(
        f'''"""The arguments of a submission: generated from `pastiche.options` by `make client`."""

from collections.abc import Sequence
from typing import Literal, TypedDict

from pastiche.client.models import JobPicture, JobPictures
from pastiche.options import LayerWeights

PICTURE_FIELDS = {tuple(PICTURE_FIELDS)}
"""The arguments that are pictures."""


class _CommonOptions(TypedDict, total=False):
    """What all submissions have in common; `pastiche.options` describes each option.

    `start` may also be the id of an earlier job, whose result is the start image.
    """

{_fields(common)}


class _OtherPictures(TypedDict, total=False):
    """The pictures that go with one pair of images.

    `pictures_of` is the id of an earlier job whose pictures are used if none are given.
    """

{_fields(pictures)}


class JobOptions(_CommonOptions, _OtherPictures, total=False):
    """The options of one job."""

{_fields(axes)}


class BatchOptions(_CommonOptions, total=False):
    """The options of a batch: one job for each combination of the values of these."""

{_fields({name: f"{kind} | Sequence[{kind}]" for name, kind in axes.items()})}


class SweepOptions(BatchOptions, _OtherPictures, total=False):
    """The options of a sweep: those of a batch, and the pictures of its pair."""


class WeightOptions(TypedDict, total=False):
    """The options that may change while a job is painted."""

{_fields({name: f"{types[name]} | None" for name in LIVE_OPTIONS})}
'''
    )


def _fields(types: dict[str, str]) -> str:
    return "\n".join(f"    {name}: {kind}" for name, kind in types.items())


def _name(hint: Any) -> str:
    """The source of a type, without None, which stands for an option that is not given."""
    if hint in _TYPES:
        return _TYPES[hint]
    arguments = get_args(hint)
    if get_origin(hint) is tuple:
        return f"Sequence[{_name(arguments[0])}]"
    if get_origin(hint) is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    return " | ".join(_name(each) for each in arguments if each is not type(None))


def _format(source: str) -> str:
    fix = ["check", "--select", "I,SIM117,UP028", "--fix-only", "--unsafe-fixes"]
    for arguments in (fix, ["format"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--stdin-filename"]
        source = subprocess.run(
            [*command, str(FOLDER / "generated.py"), "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return source


if __name__ == "__main__":
    (FOLDER / "job_options.py").write_text(generate_options(), "utf-8")
    for name in SYNCHRONOUS_MODULES:
        (FOLDER / name).write_text(generate_synchronous(name), "utf-8")
