"""While a picture is painted, and when it is done; a worker is played."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from shared.blob_store import preview_key
from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi
from tests.page.actions import paint


@pytest.fixture
def worker(page: Page, api: RunningApi, jobs: JobStore, files: dict[str, Path]) -> PlayedWorker:
    """It has claimed the job that the page has just submitted."""
    job_id = paint(page, files)
    return PlayedWorker.of({"id": job_id}, jobs, api)


def with_preview(worker: PlayedWorker, iteration: int) -> None:
    worker.show(iteration)
    worker.blobs.put(preview_key(worker.job_id, worker.fence), pictures.jpeg())


def test_progress_is_told_in_words_and_as_a_bar(page: Page, worker: PlayedWorker) -> None:
    worker.tell(iteration=126)
    expect(page.locator("#status")).to_have_text(
        "Scale 2/3, iteration 126 of 300, about 10 s left."
    )
    expect(page.locator("#progress")).to_have_js_property("value", 0.42)


def test_what_has_no_effect_is_said_below_the_picture(page: Page, worker: PlayedWorker) -> None:
    warnings = page.get_by_role("list", name="Warnings").get_by_role("listitem")
    expect(warnings).to_have_count(2)
    expect(warnings.first).to_contain_text("The content image is 160×120 pixels")
    worker.tell(iteration=126)
    expect(page.locator("#status")).to_contain_text("iteration 126")
    expect(warnings).to_have_count(2)


def test_the_picture_appears_while_it_is_painted(page: Page, worker: PlayedWorker) -> None:
    worker.blobs.put(preview_key(worker.job_id, worker.fence), pictures.jpeg())
    worker.tell(10, preview_key=preview_key(worker.job_id, worker.fence), preview_iteration="10")
    expect(page.get_by_alt_text("The picture so far")).to_be_visible()


def test_the_loss_curves_grow(page: Page, worker: PlayedWorker) -> None:
    for iteration in (10, 20):  # the first of them may come before the page listens
        worker.tell(iteration=iteration)
        expect(page.locator("#status")).to_contain_text(f"iteration {iteration}")
    worker.tell(iteration=30)
    expect(page.get_by_role("img", name="After 30 iterations")).to_be_visible()
    expect(page.locator("#curves path")).to_have_count(5)


def test_the_dial_changes_the_running_job(
    page: Page, worker: PlayedWorker, api: RunningApi
) -> None:
    worker.tell(iteration=10)
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.locator("#live-dial").fill("0.9")
    options = api.http.get(f"/jobs/{worker.job_id}").json()["options"]
    assert (options["content_weight"], options["style_weight"]) == (0.1, 0.9)


def test_a_picture_that_is_done_can_be_compared_and_fetched(
    page: Page, worker: PlayedWorker
) -> None:
    worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    page.get_by_label("How much of the photograph is shown").fill("60")
    shown = page.locator("#before").evaluate("image => getComputedStyle(image).clipPath")
    assert shown == "inset(0px 40% 0px 0px)"
    for kind in ("PNG", "JPEG", "WebP"):
        with page.expect_download() as download:
            page.get_by_role("link", name=f"Download as {kind}").click()
        assert download.value.suggested_filename.endswith(kind.lower())
        assert download.value.path().stat().st_size > 100


def test_one_goes_on_from_a_picture_larger(
    page: Page, worker: PlayedWorker, api: RunningApi
) -> None:
    worker.commit(png(160, 120))
    page.get_by_role("button", name="Go on from here").click()
    expect(page.locator("#status")).to_contain_text("queue")
    newest, *_ = api.http.get("/jobs").json()["jobs"]
    assert newest["id"] != worker.job_id
    assert (newest["options"]["start"], newest["options"]["size"]) == ("image", 1024)


@pytest.mark.parametrize("button", ["Go on from here", "Sweep the dial"])
def test_what_follows_a_picture_has_its_options(
    page: Page, api: RunningApi, jobs: JobStore, button: str
) -> None:
    chosen = {"seed": 7, "style_layers": "relu1_1:2,relu3_1", "scale_iterations": "3,4"}
    job = submitted(api, colour="luminance", **chosen)
    PlayedWorker.of(job, jobs, api).commit(png(96, 64))
    page.evaluate("id => { location.hash = `job=${id}` }", job["id"])
    page.get_by_role("button", name=button).click()
    expect(page).not_to_have_url(re.compile(job["id"]))
    newest, *_ = api.http.get("/jobs").json()["jobs"]
    for name in (*chosen, "colour"):
        assert newest["options"][name] == job["options"][name]


def swept(page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore) -> list[Any]:
    """The jobs that sweep the dial of the worker's picture, all of them painted."""
    worker.commit(png(160, 120))
    page.get_by_role("button", name="Sweep the dial").click()
    expect(page.locator("#sweep-status")).to_have_text("0 of 5 are painted.")
    found: list[Any] = api.http.get("/jobs", params={"status": "queued"}).json()["jobs"]
    for job in found:
        PlayedWorker.of(job, jobs, api).commit(png(160, 120))
    expect(page.locator("#sweep-status")).to_have_text("Done.")
    expect(page.locator("#sheet")).to_be_visible()
    return found


def test_the_dial_is_swept_into_a_contact_sheet(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    found = swept(page, worker, api, jobs)
    assert {job["options"]["start"] for job in found} == {"content"}


def test_a_sweep_that_is_shown_again_has_its_sheet(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    swept(page, worker, api, jobs)
    page.go_back()
    page.go_forward()
    expect(page.locator("#sweep-status")).to_have_text("Done.")
    expect(page.locator("#sheet")).to_be_visible()


def test_a_picture_that_comes_late_is_not_taken_for_the_next_one(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    next_one = PlayedWorker.of(submitted(api), jobs, api)
    next_one.tell(iteration=10)
    held: list[Route] = []
    page.route("**/result*", lambda route: held.append(route))
    page.evaluate("id => { location.hash = `job=${id}` }", next_one.job_id)
    expect(page.locator("#status")).to_contain_text("iteration 10")
    with page.expect_request("**/result*"):
        page.go_back()
    expect(page.locator("#status")).to_have_text("Done.")
    page.go_forward()
    expect(page.locator("#status")).to_contain_text("iteration 10")
    assert held
    for route in held:
        route.continue_()
    page.wait_for_timeout(500)  # what must not happen cannot be waited for
    expect(page.locator("#after")).to_be_hidden()
    expect(page.locator("#compare")).to_be_hidden()


def test_a_job_is_canceled_and_tried_again(page: Page, worker: PlayedWorker) -> None:
    worker.tell(iteration=10)
    page.get_by_role("button", name="Cancel").click()
    worker.stop()
    expect(page.locator("#status")).to_have_text("Canceled.")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#status")).to_contain_text("Next in the queue")


def test_a_shared_link_shows_the_picture_to_others(page: Page, worker: PlayedWorker) -> None:
    worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    other = page.context.browser
    assert other is not None
    visitor = other.new_page()
    visitor.goto(page.url)
    expect(visitor.get_by_alt_text("The picture", exact=True)).to_be_visible()
    visitor.close()
