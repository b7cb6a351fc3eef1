"""`/docs`: every request can be tried out in a browser, without changes or with files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from api.app import create_app
from local.supervisor import free_port
from shared.settings import Settings
from tests.api.worker import submitted
from tests.conftest import RunningApi, running_api
from tests.object_store import Bucket
from tests.page.conftest import opened

JSON = "application/json"
FORM = "multipart/form-data"

TRIED_OUT = {
    "submitJob": {JSON, FORM},
    "submitSweep": {JSON, FORM},
    "submitBatch": {JSON, FORM},
    "updateWeights": {JSON},
    "uploadPicture": {FORM},
    "beginUpload": {JSON},
}
"""Every request body; each has a test below."""

PHONE_WIDTH = 390


@contextmanager
def shown(browser: Browser, api: RunningApi, name: str, width: int = 1440) -> Iterator[Locator]:
    """An operation, unfolded."""
    viewport = {"width": width, "height": 900}
    with opened(browser, f"{api.http.base_url}/docs", viewport=viewport) as page:
        operation = page.locator(f'[id^="operations-"][id$="-{name}"]')
        operation.locator(".opblock-summary-control").click()
        yield operation


def execute(operation: Locator, status: str) -> None:
    """Sends the request, and waits for its response."""
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table td.response-col_status")
    expect(answer.last).to_contain_text(status)


def preset(api: RunningApi, name: str) -> Any:
    """The options of a preset."""
    presets = api.http.get("/presets").json()["presets"]
    return next(each["options"] for each in presets if each["name"] == name)


def choose_form(operation: Locator) -> None:
    operation.locator("select.content-type").first.select_option(FORM)


def field(operation: Locator, name: str) -> Locator:
    return operation.locator(f"tr[data-property-name={name}]")


def add_file(operation: Locator, name: str, file: Path) -> None:
    """Adds a file to a field that may have several."""
    field(operation, name).get_by_role("button", name="Add").click()
    field(operation, name).locator("input[type=file]").last.set_input_files(file)


def choose_files(operation: Locator, files: dict[str, Path]) -> None:
    """Chooses a photograph and a painting."""
    field(operation, "content").locator("input[type=file]").set_input_files(files["content"])
    add_file(operation, "style", files["style"])


def test_every_request_with_a_body_is_tried_out() -> None:
    operations = [
        operation
        for methods in create_app(Settings()).openapi()["paths"].values()
        for operation in methods.values()
    ]
    bodies = {
        operation["operationId"]: set(operation["requestBody"]["content"])
        for operation in operations
        if "requestBody" in operation
    }
    assert bodies == TRIED_OUT


@pytest.mark.parametrize(
    ("name", "count"), [("submitJob", 1), ("submitSweep", 3), ("submitBatch", 4)]
)
def test_a_submission_works_without_changes(
    name: str, count: int, browser: Browser, api: RunningApi
) -> None:
    with shown(browser, api, name) as operation:
        execute(operation, "202")
    assert len(api.http.get("/jobs").json()["jobs"]) == count


def test_a_job_is_submitted_with_two_files_and_nothing_else(
    browser: Browser, api: RunningApi, files: dict[str, Path]
) -> None:
    with shown(browser, api, "submitJob") as operation:
        choose_form(operation)
        choose_files(operation, files)
        execute(operation, "202")
    (job,) = api.http.get("/jobs").json()["jobs"]
    assert job["options"] == preset(api, "draft")


def test_the_fields_that_were_left_blank_do_not_override_a_preset(
    browser: Browser, api: RunningApi, files: dict[str, Path]
) -> None:
    with shown(browser, api, "submitJob") as operation:
        choose_form(operation)
        choose_files(operation, files)
        field(operation, "preset").locator("select").select_option("fine")
        execute(operation, "202")
    (job,) = api.http.get("/jobs").json()["jobs"]
    assert job["options"] == preset(api, "fine")
    assert job["options"]["size"] == 1024


def test_the_form_of_a_sweep_has_values_to_compare(
    browser: Browser, api: RunningApi, files: dict[str, Path]
) -> None:
    with shown(browser, api, "submitSweep") as operation:
        choose_form(operation)
        choose_files(operation, files)
        execute(operation, "202")
    jobs = api.http.get("/jobs").json()["jobs"]
    assert {job["options"]["style_weight"] for job in jobs} == {0.1, 0.5, 0.9}


def test_a_batch_is_submitted_with_files_and_nothing_else(
    browser: Browser, api: RunningApi, files: dict[str, Path]
) -> None:
    with shown(browser, api, "submitBatch") as operation:
        choose_form(operation)
        add_file(operation, "content", files["content"])
        add_file(operation, "style", files["style"])
        add_file(operation, "style", files["content"])
        execute(operation, "202")
    assert len(api.http.get("/jobs").json()["jobs"]) == 2


def test_weights_are_updated_with_the_id_of_a_job_and_nothing_else(
    browser: Browser, api: RunningApi
) -> None:
    job = submitted(api)
    with shown(browser, api, "updateWeights") as operation:
        operation.get_by_placeholder("job_id").fill(job["id"])
        execute(operation, "200")
    assert api.http.get(f"/jobs/{job['id']}").json()["options"]["style_weight"] == 0.8


def test_a_picture_is_uploaded_with_a_file_and_nothing_else(
    browser: Browser, api: RunningApi, files: dict[str, Path]
) -> None:
    with shown(browser, api, "uploadPicture") as operation:
        field(operation, "picture").locator("input[type=file]").set_input_files(files["style"])
        execute(operation, "201")
    assert len(api.http.get("/pictures").json()["pictures"]) == 1


@pytest.mark.slow
def test_a_direct_upload_begins_without_changes(
    browser: Browser, redis_url: str, s3_server: str, bucket: Bucket, tmp_path: Path
) -> None:
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    environment = bucket.environment(s3_server) | {"PASTICHE_DIRECT_UPLOADS": "true"}
    with (
        running_api(settings, **environment) as api,
        shown(browser, api, "beginUpload") as operation,
    ):
        execute(operation, "200")


def test_the_fields_of_a_form_have_the_headings_of_their_groups(
    browser: Browser, api: RunningApi
) -> None:
    groups = [option["group"] for option in api.http.get("/options").json()["options"]]
    with shown(browser, api, "submitJob") as operation:
        choose_form(operation)
        headings = operation.locator("tr.group")
        expect(headings).to_have_text(list(dict.fromkeys(groups)))
        above_size = operation.locator("tr.group:has(+ [data-property-name=size])")
        expect(above_size).to_have_text("Size")
        expect(field(operation, "pictures_of").locator("+ tr.group")).to_have_text("Preset")


def test_a_form_is_as_wide_as_a_phone(browser: Browser, api: RunningApi) -> None:
    with shown(browser, api, "submitJob", width=PHONE_WIDTH) as operation:
        choose_form(operation)
        expect(field(operation, "content")).to_be_visible()
        assert operation.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
