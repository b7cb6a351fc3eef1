"""From drop to download, with a worker that paints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, expect

from tests.page.actions import paint
from tests.page.conftest import opened, phone
from tests.stack import Stack

PAINTED_MILLISECONDS = 120_000

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("device", "press"),
    [({}, Locator.click), (phone(390, 664), Locator.tap)],
    ids=["desktop", "phone"],
)
def test_a_picture_is_painted_with_the_dial_turned_on_the_way(
    device: dict[str, Any],
    press: Callable[[Locator], None],
    browser: Browser,
    stack: Stack,
    files: dict[str, Path],
    tmp_path: Path,
) -> None:
    with opened(browser, str(stack.http.base_url), **device) as page:
        press(page.locator("#more > summary"))
        press(page.get_by_text("Expert"))
        for name, value in {"size": "64", "iterations": "150"}.items():
            page.locator(f"input[name={name}]").fill(value)
        paint(page, files, press=press)
        expect(page.locator("#iterations")).to_contain_text(
            "iteration", timeout=PAINTED_MILLISECONDS
        )
        with page.expect_response(lambda answer: answer.request.method == "PATCH") as changed:
            page.locator("#live-dial").fill("0.9")
        assert changed.value.status == 200
        picture = page.get_by_alt_text("The picture", exact=True)
        expect(picture).to_be_visible(timeout=PAINTED_MILLISECONDS)
        with page.expect_download() as download:
            press(page.get_by_label("Other formats"))
            press(page.get_by_role("button", name="PNG", exact=True))
        download.value.save_as(tmp_path / "picture.png")
        with Image.open(tmp_path / "picture.png") as image:
            assert image.size == (64, 48)
