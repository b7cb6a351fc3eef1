"""Where things are, on a desktop and on a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from shared.job_store import JobStore
from shared.workers import Worker, register_worker
from tests.api.worker import PlayedWorker, png
from tests.conftest import RunningApi
from tests.page.actions import paint
from tests.page.conftest import opened, phone

DESKTOP: ViewportSize = {"width": 1440, "height": 900}

PAINTER = Worker(
    "painter",
    "vgg16",
    "CPU",
    10**8,
    rate=1e5,
    iteration_seconds=((3_000, 0.1), (3_000_000, 4.0)),
)
"""A worker that knows how long pictures take."""


def choose_examples(page: Page) -> None:
    for name in ("harbour", "wave"):
        page.get_by_role("button", name=f"Example: {name}").click()
    expect(page.locator(".chosen img")).to_have_count(2)


def expect_paint_on_the_first_screen(page: Page) -> None:
    assert page.evaluate("scrollY") == 0
    expect(page.get_by_role("button", name="Paint", exact=True)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("height", [664, 844], ids=["with the browser's bars", "without"])
def test_the_paint_button_is_on_the_first_screen_of_a_phone(
    height: int, browser: Browser, api: RunningApi, jobs: JobStore
) -> None:
    jobs.run(register_worker(PAINTER, ttl_seconds=600))
    with opened(browser, str(api.http.base_url), **phone(390, height)) as page:
        expect(page.locator(".presets")).to_contain_text("about")
        expect_paint_on_the_first_screen(page)
        choose_examples(page)
        expect_paint_on_the_first_screen(page)


def test_on_a_desktop_the_form_is_beside_the_picture(
    browser: Browser, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    with opened(browser, str(api.http.base_url), viewport=DESKTOP) as page:
        expect_paint_on_the_first_screen(page)
        choose_examples(page)
        expect_paint_on_the_first_screen(page)
        worker = PlayedWorker.of({"id": paint(page, files)}, jobs, api)
        worker.commit(png(512, 384))
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        expect_paint_on_the_first_screen(page)
        for part in ("#canvas", "#actions"):
            expect(page.locator(part)).to_be_in_viewport(ratio=1)
        form = page.locator("#new").bounding_box()
        job = page.locator("#job").bounding_box()
        assert form is not None
        assert job is not None
        assert form["x"] + form["width"] < job["x"]
        assert form["y"] == job["y"]


def test_the_empty_page_shows_a_photograph_before_and_after(page: Page) -> None:
    shown = page.locator("#intro img")
    expect(shown).to_have_count(2)
    for image in shown.all():
        expect(image).to_be_in_viewport()
        image.evaluate("image => image.decode()")
        assert image.evaluate("image => image.naturalWidth") > 0
