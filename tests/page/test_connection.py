"""A service that is unreachable for a while, and one that asks for keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from api import keys
from local.supervisor import free_port
from shared.job_store import JobStore
from shared.settings import Settings
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import running_api
from tests.page.actions import paint
from tests.page.conftest import BLOCKED_STORAGE, opened


@pytest.fixture
def settings(redis_url: str, jobs: JobStore, tmp_path: Path) -> Settings:
    return Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))


def test_the_page_says_that_the_service_is_away_and_goes_on_when_it_is_back(
    browser: Browser, settings: Settings, jobs: JobStore, files: dict[str, Path]
) -> None:
    with running_api(settings) as api, opened(browser, str(api.http.base_url)) as page:
        worker = PlayedWorker.of({"id": paint(page, files)}, jobs, api)
        worker.tell(10)
        expect(page.locator("#iterations")).to_contain_text("iteration 10")
        api.process.terminate()
        api.process.wait(20)
        expect(page.locator("#connection")).to_be_visible()
        with running_api(settings):
            worker.tell(20)
            expect(page.locator("#iterations")).to_contain_text("iteration 20")
            expect(page.locator("#connection")).to_be_hidden()
            worker.commit(png(160, 120))
            expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()


@pytest.mark.parametrize("script", ["", BLOCKED_STORAGE], ids=["stored", "not stored"])
def test_with_a_key_all_of_it_works(
    script: str, browser: Browser, settings: Settings, jobs: JobStore, files: dict[str, Path]
) -> None:
    key = keys.create(jobs.client, "ada")
    with (
        running_api(settings, PASTICHE_KEYS_REQUIRED="true") as api,
        opened(browser, str(api.http.base_url), script=script) as page,
    ):
        page.get_by_role("button", name="Example: harbour").click()
        page.get_by_role("button", name="Example: wave").click()
        expect(page.locator(".chosen img")).to_have_count(2)
        page.get_by_role("button", name="Paint", exact=True).click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_label("Key", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Paint", exact=True).click()
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Use it").click()
        worker = PlayedWorker.of({"id": paint(page, files)}, jobs, api)
        worker.commit(png(160, 120))
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()


def test_a_comparison_is_downloaded_with_a_new_token_when_the_first_has_expired(
    browser: Browser, settings: Settings, jobs: JobStore
) -> None:
    key = keys.create(jobs.client, "ada")
    script = f"localStorage.setItem('pastiche-key', {key!r})"
    with running_api(settings, PASTICHE_KEYS_REQUIRED="true") as api:
        api.http.headers["Authorization"] = f"Bearer {key}"
        submission = submitted(api)
        PlayedWorker.of(submission, jobs, api).commit(png(160, 120))
        fields = {"pictures_of": submission["id"], "seed": [1, 2]}
        sweep = api.http.post("/sweeps", json=fields).json()
        for member in sweep["jobs"]:
            PlayedWorker.of(member, jobs, api).commit(png(160, 120))
        with opened(browser, f"{api.http.base_url}#sweep={sweep['id']}", script=script) as page:
            expect(page.locator("#sweep-pictures img")).to_have_count(2)
            page.clock.set_system_time(datetime.now(UTC) + timedelta(minutes=15))
            with page.expect_request("**/tokens"), page.expect_download() as download:
                page.get_by_role("button", name="Download as one picture").click()
            assert download.value.suggested_filename == "comparison.jpg"


def test_the_page_says_at_once_that_it_is_offline(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 400})
    page.locator("#intro p").scroll_into_view_if_needed()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("You are offline.")
    expect(page.locator("#connection")).to_be_in_viewport(ratio=1)
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_hidden()
