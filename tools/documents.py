"""Writes the generated pages of the documentation: `python -m tools.documents`.

A test compares the committed pages with these functions, so that they cannot become outdated.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from api.ops.metrics import METRICS, Metric
from pastiche.job_settings import JOB_SETTINGS
from pastiche.option_warnings import WARNINGS
from pastiche.options import OPTIONS, Option, encode_option
from pastiche.presets import MEANINGS, PRESETS, SOURCED, Preset
from shared.errors import FAILURES, FIELD_ERRORS, list_errors
from shared.inputs import PICTURE_FIELDS
from shared.settings import Settings
from tools.notebook import generate_notebook

FOLDER = Path(__file__).parents[1] / "docs"

_BEGINS, _ENDS = "<!-- options: make docs -->", "<!-- end of options -->"


def settings_page() -> str:
    """Every setting: its variable, its default and its meaning."""
    rows = (
        (
            f"`PASTICHE_{name.upper()}`",
            _code(field.default),
            " ".join((field.description or "").split()),
        )
        for name, field in Settings.model_fields.items()
    )
    return (
        "# Settings\n\n"
        "Every setting is an environment variable. For a service on one machine, set the port and\n"
        "the address with the command, `make serve PORT=… HOST=…`. OpenTelemetry's own variables\n"
        "set where [traces](deployment.md#traces) are sent.\n\n"
        "A setting that contains a secret can be read from a file, such as Docker and Kubernetes\n"
        "mount: `PASTICHE_REDIS_URL_FILE=/run/secrets/redis_url`. The file is read once, at the\n"
        "start, without its last newline. Secrets are never logged.\n\n"
    ) + _table(("variable", "default", "meaning"), rows)


def options_page() -> str:
    """Every field of a job with its default, allowed values and meaning, and the presets."""
    pictures = (
        (f"`{name}`", "" if field.most == 1 else f"up to {field.most}", field.description)
        for name, field in PICTURE_FIELDS.items()
    )
    presets = (
        (
            f"`{name}`",
            MEANINGS[name],
            "see below" if name in SOURCED else ", ".join(f"`{k}={v}`" for k, v in chosen.items()),
        )
        for name, chosen in PRESETS.items()
    )
    return (
        "# Options\n\n"
        "The options are form fields of `POST /jobs`, and arguments of `pastiche.Options`,\n"
        "where several values are a list and the weights of layers are a dict. The pictures\n"
        "are arguments of `pastiche.stylize`, which calls the masks `masks` and\n"
        "`style_masks`, and takes `start_image` together with `start='image'`. An operator\n"
        "can lower the maximum `size` (`PASTICHE_MAX_SIZE_PIXELS`).\n\n"
        "## Pictures\n\n"
        + _table(("field", "how many", "what it is"), pictures)
        + "\nA mask must have the same aspect ratio as its image, but may be smaller. It must\n"
        "be at least half white somewhere. A content map may be darker, but not black everywhere.\n"
        "The start image must have the aspect ratio of the content image. If `start` or\n"
        "`pictures_of` is the id of an earlier job, the pictures that you do not send are\n"
        "taken from that job. For orientation, colour profiles, depth and transparency, see\n"
        "[picture files](picture-files.md).\n"
        + "".join(map(_group, dict.fromkeys(option.group for option in OPTIONS.values())))
        + "\n## Job settings\n\nForm fields of `POST /jobs` only.\n\n"
        + _option_table("field", JOB_SETTINGS.values(), "Job settings")
        + "\n## Presets\n\n`preset` selects default values for the options. Options that you "
        "give override them.\n\n"
        + _table(("preset", "what for", "what it sets"), presets)
        + "".join(map(_sourced_preset, SOURCED))
    )


def _sourced_preset(name: Preset) -> str:
    """A preset that reproduces a published method: each value with its source."""
    rows = (
        (f"`{option}`", _code(_short(constant.value)), constant.source)
        for option, constant in SOURCED[name].items()
    )
    return f"\n### {name}\n\n" + _table(("option", "value", "source"), rows)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else encode_option(value)


def _group(group: str) -> str:
    """The options of one group, under its heading."""
    return f"\n## {group}\n\n" + _option_table("option", OPTIONS.values(), group)


def _option_table(kind: str, options: Iterable[Option], group: str) -> str:
    rows = (
        (
            f"`{option.name}`",
            _code(_as_text(option.default)),
            option.type.requirement,
            option.description,
        )
        for option in options
        if option.group == group
    )
    return _table((kind, "default", "allowed values", "meaning"), rows)


def engine_options() -> str:
    """Every option with its meaning and its source."""
    rows = (
        (
            f"`{option.name}`",
            _code(_as_text(option.default)),
            option.description,
            option.source or "our own",
        )
        for option in OPTIONS.values()
    )
    return _table(("option", "default", "what it does", "source"), rows)


def engine_page() -> str:
    """The engine's page, in which only the table of options is generated."""
    page = (FOLDER / "engine.md").read_text("utf-8")
    before, found, rest = page.partition(_BEGINS)
    _, also_found, after = rest.partition(_ENDS)
    assert found, "docs/engine.md has lost the beginning of its table"
    assert also_found, "docs/engine.md has lost the end of its table"
    return f"{before}{_BEGINS}\n{engine_options()}{_ENDS}{after}"


