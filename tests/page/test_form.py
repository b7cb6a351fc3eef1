"""The form: pictures are chosen, and wrong ones are refused with a reason."""

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from shared.job_store import JobStore
from shared.workers import Worker, register_worker
from tests.conftest import RunningApi
from tests.page.actions import choose, drop, paint, wait_until_stored

OWN_CODE_BYTES = 104_500
CODE = (".html", ".css", ".js", ".svg")
WEB = Path(__file__).parents[2] / "api" / "web" / "static"


def job_of(page: Page, api: RunningApi) -> dict[str, Any]:
    (job,) = api.http.get("/jobs").json()["jobs"]
    assert isinstance(job, dict)
    return job


def test_two_examples_and_a_click_submit_a_job(page: Page, api: RunningApi) -> None:
    page.get_by_role("button", name="Example: harbour").click()
    page.get_by_role("button", name="Example: wave").click()
    expect(page.locator(".chosen img")).to_have_count(2)
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Next in the queue")
    assert job_of(page, api)["status"] == "queued"


def test_the_dial_and_the_preset_are_submitted(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    page.get_by_label("Style, between the photograph and the painting", exact=True).fill("0.7")
    expect(page.locator("#dial-value")).to_have_text("70 %")
    page.get_by_text("Draft").click()
    paint(page, files)
    options = job_of(page, api)["options"]
    assert (options["content_weight"], options["style_weight"]) == (0.3, 0.7)
    assert options["size"] == 256


def test_other_options_are_under_more(page: Page, api: RunningApi, files: dict[str, Path]) -> None:
    page.locator("#more > summary").click()
    page.locator("input[name=size]").fill("128")
    page.locator("select[name=colour]").select_option("luminance")
    paint(page, files)
    options = job_of(page, api)["options"]
    assert (options["size"], options["colour"]) == (128, "luminance")


def test_transparency_is_kept_where_its_box_is_ticked(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    page.locator("#more > summary").click()
    page.get_by_text("Expert").click()
    box = page.get_by_role("checkbox", name="Keep transparency")
    expect(box).to_have_accessible_description(
        re.compile("^Makes a PNG or WebP result as .*are white.$")
    )
    expect(box).not_to_be_checked()
    box.check()
    paint(page, files)
    options = job_of(page, api)["options"]
    assert (options["keep_transparency"], options["gradient_normalisation"]) == (True, False)


def test_a_cut_out_is_compared_on_white(page: Page, tmp_path: Path) -> None:
    cut_out = tmp_path / "cut-out.png"
    Image.new("RGBA", (160, 120)).save(cut_out)
    shown = page.evaluate(
        """async (data) => {
            const { shrink } = await import("./web/thumbnail.js");
            const bytes = new Uint8Array(data);
            const small = await createImageBitmap(await shrink(new Blob([bytes]), 64));
            const context = document.createElement("canvas").getContext("2d");
            context.drawImage(small, 0, 0);
            return [...context.getImageData(5, 5, 1, 1).data];
        }""",
        list(cut_out.read_bytes()),
    )
    assert shown == [255, 255, 255, 255]


def test_a_heading_that_the_page_goes_to_has_no_frame(page: Page, files: dict[str, Path]) -> None:
    for field, file in files.items():
        choose(page, field, file)
    page.get_by_role("button", name="Paint", exact=True).focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="holiday in the style of painting")
    expect(heading).to_be_focused()
    expect(heading).to_have_css("outline-style", "none")


def test_several_paintings_are_chosen_and_one_is_removed(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    choose(page, "style", files["style"], files["content"])
    expect(page.locator("#style-picker .chosen img")).to_have_count(2)
    page.get_by_role("button", name="Remove holiday.jpg").click()
    expect(page.locator("#style-picker .chosen img")).to_have_count(1)


def test_a_pasted_picture_goes_to_the_first_empty_picker(page: Page) -> None:
    page.evaluate("""async () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
        const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
        const transfer = new DataTransfer();
        transfer.items.add(new File([blob], "pasted.png", { type: "image/png" }));
        dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, cancelable: true }));
    }""")
    expect(page.get_by_alt_text("pasted.png")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "kind", "size", "words"),
    [
        ("thesis.pdf", "application/pdf", 10, "cannot be read as a picture"),
        ("scan.tiff", "image/tiff", 60_000_000, "Use JPEG, PNG, WebP or AVIF"),
        ("IMG_1.HEIC", "", 10, "Most Compatible"),
        ("large.jpg", "image/jpeg", 26_000_000, "at most 25 MB"),
    ],
)
def test_a_wrong_file_is_refused_before_it_is_sent(
    name: str, kind: str, size: int, words: str, page: Page
) -> None:
    drop(page, "content", name, kind, size)
    expect(page.locator("#content-error")).to_contain_text(words)
    expect(page.locator("#content-picker .chosen img")).to_have_count(0)


def test_a_drop_without_a_file_is_reported(page: Page) -> None:
    page.evaluate("""() => {
        const transfer = new DataTransfer();
        transfer.setData("text/uri-list", "https://example.org/wave.jpg");
        const picker = document.getElementById("style-picker");
        const init = { dataTransfer: transfer, cancelable: true };
        picker.dispatchEvent(new DragEvent("drop", init));
    }""")
    expect(page.locator("#style-error")).to_contain_text("Save the picture first")


@pytest.mark.parametrize(
    ("kind", "target", "is_prevented"),
    [
        ("text/plain", "#key-field", False),
        ("Files", "#key-field", True),
        ("text/uri-list", "#intro", True),
        ("Files", "#intro", True),
    ],
)
def test_only_text_may_be_dropped_and_only_in_a_field(
    kind: str, target: str, is_prevented: bool, page: Page
) -> None:
    drop_on = """([kind, target]) => {
        const transfer = new DataTransfer();
        if (kind === "Files") transfer.items.add(new File(["x"], "wave.jpg"));
        else transfer.setData(kind, "https://example.org/");
        const init = { dataTransfer: transfer, cancelable: true, bubbles: true };
        return ["dragover", "drop"].map((name) =>
            !document.querySelector(target).dispatchEvent(new DragEvent(name, init)));
    }"""
    assert page.evaluate(drop_on, [kind, target]) == [is_prevented] * 2


def test_an_example_that_cannot_be_loaded_is_reported(page: Page) -> None:
    page.route("**/examples/style/wave.jpg", lambda route: route.abort())
    page.get_by_role("button", name="Example: wave").click()
    expect(page.locator("#style-error")).to_have_text(
        "wave.jpg could not be loaded. Please try again."
    )


def test_the_example_that_was_clicked_last_counts(page: Page) -> None:
    expect(page.get_by_role("button", name="Example: fire")).to_be_visible()
    held: list[Route] = []
    page.route("**/examples/style/wave.jpg", lambda route: held.append(route))
    with page.expect_request("**/examples/style/wave.jpg"):
        page.get_by_role("button", name="Example: wave").click()
    page.get_by_role("button", name="Example: fire").click()
    expect(page.get_by_alt_text("fire.jpg")).to_be_visible()
    with page.expect_response("**/examples/style/wave.jpg"):
        for route in held:
            route.continue_()
    page.wait_for_timeout(500)  # what must not happen cannot be waited for
    expect(page.get_by_alt_text("fire.jpg")).to_be_visible()


def test_an_error_of_the_service_is_shown_next_to_its_field(
    page: Page, api: RunningApi, tmp_path: Path, files: dict[str, Path]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(files["content"].read_bytes()[:400])
    choose(page, "content", broken)
    choose(page, "style", files["style"])
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#content-error")).to_contain_text("damaged or cut off")


def test_an_option_out_of_range_is_shown_and_named_beside_the_button(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    page.locator("#more > summary").click()
    page.get_by_text("Expert").click()
    page.locator("input[name=iterations]").fill("-3")
    page.get_by_text("Expert").click()
    for field, file in files.items():
        choose(page, field, file)
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#error-iterations")).to_contain_text("must be")
    expect(page.locator("input[name=iterations]")).to_be_focused()
    expect(page.locator("#form-error")).to_have_text("Please check: Iterations.")
    expect(page.locator("[aria-invalid=true]")).to_have_attribute("name", "iterations")
    page.locator("input[name=iterations]").fill("20")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#job")).to_be_visible()
    expect(page.locator("[aria-invalid=true]")).to_have_count(0)


def test_a_number_may_have_a_decimal_comma(
    page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    page.locator("#more > summary").click()
    page.locator("input[name=style_scale]").press_sequentially("1,5")
    paint(page, files)
    assert job_of(page, api)["options"]["style_scale"] == 1.5


@pytest.mark.parametrize(("name", "entered"), [("size", "1,000"), ("style_scale", "half")])
def test_text_that_is_not_a_number_is_refused(
    name: str, entered: str, page: Page, api: RunningApi, files: dict[str, Path]
) -> None:
    page.locator("#more > summary").click()
    page.locator(f"input[name={name}]").press_sequentially(entered)
    for field, file in files.items():
        choose(page, field, file)
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator(f"#error-{name}")).to_contain_text("must be")
    assert api.http.get("/jobs").json()["jobs"] == []


def test_a_missing_picture_is_reported(page: Page) -> None:
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#content-error")).to_have_text("Choose a photograph first.")


def test_empty_elements_take_no_space(page: Page) -> None:
    for empty in ("#content-error", "#form-error", "#content-picker .chosen"):
        expect(page.locator(empty)).to_be_empty()
        assert page.locator(empty).evaluate("part => getComputedStyle(part).display") == "none"


def test_the_page_loads_nothing_from_other_hosts(page: Page, api: RunningApi) -> None:
    requested = list[str]()
    page.on("request", lambda request: requested.append(request.url))
    page.reload(wait_until="networkidle")
    assert requested
    assert all(url.startswith((str(api.http.base_url), "blob:")) for url in requested)


def test_its_own_code_is_small() -> None:
    code = [file for file in WEB.iterdir() if file.suffix in CODE and file.stem != "docs"]
    assert sum(file.stat().st_size for file in code) < OWN_CODE_BYTES


def test_an_example_that_is_chosen_is_marked_and_replaced_by_the_next(page: Page) -> None:
    wave = page.get_by_role("button", name="Example: wave")
    fire = page.get_by_role("button", name="Example: fire")
    wave.click()
    expect(wave).to_have_attribute("aria-pressed", "true")
    fire.click()
    expect(page.locator("#style-picker .chosen img")).to_have_count(1)
    expect(wave).to_have_attribute("aria-pressed", "false")
    expect(fire).to_have_attribute("aria-pressed", "true")


def test_another_painting_is_added_on_request(page: Page) -> None:
    page.get_by_role("button", name="Example: wave").click()
    page.get_by_role("button", name="Add another painting").click()
    page.get_by_role("button", name="Example: fire").click()
    expect(page.locator("#style-picker .chosen img")).to_have_count(2)


def test_a_reload_restores_the_chosen_pictures(page: Page, files: dict[str, Path]) -> None:
    for field, file in files.items():
        choose(page, field, file)
        wait_until_stored(page, field)
    page.reload()
    expect(page.get_by_alt_text("holiday.jpg")).to_be_visible()
    expect(page.get_by_alt_text("painting.png")).to_be_visible()


def test_a_preset_shows_its_size_and_its_values(page: Page) -> None:
    expect(page.get_by_role("radio", name="Draft")).to_have_accessible_name(re.compile("256 px"))
    page.locator("#more > summary").click()
    size = page.locator("input[name=size]")
    expect(size).to_have_attribute("placeholder", "512")
    page.get_by_text("Fine", exact=True).click()
    expect(size).to_have_attribute("placeholder", "1024")


def test_a_preset_shows_how_long_it_takes_once_a_worker_knows(
    page: Page, api: RunningApi, jobs: JobStore
) -> None:
    draft = page.get_by_role("radio", name="Draft")
    expect(draft).to_have_accessible_name(re.compile("256 px"))
    expect(draft).not_to_have_accessible_name(re.compile("about"))
    times = ((3_000, 0.1), (3_000_000, 4.0))
    painter = Worker("painter", "vgg16", "CPU", 10**8, rate=1e5, iteration_seconds=times)
    jobs.run(register_worker(painter, ttl_seconds=600))
    page.reload()
    expect(draft).to_have_accessible_name(re.compile("^Draft 256 px about [0-9.]+ (s|min|h)$"))


def test_the_options_of_experts_are_in_groups_with_names(page: Page) -> None:
    page.locator("#more > summary").click()
    page.get_by_text("Expert").click()
    for name, field in {
        "Weights": "Style layers",
        "Start": "Seed",
        "Optimiser": "Iterations",
        "Network": "Backbone",
        "Pictures": "Mask",
    }.items():
        group = page.get_by_role("group", name=name, exact=True)
        expect(group.get_by_label(field).first).to_be_visible()


def test_the_hints_of_the_first_options_are_short(page: Page) -> None:
    page.locator("#more > summary").click()
    hints = page.locator("#more .options > .grid small")
    expect(hints).to_have_count(4)
    assert max(len(hint) for hint in hints.all_text_contents()) < 80


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 1 s"),
        (9.5, "about 10 s"),
        (33, "about 35 s"),
        (90, "about 90 s"),
        (149, "about 150 s"),
        (160, "about 2.5 min"),
        (400, "about 7 min"),
        (5_400, "about 90 min"),
        (8_900, "about 148 min"),
        (9_100, "about 2.5 h"),
        (36_000, "about 10 h"),
    ],
)
def test_a_duration_is_rounded(seconds: float, words: str, page: Page) -> None:
    in_words = "async (seconds) => (await import('/web/words.js')).duration(seconds)"
    assert page.evaluate(in_words, seconds) == words


def test_the_options_can_be_reset(page: Page, api: RunningApi, files: dict[str, Path]) -> None:
    page.locator("#more > summary").click()
    page.locator("input[name=size]").fill("128")
    page.locator("select[name=colour]").select_option("luminance")
    page.get_by_role("button", name="Reset all options").click()
    paint(page, files)
    options = job_of(page, api)["options"]
    assert (options["size"], options["colour"]) == (512, "style")


def test_every_option_of_the_service_but_keep_has_a_field(page: Page, api: RunningApi) -> None:
    page.locator("#more > summary").click()
    expect(page.locator("#option-size")).to_be_visible()
    names = {option["name"] for option in api.http.get("/options").json()["options"]}
    elsewhere = {"content", "style", "content_weight", "style_weight", "preset", "pictures_of"}
    shown = page.locator("#more input, #more select").evaluate_all(
        "inputs => inputs.map((input) => input.name)"
    )
    assert set(shown) == names - elsewhere - {"keep"}
