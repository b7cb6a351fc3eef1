"""JSON schemas of options, for OpenAPI."""

from collections.abc import Iterable

from pastiche.options.declaration import Option
from pastiche.options.table import LIVE_OPTIONS, OPTIONS
from pastiche.options.value_types import Schema


def json_schema() -> Schema:
    """Options as JSON values: an object with every option."""
    return {
        "type": "object",
        "title": "JobOptions",
        "description": "How the picture is painted.",
        "properties": {name: option.json_schema() for name, option in OPTIONS.items()},
        "additionalProperties": False,
    }


def update_schema() -> Schema:
    """New values for options that may change while the picture is painted."""
    return {
        "type": "object",
        "title": "WeightUpdate",
        "description": "New weights for a job that is not over; those that are not given stay.",
        "properties": {name: _nullable(OPTIONS[name]) for name in LIVE_OPTIONS},
        "additionalProperties": False,
    }


def form_properties(options: Iterable[Option], *, is_sweep: bool = False) -> dict[str, Schema]:
    """Options as form fields.

    Args:
        is_sweep: whether some of them may have several values, separated by commas.
    """
    return {
        each.name: each.sweep_schema() if is_sweep and each.sweep else each.form_schema()
        for each in options
    }


def _nullable(option: Option) -> Schema:
    return {
        "anyOf": [option.type.json_schema(), {"type": "null"}],
        "title": option.title,
        "description": option.description,
    }
