"""Accessibility: keyboard, screen reader, phone, dark mode."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

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
        worker.report_progress(10)
        expect(page.locator("#iterations")).to_contain_text("iteration 10")
        page.locator("#details summary").click()
        worker.report_progress(20)
        expect(page.locator("#curves")).to_be_visible()
        assert violations(page) == []
        worker.commit(png(160, 120))
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        assert violations(page) == []


def test_the_page_works_without_a_mouse(page: Page, api: RunningApi, jobs: JobStore) -> None:
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


def test_a_dial_has_its_label_and_its_place_as_accessible_text(
    page: Page, worker: PlayedWorker
) -> None:
    dials = page.get_by_role("slider", name=re.compile("^Style, between the photograph and"))
    expect(dials).to_have_count(2)
    for dial in dials.all():
        expect(dial).to_have_attribute("aria-valuetext", "Style 50 %")
        dial.fill("0.7")
        expect(dial).to_have_attribute("aria-valuetext", "Style 70 %")


def test_the_paint_button_keeps_the_focus_while_it_waits_and_submits_once(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    for field, file in files.items():
        choose(page, field, file)
    held: list[Route] = []
    page.route("**/jobs", lambda route: held.append(route))
    button = page.get_by_role("button", name="Paint", exact=True)
    button.focus()
    with page.expect_request("**/jobs"):
        page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.evaluate("fetch('livez').then(() => null)")  # earlier requests are known then
    (route,) = held
    route.fulfill(status=503, json={"code": "queue_full", "detail": "The queue is full."})
    expect(page.locator("#form-error")).to_have_text("The queue is full.")
    expect(button).to_be_focused()
    expect(button).to_be_enabled()


@pytest.mark.parametrize(
    ("pictures", "heading"), [(1, "New picture"), (2, "Your pictures in this browser")]
)
def test_the_focus_moves_when_a_deletion_can_no_longer_be_undone(
    pictures: int, heading: str, page: Page, files: dict[str, Path]
) -> None:
    for _ in range(pictures):
        paint(page, files)
    expect(page.locator("#gallery li")).to_have_count(pictures)
    page.clock.install()
    page.locator("#gallery li button").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.clock.run_for(10_000)
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()
    expect(page.get_by_role("heading", name=heading)).to_be_focused()


def test_the_link_to_the_form_leaves_the_picture_in_the_address(
    page: Page, worker: PlayedWorker
) -> None:
    address = page.url
    page.get_by_role("link", name="Skip to the form").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New picture")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#content-picker input")).to_be_focused()
    assert page.url == address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_borders_of_fields_can_be_seen(scheme: str, browser: Browser, api: RunningApi) -> None:
    with opened(browser, str(api.http.base_url), color_scheme=scheme) as page:
        page.locator("#more > summary").click()
        for field in ("#option-size", "#option-colour", "#key-field"):
            border, inside = page.locator(field).evaluate(
                """field => {
                    const { borderTopColor, backgroundColor } = getComputedStyle(field);
                    return [borderTopColor, backgroundColor];
                }"""
            )
            around = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
            assert min(contrast(border, inside), contrast(border, around)) >= 3


def contrast(one: str, other: str) -> float:
    """The contrast of two opaque colours, such as `rgb(250, 248, 244)`:
    https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(channel) / 255 for channel in re.findall(r"\d+", colour)]
    assert len(channels) == 3
    linear = [
        ((each + 0.055) / 1.055) ** 2.4 if each > 0.04045 else each / 12.92 for each in channels
    ]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_what_is_chosen_can_be_seen_in_forced_colours(browser: Browser, api: RunningApi) -> None:
    with opened(browser, str(api.http.base_url), forced_colors="active") as page:
        wave, fire = (page.get_by_role("button", name=f"Example: {n}") for n in ("wave", "fire"))
        wave.click()
        expect(wave).to_have_attribute("aria-pressed", "true")
        chosen, other = (page.locator(f".presets {s} + span") for s in (":checked", "[value=fine]"))
        width = "element => parseFloat(getComputedStyle(element).borderTopWidth)"
        assert wave.evaluate(width) >= 2 + fire.evaluate(width)
        assert chosen.evaluate(width) >= 2 + other.evaluate(width)


def test_a_phone_shows_a_long_file_name_in_several_lines(
    browser: Browser, api: RunningApi, files: dict[str, Path], tmp_path: Path
) -> None:
    long = tmp_path / "Screenshot_20240501_123456_com_instagram_android_lite.jpg"
    long.write_bytes(files["content"].read_bytes())
    unreadable = long.with_suffix(".heic")
    unreadable.write_bytes(b"heic")
    with opened(browser, str(api.http.base_url), **phone(360, 740)) as page:
        paint(page, files | {"content": long})
        page.get_by_role("button", name="Delete Screenshot").click()
        expect(page.get_by_role("button", name="Undo")).to_be_in_viewport(ratio=1)
        choose(page, "content", unreadable)
        error = page.locator("#content-error")
        expect(error).to_contain_text("HEIC")
        assert error.evaluate("error => error.scrollWidth <= error.clientWidth")
        assert page.evaluate(NO_LARGER_THAN_THE_SCREEN)


def test_a_phone_shows_the_whole_page(
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
