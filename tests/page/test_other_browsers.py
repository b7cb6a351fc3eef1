"""The same page in Firefox and WebKit, by touch: from the examples to the gallery."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, png
from tests.browser import FIREFOX, WEBKIT, Program, find_browser, missing_browser
from tests.conftest import RunningApi
from tests.page.driven_page import DrivenPage
from tests.page.firefox import BLOCKED_STORAGE, running_firefox
from tests.page.webkit import running_webkit

pytestmark = pytest.mark.browser

PHONE = (390, 844)


@contextmanager
def opened(
    browser: Program, folder: Path, preferences: Mapping[str, int] | None = None
) -> Iterator[DrivenPage]:
    """A page as large as a phone's; what its scripts throw fails the test.

    Args:
        folder: for what the browser stores.
        preferences: Firefox's.
    """
    program = find_browser(browser)
    if program is None:
        pytest.skip(missing_browser(browser))
    running = (
        running_firefox(program, folder, preferences or {})
        if browser is FIREFOX
        else running_webkit(program, folder)
    )
    with running as page:
        page.resize(*PHONE)
        yield page
        assert page.thrown() == []


@pytest.fixture(params=[FIREFOX, WEBKIT], ids=lambda browser: browser.name)
def page(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DrivenPage]:
    """A browser that has never seen the service."""
    with opened(request.param, tmp_path) as page:
        yield page


def paint(page: DrivenPage) -> str:
    """Submits two examples; gives the job's id, which is in the page's address."""
    page.tap("[aria-label='Example: harbour']")
    page.tap("[aria-label='Example: wave']")
    page.wait_for("document.querySelectorAll('.chosen img').length === 2")
    page.tap("#paint")
    job_id: str = page.wait_for("location.hash.split('=')[1]")
    return job_id


def test_a_picture_is_painted_with_the_dial_turned_on_the_way(
    page: DrivenPage, api: RunningApi, jobs: JobStore
) -> None:
    page.open(str(api.http.base_url))
    job_id = paint(page)
    worker = PlayedWorker.of({"id": job_id}, jobs, api)
    worker.report_progress(10)
    page.wait_for_text("#iterations", "iteration 10")
    worker.show(20, pictures.jpeg())
    page.wait_for("document.querySelector('#after[alt=\"The picture so far\"]:not([hidden])')?.src")

    page.drag("#live-dial", 0.5, 0.9)
    page.wait_for_text("#notice", "The weights were changed")
    place = page.evaluate("Number(document.getElementById('live-dial').value)")
    options = api.http.get(f"/jobs/{job_id}").json()["options"]
    assert place > 0.8
    assert options["style_weight"] == place
    worker.report_progress(30)
    page.wait_for_text("#iterations", "iteration 30")
    assert page.evaluate("Number(document.getElementById('live-dial').value)") == place

    worker.commit(png(160, 120))
    page.wait_for("document.querySelector('#compare:not([hidden])')?.id")
    page.drag("#compare", 0.1, 0.6)
    shown = page.evaluate("Number(document.getElementById('compare').value)")
    assert shown == pytest.approx(60, abs=3)
    page.wait_for("document.querySelector('#gallery img')?.complete")
    page.open(str(api.http.base_url))
    page.wait_for("document.querySelectorAll('.chosen img').length === 2")
    page.tap("#gallery a")
    page.wait_for("document.querySelector('#after[alt=\"The picture\"]:not([hidden])')?.src")
    page.wait_for_text("#job-title", "harbour in the style of wave")


def test_a_picture_is_painted_where_the_browser_blocks_the_data_of_sites(
    tmp_path: Path, api: RunningApi, jobs: JobStore
) -> None:
    with opened(FIREFOX, tmp_path, BLOCKED_STORAGE) as page:
        page.open(str(api.http.base_url))
        PlayedWorker.of({"id": paint(page)}, jobs, api).commit(png(160, 120))
        page.wait_for("document.querySelector('#compare:not([hidden])')?.id")
        page.wait_for("document.querySelector('#gallery img')?.complete")
        assert page.evaluate("document.getElementById('job-error').textContent") == ""
        assert len(api.http.get("/jobs").json()["jobs"]) == 1
