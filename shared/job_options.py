"""The options of `pastiche.options` as a pydantic model: one declaration, checked at the door."""

from dataclasses import asdict, fields
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from pastiche.option_kinds import Kind, kind_of, read_number
from pastiche.options import Options, meaning_of
from pastiche.presets import MEANINGS, Preset
from shared.jobs import LANES, Priority

LONGEST_URL = 2000

MOST_DEADLINE_SECONDS = 7 * 24 * 3600


def _declared() -> dict[str, Any]:
    kinds, defaults = get_type_hints(Options), asdict(Options())
    return {
        each.name: (_annotated(kinds[each.name]), _field_of(each.name, defaults[each.name]))
        for each in fields(Options)
    }


def _annotated(type_of_option: Any) -> Any:
    """The type, which reads a form's texts as well; in a form it is shown as such a text."""
    kind = kind_of(type_of_option)
    reading: Any = Annotated[type_of_option, BeforeValidator(_reader(kind))]
    if kind.pattern is None:
        return reading
    shown = WithJsonSchema({"type": "string", "pattern": kind.pattern}, mode="validation")
    return Annotated[reading, shown]


def _reader(kind: Kind) -> Any:
    return lambda value: kind.read(value) if isinstance(value, str) else value


def _field_of(name: str, default: Any) -> Any:
    meaning = meaning_of(name)
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    return Field(
        default,
        ge=meaning.minimum if is_number else None,
        le=meaning.maximum if is_number else None,
        allow_inf_nan=False if is_number else None,
        description=meaning.description,
        json_schema_extra={"x-unit": meaning.unit} if meaning.unit else None,
    )


JobOptions: type[BaseModel] = create_model(
    "JobOptions",
    __config__=ConfigDict(extra="forbid", frozen=True),
    __doc__="How the picture is to be painted.",
    **_declared(),
)


def _number(value: Any) -> Any:
    return read_number(value) if isinstance(value, str) else value


class Wishes(BaseModel):
    """When the picture is to be painted."""

    priority: Priority = Field(
        "normal",
        description="Jobs of a higher priority go first; within one, callers take turns. `high` "
        "is a right of keys, or an operator's setting.",
    )
    deadline: Annotated[float | None, BeforeValidator(_number)] = Field(
        None,
        gt=0,
        le=MOST_DEADLINE_SECONDS,
        allow_inf_nan=False,
        description="For how many seconds the job may wait before it expires; for ever where it "
        "is not given.",
    )
    webhook_url: str | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_URL,
        description="Told with a signed POST when the job is over (Standard Webhooks).",
    )


WISHES = {
    "priority": f"one of {', '.join(LANES)}",
    "webhook_url": "an https:// address that is public",
    "deadline": f"a number of seconds above 0, at most {MOST_DEADLINE_SECONDS}",
}
"""What each wish may be."""


class PresetChoice(BaseModel):
    """Where the options start from; what is given beside it goes before it."""

    preset: Preset = Field(
        "standard",
        description="The options that are not given: "
        + " ".join(f"`{name}`: {meaning}" for name, meaning in MEANINGS.items()),
    )
