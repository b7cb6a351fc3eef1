"""While a picture is painted, and when it is done; the test plays the worker."""

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from shared.blob_store import preview_key
from shared.job_store import JobStore
from tests import pictures
from tests.api.jobs.test_results import enormous_png
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi
from tests.page.actions import paint
from tests.page.conftest import opened, phone
from tests.waiting import until


def with_preview(worker: PlayedWorker, iteration: int) -> None:
    key = preview_key(worker.job_id, worker.fence)
    worker.blobs.put(key, pictures.jpeg())
    worker.report_progress(iteration, preview_key=key, preview_iteration=str(iteration))


def test_progress_is_shown_in_words_and_as_a_bar(page: Page, worker: PlayedWorker) -> None:
    worker.report_progress(iteration=126)
    expect(page.locator("#status")).to_have_text("42 % · about 10 s left")
    expect(page.locator("#iterations")).to_have_text("Scale 2/3, iteration 126 of 300")
    expect(page.locator("#progress")).to_have_js_property("value", 0.42)


def test_warnings_are_listed_below_the_picture(page: Page, worker: PlayedWorker) -> None:
    warnings = page.get_by_role("list", name="Warnings").get_by_role("listitem")
    expect(warnings).to_have_count(2)
    expect(warnings.first).to_contain_text("The content image is 160×120 pixels")
    worker.report_progress(iteration=126)
    expect(page.locator("#iterations")).to_contain_text("iteration 126")
    expect(warnings).to_have_count(2)


def test_the_picture_appears_while_it_is_painted(page: Page, worker: PlayedWorker) -> None:
    with_preview(worker, 10)
    expect(page.get_by_alt_text("The picture so far")).to_be_visible()


def test_the_loss_curves_grow(page: Page, worker: PlayedWorker) -> None:
    for iteration in (10, 20):  # the first of them may come before the page listens
        worker.report_progress(iteration=iteration)
        expect(page.locator("#iterations")).to_contain_text(f"iteration {iteration}")
    worker.report_progress(iteration=30)
    page.locator("#details summary").click()
    expect(page.get_by_role("img", name="After 30 iterations")).to_be_visible()
    expect(page.locator("#curves path")).to_have_count(5)
    page.set_viewport_size({"width": 390, "height": 844})
    scale = "svg => svg.viewBox.baseVal.width / svg.clientWidth"
    until(lambda: page.locator("#curves svg").evaluate(scale) == 1)


def test_the_loss_curves_have_room_for_forty_thousand_iterations(page: Page) -> None:
    drawn = page.evaluate("""async () => {
        const { Curves } = await import("./web/curves.js");
        const figure = document.createElement("figure");
        figure.append(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
        document.body.append(figure);
        const iterations = Array.from({ length: 40_000 }, (_, index) => index + 1);
        const losses = { total: iterations, content: iterations, style: iterations };
        const others = { tv: iterations, gamut: iterations, weights: [] };
        new Curves(figure).set({ iterations, ...losses, ...others });
        return figure.querySelectorAll("path").length;
    }""")
    assert drawn == 5


def test_the_dial_changes_the_running_job(
    page: Page, worker: PlayedWorker, api: RunningApi
) -> None:
    worker.report_progress(iteration=10)
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.locator("#live-dial").fill("0.9")
    options = api.http.get(f"/jobs/{worker.job_id}").json()["options"]
    assert (options["content_weight"], options["style_weight"]) == (0.1, 0.9)


def test_a_finished_picture_can_be_compared_and_downloaded(
    page: Page, worker: PlayedWorker
) -> None:
    worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    page.get_by_label("How much of the photograph is shown").fill("60")
    shown = page.locator("#before").evaluate("image => getComputedStyle(image).clipPath")
    assert shown == "inset(0px 40% 0px 0px)"
    for kind, ending in {"JPEG": "jpg", "PNG": "png", "WebP": "webp"}.items():
        page.get_by_label("Other formats").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=kind, exact=True).click()
        assert download.value.suggested_filename == f"holiday-in-the-style-of-painting.{ending}"
        assert download.value.path().stat().st_size > 100


