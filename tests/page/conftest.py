"""A real Chromium with the page open."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker
from tests.conftest import RunningApi
from tests.page.actions import paint

TIMEOUT_MILLISECONDS = 60_000
expect.set_options(timeout=TIMEOUT_MILLISECONDS)


BLOCKED_STORAGE = """
for (const name of ["indexedDB", "localStorage"]) {
    const get = () => { throw new DOMException("Access is denied.", "SecurityError"); };
    Object.defineProperty(window, name, { get });
}
"""
"""Simulates a browser that blocks the data of sites."""

REFUSED_BLOBS = """
const { put } = IDBObjectStore.prototype;
IDBObjectStore.prototype.put = function (value, ...key) {
    const isRefused = Object.values(value).some((each) => each instanceof Blob);
    if (isRefused) throw new DOMException("A Blob cannot be stored.", "DataCloneError");
    return put.call(this, value, ...key);
};
"""
"""Simulates a private window of some browsers."""


@pytest.fixture
def page(browser: Browser, api: RunningApi) -> Iterator[Page]:
    """The page of an API without workers, in a new browser context."""
    with opened(browser, str(api.http.base_url)) as page:
        yield page


@pytest.fixture
def worker(page: Page, api: RunningApi, jobs: JobStore, files: dict[str, Path]) -> PlayedWorker:
    """A worker that has claimed the job that the page has just submitted."""
    job_id = paint(page, files)
    return PlayedWorker.of({"id": job_id}, jobs, api)


def phone(width: int, height: int) -> dict[str, Any]:
    """The settings of a browser context for a phone."""
    viewport = {"width": width, "height": height}
    return {"viewport": viewport, "is_mobile": True, "has_touch": True}


@contextmanager
def opened(browser: Browser, url: str, *, script: str = "", **context: Any) -> Iterator[Page]:
    """The page of a new visitor. Errors of its scripts fail the test.

    Args:
        script: runs before those of the page.
    """
    visitor, thrown = browser.new_context(**context), list[str]()
    visitor.add_init_script(script)
    page = visitor.new_page()
    page.set_default_timeout(TIMEOUT_MILLISECONDS)
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.goto(url)
    yield page
    visitor.close()
    assert thrown == []


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A photograph and a painting on the visitor's disk."""
    folder = tmp_path_factory.mktemp("pictures")
    made = {"content": folder / "holiday.jpg", "style": folder / "painting.png"}
    made["content"].write_bytes(pictures.jpeg(160, 120))
    made["style"].write_bytes(pictures.png(120, 120))
    return made
