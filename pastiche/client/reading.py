"""JSON into frozen dataclasses: what is not known is passed over, what is wrong is named."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Record = TypeVar("Record")

WHOLE = "whole"
"""In a field's metadata: it holds everything that was said, what is not known included."""


class Unreadable(ValueError):
    """A value that is not what its name promises."""


def read(kind: type[Record], said: object, name: str = "") -> Record:
    """A dataclass out of a JSON object; newer servers may say more than it has fields for.

    Args:
        name: what the object is called, for the error.

    Raises:
        Unreadable: it is no object, or a field is missing or of another type.
    """
    if not isinstance(said, dict):
        raise Unreadable(f"{name or kind.__name__} is no JSON object")
    assert is_dataclass(kind)
    values: dict[str, Any] = {}
    for each in fields(kind):
        full = f"{name}.{each.name}".lstrip(".")
        if each.metadata.get(WHOLE):
            values[each.name] = said
        elif each.name in said:
            values[each.name] = _value(_types(kind)[each.name], said[each.name], full)
        elif each.default is MISSING and each.default_factory is MISSING:
            raise Unreadable(f"{full} is missing")
    return kind(**values)


@cache
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(kind: Any, said: Any, name: str) -> Any:
    """A value of one of the types that records are made of."""
    if kind is Any:
        return said
    arguments = get_args(kind)
    if NoneType in arguments:
        (inner,) = (each for each in arguments if each is not NoneType)
        return None if said is None else _value(inner, said, name)
    if get_origin(kind) is tuple:
        return tuple(_value(arguments[0], each, name) for each in _plain(list, said, name))
    if get_origin(kind) is Mapping:
        values = _plain(dict, said, name)
        return {key: _value(arguments[1], each, name) for key, each in values.items()}
    if is_dataclass(kind):
        return read(kind, said, name)  # type: ignore[arg-type]  # a class, not an instance
    if kind is datetime:
        return _time(said, name)
    return _plain(kind, said, name)


def _plain(kind: Any, said: Any, name: str) -> Any:
    accepted = (int, float) if kind is float else kind
    if not isinstance(said, accepted) or (isinstance(said, bool) and kind is not bool):
        raise Unreadable(f"{name} is not a {kind.__name__}")
    return kind(said)


def _time(said: Any, name: str) -> datetime:
    try:
        return datetime.fromisoformat(said)
    except (TypeError, ValueError):
        raise Unreadable(f"{name} is no time") from None
