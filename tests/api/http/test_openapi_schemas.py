"""Rules for every operation and every schema of the OpenAPI document, so that the clients
generated from it are easy to read and to use."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.app import create_app
from api.events.schemas import JobEvent
from shared.errors import list_errors
from shared.job_store import JobStore
from shared.settings import Settings
from tests.api.events.test_events import stream
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi

DOCUMENT = create_app(Settings()).openapi()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    operation["operationId"]: operation
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
}


def values_of(node: Any, key: str) -> Iterator[Any]:
    """Every value of a key, at any depth."""
    if isinstance(node, dict):
        yield from (value for name, value in node.items() if name == key)
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from values_of(each, key)


def inline_enums(schema: Any) -> list[Any]:
    return [each for each in values_of(schema, "enum") if len(each) > 1]


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_name_of_an_operation_is_a_verb_and_a_noun(name: str) -> None:
    assert re.fullmatch("[a-z]+([A-Z][a-z]+)+", name)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_name_of_a_schema_is_one_of_a_class(name: str) -> None:
    assert re.fullmatch("([A-Z][a-z]+)+", name)
    assert SCHEMAS[name]["title"] == name


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_no_enum_without_a_name(name: str) -> None:
    assert inline_enums(OPERATIONS[name]) == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_has_no_enum_without_a_name(name: str) -> None:
    inner = {key: value for key, value in SCHEMAS[name].items() if key != "enum"}
    assert inline_enums(inner) == []


def test_no_enum_has_two_names() -> None:
    enums = [tuple(schema["enum"]) for schema in SCHEMAS.values() if "enum" in schema]
    assert len(set(enums)) == len(enums)


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_parameter_can_be_null(name: str) -> None:
    parameters = OPERATIONS[name].get("parameters", [])
    assert "null" not in list(values_of(parameters, "type"))


def bodies_of(name: str) -> list[Any]:
    """The schemas of an operation's forms and JSON bodies."""
    contents = OPERATIONS[name].get("requestBody", {}).get("content", {})
    kinds = ("multipart/form-data", "application/json")
    return [contents[kind]["schema"] for kind in kinds if kind in contents]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_body_is_a_schema_with_a_name(name: str) -> None:
    assert all(list(body) == ["$ref"] for body in bodies_of(name))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_body_has_no_default_that_a_generated_client_would_send(name: str) -> None:
    for body in bodies_of(name):
        schema = SCHEMAS[body["$ref"].rpartition("/")[2]]
        assert list(values_of(schema, "default")) == []


def test_a_default_is_in_the_description() -> None:
    form = SCHEMAS["SubmitJobForm"]["properties"]
    assert form["size"]["description"].endswith("Default: 512, or the preset's value.")
    assert form["priority"]["description"].endswith('Default: "normal".')


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_success_has_a_typed_body(name: str) -> None:
    for status, response in OPERATIONS[name]["responses"].items():
        if status < "300" and status != "204":
            for media_type, content in response["content"].items():
                assert content.get("schema") or content["itemSchema"], (status, media_type)


@pytest.mark.parametrize("name", ["getResult", "getPreview", "getContactSheet"])
def test_a_picture_is_binary(name: str) -> None:
    for content in OPERATIONS[name]["responses"]["200"]["content"].values():
        assert content["schema"] == {"type": "string", "format": "binary"}


def test_a_problem_names_every_code_and_may_have_others() -> None:
    code = SCHEMAS["Problem"]["properties"]["code"]
    assert code["type"] == "string"
    codes = {error.code for error in list_errors()}
    assert codes | {"not_found", "method_not_allowed", "internal_error"} == set(
        code["x-extensible-enum"]
    )


def test_a_problem_s_fields_are_left_out_rather_than_null() -> None:
    assert "null" not in list(values_of(SCHEMAS["Problem"], "type"))
    assert "errors" not in SCHEMAS["Problem"]["required"]


def test_a_job_has_all_of_its_options() -> None:
    options = SCHEMAS["JobOptions"]
    assert options["required"] == list(options["properties"])


def test_the_name_of_an_event_determines_its_schema() -> None:
    content = OPERATIONS["streamEvents"]["responses"]["200"]["content"]
    assert content == {
        "text/event-stream": {"itemSchema": {"$ref": "#/components/schemas/JobEvent"}}
    }
    union = SCHEMAS["JobEvent"]
    assert union["discriminator"]["propertyName"] == "event"
    for name, reference in union["discriminator"]["mapping"].items():
        assert {"$ref": reference} in union["oneOf"]
        schema = SCHEMAS[reference.rpartition("/")[2]]
        assert schema["properties"]["event"]["const"] == name
        assert schema["properties"]["data"]["contentMediaType"] == "application/json"


def test_the_events_of_a_stream_are_those_of_the_document(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    worker.report_progress(iteration=7)
    worker.show(iteration=7)
    with stream(api, job) as events:
        received = [next(events), next(events), next(events)]
        worker.commit()
        received += list(events)
    values = ({"event": each.name, "id": each.id, "data": each.data} for each in received)
    names = [JobEvent.model_validate(value).root.event for value in values]
    assert names == ["status", "progress", "preview", "done"]
