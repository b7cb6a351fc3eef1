"""`/docs`: the API can be tried out in a browser."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.conftest import RunningApi
from tests.page.conftest import opened


def test_a_job_is_submitted_with_two_pictures_and_nothing_else(
    browser: Browser, api: RunningApi, files: dict[str, Path]
) -> None:
    with opened(browser, f"{api.http.base_url}/docs") as page:
        operation = page.locator("#operations-jobs-submitJob")
        operation.locator(".opblock-summary-control").click()
        operation.locator("input[type=file]").first.set_input_files(files["content"])
        style = operation.locator("tr", has_text="style").filter(has_text="Add").first
        style.get_by_role("button", name="Add").click()
        style.locator("input[type=file]").last.set_input_files(files["style"])
        operation.get_by_role("button", name="Execute").click()
        status = operation.locator(".live-responses-table td.response-col_status")
        expect(status.last).to_contain_text("202")
    (job,) = api.http.get("/jobs").json()["jobs"]
    assert (job["options"]["size"], job["options"]["iterations"]) == (512, 120)


def test_a_preset_is_not_overridden_by_the_fields_that_were_left_blank(
    browser: Browser, api: RunningApi, files: dict[str, Path]
) -> None:
    with opened(browser, f"{api.http.base_url}/docs") as page:
        operation = page.locator("#operations-jobs-submitJob")
        operation.locator(".opblock-summary-control").click()
        blank = operation.locator("tr:has(input[type=text])").filter(has_text="iterations").first
        expect(blank.locator("input[type=text]")).to_have_value("")