def _as_text(default: Any) -> str | None:
    """A default as in a form, None if it is empty."""
    return None if default is None else encode_option(default) or None


def errors_page() -> str:
    """Every error code that a client can get: of refused requests and of failed jobs."""
    refusals = ((f"`{each.code}`", str(each.status), each.title) for each in list_errors())
    fields = ((f"`{code}`", meaning) for code, meaning in FIELD_ERRORS.items())
    failures = ((f"`{code}`", sentence) for code, sentence in FAILURES.items())
    warnings = ((f"`{code}`", meaning) for code, meaning in WARNINGS.items())
    return (
        "# Errors\n\n"
        "A request that fails is answered with `application/problem+json` (RFC 9457): `type`,\n"
        "`title`, `status`, a `detail` for people and a `code` for programs. If fields are\n"
        "invalid, `errors` names each of them; pictures are only decoded once everything else\n"
        "is valid. The status is that of the errors of all fields if they share one (413 or\n"
        "415), and otherwise 422. A path or a method that does not exist has the code\n"
        "`not_found` or `method_not_allowed`, and unexpected errors have the code\n"
        "`internal_error` (500). Only `/readyz` has its own format for 503, which lists each\n"
        "component.\n\n"
        + _table(("code", "status", "meaning"), refusals)
        + "\nAn invalid field has its name in `field`, a sentence in `detail`, and a `code`:\n\n"
        + _table(("code", "meaning"), fields)
        + "\nA job that ends as `failed` says why in its `error`:\n\n"
        + _table(("code", "meaning"), failures)
        + "\n## Warnings\n\n"
        "An accepted job may have `warnings` about options or images that do not have the\n"
        "expected effect. Each has `field`, `code` and a sentence in `detail`:\n\n"
        + _table(("code", "meaning"), warnings)
    )


def metrics_page() -> str:
    """Every metric: its name, what it counts or measures, and its labels."""
    rows = (
        (f"`{_exposed(metric)}`", metric.kind, metric.description, _labels(metric))
        for metric in METRICS
    )
    return (
        "# Metrics\n\n"
        "Prometheus reads these metrics from `GET /metrics`. Changes of jobs are counted in\n"
        "Redis, by the scripts that change the jobs' records. There is one count for the\n"
        "whole service, and every API process returns the same one, so with several API\n"
        "processes, take the `max` of these metrics and not the `sum`. Where a row says 'of\n"
        "this API process alone', each process counts for itself: take the `sum`, or the\n"
        "`min` of `pastiche_store_writable`. A dashboard for Grafana is in `deploy/grafana`,\n"
        "and alerts are in `deploy/prometheus`, each with a section in the\n"
        "[runbook](runbook.md#alerts). [Traces](deployment.md#traces) follow one job.\n\n"
        "After a failover, or after Redis was killed, Redis may have lost its last counts. If\n"
        "a counter falls, Prometheus assumes that it started again at 0: `rate()` and\n"
        "`increase()` then show one high peak, and `resets()` is above 0. The alerts do not\n"
        "fire because of this: they compare with the lowest value of the last minutes.\n\n"
    ) + _table(("metric", "kind", "what", "label"), rows)


def _exposed(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.kind == "counter" else metric.name


def _labels(metric: Metric) -> str:
    if metric.label is None:
        return ""
    values = ", ".join(f"`{value}`" for value in metric.values)
    return f"`{metric.label}`: {values}" if values else f"`{metric.label}`"


PAGES = {
    "metrics.md": metrics_page,
    "settings.md": settings_page,
    "options.md": options_page,
    "errors.md": errors_page,
    "engine.md": engine_page,
    "../examples/library.ipynb": generate_notebook,
}


def main() -> None:
    """Writes the pages."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(head)]
    lines.append(("---",) * len(lines[0]))
    lines += [tuple(row) for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _code(default: Any) -> str:
    return "" if default is None else f"`{default}`"


if __name__ == "__main__":
    main()
