"""The options model says what `pastiche.options` says."""

from dataclasses import asdict, fields

import pytest
from pydantic import ValidationError

from pastiche.options import Options, meaning_of
from shared.job_options import JobOptions


def test_it_has_every_option_with_its_default() -> None:
    assert JobOptions().model_dump() == asdict(Options())


@pytest.mark.parametrize("name", [field.name for field in fields(Options)])
def test_it_tells_openapi_what_each_option_means(name: str) -> None:
    schema = JobOptions.model_json_schema()["properties"][name]
    meaning = meaning_of(name)
    assert schema["description"] == meaning.description
    if schema["type"] in ("number", "integer"):
        assert (schema["minimum"], schema["maximum"]) == (meaning.minimum, meaning.maximum)


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e400", "abc", ""])
def test_a_number_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        JobOptions.model_validate({"style_weight": value})
