"""The same pair with several weights, side by side."""

from typing import Any

from playwright.sync_api import Browser, Page, expect

from shared.job_store import JobStore
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi
from tests.page.conftest import opened, phone


def swept(page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore) -> list[Any]:
    """The jobs that sweep the dial of the worker's picture, all of them painted."""
    worker.commit(png(160, 120))
    page.get_by_role("button", name="Compare weights").click()
    expect(page.locator("#sweep-status")).to_have_text("0 of 5 are painted")
    found: list[Any] = api.http.get("/jobs", params={"status": "queued"}).json()["jobs"]
    for job in found:
        PlayedWorker.of(job, jobs, api).commit(png(160, 120))
    expect(page.locator("#sweep-status")).to_have_text("Done")
    expect(page.locator("#sweep-pictures img")).to_have_count(5)
    return found


def test_weights_are_compared_side_by_side(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    found = swept(page, worker, api, jobs)
    assert {job["options"]["start"] for job in found} == {"content"}
    labels = [f"Style {percent} %" for percent in (10, 30, 50, 70, 90)]
    expect(page.locator("#sweep-pictures li")).to_have_text(labels)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as one picture").click()
    assert download.value.path().stat().st_size > 1000


def test_a_picture_of_a_comparison_can_be_opened(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    swept(page, worker, api, jobs)
    page.locator("#sweep-pictures a").nth(3).click()
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    expect(page.locator("#job-title")).to_have_text("holiday in the style of painting")
    expect(page.get_by_label("How much of the photograph is shown")).to_be_visible()
    expect(page.get_by_role("link", name="Style 70 %,")).to_be_visible()


def test_a_picture_of_a_comparison_can_be_opened_again_after_going_back(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    page.set_viewport_size({"width": 390, "height": 600})
    swept(page, worker, api, jobs)
    member = page.locator("#sweep-pictures a").nth(3)
    member.click()
    expect(page.locator("#job-title")).to_be_in_viewport(ratio=1)
    page.go_back()
    expect(page.locator("#sweep-title")).to_be_in_viewport(ratio=1)
    member.click()
    expect(page.locator("#job-title")).to_be_in_viewport(ratio=1)


def test_a_comparison_that_is_shown_again_has_its_pictures(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    swept(page, worker, api, jobs)
    page.go_back()
    page.go_forward()
    expect(page.locator("#sweep-status")).to_have_text("Done")
    expect(page.locator("#sweep-pictures img")).to_have_count(5)


def test_a_picture_that_is_deleted_leaves_the_comparison_and_comes_back_when_that_is_undone(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    swept(page, worker, api, jobs)
    shown = page.locator("#sweep-pictures li").filter(visible=True)
    page.locator("#gallery li").filter(has_text="Style 30 %").get_by_role("button").click()
    expect(shown).to_have_text([f"Style {percent} %" for percent in (10, 50, 70, 90)])
    page.get_by_role("button", name="Undo").click()
    expect(shown).to_have_count(5)


def test_a_picture_that_was_deleted_elsewhere_is_not_in_the_comparison(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    deleted, *_ = swept(page, worker, api, jobs)
    assert api.http.delete(f"/jobs/{deleted['id']}").status_code == 204
    page.reload()
    expect(page.locator("#sweep-status")).to_have_text("Done")
    expect(page.locator("#sweep-pictures img")).to_have_count(4)
    expect(page.locator("#sweep-pictures li")).to_have_count(4)


def test_a_dead_link_says_that_the_comparison_is_gone(page: Page) -> None:
    page.evaluate("() => { location.hash = 'sweep=' + '0'.repeat(32) }")
    expect(page.locator("#sweep-status")).to_have_text("This comparison no longer exists.")
    expect(page.locator("#sweep-error")).to_be_empty()


def test_two_pictures_of_a_comparison_are_in_a_row_on_a_phone(
    browser: Browser, api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).commit(png(160, 120))
    fields = {"pictures_of": job["id"], "seed": [1, 2, 3]}
    sweep = api.http.post("/sweeps", json=fields).json()
    for member in sweep["jobs"]:
        PlayedWorker.of(member, jobs, api).commit(png(160, 120))
    link = f"{api.http.base_url}#sweep={sweep['id']}"
    with opened(browser, link, **phone(390, 844)) as page:
        expect(page.locator("#sweep-pictures img")).to_have_count(3)
        tops = page.locator("#sweep-pictures li").evaluate_all(
            "items => items.map((item) => item.offsetTop)"
        )
        assert tops[0] == tops[1] < tops[2]
