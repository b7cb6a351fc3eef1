"""Reads JSON that another version may have stored: several versions run during a rolling update."""

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any


@cache
def field_names(kind: type) -> frozenset[str]:
    """The names of a dataclass's fields."""
    return frozenset(each.name for each in fields(kind))


def known_fields(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are fields of a dataclass; a newer version may have written more."""
    return {name: value for name, value in values.items() if name in field_names(kind)}


def json_object(text: str) -> dict[str, Any]:
    """Parses a JSON object.

    Raises:
        TypeError, ValueError: it is something else.
    """
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError("This is not a JSON object.")
    return value
