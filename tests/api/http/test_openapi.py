"""The OpenAPI document is correct: every valid request is answered as the document says."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import create_app
from shared.settings import Settings
from tests import pictures
from tests.conftest import RunningApi

EXAMPLES = int(os.environ.get("PASTICHE_FUZZ_EXAMPLES", "15"))
"""Of each operation; `make fuzz` tries many more."""

schemathesis.openapi.format("binary", st.sampled_from([pictures.jpeg(), pictures.png()]))


DESCRIBED = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
OPERATIONS = [found.ok() for found in DESCRIBED.get_all_operations() if isinstance(found, Ok)]

ENDLESS = "/jobs/{job_id}/events"
"""An answer that ends with its job, and `tests/api/events/test_events.py` reads it."""

OF_FORMS: list[Any] = [positive_data_acceptance]
"""What a schema cannot say of a form: which options go together."""


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if each.path != ENDLESS],
    ids=lambda operation: operation.label,
)
def test_every_answer_is_one_that_the_document_allows(
    operation: APIOperation[Any, Any, Any, Any], api: RunningApi
) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answered(case: schemathesis.Case[Any]) -> None:
        is_form = operation.path in ("/jobs", "/sweeps", "/batches") and case.media_type is not None
        case.call_and_validate(
            base_url=str(api.http.base_url), excluded_checks=OF_FORMS if is_form else []
        )

    answered()


def test_every_operation_has_a_name_and_a_description(api: RunningApi) -> None:
    operations = [
        operation
        for methods in api.http.get("/openapi.json").json()["paths"].values()
        for operation in methods.values()
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(operation.get("description") for operation in operations)


_AUTHENTICATED = (
    "/jobs",
    "/sweeps",
    "/batches",
    "/pictures",
    "/styles",
    "/options",
    "/presets",
    "/workers",
    "/tokens",
)


def test_an_operation_that_needs_a_key_documents_it_and_its_401(api: RunningApi) -> None:
    for path, methods in api.http.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            if path.startswith(_AUTHENTICATED):
                assert {"key": []} in operation["security"], (method, path)
                assert {"401", "403", "429", "503"} <= operation["responses"].keys(), (method, path)


def test_every_operation_is_in_the_documentation(api: RunningApi) -> None:
    page = Path("docs/api.md").read_text("utf-8")
    for path, methods in api.http.get("/openapi.json").json()["paths"].items():
        for method in methods:
            call = f"{method.upper()} {re.sub('{[a-z]+_id}', '{id}', path)}"
            assert f"`{call}`" in page, call


def test_every_error_is_a_problem(api: RunningApi) -> None:
    document = api.http.get("/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if status >= "400" and path != "/readyz":
                    schema = {"$ref": "#/components/schemas/Problem"}
                    assert response["content"] == {"application/problem+json": {"schema": schema}}


def test_a_method_that_cannot_be_used_is_answered_with_those_that_can(api: RunningApi) -> None:
    answer = api.http.put(f"/jobs/{'0' * 32}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH"
