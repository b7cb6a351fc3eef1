"""What a picture was painted with, in words: in its details and in the gallery."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi
from tests.page.actions import paint
from tests.page.conftest import opened

DEFAULTS = [
    "Size 512 px",
    "Content weight 0.5",
    "Style weight 0.5",
    "Iterations 120",
    "Seed 0",
]


def expect_settings(page: Page, settings: list[str]) -> None:
    page.locator("#details summary").click()
    expect(page.locator("#settings div")).to_have_text(settings, use_inner_text=True)


def test_a_few_settings_are_always_shown(page: Page, worker: PlayedWorker) -> None:
    expect_settings(page, DEFAULTS)


def test_every_setting_that_is_not_the_default_is_shown(page: Page, api: RunningApi) -> None:
    job = submitted(
        api,
        seed="7",
        tv_weight="3",
        style_layers="relu1_1:2,relu3_1",
        style_scale="1.5",
        colour="luminance",
        start="noise",
        backbone="vgg16",
        keep_transparency="true",
    )
    page.evaluate("id => { location.hash = `job=${id}` }", job["id"])
    others = [
        "Smoothness 3",
        "Style layers relu1_1:2, relu3_1:1",
        "Stroke size 1.5",
        "Colours luminance",
        "Start noise",
        "Backbone vgg16",
        "Keep transparency yes",
    ]
    expect_settings(page, [*DEFAULTS[:4], "Seed 7", *others])


def test_the_preset_and_the_masks_are_shown_where_they_were_chosen(
    page: Page, files: dict[str, Path], tmp_path: Path, api: RunningApi, jobs: JobStore
) -> None:
    sky = tmp_path / "sky.png"
    sky.write_bytes(pictures.png(160, 120))
    page.get_by_text("Draft").click()
    page.locator("#more > summary").click()
    page.get_by_text("Expert").click()
    page.locator("#option-mask").set_input_files(sky)
    job_id = paint(page, files)
    draft = ["Size 256 px", *DEFAULTS[1:3], "Iterations 90", "Seed 0"]
    expect_settings(page, [*draft, "Mask sky.png", "Preset draft"])
    page.reload()
    expect_settings(page, [*draft, "Mask sky.png", "Preset draft"])
    PlayedWorker.of({"id": job_id}, jobs, api).commit(png(160, 120))
    page.get_by_role("button", name="Paint larger").click()
    expect(page.locator("#job-title")).to_be_focused()
    larger = ["Size 512 px", *draft[1:], "Mask sky.png", "Start image"]
    expect(page.locator("#settings div")).to_have_text(larger, use_inner_text=True)


def test_the_gallery_says_when_and_how_a_picture_was_painted(
    browser: Browser, api: RunningApi, files: dict[str, Path]
) -> None:
    place = {"locale": "en-GB", "timezone_id": "Europe/Berlin"}
    with opened(browser, str(api.http.base_url), **place) as page:
        page.clock.set_fixed_time("2026-03-04T15:16:17Z")
        page.get_by_label("Style, between the photograph and the painting", exact=True).fill("0.7")
        page.get_by_text("Draft").click()
        paint(page, files)
        caption = page.locator("#gallery small")
        expect(caption).to_have_text("256 px · Style 70 % · 4 Mar 2026, 16:16")
        page.reload()
        expect(caption).to_have_text("256 px · Style 70 % · 4 Mar 2026, 16:16")


def test_the_gallery_has_the_weights_that_a_picture_was_finished_with(
    page: Page, worker: PlayedWorker
) -> None:
    worker.report_progress(iteration=10)
    page.locator("#live-dial").fill("0.9")
    expect(page.locator("#notice")).to_contain_text("style 90 %")
    worker.commit(png(160, 120))
    expect(page.locator("#gallery small")).to_contain_text("512 px · Style 90 %")


def test_the_gallery_has_the_weights_of_each_picture_of_a_comparison(
    page: Page, worker: PlayedWorker
) -> None:
    worker.commit(png(160, 120))
    page.get_by_role("button", name="Compare weights").click()
    captions = page.locator("#gallery small")
    expect(captions).to_have_count(6)
    for percent in (10, 30, 50, 70, 90):
        expect(captions.filter(has_text=f"512 px · Style {percent} %")).not_to_have_count(0)
