"""`/options` and `/presets`: what a form needs to know to offer every option of a submission."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.access.authentication import CurrentAccess
from api.http.problems import caller_problems
from api.jobs.dependencies import get_worker_speeds
from api.jobs.estimates import estimate_seconds
from api.jobs.schemas import JobOptions
from api.submissions.schema import request_body
from pastiche.job_settings import JOB_SETTINGS
from pastiche.option_type import Option
from pastiche.options import OPTIONS
from pastiche.presets import MEANINGS, Preset, preset
from pastiche.sizes import scales

router = APIRouter(tags=["options"])

_WORDS = {"tv": "total variation", "lbfgs": "L-BFGS", "url": "URL"}
"""What the abbreviations in names stand for."""

_TYPICAL_SHAPE = (3, 4)
"""The height and width that the time of a preset is estimated for."""


class OptionDescription(BaseModel):
    """A field of a submission: an option, a setting of the job, or a picture."""

    name: str
    title: str
    group: str = Field(description="The heading that related fields share.")
    description: str
    unit: str | None = Field(description="The unit of a number.")
    default: Any = Field(description="The value in the preset `standard`.")
    live: bool = Field(description="Whether `PATCH` may change it while the picture is painted.")
    sweep: bool = Field(description="Whether it may have several values in a sweep.")
    schema_: dict[str, Any] = Field(
        alias="schema", description="The JSON Schema of its form field: type, range, choices."
    )


class OptionList(BaseModel):
    """Every field of a submission, in the order of a form."""

    options: list[OptionDescription]


class PresetDescription(BaseModel):
    """A preset: what it is for, and the options that it sets."""

    name: Preset
    description: str
    options: JobOptions
    eta_seconds: float | None = Field(
        description="In how many seconds a worker paints a picture of 4:3 with it, estimated from "
        "earlier jobs; null if that is not known."
    )


class PresetList(BaseModel):
    """Every preset, the quickest first."""

    presets: list[PresetDescription]


@router.get("/options", summary="List options", responses=caller_problems())
async def list_options(access: CurrentAccess) -> OptionList:
    """Every field of a submission with its meaning, range and default."""
    return _describe_options()


@router.get("/presets", summary="List presets", responses=caller_problems())
async def list_presets(access: CurrentAccess) -> PresetList:
    """Every preset with its options, and how long a picture takes with it."""
    speeds = await get_worker_speeds(access.service)
    return PresetList(
        presets=[
            PresetDescription(
                name=name,
                description=meaning,
                options=JobOptions(preset(name).to_dict()),
                eta_seconds=estimate_seconds(0, scales(*_TYPICAL_SHAPE, preset(name)), speeds),
            )
            for name, meaning in MEANINGS.items()
        ]
    )


@cache
def _describe_options() -> OptionList:
    schema = request_body("job")["content"]["multipart/form-data"]["schema"]["properties"]
    table = {**OPTIONS, **JOB_SETTINGS}
    return OptionList(
        options=[_describe(name, fields, table.get(name)) for name, fields in schema.items()]
    )


def _describe(name: str, schema: dict[str, Any], option: Option | None) -> OptionDescription:
    """Describes a field of the form; picture fields are not options."""
    return OptionDescription(
        name=name,
        title=_make_title(name),
        group=schema.pop("x-group"),
        description=schema.pop("description"),
        unit=option and option.unit,
        default=option and option.default,
        live=option is not None and option.live,
        sweep=option is not None and option.sweep,
        schema=schema,
    )


def _make_title(name: str) -> str:
    """The name of a field for people: “Total variation weight”."""
    title = " ".join(_WORDS.get(part, part) for part in name.split("_"))
    return title[0].upper() + title[1:]
