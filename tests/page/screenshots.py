"""Pictures of the page in each of its states: python -m tests.page.screenshots

A whole service paints; it takes some minutes. The pictures go to docs/pictures/page.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, expect, sync_playwright

from pastiche.engine.weights import weights_folder
from tests.browser import find_browser
from tests.page.conftest import opened
from tests.stack import served

PICTURES = Path("docs/pictures/page")
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
PAINTED_MILLISECONDS = 1_200_000


def main() -> None:
    """Paints one picture and looks at every state on the way."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory() as folder,
        served(Path(folder), PASTICHE_WEIGHTS_FOLDER=str(weights_folder())) as stack,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        address = _on_the_desktop(browser, str(stack.http.base_url))
        letter = Path(folder) / "letter.pdf"
        letter.write_bytes(b"%PDF-1.4\n")
        _elsewhere(browser, address, letter)
        browser.close()


def _on_the_desktop(browser: Browser, url: str) -> str:
    """From the empty page to a sweep; gives the address of the picture."""
    with opened(browser, url, **DESKTOP) as page:
        _take(page, "empty")
        page.get_by_role("button", name="Example: harbour").click()
        page.get_by_role("button", name="Example: swirls").click()
        expect(page.locator(".chosen img")).to_have_count(2)
        _take(page, "ready")
        page.locator("#more > summary").click()
        page.locator("input[name=size]").fill("256")
        _take(page, "more")
        page.locator("#more > summary").click()
        page.get_by_role("button", name="Paint", exact=True).click()
        expect(page.locator("#job")).to_be_visible()
        _take(page, "waiting")
        page.locator("#details summary").click()
        iterations = page.locator("#iterations")
        expect(iterations).to_contain_text("Scale 3", timeout=PAINTED_MILLISECONDS)
        page.wait_for_timeout(2_000)
        _take(page, "painting")
        done = page.get_by_alt_text("The picture", exact=True)
        expect(done).to_be_visible(timeout=PAINTED_MILLISECONDS)
        page.get_by_label("How much of the photograph is shown").fill("45")
        _take(page, "done")
        address = page.url
        page.get_by_role("button", name="Compare weights").click()
        expect(page.locator("#sweep-status")).to_have_text("Done", timeout=PAINTED_MILLISECONDS)
        expect(page.locator("#sweep-pictures img")).to_have_count(5)
        page.locator("#sweep").scroll_into_view_if_needed()
        _take(page, "sweep")
        return address


def _elsewhere(browser: Browser, address: str, wrong: Path) -> None:
    """The same picture on a phone, and in the dark; and what is said of a wrong file."""
    with opened(browser, address, **PHONE) as page:
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        _take(page, "phone")
    with opened(browser, address, **DESKTOP, color_scheme="dark") as page:
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        _take(page, "dark")
        page.locator("#content-picker .drop input").set_input_files(wrong)
        page.locator("#content-error").scroll_into_view_if_needed()
        _take(page, "wrong-file")


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(400)
    page.screenshot(path=PICTURES / f"{name}.jpg", type="jpeg", quality=80)


if __name__ == "__main__":
    main()
