"""The form of a submission: its fields, parsed to options and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Literal, TypeAlias

from starlette.datastructures import FormData, UploadFile

from api.http.files import check_upload, is_blank
from api.http.problems import invalid_option_error, unknown_field_error
from api.submissions.pairs import PAIRED_FIELDS, check_batch, locate
from api.submissions.references import POSSIBLE, is_reference
from pastiche.job_settings import JOB_SETTINGS, JobSettings, parse_job_settings
from pastiche.memory_budget import ImageSizes
from pastiche.option_values import NumberType
from pastiche.options import OPTIONS, SWEEP_OPTIONS, InvalidOptions, OptionError, Options, parse
from pastiche.presets import PRESETS, Preset, check_network
from shared.errors import FieldError, InvalidFields
from shared.inputs import PICTURE_FIELDS, Inputs
from shared.jobs import is_job_id
from shared.public_network import check_url
from shared.settings import Settings

Kind: TypeAlias = Literal["job", "sweep", "batch"]
"""What a submission creates: one job; a job for each combination of several option values; or these
for each pair of several content and style images."""

MAX_JOBS = 64
"""How many jobs one submission may create."""

TEXT_FIELDS = tuple(dict.fromkeys(("preset", *OPTIONS, *JOB_SETTINGS)))
"""The names of the fields that are text."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The options of one job of a submission.

    Attributes:
        values: the options that differ from those of the other jobs of its sweep.
    """

    values: dict[str, float]
    options: Options


@dataclass(frozen=True, slots=True)
class Submission:
    """A valid submission: options, job settings, and its pictures as normalised files.

    Attributes:
        variants: the options of each job; one for a single job.
        stored: the blob keys of pictures that are copied within the store, by the paths that stand
            for them in `pictures`: these files do not exist.
        sizes: of the pictures.
        content, style: the names of its two images if it is one pair of a batch.
    """

    variants: tuple[Variant, ...]
    settings: JobSettings
    pictures: Inputs[Path]
    stored: Mapping[Path, str]
    sizes: ImageSizes
    content: str | None = None
    style: str | None = None


def normalize_form(form: FormData, kind: Kind) -> FormData:
    """The form without what browsers send for fields that were left blank: empty texts, and files
    without a name. The values of a list, if sent as several fields, become one text."""
    items: list[tuple[str, UploadFile | str]] = []
    for name in form:
        values = [value for value in form.getlist(name) if not is_blank(value)]
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) == len(values) > 1 and _accepts_list(name, kind):
            values = [",".join(texts)]
        items += [(name, value) for value in values]
    return FormData(items)


def _accepts_list(name: str, kind: Kind) -> bool:
    option = OPTIONS.get(name) or JOB_SETTINGS.get(name)
    return option is not None and (option.type.is_list or (kind != "job" and option.sweep))


def start_job_id(form: FormData) -> str | None:
    """The earlier job whose result `start` names, if it names one."""
    start = form.get("start")
    return start if isinstance(start, str) and is_job_id(start) else None


def pictures_job_id(form: FormData) -> str | None:
    """The earlier job that `pictures_of` names; None if it is not given.

    Raises:
        InvalidFields: it is not a job's id.
    """
    text = form.get("pictures_of")
    if not isinstance(text, str):  # a file is reported with the form's other errors
        return None
    try:
        job_id: str = JOB_SETTINGS["pictures_of"].parse(text)
    except OptionError as error:
        raise InvalidFields([invalid_option_error(error)]) from error
    return job_id


def parse_fields(
    form: FormData, reused: Mapping[str, list[str]], settings: Settings, kind: Kind
) -> tuple[tuple[Variant, ...], JobSettings]:
    """The options of each job, and the settings of all.

    Args:
        reused: the pictures of an earlier job that are used again, by field.

    Raises:
        InvalidFields: names every invalid field.
    """
    counts = {name: len(form.getlist(name)) or len(reused.get(name, ())) for name in PICTURE_FIELDS}
    file_errors = [*_check_fields(form, kind), *_check_files(form, reused, settings)]
    texts = {name: text for name, text in form.items() if isinstance(text, str)}
    pairs = 1
    if kind == "batch":
        pairs = prod(counts[name] for name in PAIRED_FIELDS)
        counts = dict.fromkeys(PICTURE_FIELDS, 0) | dict.fromkeys(PAIRED_FIELDS, 1)
        refused = check_batch(form)
        file_errors += refused
        texts = {n: text for n, text in texts.items() if n not in {each.field for each in refused}}
    job_settings, errors = _parse_settings(texts, settings)
    variants: tuple[Variant, ...] = ()
    if all(error.field != "preset" for error in errors):
        variants, option_errors = _parse_variants(
            texts, job_settings.preset, counts, settings, kind, pairs
        )
        errors = [*option_errors, *errors]
    if errors:
        raise InvalidFields([*file_errors, *errors])
    if file_errors:
        too_large = all(error.code == "file_too_large" for error in file_errors)
        raise InvalidFields(file_errors, status=413 if too_large else 422)
    return variants, job_settings


def _check_fields(form: FormData, kind: Kind) -> list[FieldError]:
    """The errors of fields that do not exist, that are repeated, or that are files and not text."""
    names = [name for name, _ in form.multi_items()]
    known = (*PICTURE_FIELDS, *TEXT_FIELDS)
    errors = []
    for name in dict.fromkeys(names):
        most = get_picture_limit(name, kind) if name in PICTURE_FIELDS else 1
        if name not in known:
            errors.append(unknown_field_error(name, known))
        elif names.count(name) > most:
            sentence = _describe_repetition(form.getlist(name), most)
            errors.append(FieldError(name, "repeated_field", sentence))
        elif name not in PICTURE_FIELDS and isinstance(form[name], UploadFile):
            errors.append(FieldError(name, "not_text", "This field is text, not a file."))
    return errors


def get_picture_limit(name: str, kind: Kind) -> int:
    """How many pictures a field may have."""
    is_paired = kind == "batch" and name in PAIRED_FIELDS
    return MAX_JOBS if is_paired else PICTURE_FIELDS[name].most


def _describe_repetition(values: Sequence[UploadFile | str], most: int) -> str:
    texts = sum(isinstance(value, str) for value in values)
    if most == 1 and 0 < texts < len(values):
        return "Send this field either as a file or as a text, not both."
    return f"This field may be given only {'once' if most == 1 else f'{most} times'}."


def _check_files(
    form: FormData, reused: Mapping[str, list[str]], settings: Settings
) -> list[FieldError]:
    """The errors of pictures that are missing, empty, too large as files, or neither files nor
    references."""
    errors = []
    for name, field in PICTURE_FIELDS.items():
        uploads = form.getlist(name)
        if field.required and not uploads and name not in reused:
            errors.append(FieldError(name, "missing_file", f"A {name} image is needed."))
        if uploads and name == "start_image" and name in reused:
            sentence = "Send this picture or name a job in `start`, not both."
            errors.append(FieldError(name, "repeated_field", sentence))
        checks = [_check_file(name, upload, settings) for upload in uploads]
        errors += [
            replace(error, detail=locate(error.detail, index, len(uploads)))
            for index, error in enumerate(checks)
            if error is not None
        ]
    return errors


def _check_file(name: str, upload: UploadFile | str, settings: Settings) -> FieldError | None:
    if not isinstance(upload, UploadFile):
        sentence = f"This must be {POSSIBLE}."
        return None if is_reference(upload) else FieldError(name, "not_a_file", sentence)
    return check_upload(name, upload, settings)


def _parse_settings(
    texts: Mapping[str, str], settings: Settings
) -> tuple[JobSettings, list[FieldError]]:
    """The settings of the jobs and the errors in them; with errors, they are the defaults."""
    try:
        parsed = parse_job_settings(
            {k: text for k, text in texts.items() if k in JOB_SETTINGS},
            max_keep_seconds=settings.retention_seconds,
        )
    except InvalidOptions as invalid:
        return JobSettings(), [invalid_option_error(error) for error in invalid.errors]
    if parsed.webhook_url is None:
        if "webhook_events" in texts:
            sentence = "`webhook_events` needs an address to send them to."
            return parsed, [FieldError("webhook_url", "missing_value", sentence)]
    else:
        fault = check_url(parsed.webhook_url, allow_private=settings.webhooks_anywhere)
        if fault is not None:
            return parsed, [FieldError("webhook_url", "invalid_value", fault)]
    return parsed, []


def _parse_variants(
    texts: Mapping[str, str],
    preset: Preset,
    image_counts: Mapping[str, int],
    settings: Settings,
    kind: Kind,
    pairs: int,
) -> tuple[tuple[Variant, ...], list[FieldError]]:
    """The options of each job of a pair, or the errors in them."""
    several = () if kind == "job" else SWEEP_OPTIONS
    axes = {name: texts[name].split(",") for name in several if name in texts}
    count = pairs * prod(map(len, axes.values()))
    if count > MAX_JOBS:
        sentence = f"These are {count} jobs; at most {MAX_JOBS} may be submitted at once."
        names = (*(PAIRED_FIELDS if kind == "batch" else ()), *axes)
        return (), [FieldError(name, "too_many_values", sentence) for name in names]
    variants = []
    for values in product(*axes.values()):
        job_texts = {**texts, **dict(zip(axes, map(str.strip, values), strict=True))}
        try:
            options = _parse_options(job_texts, preset, image_counts, settings)
        except InvalidFields as invalid:
            return (), list(invalid.errors)
        differing = {name: getattr(options, name) for name in axes if len(axes[name]) > 1}
        variants.append(Variant(differing, options))
    return tuple(variants), []


def _parse_options(
    texts: Mapping[str, str], preset: Preset, image_counts: Mapping[str, int], settings: Settings
) -> Options:
    """The options of one job.

    Raises:
        InvalidFields: names every invalid option.
    """
    texts = {name: text for name, text in texts.items() if name in OPTIONS}
    has_start = is_job_id(texts.get("start", ""))
    if has_start or (image_counts["start_image"] and "start" not in texts):
        texts["start"] = "image"
    try:
        options = parse(texts, PRESETS[preset])
        options.check_images(
            styles=max(1, image_counts["style"]),  # a missing style is reported elsewhere
            masks=image_counts["mask"],
            style_masks=image_counts["style_mask"],
            start_image=bool(image_counts["start_image"]),
        )
        check_network(preset, options)
    except InvalidOptions as invalid:
        raise InvalidFields(
            [_limit_size(error, settings.max_size_pixels) for error in invalid.errors]
        ) from invalid
    except OptionError as error:
        raise InvalidFields([invalid_option_error(error)]) from error
    if options.size > settings.max_size_pixels:
        sentence = f"The longest side may be at most {settings.max_size_pixels} pixels here."
        raise InvalidFields([FieldError("size", "size_too_large", sentence)])
    return options


def _limit_size(error: OptionError, max_size: int) -> FieldError:
    """The error of an option; `size` may have a lower limit here."""
    size = OPTIONS["size"].type
    if error.field == "size" and isinstance(size, NumberType):
        limited = replace(size, maximum=max_size)
        sentence = error.sentence.replace(size.requirement, limited.requirement)
        return FieldError("size", "invalid_value", f"This {sentence}")
    return invalid_option_error(error)
