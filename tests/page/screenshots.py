"""Takes pictures of the page in each of its states: python -m tests.page.screenshots

A whole service paints; it takes some minutes. The documentation's pictures go to
docs/pictures/page. Every state is also taken whole at three widths, light and dark, into
.pastiche/screenshots, to be looked at after a change of the page.
"""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from pastiche.engine.weights.files import weights_folder
from tests.browser import find_browser
from tests.page.actions import choose
from tests.page.conftest import opened
from tests.stack import Stack, served

DOCUMENTED = Path("docs/pictures/page")
EVERY_STATE = Path(".pastiche/screenshots")

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
TABLET: ViewportSize = {"width": 768, "height": 1024}
PHONE: ViewportSize = {"width": 390, "height": 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

PAINTED_MILLISECONDS = 1_200_000

LONG = {"size": 512, "iterations": 5_000}
"""A job that is not painted before its picture is taken."""


def main() -> None:
    """Paints some pictures, and takes a screenshot of every state."""
    for pictures in (DOCUMENTED, EVERY_STATE):
        pictures.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        letter = Path(folder) / "letter.pdf"
        letter.write_bytes(b"%PDF-1.4\n")
        with ExitStack() as pages:
            with served(Path(folder), PASTICHE_WEIGHTS_FOLDER=str(weights_folder())) as stack:
                address = _on_the_desktop(browser, str(stack.http.base_url))
                _elsewhere(browser, address, letter)
                _take_small_jobs(browser, stack)
                running = _address_of(stack.submit(**LONG), stack)
                page = pages.enter_context(opened(browser, running, viewport=DESKTOP))
                expect(page.locator("#iterations")).to_contain_text("iteration")
            _take_without_service(page)
        browser.close()


def _on_the_desktop(browser: Browser, url: str) -> str:
    """Takes the states from the empty page to the gallery. Returns the address of the picture."""
    with opened(browser, url, viewport=DESKTOP) as page:
        _take_form(page)
        _take_job(page)
        address = page.url
        _take_results(page)
        _take_sweep(page)
        _take_gallery(page)
        return address


def _take_form(page: Page) -> None:
    """Takes the states of the form until everything is chosen."""
    _take(page, "empty")
    page.get_by_role("button", name="Paint", exact=True).click()
    _take_states(page, "nothing-chosen")
    page.get_by_role("button", name="Example: harbour").click()
    page.get_by_role("button", name="Example: swirls").click()
    expect(page.locator(".chosen img")).to_have_count(2)
    _take(page, "ready")
    page.locator("#more > summary").click()
    page.locator("input[name=size]").fill("512")
    _take(page, "more")
    page.get_by_text("Expert").click()
    page.locator("input[name=iterations]").fill("-3")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#error-iterations")).to_contain_text("must be")
    _take_states(page, "option-error")
    page.locator("input[name=iterations]").fill("")
    page.get_by_text("Expert").click()
    page.locator("#more > summary").click()


def _take_job(page: Page) -> None:
    """Takes the states of a job from the queue to the picture."""
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#job")).to_be_visible()
    _take(page, "waiting")
    page.locator("#details summary").click()
    expect(page.locator("#iterations")).to_contain_text("Scale 3", timeout=PAINTED_MILLISECONDS)
    page.wait_for_timeout(2_000)
    _take(page, "painting")
    _wait_for_picture(page)
    page.get_by_label("How much of the photograph is shown").fill("45")
    _take(page, "done")


def _take_results(page: Page) -> None:
    """Takes the states of a finished picture."""
    page.get_by_label("Other formats").click()
    page.get_by_role("button", name="Copy link").click()
    _take_states(page, "downloads")
    page.get_by_label("Other formats").click()
    page.get_by_role("button", name="Enlarge").click()
    _take_states(page, "enlarged")
    page.get_by_role("button", name="Close").click()


def _take_sweep(page: Page) -> None:
    page.get_by_role("button", name="Compare weights").click()
    status = page.locator("#sweep-status")
    expect(status).to_contain_text("1 of 5", timeout=PAINTED_MILLISECONDS)
    _take_states(page, "sweep-painting")
    expect(status).to_have_text("Done", timeout=PAINTED_MILLISECONDS)
    expect(page.locator("#sweep-pictures img")).to_have_count(5)
    page.locator("#sweep").scroll_into_view_if_needed()
    _take(page, "sweep")


def _take_gallery(page: Page) -> None:
    """Takes the gallery with jobs in every state, and with one that was just deleted."""
    page.get_by_role("button", name="Example: wave").click()
    page.get_by_role("button", name="Add another painting").click()
    page.get_by_role("button", name="Example: stained glass").click()
    expect(page.locator("#style-picker .chosen img")).to_have_count(2)
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#job-title")).to_contain_text("wave and stained glass")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status")).to_have_text("Canceled", timeout=PAINTED_MILLISECONDS)
    _take_states(page, "canceled")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#gallery .state")).to_have_count(2)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Delete harbour in the style of swirls").first.click()
    _take_states(page, "deleted", whole=False)


def _elsewhere(browser: Browser, address: str, wrong: Path) -> None:
    """Takes the picture on a phone and in dark mode, and error messages."""
    with opened(browser, address, viewport=PHONE, is_mobile=True, has_touch=True) as page:
        _wait_for_picture(page)
        _document(page, "phone")
    with opened(browser, address, viewport=DESKTOP, color_scheme="dark") as page:
        _wait_for_picture(page)
        _document(page, "dark")
        choose(page, "content", wrong)
        page.locator("#content-error").scroll_into_view_if_needed()
        _document(page, "wrong-file")
        _take_states(page, "wrong-file")
        page.context.set_offline(True)
        expect(page.locator("#connection")).to_have_text("You are offline.")
        _take_states(page, "offline", whole=False)
        page.evaluate("document.getElementById('key').showModal()")
        _take_states(page, "offline-and-key", whole=False)
    missing = address.rpartition("=")[0] + "=" + "0" * 32
    with opened(browser, missing, viewport=DESKTOP) as page:
        expect(page.locator("#job-error")).to_have_text("This picture no longer exists.")
        _take_states(page, "missing")


def _take_small_jobs(browser: Browser, stack: Stack) -> None:
    """Takes jobs with warnings, with new weights, and without a picture."""
    painted = stack.submit(size=256)  # more than the photograph has
    stack.wait_for_status(painted, "succeeded")
    with opened(browser, _address_of(painted, stack), viewport=DESKTOP) as page:
        _wait_for_picture(page)
        _take_states(page, "warnings")
    running = stack.submit(**LONG)
    with opened(browser, _address_of(running, stack), viewport=DESKTOP) as page:
        expect(page.locator("#iterations")).to_contain_text("iteration")
        page.locator("#details summary").click()
        page.locator("#live-dial").fill("0.8")
        expect(page.locator("#notice")).to_contain_text("style 80 %")
        _take_states(page, "dial-moved")
    expired = stack.submit(deadline=1)
    stack.wait_for_status(expired, "expired")
    stack.http.post(running["links"]["cancel"])
    failed = stack.submit(**LONG, timeout=20)
    stack.wait_for_status(failed, "failed")
    for name, job in {"expired": expired, "failed": failed}.items():
        with opened(browser, _address_of(job, stack), viewport=DESKTOP) as page:
            expect(page.get_by_role("button", name="Try again")).to_be_visible()
            _take_states(page, name)


def _take_without_service(page: Page) -> None:
    expect(page.locator("#connection")).to_contain_text("The connection is lost.")
    _take_states(page, "service-away", whole=False)


def _address_of(job: dict[str, Any], stack: Stack) -> str:
    return f"{stack.http.base_url}#job={job['id']}"


def _wait_for_picture(page: Page) -> None:
    picture = page.get_by_alt_text("The picture", exact=True)
    expect(picture).to_be_visible(timeout=PAINTED_MILLISECONDS)


def _take(page: Page, name: str) -> None:
    """Takes a state that the documentation shows."""
    _document(page, name)
    _take_states(page, name)


def _document(page: Page, name: str) -> None:
    page.wait_for_timeout(400)
    page.screenshot(path=DOCUMENTED / f"{name}.jpg", type="jpeg", quality=80)


def _take_states(page: Page, name: str, *, whole: bool = True) -> None:
    """Takes the page at every width, light and dark.

    Args:
        whole: also what is below the screen.
    """
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for viewport in (PHONE, TABLET, DESKTOP):
            page.set_viewport_size(viewport)
            page.wait_for_timeout(400)
            path = EVERY_STATE / f"{name}-{viewport['width']}-{scheme}.png"
            page.screenshot(path=path, full_page=whole)
    page.emulate_media(color_scheme="light")


if __name__ == "__main__":
    main()
