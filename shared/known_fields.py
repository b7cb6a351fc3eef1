"""What can be read of a record that another version wrote: several run during an update."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any


@cache
def field_names(kind: type) -> frozenset[str]:
    """The names of a dataclass's fields."""
    return frozenset(each.name for each in fields(kind))


def known_fields(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that are fields of a dataclass; a newer version may have more."""
    return {name: value for name, value in values.items() if name in field_names(kind)}
