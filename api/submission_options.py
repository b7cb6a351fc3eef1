"""The options in a form: texts in, valid options out, every fault named."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from math import prod
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from pastiche.options import OptionError, Options, is_list, wanted
from pastiche.presets import PRESETS, check_network
from shared.errors import FieldError, InvalidFields
from shared.inputs import PICTURE_FIELDS
from shared.job_options import WISHES, JobOptions, PresetChoice, Wishes
from shared.jobs import is_job_id
from shared.settings import Settings
from shared.webhooks import check_url

MOST_VARIANTS = 64
"""How many jobs a sweep may have."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The options of one job.

    Attributes:
        values: those of the options that are others in the other jobs of its sweep.
    """

    values: dict[str, float]
    options: dict[str, Any]


PICTURES_OF = "pictures_of"
"""The field that names an earlier job whose pictures are used where none are sent."""

_JOB_ID = "^[0-9a-f]{32}$"


def option_names() -> tuple[str, ...]:
    """The fields of a form that are text."""
    names = (*PresetChoice.model_fields, *JobOptions.model_fields, *Wishes.model_fields)
    return (*names, PICTURES_OF)


def joins_values(name: str, axes: tuple[str, ...]) -> bool:
    """Whether a text field may come several times: its values are a list."""
    return name in axes or (name in JobOptions.model_fields and is_list(name))


def normalised(form: FormData, axes: tuple[str, ...] = ()) -> FormData:
    """The form without what a browser sends for fields that were left blank: empty texts and files
    without a name. Several values of a list become one text, separated by commas.

    Args:
        axes: the options that may have several values in a sweep.
    """
    items = [(name, value) for name, value in form.multi_items() if not _is_blank(value)]
    counts = Counter(name for name, _ in items)
    joined: dict[str, str] = {}
    for name in counts:
        values = [value for other, value in items if other == name]
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) == len(values) > 1 and joins_values(name, axes):
            joined[name] = ",".join(texts)
    kept = [(name, value) for name, value in items if name not in joined]
    return FormData([*kept, *joined.items()])


def _is_blank(value: UploadFile | str) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return not value.filename and not value.size


def start_job(form: FormData) -> str | None:
    """The earlier job whose result `start` names; None where it names none."""
    start = form.get("start")
    return start if isinstance(start, str) and is_job_id(start) else None


def pictures_job(form: FormData) -> str | None:
    """The earlier job that `pictures_of` names; None where it is not given.

    Raises:
        InvalidFields: it names no job.
    """
    named = form.get(PICTURES_OF)
    if named is None or (isinstance(named, str) and is_job_id(named)):
        return named
    if isinstance(named, UploadFile):
        return None  # told with the form's other faults
    fault = FieldError(PICTURES_OF, "invalid_value", f"This must be a job's id, not “{named}”.")
    raise InvalidFields([fault])


def variants_of(
    form: FormData, counts: Mapping[str, int], settings: Settings, axes: tuple[str, ...]
) -> tuple[tuple[Variant, ...], list[FieldError]]:
    """The options of each job and their faults; with faults, the options are not to be used.

    Args:
        counts: how many pictures of each field there are.
        axes: the options that may have several values, separated by commas.
    """
    columns = {name: text.split(",") for name in axes if isinstance(text := form.get(name), str)}
    if prod(len(column) for column in columns.values()) > MOST_VARIANTS:
        sentence = f"A sweep may have at most {MOST_VARIANTS} pictures."
        return (), [FieldError(name, "too_many_values", sentence) for name in columns]
    variants = []
    for values in product(*columns.values()):
        texts = dict(zip(columns, (value.strip() for value in values), strict=True))
        options, faults = _options_of(form, texts, counts, settings)
        if faults:
            return (), faults
        several = {name: options[name] for name, column in columns.items() if len(column) > 1}
        variants.append(Variant(several, options))
    return tuple(variants), []


def _options_of(
    form: FormData, given: Mapping[str, str], counts: Mapping[str, int], settings: Settings
) -> tuple[dict[str, Any], list[FieldError]]:
    """The options in a form, with those that are given in place of the form's own."""
    known = (*PresetChoice.model_fields, *JobOptions.model_fields)
    texts = {name: value for name, value in form.items() if name in known} | dict(given)
    if start_job(form) or (counts["start_image"] and "start" not in texts):
        texts["start"] = "image"
    try:
        chosen = PresetChoice.model_validate({k: v for k, v in texts.items() if k == "preset"})
    except ValidationError:
        sentence = f"This must be one of {', '.join(PRESETS)}, not “{texts['preset']}”."
        return {}, [FieldError("preset", "invalid_value", sentence)]
    texts.pop("preset", None)
    try:
        model = JobOptions.model_validate({**PRESETS[chosen.preset], **texts})
        options = Options(**model.model_dump())
        options.check_images(**_counts(counts))
        check_network(chosen.preset, options)
    except ValidationError as error:
        names = dict.fromkeys(str(each["loc"][0]) for each in error.errors())
        return {}, [_fault_of_value(name, texts[name], settings) for name in names]
    except OptionError as error:
        return {}, [FieldError(error.field, "invalid_value", f"This {error.sentence}")]
    return asdict(options), _faults_of_size(options, settings)