def test_the_main_button_downloads_a_jpeg_that_is_named_after_the_files(
    page: Page, worker: PlayedWorker
) -> None:
    worker.commit(png(160, 120))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename == "holiday-in-the-style-of-painting.jpg"
    with Image.open(download.value.path()) as image:
        assert (image.format, image.size) == ("JPEG", (160, 120))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("हिन्दी चित्र", "हिन्दी-चित्र-in-the-style-of-wave.jpg"),
        ("Café (1)", "café-1-in-the-style-of-wave.jpg"),
        ("Cafe\u0301", "cafe\u0301-in-the-style-of-wave.jpg"),
    ],
)
def test_a_downloaded_file_has_the_letters_of_its_photograph(
    content: str, name: str, page: Page
) -> None:
    file_name = """async (content) => {
        const { fileName } = await import("./web/words.js");
        return fileName({ content, styles: ["wave"] }, "jpeg");
    }"""
    assert page.evaluate(file_name, content) == name


def test_the_menu_of_formats_moves_nothing(page: Page, worker: PlayedWorker) -> None:
    worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    places = [page.get_by_role("button", name=each) for each in ("Download", "Enlarge")]
    before = [each.bounding_box() for each in places]
    page.get_by_label("Other formats").click()
    expect(page.get_by_role("button", name="WebP", exact=True)).to_be_visible()
    assert [each.bounding_box() for each in places] == before


def test_a_picture_is_painted_larger_from_its_result(
    page: Page, worker: PlayedWorker, api: RunningApi
) -> None:
    worker.commit(png(160, 120))
    page.get_by_role("button", name="Paint larger (1024 px)").click()
    expect(page.locator("#status")).to_contain_text("queue")
    newest, *_ = api.http.get("/jobs").json()["jobs"]
    assert newest["id"] != worker.job_id
    assert (newest["options"]["start"], newest["options"]["size"]) == ("image", 1024)


@pytest.mark.parametrize("button", ["Paint larger", "Compare weights", "Another seed"])
def test_what_follows_a_picture_has_its_options(
    page: Page, api: RunningApi, jobs: JobStore, button: str
) -> None:
    chosen = {"seed": 7, "style_layers": "relu1_1:2,relu3_1", "scale_iterations": "3,4"}
    job = submitted(api, colour="luminance", **chosen)
    PlayedWorker.of(job, jobs, api).commit(png(96, 64))
    page.evaluate("id => { location.hash = `job=${id}` }", job["id"])
    page.get_by_role("button", name=button).click()
    expect(page).not_to_have_url(re.compile(job["id"]))
    newest, *_ = api.http.get("/jobs").json()["jobs"]
    assert (newest["options"]["seed"] == 7) == (button != "Another seed")
    for name in ("style_layers", "scale_iterations", "colour"):
        assert newest["options"][name] == job["options"][name]


def test_a_picture_that_comes_late_is_not_taken_for_the_next_one(
    page: Page, worker: PlayedWorker, api: RunningApi, jobs: JobStore
) -> None:
    worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    next_one = PlayedWorker.of(submitted(api), jobs, api)
    next_one.report_progress(iteration=10)
    held: list[Route] = []
    page.route("**/result*", lambda route: held.append(route))
    page.evaluate("id => { location.hash = `job=${id}` }", next_one.job_id)
    expect(page.locator("#iterations")).to_contain_text("iteration 10")
    with page.expect_request("**/result*"):
        page.go_back()
    expect(page.locator("#status")).to_have_text("Done")
    page.go_forward()
    expect(page.locator("#iterations")).to_contain_text("iteration 10")
    assert held
    for route in held:
        route.continue_()
    page.wait_for_timeout(500)  # what must not happen cannot be waited for
    expect(page.locator("#after")).to_be_hidden()
    expect(page.locator("#compare")).to_be_hidden()


def test_a_job_is_canceled_and_tried_again(page: Page, worker: PlayedWorker) -> None:
    worker.report_progress(iteration=10)
    page.get_by_role("button", name="Cancel").click()
    worker.stop()
    expect(page.locator("#status")).to_have_text("Canceled")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#status")).to_contain_text("Next in the queue")


def test_a_shared_link_shows_the_picture_to_others(page: Page, worker: PlayedWorker) -> None:
    worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    other = page.context.browser
    assert other is not None
    visitor = other.new_page()
    visitor.goto(page.url)
    expect(visitor.get_by_alt_text("The picture", exact=True)).to_be_visible()
    visitor.close()


