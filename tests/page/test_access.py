"""For everybody: by keyboard, to a screen reader, on a phone, in the dark."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from shared.job_store import JobStore
from tests.api.worker import PlayedWorker, png
from tests.conftest import RunningApi
from tests.page.actions import choose, paint
from tests.page.conftest import opened, phone

NO_LARGER_THAN_THE_SCREEN = "document.documentElement.scrollWidth <= innerWidth"


def violations(page: Page) -> list[str]:
    return [each["id"] for each in Axe().run(page).response["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_before_during_and_after(
    scheme: str,
    browser: Browser,
    api: RunningApi,
    jobs: JobStore,
    files: dict[str, Path],
) -> None:
    with opened(browser, str(api.http.base_url), color_scheme=scheme) as page:
        page.locator("#more > summary").click()
        expect(page.locator("#option-size")).to_be_visible()
        assert violations(page) == []
        page.locator("#more > summary").click()
        worker = PlayedWorker.of({"id": paint(page, files)}, jobs, api)
        worker.tell(10)
        expect(page.locator("#iterations")).to_contain_text("iteration 10")
        page.locator("#details summary").click()
        worker.tell(20)
        expect(page.locator("#curves")).to_be_visible()
        assert violations(page) == []
        worker.commit(png(160, 120))
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        assert violations(page) == []


def test_all_of_it_works_without_a_mouse(page: Page, api: RunningApi, jobs: JobStore) -> None:
    def press_until(selector: str) -> None:
        for _ in range(60):
            if page.evaluate("s => document.activeElement?.matches(s)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{selector} cannot be reached")

    press_until("#content-picker .examples button")
    page.keyboard.press("Enter")
    press_until("#style-picker .examples button")
    page.keyboard.press("Enter")
    expect(page.locator(".chosen img")).to_have_count(2)
    press_until("#dial")
    page.keyboard.press("ArrowRight")
    press_until("#paint")
    page.keyboard.press("Enter")
    expect(page.locator("#job-title")).to_be_focused()
    (job,) = api.http.get("/jobs").json()["jobs"]
    assert job["options"]["style_weight"] == 0.51
    PlayedWorker.of(job, jobs, api).commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    press_until("#compare")
    page.keyboard.press("End")
    press_until("#actions button")


def test_a_phone_shows_all_of_it(
    browser: Browser, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    with opened(browser, str(api.http.base_url), **phone(360, 740)) as page:
        for field, file in files.items():
            choose(page, field, file)
        assert page.evaluate(NO_LARGER_THAN_THE_SCREEN)
        worker = PlayedWorker.of({"id": paint(page, files)}, jobs, api)
        worker.commit(png(160, 120))
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        assert page.evaluate(NO_LARGER_THAN_THE_SCREEN)


def test_everything_that_is_touched_is_large_enough(
    browser: Browser, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    with opened(browser, str(api.http.base_url), **phone(390, 844)) as page:
        page.locator("#more > summary").click()
        expect(page.locator("#option-size")).to_be_visible()
        PlayedWorker.of({"id": paint(page, files)}, jobs, api).commit(png(160, 120))
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        small = page.locator(
            "a:not(.skip), button, summary, select, input[type=range]"
        ).evaluate_all(
            """elements => elements.filter((each) => each.checkVisibility()).filter((each) => {
                const { width, height } = each.getBoundingClientRect();
                return Math.round(Math.min(width, height)) < 44;
            }).map((each) => each.outerHTML)"""
        )
        assert small == []