def wishes_of(form: FormData, settings: Settings) -> tuple[Wishes, list[FieldError]]:
    """When the job is to be painted, and what is wrong with that; then it is not to be used."""
    texts = {name: value for name, value in form.items() if name in Wishes.model_fields}
    try:
        wishes = Wishes.model_validate(texts)
    except ValidationError as error:
        names = dict.fromkeys(str(each["loc"][0]) for each in error.errors())
        faults = [
            FieldError(name, "invalid_value", f"This must be {WISHES[name]}, not “{texts[name]}”.")
            for name in names
            if isinstance(texts[name], str)
        ]
        return Wishes(), faults
    url = wishes.webhook_url
    fault = None if url is None else check_url(url, allow_private=settings.webhooks_anywhere)
    return wishes, [] if fault is None else [FieldError("webhook_url", "invalid_value", fault)]


def _counts(found: Mapping[str, int]) -> dict[str, Any]:
    """How many pictures of each kind came; a style that is missing is another's fault to tell."""
    return {
        "styles": max(1, found["style"]),
        "masks": found["mask"],
        "style_masks": found["style_mask"],
        "start_image": bool(found["start_image"]),
    }


def _faults_of_size(options: Options, settings: Settings) -> list[FieldError]:
    if options.size <= settings.max_size_pixels:
        return []
    sentence = f"At most {settings.max_size_pixels} pixels can be painted here."
    return [FieldError("size", "size_too_large", sentence)]


def _fault_of_value(name: str, value: object, settings: Settings) -> FieldError:
    if isinstance(value, UploadFile):
        return FieldError(name, "not_text", "This field is text, not a file.")
    maximum = settings.max_size_pixels if name == "size" else None
    sentence = f"This must be {wanted(name, maximum=maximum)}, not “{value}”."
    return FieldError(name, "invalid_value", sentence)


def form_schema(axes: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """The form in the words of OpenAPI, with several values for some of its options."""
    options: dict[str, Any] = JobOptions.model_json_schema()["properties"]
    for schema in options.values():
        if "pattern" in schema:
            del schema["default"]  # an empty text, as JSON Schema has it a list or an object
    options |= {name: _axis_schema(options[name]) for name in axes}
    start = options["start"]
    choices = {key: start.pop(key) for key in ("type", "enum")}
    start["anyOf"] = [choices, {"type": "string", "pattern": _JOB_ID}]
    start["description"] += " Or an earlier job's id: from its result."
    return {
        "type": "object",
        "title": "Submission",
        "properties": {
            **{name: _picture_schema(name) for name in PICTURE_FIELDS},
            **PresetChoice.model_json_schema()["properties"],
            **options,
            **_wishes_schema(),
            PICTURES_OF: {
                "type": "string",
                "title": "Pictures Of",
                "pattern": _JOB_ID,
                "description": "An earlier job whose content and style images this one has, with "
                "what belongs to them, where none are sent.",
            },
        },
        "required": [name for name, field in PICTURE_FIELDS.items() if field.required],
        "additionalProperties": False,
    }


def _axis_schema(option: dict[str, Any]) -> dict[str, Any]:
    """One value, or several with commas between them."""
    number = r"\s*-?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*"
    return {
        "type": "string",
        "title": option["title"],
        "pattern": f"^{number}(?:,{number})*$",
        "description": f"{option['description']} Several values are separated by commas.",
    }


def _wishes_schema() -> dict[str, Any]:
    """A wish that is not there is left out: there is no null in a form."""
    wishes: dict[str, Any] = Wishes.model_json_schema()["properties"]
    for wish in wishes.values():
        if "anyOf" in wish:
            wish |= next(each for each in wish.pop("anyOf") if each["type"] != "null")
            del wish["default"]
    return wishes


def _picture_schema(name: str) -> dict[str, Any]:
    field = PICTURE_FIELDS[name]
    file = {"type": "string", "format": "binary"}
    description = f"{field.description} JPEG, PNG, WebP or AVIF."
    if field.most == 1:
        return file | {"description": description}
    return {"type": "array", "items": file, "maxItems": field.most, "description": description}
