"""A picture lies on the page as it is painted: both turn it by the same metadata, or by none."""

from base64 import b64encode

import pytest
from playwright.sync_api import Browser

from pastiche.pictures import read_picture
from tests.picture_cases import CASES
from tests.picture_inputs import cases_of

SIZE_OF = """async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
}"""

NAMES = [
    name
    for name in cases_of("file")
    if any(word in name for word in ("turned", "orientation", "EXIF"))
]
NAMES.remove("WebP whose EXIF is cut off")  # which browsers do not show


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_turned_as_the_browser_turns_it(name: str, browser: Browser) -> None:
    data = CASES[name].data
    kind = name.partition(" ")[0].lower()
    page = browser.new_page()
    shown = page.evaluate(SIZE_OF, f"data:image/{kind};base64,{b64encode(data).decode()}")
    page.close()
    assert tuple(shown) == read_picture(data).size
