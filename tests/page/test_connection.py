"""A service that is unreachable for a while, and one that asks for keys."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from api import keys
from local.supervisor import free_port
from shared.job_store import JobStore
from shared.settings import Settings
from tests.api.worker import PlayedWorker, png, submitted
from tests.clients.proxy import proxying
from tests.conftest import RunningApi, running_api
from tests.page.actions import choose, paint, wait_until_stored
from tests.page.conftest import BLOCKED_STORAGE, opened


@pytest.fixture
def settings(redis_url: str, jobs: JobStore, tmp_path: Path) -> Settings:
    return Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))


@contextmanager
def requiring_a_key(settings: Settings, jobs: JobStore) -> Iterator[tuple[RunningApi, str]]:
    """Runs a service that requires keys. Yields it with a key, and a script that stores the key in
    a page."""
    key = keys.create(jobs.client, "ada")
    with running_api(settings, PASTICHE_KEYS_REQUIRED="true") as api:
        api.http.headers["Authorization"] = f"Bearer {key}"
        yield api, f"localStorage.setItem('pastiche-key', {key!r})"


def test_the_page_reports_an_unreachable_service_and_continues_when_it_is_back(
    browser: Browser, settings: Settings, jobs: JobStore, files: dict[str, Path]
) -> None:
    with running_api(settings) as api, opened(browser, str(api.http.base_url)) as page:
        worker = PlayedWorker.of({"id": paint(page, files)}, jobs, api)
        worker.report_progress(10)
        expect(page.locator("#iterations")).to_contain_text("iteration 10")
        api.process.terminate()
        api.process.wait(20)
        expect(page.locator("#connection")).to_be_visible()
        with running_api(settings):
            worker.report_progress(20)
            expect(page.locator("#iterations")).to_contain_text("iteration 20")
            expect(page.locator("#connection")).to_be_hidden()
            worker.commit(png(160, 120))
            expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()


@pytest.mark.parametrize("script", ["", BLOCKED_STORAGE], ids=["stored", "not stored"])
def test_the_page_works_with_a_key(
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


def test_a_key_that_cannot_be_sent_is_refused_in_its_field(
    browser: Browser, settings: Settings, jobs: JobStore, files: dict[str, Path]
) -> None:
    key = keys.create(jobs.client, "ada")
    with (
        running_api(settings, PASTICHE_KEYS_REQUIRED="true") as api,
        opened(browser, str(api.http.base_url)) as page,
    ):
        for field, file in files.items():
            choose(page, field, file)
        page.get_by_role("button", name="Paint", exact=True).click()
        entered = page.get_by_label("Key", exact=True)
        entered.fill("ключ")
        page.get_by_role("button", name="Use it").click()
        expect(entered).to_be_focused()
        assert entered.evaluate("field => field.validity.patternMismatch")
        entered.fill(f" {key}\u00a0")
        page.get_by_role("button", name="Use it").click()
        expect(entered).to_be_hidden()
        paint(page, files)


def test_a_new_key_is_requested_if_the_old_one_no_longer_works(
    browser: Browser, settings: Settings, jobs: JobStore
) -> None:
    with requiring_a_key(settings, jobs) as (api, script):
        job = submitted(api)
        PlayedWorker.of(job, jobs, api).commit(png(160, 120))
        with opened(browser, str(api.http.base_url), script=script) as page:

            def revoke(route: Route) -> None:
                (known,) = keys.list_all(jobs.client)
                assert keys.revoke(jobs.client, known.id)
                route.continue_()

            page.route("**/result?*", revoke, times=1)
            page.evaluate("id => { location.hash = `job=${id}` }", job["id"])
            expect(page.get_by_label("Key", exact=True)).to_be_visible()


def test_a_submission_that_is_still_processed_when_it_is_repeated_is_shown(
    browser: Browser, api: RunningApi, files: dict[str, Path]
) -> None:
    requests = list[str]()

    def refuse_the_second(route: Route) -> None:
        requests.append(route.request.method)
        if len(requests) == 2:
            route.fulfill(status=409, json={"code": "submission_pending", "detail": "Wait."})
        else:
            route.continue_()

    with proxying(api) as proxy, opened(browser, proxy.url) as page:
        proxy.faults["/jobs"] = ["lose"]
        page.route("**/jobs", refuse_the_second)
        job_id = paint(page, files)
        (job,) = api.http.get("/jobs").json()["jobs"]
        assert job["id"] == job_id
        expect(page.locator("#gallery li")).to_have_count(1)


def test_a_submission_that_a_login_page_answers_is_repeated(
    page: Page, files: dict[str, Path]
) -> None:
    login = {"status": 200, "content_type": "text/html", "body": "<p>Please log in.</p>"}
    page.route("**/jobs", lambda route: route.fulfill(**login), times=1)
    paint(page, files)


def test_a_form_keeps_its_idempotency_key_until_it_is_changed_or_submitted(
    page: Page, files: dict[str, Path]
) -> None:
    keys = list[str]()

    def submit(*, is_refused: bool) -> None:
        def answer(route: Route) -> None:
            keys.append(route.request.headers["idempotency-key"])
            if is_refused:
                route.fulfill(status=503, json={"code": "queue_full", "detail": "It is full."})
            else:
                route.continue_()

        page.route("**/jobs", answer, times=1)
        button = page.get_by_role("button", name="Paint", exact=True)
        with page.expect_response("**/jobs"):
            button.click()
        expect(button).to_be_enabled()

    for field, file in files.items():
        choose(page, field, file)
    submit(is_refused=True)
    submit(is_refused=True)
    page.get_by_label("Style, between the photograph and the painting", exact=True).fill("0.7")
    submit(is_refused=True)
    submit(is_refused=False)
    submit(is_refused=True)
    first, repeated, changed, submitted_key, after_it = keys
    assert repeated == first
    assert submitted_key == changed
    assert len({first, changed, after_it}) == 3


@pytest.mark.parametrize("field", ["content", "style"])
def test_a_picture_that_has_changed_on_the_disk_is_named_at_once(
    field: str, page: Page, files: dict[str, Path], tmp_path: Path
) -> None:
    changed = tmp_path / "changed.jpg"
    changed.write_bytes(files[field].read_bytes())
    for each, file in (files | {field: changed}).items():
        choose(page, each, file)
    wait_until_stored(page, field)
    os.utime(changed, (1, 1))
    requests = list[str]()
    page.on("request", lambda request: requests.append(request.method))
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator(f"#{field}-error")).to_have_text(
        "changed.jpg has changed on the disk. Choose it again."
    )
    assert requests.count("POST") == 1


def test_a_retry_whose_answer_is_lost_is_one_job_that_is_shown(
    browser: Browser, api: RunningApi, jobs: JobStore
) -> None:
    ended = submitted(api)
    PlayedWorker.of(ended, jobs, api).fail()
    with proxying(api) as proxy, opened(browser, f"{proxy.url}#job={ended['id']}") as page:
        proxy.faults["/retry"] = ["lose"]
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#status")).to_contain_text("Next in the queue")
        newest, *others = api.http.get("/jobs").json()["jobs"]
        assert page.url.endswith(f"#job={newest['id']}")
        assert len(others) == 1


def test_a_comparison_is_downloaded_with_a_new_token_when_the_first_has_expired(
    browser: Browser, settings: Settings, jobs: JobStore
) -> None:
    with requiring_a_key(settings, jobs) as (api, script):
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


COUNTED_STREAMS = """
window.streams = [];
window.EventSource = class extends EventSource {
    constructor(url) {
        super(url);
        streams.push(this);
    }
};
"""
"""Stores the event streams of a page in `streams`."""


def test_a_page_that_nobody_sees_has_no_event_stream(
    browser: Browser, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    with opened(browser, str(api.http.base_url), script=COUNTED_STREAMS) as page:

        def count_streams() -> int:
            count = "streams.filter((each) => each.readyState !== EventSource.CLOSED).length"
            return int(page.evaluate(count))

        def set_hidden(*, is_hidden: bool) -> None:
            page.evaluate(
                """(value) => {
                    Object.defineProperty(document, "hidden", { value, configurable: true });
                    document.dispatchEvent(new Event("visibilitychange"));
                }""",
                is_hidden,
            )

        worker = PlayedWorker.of({"id": paint(page, files)}, jobs, api)
        worker.report_progress(10)
        expect(page.locator("#iterations")).to_contain_text("iteration 10")
        assert count_streams() == 1
        set_hidden(is_hidden=True)
        assert count_streams() == 0
        worker.report_progress(20)
        set_hidden(is_hidden=False)
        expect(page.locator("#iterations")).to_contain_text("iteration 20")
        assert count_streams() == 1
        worker.commit(png(160, 120))
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        set_hidden(is_hidden=False)
        assert count_streams() == 0


def test_the_page_says_at_once_that_it_is_offline(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 400})
    page.locator("#intro p").scroll_into_view_if_needed()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("You are offline.")
    expect(page.locator("#connection")).to_be_in_viewport(ratio=1)
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_hidden()
