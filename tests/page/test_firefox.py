"""The same page in Firefox, by touch: from the examples to the gallery."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, png
from tests.browser import FIREFOX, find_browser, missing_browser
from tests.conftest import RunningApi
from tests.page.firefox import FirefoxPage, running_firefox

pytestmark = pytest.mark.browser

PHONE = (390, 844)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[FirefoxPage]:
    """A page as large as a phone's, in a Firefox that has never seen the service."""
    program = find_browser(FIREFOX)
    if program is None:
        pytest.skip(missing_browser(FIREFOX))
    with running_firefox(program, tmp_path) as page:
        page.resize(*PHONE)
        yield page
        assert page.errors == []


def test_a_picture_is_painted_with_the_dial_turned_on_the_way(
    page: FirefoxPage, api: RunningApi, jobs: JobStore
) -> None:
    page.open(str(api.http.base_url))
    page.tap("[aria-label='Example: harbour']")
    page.tap("[aria-label='Example: wave']")
    page.wait_for("document.querySelectorAll('.chosen img').length === 2")
    page.tap("#paint")
    job_id = page.wait_for("location.hash.split('=')[1]")
    worker = PlayedWorker.of({"id": job_id}, jobs, api)
    worker.tell(10)
    page.wait_for_text("#iterations", "iteration 10")
    worker.show(20, pictures.jpeg())
    page.wait_for("document.querySelector('#after[alt=\"The picture so far\"]:not([hidden])')?.src")

    page.drag("#live-dial", 0.5, 0.9)
    page.wait_for_text("#notice", "The weights were changed")
    place = page.evaluate("Number(document.getElementById('live-dial').value)")
    options = api.http.get(f"/jobs/{job_id}").json()["options"]
    assert place > 0.8
    assert options["style_weight"] == place
    worker.tell(30)
    page.wait_for_text("#iterations", "iteration 30")
    assert page.evaluate("Number(document.getElementById('live-dial').value)") == place

    worker.commit(png(160, 120))
    page.wait_for("document.querySelector('#compare:not([hidden])')?.id")
    page.drag("#compare", 0.1, 0.6)
    shown = page.evaluate("Number(document.getElementById('compare').value)")
    assert shown == pytest.approx(60, abs=3)
    page.wait_for("document.querySelector('#gallery img')?.complete")
    page.open(str(api.http.base_url))
    page.tap("#gallery a")
    page.wait_for("document.querySelector('#after[alt=\"The picture\"]:not([hidden])')?.src")
    page.wait_for_text("#job-title", "harbour in the style of wave")