def test_a_picture_that_failed_leaves_no_empty_frame(
    page: Page, api: RunningApi, jobs: JobStore
) -> None:
    worker = PlayedWorker.of(submitted(api), jobs, api)
    page.evaluate("id => { location.hash = `job=${id}` }", worker.job_id)
    expect(page.locator("#canvas")).to_be_visible()
    worker.fail()
    expect(page.locator("#status")).to_contain_text("Failed: ")
    expect(page.locator("#canvas")).to_be_hidden()


def test_names_in_the_reason_of_a_failure_have_no_code_marks(
    page: Page, worker: PlayedWorker
) -> None:
    worker.fail("timed_out")
    expect(page.locator("#status")).to_have_text(re.compile("^Failed: .* its timeout"))


def test_a_picture_that_cannot_be_sent_says_why_and_is_not_requested_again(
    page: Page, worker: PlayedWorker
) -> None:
    page.clock.install()
    worker.commit(enormous_png())
    expect(page.locator("#job-error")).to_contain_text("Encoding this picture took too much")
    requested = list[str]()
    page.on("request", lambda request: requested.append(request.url))
    page.clock.run_for(20_000)
    page.evaluate("fetch('livez').then(() => null)")  # earlier requests are known then
    assert not [url for url in requested if "/result" in url]
    expect(page.get_by_role("button", name="Download", exact=True)).to_be_visible()


def test_the_photograph_is_shown_dimmed_until_there_is_a_picture(
    page: Page, worker: PlayedWorker
) -> None:
    expect(page.locator("#canvas.waiting #before")).to_be_visible()
    with_preview(worker, 10)
    expect(page.get_by_alt_text("The picture so far")).to_be_visible()
    expect(page.locator("#canvas.waiting")).to_have_count(0)


