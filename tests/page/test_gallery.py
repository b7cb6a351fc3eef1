"""The gallery of the pictures that were painted in this browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from shared.job_store import JobStore
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi
from tests.page.actions import paint, wait_until_stored
from tests.page.conftest import BLOCKED_STORAGE, REFUSED_BLOBS, opened
from tests.waiting import until


def test_a_job_survives_a_reload(
    page: Page, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    job_id = paint(page, files)
    PlayedWorker.of({"id": job_id}, jobs, api).commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    page.goto(str(api.http.base_url))
    page.locator("#gallery a").click()
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    expect(page.get_by_label("How much of the photograph is shown")).to_be_visible()


def test_a_job_is_deleted_in_the_browser_and_at_the_service(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    paint(page, files)
    page.get_by_role("button", name="Delete holiday in the style of painting").click()
    expect(page.locator("#job")).to_be_hidden()
    expect(page.locator("#gallery li")).to_have_count(0)
    expect(page.locator("#gallery")).to_be_hidden()
    assert api.http.get("/jobs").json()["jobs"] == []
    assert api.blobs == []


def test_a_deletion_can_be_undone(page: Page, api: RunningApi, files: dict[str, Path]) -> None:
    job_id = paint(page, files)
    page.get_by_role("button", name="Delete holiday in the style of painting").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#gallery li")).to_have_count(1)
    page.reload()
    expect(page.locator("#gallery li")).to_have_count(1)
    assert api.http.get(f"/jobs/{job_id}").status_code == 200


def test_every_deletion_of_the_last_seconds_is_undone_together(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    for _ in range(3):
        paint(page, files)
    expect(page.locator("#gallery li")).to_have_count(3)
    page.clock.install()
    for left in (2, 1):
        page.locator("#gallery .remove").first.click()
        expect(page.locator("#gallery li")).to_have_count(left)
        page.clock.run_for(4_000 if left == 2 else 0)
    expect(page.locator("#undo span")).to_have_text("Deleted: 2 pictures.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#gallery li")).to_have_count(3)
    expect(page.locator("#undo")).to_be_hidden()
    page.clock.run_for(10_000)
    assert len(api.http.get("/jobs").json()["jobs"]) == 3


def test_each_deletion_can_be_undone_for_its_own_six_seconds(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    kept, undone, deleted = (paint(page, files) for _ in range(3))
    expect(page.locator("#gallery li")).to_have_count(3)
    page.clock.install()
    for job_id in (deleted, undone):
        page.locator(f"#gallery [data-id='{job_id}'] .remove").click()
        expect(page.locator(f"#gallery [data-id='{job_id}']")).to_have_count(0)
        page.clock.run_for(4_000)
    until(lambda: api.http.get(f"/jobs/{deleted}").status_code == 404)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#gallery li")).to_have_count(2)
    jobs = api.http.get("/jobs").json()["jobs"]
    assert {job["id"] for job in jobs} == {kept, undone}


def test_a_double_click_deletes_one_picture(page: Page, files: dict[str, Path]) -> None:
    for _ in range(3):
        paint(page, files)
    expect(page.locator("#gallery li")).to_have_count(3)
    remove = page.locator("#gallery .remove").first
    remove.click()
    expect(page.locator("#gallery li")).to_have_count(2)  # the next picture has moved up
    box = remove.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    page.wait_for_timeout(500)  # what must not happen cannot be waited for
    expect(page.locator("#undo span")).to_have_text("Deleted: holiday in the style of painting.")
    expect(page.locator("#gallery li")).to_have_count(2)


def test_pictures_deleted_while_the_service_is_slow_are_all_deleted(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    for _ in range(3):
        paint(page, files)
    expect(page.locator("#gallery li")).to_have_count(3)
    held: list[Route] = []
    page.route(
        "**/jobs/*",
        lambda route: held.append(route) if route.request.method == "DELETE" else route.continue_(),
    )
    page.clock.install()
    for left in (2, 1, 0):
        page.locator("#gallery .remove").first.click()
        expect(page.locator("#gallery li")).to_have_count(left)
        page.clock.run_for(7_000)
    until(lambda: bool(page.evaluate("fetch('livez').then(() => true)")) and len(held) == 3)
    refused, *others = held
    for route in others:
        route.continue_()
    until(lambda: len(api.http.get("/jobs").json()["jobs"]) == 1)
    refused.fulfill(status=503, json={"code": "unavailable", "detail": "Redis is full."})
    expect(page.locator("#undo span")).to_have_text(
        "holiday in the style of painting could not be deleted. Redis is full."
    )
    expect(page.locator("#gallery li")).to_have_count(1)


def test_a_deletion_that_fails_is_reported_beside_one_that_can_be_undone(
    page: Page, files: dict[str, Path]
) -> None:
    for _ in range(2):
        paint(page, files)
    expect(page.locator("#gallery li")).to_have_count(2)
    problem = {"code": "unavailable", "detail": "Redis is full."}
    page.route("**/jobs/*", lambda route: route.fulfill(status=503, json=problem))
    page.clock.install()
    for left in (1, 0):
        page.locator("#gallery .remove").first.click()
        expect(page.locator("#gallery li")).to_have_count(left)
        page.clock.run_for(4_000)
    expect(page.locator("#undo")).to_contain_text("Redis is full. Deleted: holiday")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def test_a_deletion_is_sent_when_the_page_is_closed(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    paint(page, files)
    job_id = paint(page, files)
    page.locator(f"#gallery [data-id='{job_id}'] button").click()
    page.goto("about:blank")
    until(lambda: api.http.get(f"/jobs/{job_id}").status_code in (404, 410))
    page.goto(str(api.http.base_url))
    expect(page.locator("#gallery li")).to_have_count(1)


def test_a_deletion_that_was_not_done_when_the_page_was_left_is_done_in_the_next(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    job_id = paint(page, files)
    expect(page.locator("#gallery li")).to_have_count(1)
    deleted_long_ago = """async (id) => {
        const { update } = await import("/web/store.js");
        await update(id, { deleted: 1 });
    }"""
    page.evaluate(deleted_long_ago, job_id)
    page.goto(str(api.http.base_url))
    until(lambda: api.http.get(f"/jobs/{job_id}").status_code in (404, 410))
    stored = """async () => (await (await import("/web/store.js")).all()).length"""
    until(lambda: page.evaluate(stored) == 0)
    expect(page.locator("#gallery")).to_be_hidden()


def test_an_answer_that_comes_late_does_not_bring_a_deleted_job_back(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    job_id = paint(page, files)
    wait_until_stored(page, "content")
    answer = api.http.get(f"/jobs/{job_id}").json() | {"status": "running"}
    page.goto("about:blank")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "GET":
            held.append(route)
        else:
            route.continue_()

    page.route("**/jobs/*", hold)
    with page.expect_request("**/jobs/*"):
        page.goto(str(api.http.base_url))
    page.get_by_role("button", name="Delete holiday in the style of painting").click()
    expect(page.locator("#gallery")).to_be_hidden()
    (route,) = held
    with page.expect_response("**/jobs/*"):
        route.fulfill(json=answer)
    page.wait_for_timeout(500)  # what must not happen cannot be waited for
    page.reload()
    expect(page.locator("#content-picker .chosen img")).to_be_visible()
    expect(page.locator("#gallery")).to_be_hidden()


@pytest.fixture
def polls(page: Page, api: RunningApi, files: dict[str, Path]) -> list[Route]:
    """The requests of a gallery with a waiting job, in a page whose time stands still."""
    paint(page, files)
    found: list[Route] = []
    page.route("**/jobs/*", lambda route: found.append(route))
    page.clock.install(time=0)
    page.goto(str(api.http.base_url))
    expect(page.locator("#gallery li")).to_have_count(1)
    page.clock.pause_at(3_600_000)  # however long it has taken up to here
    return found


def seconds_until_answered(page: Page, polls: list[Route], status: int, **answer: Any) -> int:
    """How much of the page's time passes, about, until the gallery's next poll, which is answered
    with this status: and with these arguments of `Route.fulfill`, or else with a waiting job."""
    for seconds in range(1, 200):
        page.clock.run_for(1_000)
        page.evaluate("fetch('livez').then(() => null)")  # earlier requests are known then
        if polls:
            polls.pop().fulfill(status=status, **(answer or {"json": {"status": "queued"}}))
            return seconds
    raise AssertionError("The gallery does not poll.")


def test_the_gallery_polls_less_often_after_too_many_requests(
    page: Page, polls: list[Route]
) -> None:
    for _ in range(3):
        seconds_until_answered(page, polls, 429)
    assert seconds_until_answered(page, polls, 200) > 20
    assert seconds_until_answered(page, polls, 200) < 20


def test_the_gallery_does_not_poll_while_nobody_sees_it(page: Page, polls: list[Route]) -> None:
    seconds_until_answered(page, polls, 200)
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, writable: true })")
    with pytest.raises(AssertionError, match="does not poll"):
        seconds_until_answered(page, polls, 200)
    page.evaluate("document.hidden = false")
    seconds_until_answered(page, polls, 200)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "text/html", "<p>Please log in.</p>"),
        (200, "application/json", '{"id": "'),
        (404, "text/plain", "404 page not found"),
        (404, "application/json", '{"code": "no_route", "detail": "There is no such route."}'),
    ],
    ids=["a login page", "cut off", "a proxy's 404", "a proxy's 404 in JSON"],
)
def test_a_waiting_picture_stays_in_the_gallery_if_something_else_answers_a_poll(
    status: int, content_type: str, body: str, page: Page, polls: list[Route]
) -> None:
    seconds_until_answered(page, polls, status, content_type=content_type, body=body)
    seconds_until_answered(page, polls, 200)
    expect(page.locator("#gallery li")).to_have_count(1)


def test_a_waiting_picture_that_was_deleted_elsewhere_leaves_the_gallery(
    page: Page, polls: list[Route]
) -> None:
    problem = {"code": "job_not_found", "detail": "There is no such job."}
    seconds_until_answered(page, polls, 404, json=problem)
    expect(page.locator("#gallery")).to_be_hidden()


def test_a_deletion_that_a_proxy_answers_is_not_done(page: Page, files: dict[str, Path]) -> None:
    paint(page, files)

    def refuse(route: Route) -> None:
        if route.request.method == "DELETE":
            route.fulfill(status=404, body="404 page not found")
        else:
            route.continue_()

    page.route("**/jobs/*", refuse)
    page.clock.install()
    page.get_by_role("button", name="Delete holiday in the style of painting").click()
    expect(page.locator("#gallery li")).to_have_count(0)
    page.clock.run_for(10_000)
    expect(page.locator("#undo")).to_contain_text("could not be deleted. The service answered")
    expect(page.locator("#gallery li")).to_have_count(1)


def test_the_gallery_reads_its_pictures_again_only_if_one_has_changed(
    page: Page, polls: list[Route]
) -> None:
    page.evaluate("""() => {
        const { getAll } = IDBObjectStore.prototype;
        window.reads = 0;
        IDBObjectStore.prototype.getAll = function () {
            window.reads++;
            return getAll.call(this);
        };
    }""")
    for _ in range(3):
        seconds_until_answered(page, polls, 200)
    assert page.evaluate("reads") == 0
    seconds_until_answered(page, polls, 200, json={"status": "canceled", "options": {}})
    until(lambda: page.evaluate("reads") == 1)


def test_a_click_on_the_picture_that_is_shown_scrolls_to_it(
    page: Page, files: dict[str, Path]
) -> None:
    page.set_viewport_size({"width": 390, "height": 600})
    paint(page, files)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("#gallery a").click()
    expect(page.locator("#job-title")).to_be_in_viewport(ratio=1)
    expect(page.locator("#job-title")).to_be_focused()


def test_a_picture_is_named_after_its_files(page: Page, files: dict[str, Path]) -> None:
    paint(page, files)
    expect(page.locator("#gallery li")).to_contain_text("holiday in the style of painting")
    expect(page.locator("#job-title")).to_have_text("holiday in the style of painting")


def test_a_picture_of_somebody_else_stays_out_of_the_gallery(
    page: Page, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    paint(page, files)
    other = submitted(api)
    worker = PlayedWorker.of(other, jobs, api)
    worker.report_progress(10)
    page.goto(f"{api.http.base_url}#job={other['id']}")
    expect(page.locator("#iterations")).to_contain_text("iteration 10")
    with page.expect_response("**/result?format=webp"):
        worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    expect(page.locator("#status")).to_have_text("Done")
    page.reload()
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    expect(page.locator("#gallery li")).to_have_count(1)
    expect(page.locator("#gallery .state")).to_have_text("waiting")


def test_a_reload_keeps_everything_where_the_browser_stores_no_blobs(
    browser: Browser, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    with opened(browser, str(api.http.base_url), script=REFUSED_BLOBS) as page:
        PlayedWorker.of({"id": paint(page, files)}, jobs, api).commit(png(160, 120))
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        expect(page.locator("#gallery li img")).to_have_count(1)
        page.goto(str(api.http.base_url))
        expect(page.locator("#content-picker .chosen img")).to_be_visible()
        expect(page.locator("#gallery li img")).to_have_count(1)
        page.locator("#gallery a").click()
        expect(page.get_by_label("How much of the photograph is shown")).to_be_visible()


def test_pictures_that_were_stored_as_blobs_are_shown(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    paint(page, files)
    page.evaluate("""async () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
        const thumbnail = await new Promise((done) => canvas.toBlob(done, "image/jpeg"));
        const photograph = new File([thumbnail], "old.jpg", { type: "image/jpeg" });
        const database = await new Promise((done) => {
            const request = indexedDB.open("pastiche");
            request.onsuccess = () => done(request.result);
        });
        const transaction = database.transaction(["jobs", "chosen"], "readwrite");
        const job = { id: "0".repeat(32), at: 1, status: "succeeded", thumbnail };
        transaction.objectStore("jobs").put(job);
        transaction.objectStore("chosen").put([photograph], "content");
        await new Promise((done) => (transaction.oncomplete = done));
        database.close();
    }""")
    page.goto(str(api.http.base_url))
    expect(page.locator("#gallery li img")).to_have_count(2)
    expect(page.get_by_role("img", name="old.jpg")).to_be_visible()


def test_a_job_is_painted_where_the_browser_stores_nothing(
    browser: Browser, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    with opened(browser, str(api.http.base_url), script=BLOCKED_STORAGE) as page:
        worker = PlayedWorker.of({"id": paint(page, files)}, jobs, api)
        expect(page.locator("#job-title")).to_have_text("holiday in the style of painting")
        worker.commit(png(160, 120))
        expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
        expect(page.get_by_label("How much of the photograph is shown")).to_be_visible()
        for error in ("#form-error", "#job-error"):
            expect(page.locator(error)).to_be_empty()
        assert len(api.http.get("/jobs").json()["jobs"]) == 1
        expect(page.locator("#gallery li img")).to_have_count(1)
        page.get_by_role("button", name="Delete holiday in the style of painting").click()
        expect(page.locator("#gallery")).to_be_hidden()


def test_two_hundred_jobs_are_no_burden(page: Page, api: RunningApi) -> None:
    page.evaluate("""async () => {
        const { add } = await import("/web/store.js");
        const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
        const thumbnail = await new Promise((done) => canvas.toBlob(done, "image/jpeg"));
        for (let index = 0; index < 200; index++) {
            const id = index.toString(16).padStart(32, "0");
            await add(id, { status: "succeeded", thumbnail });
        }
    }""")
    page.reload()
    expect(page.locator("#gallery a")).to_have_count(200)
    page.get_by_role("button", name="Example: wave").click()
    expect(page.locator("#style-picker .chosen img")).to_be_visible()
