"""Writes `pastiche/options/typed.py`: the options as typed dictionaries.

Run it with `python -m tools.option_types`. A test compares the committed module with its output.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Literal, get_args, get_origin

from pastiche import job_settings, presets
from pastiche.options import OPTIONS, LayerWeights, Option, table, value_types

MODULE = Path(__file__).parents[1] / "pastiche" / "options" / "typed.py"

_HEAD = '''\
"""The options and job settings as typed dictionaries, for type checkers and editors.

Written by `python -m tools.option_types`: please change `pastiche.options.table` instead.
"""

from collections.abc import Sequence
from typing import TypedDict

'''


def write_module() -> str:
    """The source of the module."""
    common = [option for option in OPTIONS.values() if not option.sweep]
    swept = [option for option in OPTIONS.values() if option.sweep]
    settings = list(job_settings.JOB_SETTINGS.values())
    classes = (
        _write_class(
            "CommonOptions",
            "TypedDict",
            "Options that have one value each, and job settings.",
            ((each.name, _write_type(each)) for each in (*settings, *common)),
        ),
        _write_class(
            "JobOptions",
            "CommonOptions",
            "The options and settings of one job.",
            ((each.name, _write_type(each)) for each in swept),
        ),
        _write_class(
            "SweepOptions",
            "CommonOptions",
            "The options and settings of a sweep: a job for each combination of values.",
            ((each.name, f"{_write_type(each)} | Sequence[{_write_type(each)}]") for each in swept),
        ),
    )
    annotations = map(_write_type, (*settings, *common, *swept))
    return _HEAD + _write_imports(annotations) + "\n\n" + "\n\n".join(classes)


def _write_class(
    name: str, base: str, docstring: str, attributes: Iterable[tuple[str, str]]
) -> str:
    lines = (f"    {attribute}: {annotation}\n" for attribute, annotation in attributes)
    return f'class {name}({base}, total=False):\n    """{docstring}"""\n\n' + "".join(lines)


def _write_type(option: Option) -> str:
    """The type that callers may pass: sequences for tuples; `start` may be a job's id."""
    annotation = option.annotation
    if option.name == "start":
        return "Start | str"
    if get_origin(annotation) is UnionType:
        (annotation,) = (each for each in get_args(annotation) if each is not type(None))
    if get_origin(annotation) is tuple:
        return f"Sequence[{get_args(annotation)[0].__name__}]"
    if isinstance(annotation, type):
        return annotation.__name__
    return _find_aliases()[annotation][0]


def _find_aliases() -> dict[Any, tuple[str, ModuleType]]:
    """The name of each type that has one, and the module that defines it."""
    aliases: dict[Any, tuple[str, ModuleType]] = {LayerWeights: ("LayerWeights", value_types)}
    for module in (table, presets, job_settings):
        for name, value in vars(module).items():
            if get_origin(value) is Literal:
                aliases.setdefault(value, (name, module))
    return aliases


def _write_imports(annotations: Iterable[str]) -> str:
    """The imports of the aliases that are among the annotations."""
    words = {word for annotation in annotations for word in re.findall(r"\w+", annotation)}
    modules: dict[str, list[str]] = {}
    for name, module in _find_aliases().values():
        if name in words:
            modules.setdefault(module.__name__, []).append(name)
    return "".join(_write_import(module, sorted(modules[module])) for module in sorted(modules))


def _write_import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}\n"
    if len(line) <= 100:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"


def main() -> None:
    """Writes the module."""
    MODULE.write_text(write_module(), encoding="utf-8")


if __name__ == "__main__":
    main()
