"""The options of `pastiche.options` as a pydantic model: one declaration, checked at the door."""

from dataclasses import fields
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from pastiche.options import Options, meaning_of


def _field_of(name: str, default: Any) -> Any:
    meaning = meaning_of(name)
    return Field(
        default,
        ge=meaning.minimum,
        le=meaning.maximum,
        allow_inf_nan=None if meaning.minimum is None else False,
        description=meaning.description,
        json_schema_extra={"x-unit": meaning.unit} if meaning.unit else None,
    )


def _declared() -> dict[str, Any]:
    kinds = get_type_hints(Options)
    return {f.name: (kinds[f.name], _field_of(f.name, f.default)) for f in fields(Options)}


JobOptions: type[BaseModel] = create_model(
    "JobOptions",
    __config__=ConfigDict(extra="forbid", frozen=True),
    __doc__="How the picture is to be painted.",
    **_declared(),
)
