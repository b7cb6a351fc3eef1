"""The settings of a submission other than options: preset, priority, time limits, webhook.

They are declared like the options. The same parser, JSON schemas, command line and documentation
read them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from pastiche.option_type import Option, option, parse_texts, read_table
from pastiche.option_values import NumberType, Schema, TextType, ValueType
from pastiche.presets import MEANINGS, Preset

Priority = Literal["high", "normal", "low"]

Keep = float | Literal["until_fetched"]
"""How long a job is retained once it is over: a number of seconds, or until its result was sent."""

WebhookEvent = Literal["started", "progress", "finished"]

WEBHOOK_EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)
"""The events that a webhook can report, in their order."""

MAX_DEADLINE_SECONDS = 7 * 24 * 3600

MIN_KEEP_SECONDS = 3600
MAX_KEEP_SECONDS = 365 * 24 * 3600

JOB_ID_PATTERN = "^[0-9a-f]{32}$"


@dataclass(frozen=True, slots=True)
class NumberOrWordType(ValueType):
    """A number, or one of several words."""

    number: NumberType
    words: tuple[str, ...]

    @property
    def requirement(self) -> str:
        return f"{self.number.requirement}, or {', '.join(self.words)}"

    def validate(self, value: Any) -> float | str:
        return value if value in self.words else self.number.validate(value)

    def parse(self, text: str) -> float | str:
        return text if text in self.words else self.number.parse(text)

    def json_schema(self) -> Schema:
        word = {"type": "string", "enum": list(self.words)}
        return {"anyOf": [self.number.json_schema(), word]}


@dataclass(frozen=True, slots=True)
class WordsType(ValueType):
    """At least one of several words, in their order."""

    is_list = True

    words: tuple[str, ...]

    @property
    def requirement(self) -> str:
        return f"one or more of {', '.join(self.words)}"

    def validate(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError
        if not value or not set(value) <= set(self.words):
            raise ValueError
        return tuple(word for word in self.words if word in value)

    def parse(self, text: str) -> tuple[str, ...]:
        return self.validate([part.strip() for part in text.split(",")])

    def json_schema(self) -> Schema:
        word = {"type": "string", "enum": list(self.words)}
        return {"type": "array", "items": word, "minItems": 1}

    def form_schema(self) -> Schema:
        word = "|".join(self.words)
        return {"type": "string", "pattern": f"^({word})(,({word}))*$"}


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
        "Jobs of a higher priority are painted first; callers take turns within a priority. "
        "`high` needs a key that allows it or, in a service without keys, the operator's "
        "permission.",
    )
    deadline: float | None = option(
        None,
        "Job settings",
        "How many seconds the job may wait before it expires; by default it never expires.",
        type=NumberType(0, MAX_DEADLINE_SECONDS, "seconds", is_positive=True),
    )
    timeout: float | None = option(
        None,
        "Job settings",
        "How many seconds waiting and painting may take together. After that, the job fails with "
        "`timed_out`. By default, only the operator's time limit applies.",
        type=NumberType(0, MAX_DEADLINE_SECONDS, "seconds", is_positive=True),
    )
    keep: Keep | None = option(
        None,
        "Job settings",
        "For how many seconds the job and its pictures are retained once it is over. The default "
        "and the maximum are the operator's limit. `until_fetched` retains them until a minute "
        "after the result was sent completely, but no longer than that limit.",
        type=NumberOrWordType(
            NumberType(MIN_KEEP_SECONDS, MAX_KEEP_SECONDS, "seconds"), ("until_fetched",)
        ),
    )
    webhook_url: str | None = option(
        None,
        "Job settings",
        "Receives signed POST requests about the job (Standard Webhooks).",
        type=TextType("an https:// address that is public"),
    )
    webhook_events: tuple[WebhookEvent, ...] = option(
        ("finished",),
        "Job settings",
        "Which events `webhook_url` is notified of: `started`, when a worker first claims the "
        "job; `progress`, at most every ten seconds; `finished`, when it is over.",
        type=WordsType(WEBHOOK_EVENTS),
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


def limit_keep(max_seconds: float) -> Mapping[str, Option]:
    """The settings for an operator who retains jobs for at most this time."""
    keep = JOB_SETTINGS["keep"]
    assert isinstance(keep.type, NumberOrWordType)
    maximum = min(max_seconds, MAX_KEEP_SECONDS)
    number = replace(keep.type.number, minimum=min(MIN_KEEP_SECONDS, maximum), maximum=maximum)
    return {**JOB_SETTINGS, "keep": replace(keep, type=replace(keep.type, number=number))}


def parse_job_settings(
    texts: Mapping[str, str], *, max_keep_seconds: float = MAX_KEEP_SECONDS
) -> JobSettings:
    """The settings in the texts of a form.

    Args:
        max_keep_seconds: the operator's limit.

    Raises:
        InvalidOptions: names every invalid setting.
    """
    return JobSettings(**parse_texts(limit_keep(max_keep_seconds), texts))
