"""Actions of a visitor on the page."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.waiting import until


def choose(page: Page, field: str, *files: Path) -> None:
    """Chooses files for `content` or `style`."""
    page.locator(f"#{field}-picker .drop input").set_input_files(files)


def wait_until_stored(page: Page, field: str) -> None:
    """Waits until the field's pictures are stored, which happens after they are shown."""
    is_stored = """async (field) => {
        const { chosen } = await import("/web/store.js");
        return Boolean(await chosen(field));
    }"""
    until(lambda: page.evaluate(is_stored, field))


def paint(
    page: Page, files: dict[str, Path], *, press: Callable[[Locator], None] = Locator.click
) -> str:
    """Submits a pair, and returns the job's id, which is in the page's address.

    Args:
        press: how the button is pressed: by a mouse, or by a finger.
    """
    for field, file in files.items():
        choose(page, field, file)
    before = page.url
    press(page.get_by_role("button", name="Paint", exact=True))
    expect(page).not_to_have_url(before)
    expect(page.locator("#job")).to_be_visible()
    return page.url.rpartition("=")[2]


def drop(page: Page, field: str, name: str, kind: str, size: int = 10) -> None:
    """Drops a file of this name, kind and size on a picker."""
    page.evaluate(
        """([field, name, kind, size]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(size)], name, { type: kind }));
            const picker = document.getElementById(`${field}-picker`);
            const init = { dataTransfer: transfer, cancelable: true };
            picker.dispatchEvent(new DragEvent("drop", init));
        }""",
        [field, name, kind, size],
    )