def test_the_dial_stays_where_a_finger_puts_it(
    browser: Browser, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    with opened(browser, str(api.http.base_url), **phone(390, 844)) as page:
        worker = PlayedWorker.of({"id": paint(page, files)}, jobs, api)
        worker.report_progress(10)
        expect(page.locator("#iterations")).to_contain_text("iteration 10")
        dial = page.locator("#live-dial")
        dial.scroll_into_view_if_needed()
        box = dial.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        touch = page.context.new_cdp_session(page)

        def send(kind: str, *places: float) -> None:
            points = [{"x": box["x"] + place * box["width"], "y": middle} for place in places]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        with page.expect_response(lambda response: response.request.method == "PATCH"):
            send("touchStart", 0.5)
            for step in range(1, 9):
                send("touchMove", 0.5 + 0.05 * step)
                worker.report_progress(10 + step)  # an event that has the weights from before
            send("touchEnd")
        moved = float(dial.input_value())
        assert moved > 0.8
        worker.report_progress(30)
        expect(page.locator("#iterations")).to_contain_text("iteration 30")
        assert float(dial.input_value()) == moved
        expect(page.locator("#live-value")).to_have_text(f"{round(100 * moved)} %")
        expect(page.locator("#notice")).to_contain_text(f"style {round(100 * moved)} %")
        options = api.http.get(f"/jobs/{worker.job_id}").json()["options"]
        assert options["style_weight"] == moved


def test_a_change_of_the_weights_is_marked_in_the_curves(page: Page, worker: PlayedWorker) -> None:
    for iteration in (10, 20, 30):
        worker.report_progress(iteration=iteration)
        expect(page.locator("#iterations")).to_contain_text(f"iteration {iteration}")
    page.locator("#details summary").click()
    page.locator("#live-dial").fill("0.9")
    expect(page.locator("#notice")).to_contain_text("style 90 %")
    expect(page.locator("#curves .mark")).to_have_count(1)


def test_a_reload_shows_in_the_curves_where_the_weights_were_changed(
    page: Page, worker: PlayedWorker
) -> None:
    worker.show(30, changed_weights_at=20)
    worker.report_progress(iteration=30)
    page.reload()
    page.locator("#details summary").click()
    expect(page.locator("#curves .mark")).to_have_count(1)


def test_a_dial_that_is_moved_as_the_picture_is_done_has_no_effect(
    page: Page, worker: PlayedWorker
) -> None:
    worker.report_progress(iteration=10)
    expect(page.locator("#iterations")).to_contain_text("iteration 10")
    methods = list[str]()
    page.on("request", lambda request: methods.append(request.method))
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    page.locator("#live-dial").fill("0.9")
    worker.commit(png(160, 120))
    expect(page.locator("#status")).to_have_text("Done")
    page.clock.run_for(1_000)
    page.evaluate("fetch('livez').then(() => null)")
    assert "PATCH" not in methods
    expect(page.locator("#job-error")).to_be_empty()


def test_a_finished_picture_has_no_dial(page: Page, worker: PlayedWorker) -> None:
    expect(page.locator("#live")).to_be_visible()
    worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    expect(page.locator("#live")).to_be_hidden()


def test_painting_is_stopped_and_the_picture_kept(
    page: Page, worker: PlayedWorker, api: RunningApi
) -> None:
    worker.report_progress(iteration=10)
    with page.expect_response("**/finish") as response:
        page.get_by_role("button", name="Stop and keep it").click()
    assert response.value.status == 202


def test_a_picture_is_enlarged_over_the_whole_screen(page: Page, worker: PlayedWorker) -> None:
    worker.commit(png(160, 120))
    expect(page.get_by_alt_text("The picture", exact=True)).to_be_visible()
    page.get_by_role("button", name="Enlarge").click()
    large = page.get_by_alt_text("The picture, large")
    expect(large).to_be_visible()
    page.wait_for_function("document.fullscreenElement?.querySelector('img')")
    assert large.evaluate("image => [image.clientWidth, image.clientHeight]") == page.evaluate(
        "[innerWidth, innerHeight]"
    )
    large.click()
    expect(page.locator("#viewer")).to_have_class("actual")
    page.get_by_role("button", name="Close").click()
    expect(large).to_be_hidden()
    page.wait_for_function("!document.fullscreenElement")


def test_a_picture_is_no_longer_enlarged_when_the_full_screen_is_left(
    page: Page, worker: PlayedWorker
) -> None:
    worker.commit(png(160, 120))
    page.get_by_role("button", name="Enlarge").click()
    page.wait_for_function("document.fullscreenElement")
    page.evaluate("document.exitFullscreen()")  # as Escape does, which drivers cannot press
    expect(page.locator("#viewer")).to_be_hidden()


def test_a_picture_is_no_longer_enlarged_on_the_page_before_it(
    page: Page, worker: PlayedWorker
) -> None:
    worker.commit(png(160, 120))
    page.get_by_role("button", name="Enlarge").click()
    expect(page.locator("#viewer")).to_be_visible()
    page.wait_for_function("document.fullscreenElement")
    page.go_back()
    expect(page.locator("#intro")).to_be_visible()
    expect(page.locator("#viewer")).to_be_hidden()


def test_a_picture_that_was_loaded_too_slowly_for_one_click_is_shared_by_the_next(
    browser: Browser, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    # Headless browsers cannot share.
    script = """
        window.shared = [];
        let isTooLate = true;
        navigator.canShare = () => true;
        navigator.share = async ({ files }) => {
            if (isTooLate) {
                isTooLate = false;
                throw new DOMException("A user gesture is needed.", "NotAllowedError");
            }
            window.shared.push(files[0].name);
        };
    """
    with opened(browser, str(api.http.base_url), script=script) as page:
        PlayedWorker.of({"id": paint(page, files)}, jobs, api).commit(png(160, 120))
        page.get_by_role("button", name="Share").click()
        expect(page.locator("#notice")).to_have_text("The picture is ready: press Share again.")
        loaded = list[str]()
        page.on("request", lambda request: loaded.append(request.url))
        page.get_by_role("button", name="Share").click()
        expect(page.locator("#notice")).to_be_empty()
        assert page.evaluate("shared") == ["holiday-in-the-style-of-painting.jpg"]
        assert not [url for url in loaded if "format=jpeg" in url]
        expect(page.locator("#job-error")).to_be_empty()


def test_the_focus_stays_on_a_button_when_the_state_changes(
    page: Page, worker: PlayedWorker
) -> None:
    expect(page.get_by_role("button", name="Stop and keep it")).to_be_visible()
    page.get_by_role("button", name="Copy link").focus()
    worker.commit(png(160, 120))
    expect(page.get_by_role("button", name="Enlarge")).to_be_visible()
    expect(page.get_by_role("button", name="Copy link")).to_be_focused()


def test_the_focus_stays_among_the_buttons_when_its_own_is_gone(
    page: Page, worker: PlayedWorker
) -> None:
    expect(page.get_by_role("button", name="Stop and keep it")).to_be_visible()
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    until(lambda: page.get_by_role("button", name="Cancel").is_enabled())
    worker.stop()
    expect(page.locator("#actions")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()


@pytest.mark.parametrize(
    ("content", "style", "shown"),
    [("0.2", "0.8", "80 %"), ("0.5", "4.5", "90 %"), ("99", "1", "1 %")],
)
def test_the_settings_of_a_picture_are_used_for_the_next(
    content: str,
    style: str,
    shown: str,
    page: Page,
    api: RunningApi,
    jobs: JobStore,
    files: dict[str, Path],
) -> None:
    job = submitted(api, size="256", style_weight=style, content_weight=content, seed="7")
    PlayedWorker.of(job, jobs, api).commit(png(96, 64))
    page.evaluate("id => { location.hash = `job=${id}` }", job["id"])
    page.get_by_role("button", name="Use these settings").click()
    expect(page.locator("#dial")).to_be_focused()
    expect(page.locator("input[name=seed]")).to_have_value("7")
    expect(page.locator("#dial-value")).to_have_text(shown)
    assert f"{float(page.locator('#dial').input_value()):.0%}" == shown.replace(" ", "")
    paint(page, files)
    newest, *_ = api.http.get("/jobs").json()["jobs"]
    assert newest["id"] != job["id"]
    same = ("size", "style_weight", "content_weight", "seed")
    assert {n: newest["options"][n] for n in same} == {n: job["options"][n] for n in same}


def test_the_dial_of_a_picture_stands_where_its_weights_are(page: Page, api: RunningApi) -> None:
    job = submitted(api, content_weight="1", style_weight="1000")
    page.evaluate("id => { location.hash = `job=${id}` }", job["id"])
    expect(page.locator("#live-value")).to_have_text("100 %")
    expect(page.locator("#live-dial")).to_have_value("1")
    page.locator("#live-dial").fill("0.97")
    expect(page.locator("#notice")).to_contain_text("style 97 %")


def test_the_dial_replaces_the_weights_of_the_settings_that_are_used(
    page: Page, api: RunningApi, jobs: JobStore, files: dict[str, Path]
) -> None:
    job = submitted(api, style_weight="4.5", content_weight="0.5")
    PlayedWorker.of(job, jobs, api).commit(png(96, 64))
    page.evaluate("id => { location.hash = `job=${id}` }", job["id"])
    page.get_by_role("button", name="Use these settings").click()
    expect(page.locator("#dial")).to_be_focused()
    page.locator("#dial").fill("0.6")
    paint(page, files)
    options = api.http.get("/jobs").json()["jobs"][0]["options"]
    assert (options["content_weight"], options["style_weight"]) == (0.4, 0.6)


def test_a_result_becomes_the_next_photograph(page: Page, worker: PlayedWorker) -> None:
    worker.commit(png(160, 120))
    page.get_by_role("button", name="Use as photograph").click()
    expect(page.locator("#content-picker .chosen img")).to_have_attribute(
        "alt", "holiday-in-the-style-of-painting.png"
    )


def test_a_dead_link_says_that_the_picture_is_gone(page: Page) -> None:
    page.evaluate("() => { location.hash = 'job=' + '0'.repeat(32) }")
    expect(page.locator("#job-error")).to_have_text("This picture no longer exists.")
    expect(page.locator("#actions button")).to_have_count(0)
    expect(page.locator("#canvas")).to_be_hidden()


def test_a_picture_is_shown_after_a_proxy_has_not_found_the_service(
    page: Page, worker: PlayedWorker
) -> None:
    page.goto("about:blank")
    answer = {"status": 404, "content_type": "text/plain", "body": "404 page not found"}
    page.route("**/jobs/*", lambda route: route.fulfill(**answer), times=1)
    page.go_back()
    expect(page.locator("#status")).to_have_text("Preparing the pictures")
    expect(page.locator("#job-error")).to_be_empty()


def test_a_copied_link_is_confirmed(page: Page, worker: PlayedWorker) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#notice")).to_have_text(f"Copied: {page.url}")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
