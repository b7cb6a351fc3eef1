"""JSON schemas and job settings come from declared tables."""

import re
from dataclasses import asdict

import pytest

from pastiche.job_settings import JOB_SETTINGS, JobSettings, parse_job_settings
from pastiche.option_values import NumberType
from pastiche.options import (
    LIVE_OPTIONS,
    OPTIONS,
    SWEEP_OPTIONS,
    InvalidOptions,
    json_schema,
    update_schema,
)


def test_the_schema_of_options_has_every_option_with_its_default() -> None:
    properties = json_schema()["properties"]
    assert list(properties) == list(OPTIONS)
    for name, option in OPTIONS.items():
        default = option.default
        expected = list(default) if isinstance(default, tuple) else default
        assert properties[name]["default"] == expected, name


@pytest.mark.parametrize("name", OPTIONS)
def test_the_schema_describes_each_option(name: str) -> None:
    option, schema = OPTIONS[name], json_schema()["properties"][name]
    assert schema["description"] == option.description
    assert schema.get("x-unit") == option.unit
    if isinstance(option.type, NumberType):
        assert (schema["minimum"], schema["maximum"]) == (option.type.minimum, option.type.maximum)


def test_the_schema_of_an_update_has_the_live_options() -> None:
    assert set(update_schema()["properties"]) == set(LIVE_OPTIONS)


def test_a_list_is_a_text_in_a_form() -> None:
    schema = OPTIONS["style_weights"].form_schema()
    assert schema["type"] == "string"
    assert "default" not in schema


@pytest.mark.parametrize("name", SWEEP_OPTIONS)
def test_an_option_of_a_sweep_is_a_text_with_several_values(name: str) -> None:
    pattern = OPTIONS[name].sweep_schema()["pattern"]
    assert all(re.search(pattern, text) for text in ("1", "0.5, 1", "1e-3,2"))
    assert not re.search(pattern, "high")


def test_the_schemas_are_new_each_time() -> None:
    json_schema()["properties"]["size"].clear()
    assert json_schema()["properties"]["size"]


def test_job_settings_have_the_defaults_of_their_table() -> None:
    defaults = {name: setting.default for name, setting in JOB_SETTINGS.items()}
    assert asdict(JobSettings()) == defaults
    assert parse_job_settings({}) == JobSettings()


def test_job_settings_are_parsed() -> None:
    settings = parse_job_settings({"deadline": "60", "priority": "low", "pictures_of": "a" * 32})
    assert (settings.deadline, settings.priority) == (60.0, "low")


def test_a_job_is_retained_for_a_number_of_seconds_or_until_it_is_fetched() -> None:
    assert parse_job_settings({"keep": "7200"}).keep == 7200.0
    assert parse_job_settings({"keep": "until_fetched"}).keep == "until_fetched"


def test_the_events_of_a_webhook_are_a_list_in_their_order() -> None:
    settings = parse_job_settings({"webhook_events": "finished, started,finished"})
    assert settings.webhook_events == ("started", "finished")


@pytest.mark.parametrize(("hours", "allowed"), [(48, 48 * 3600), (0.5, 1800), (1e6, 31536000)])
def test_a_job_is_retained_no_longer_than_its_operator_allows(hours: float, allowed: int) -> None:
    most = hours * 3600
    assert parse_job_settings({"keep": str(allowed)}, max_keep_seconds=most).keep == allowed
    with pytest.raises(InvalidOptions, match=f"and {allowed} seconds"):
        parse_job_settings({"keep": str(allowed + 1)}, max_keep_seconds=most)


def test_several_words_are_a_text_in_a_form_and_a_list_in_json() -> None:
    events = JOB_SETTINGS["webhook_events"]
    assert re.search(events.form_schema()["pattern"], "started,finished")
    assert not re.search(events.form_schema()["pattern"], "started,ended")
    assert events.json_schema()["type"] == "array"
    assert events.json_schema()["default"] == ["finished"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deadline", "0"),
        ("deadline", "604801"),
        ("deadline", "nan"),
        ("timeout", "0"),
        ("timeout", "604801"),
        ("keep", "3599"),
        ("keep", "31536001"),
        ("keep", "forever"),
        ("webhook_events", "ended"),
        ("webhook_events", "started,"),
        ("priority", "highest"),
        ("preset", "best"),
        ("webhook_url", "https://example.com/" + "a" * 2000),
        ("pictures_of", "a" * 31),
    ],
)
def test_an_invalid_job_setting_raises_an_error_that_names_it(name: str, text: str) -> None:
    with pytest.raises(InvalidOptions) as invalid:
        parse_job_settings({name: text})
    assert [error.field for error in invalid.value.errors] == [name]
