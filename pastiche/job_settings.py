"""What a submission may say besides its painting options: preset, priority, deadline, webhook.

Declared like the options, and read by the same parser, schema writer, command line and docs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pastiche.option_type import Option, option, parse_texts, read_table
from pastiche.option_values import NumberType, TextType
from pastiche.presets import MEANINGS, Preset

Priority = Literal["high", "normal", "low"]

MAX_DEADLINE_SECONDS = 7 * 24 * 3600

JOB_ID_PATTERN = "^[0-9a-f]{32}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """The settings of a job."""

    preset: Preset = option(
        "standard",
        "Preset",
        "The values of options that are not given. "
        + " ".join(f"`{name}`: {meaning}" for name, meaning in MEANINGS.items()),
    )
    priority: Priority = option(
        "normal",
        "Job settings",
        "Jobs of a higher priority go first; within one, callers take turns. `high` needs a key "
        "that allows it or, in a service without keys, the operator's setting.",
    )
    deadline: float | None = option(
        None,
        "Job settings",
        "How many seconds the job may wait before it expires; by default it never expires.",
        type=NumberType(0, MAX_DEADLINE_SECONDS, "seconds", is_positive=True),
    )
    webhook_url: str | None = option(
        None,
        "Job settings",
        "Receives a signed POST request when the job is over (Standard Webhooks).",
        type=TextType("an https:// address that is public"),
    )
    pictures_of: str | None = option(
        None,
        "Pictures",
        "The id of an earlier job, whose content and style images are used, with their masks "
        "and maps, where none are sent.",
        type=TextType("a job's id", JOB_ID_PATTERN),
    )


JOB_SETTINGS: Mapping[str, Option] = MappingProxyType(read_table(JobSettings))
"""Every setting by its name."""


def parse_job_settings(texts: Mapping[str, str]) -> JobSettings:
    """The settings in the texts of a form.

    Raises:
        InvalidOptions: names every setting at fault.
    """
    return JobSettings(**parse_texts(JOB_SETTINGS, texts))
