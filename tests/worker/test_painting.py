"""Jobs painted by a real worker: from submission to picture, and what can happen meanwhile."""

import json
import sys
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from pastiche.picture_settings import find_settings
from tests import pictures
from tests.stack import Stack
from tests.waiting import until

pytestmark = pytest.mark.slow

LONG: dict[str, Any] = {"size": 128, "iterations": 5000}


def test_a_job_is_painted_and_its_picture_fetched(stack: Stack) -> None:
    job = stack.wait_for_status(stack.submit(), "succeeded", "failed")
    assert job["status"] == "succeeded"
    response = stack.http.get(job["links"]["result"])
    with Image.open(BytesIO(response.content)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (64, 48))


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_picture_has_the_settings_that_it_was_painted_with(stack: Stack, format: str) -> None:
    submitted = stack.submit(**LONG, seed=3)
    stack.wait_for_status(submitted, "running")
    self = submitted["links"]["self"]
    stack.http.patch(self, json={"style_weight": 0.25})
    until(lambda: stack.http.get(submitted["links"]["losses"]).json()["iterations"])
    stack.http.post(f"{self}/finish")
    job = stack.wait_for_status(submitted, "succeeded")
    response = stack.http.get(job["links"]["result"], params={"format": format})
    settings = json.loads(find_settings(response.content) or "")
    assert settings["options"] == job["options"] | {"backbone": job["backbone"]["name"]}
    assert (settings["options"]["seed"], settings["options"]["style_weight"]) == (3, 0.25)
    assert settings["job"] == job["id"]


def test_a_finished_job_says_how_it_was_painted(stack: Stack) -> None:
    job = stack.wait_for_status(stack.submit(), "succeeded")
    assert (job["progress"], job["iteration"], job["iterations"]) == (1.0, 20, 20)
    (worker,) = stack.http.get("/readyz").json()["workers"]
    assert job["backbone"]["name"] == worker["backbone"]
    *terms, total = (job["losses"][name] for name in ("content", "style", "tv", "gamut", "total"))
    assert sum(terms) == pytest.approx(total)
    assert (job["attempt"], job["error"], job["eta_seconds"]) == (1, None, None)
    assert job["created_at"] <= job["started_at"] <= job["finished_at"] < job["expires_at"]


def test_a_finished_job_says_how_long_it_took_and_on_what(stack: Stack) -> None:
    job = stack.wait_for_status(stack.submit(), "succeeded")
    timings = job["timings"]
    parts = timings["waited_seconds"] + timings["painted_seconds"]
    assert timings["total_seconds"] == pytest.approx(parts)
    (worker,) = stack.http.get("/readyz").json()["workers"]
    assert (job["device"], job["precision"]) == (worker["device"], worker["computed_in"])
    assert job["iterations_per_second"] > 0


def test_a_worker_announces_its_device_and_that_it_paints(stack: Stack) -> None:
    def is_painting() -> bool:
        (worker,) = stack.http.get("/workers").json()["workers"]
        return bool(worker["is_painting"])

    job = stack.submit(**LONG)
    until(is_painting)
    stack.http.delete(job["links"]["self"])
    until(lambda: not is_painting())
    (worker,) = stack.http.get("/workers").json()["workers"]
    (registered,) = stack.http.get("/readyz").json()["workers"]
    assert worker["device"] == registered["device"]
    assert worker["device_memory_bytes"] >= registered["free_bytes"]
    assert worker["precision"] == registered["computed_in"]


@pytest.mark.skipif(sys.platform == "darwin", reason="Memory is read from /proc.")
def test_the_peak_memory_of_a_job_is_not_that_of_a_larger_one_before(stack: Stack) -> None:
    large = stack.wait_for_status(stack.submit(size=512, iterations=2, scales=1), "succeeded")
    small = stack.wait_for_status(stack.submit(), "succeeded")
    assert 0 < small["peak_memory_bytes"] < large["peak_memory_bytes"]


def test_a_job_that_times_out_fails_and_the_worker_paints_on(stack: Stack) -> None:
    job = stack.wait_for_status(stack.submit(**LONG, timeout=4), "succeeded", "failed")
    assert job["error"]["code"] == "timed_out"
    assert stack.wait_for_status(stack.submit(), "succeeded")


def test_the_same_submission_gives_the_same_pixels(stack: Stack) -> None:
    jobs = [stack.wait_for_status(stack.submit(seed=3), "succeeded") for _ in range(2)]
    one, other = (stack.http.get(each["links"]["result"]).content for each in jobs)
    assert pictures.pixels(one) == pictures.pixels(other)


def painted(stack: Stack, job: dict[str, Any]) -> Image.Image:
    """The picture of a job, as soon as it is painted."""
    done = stack.wait_for_status(job, "succeeded", "failed")
    assert done["status"] == "succeeded", done["error"]
    return Image.open(BytesIO(stack.http.get(done["links"]["result"]).content))


def test_each_of_two_styles_is_painted_where_its_mask_is_white(stack: Stack) -> None:
    red, blue = (Image.new("RGB", (96, 96), colour) for colour in ("red", "blue"))
    left = Image.new("L", (160, 120))
    left.paste(255, (0, 0, 80, 120))
    masks = [
        ("mask", pictures.encoded(left, "PNG")),
        ("mask", pictures.encoded(ImageChops.invert(left), "PNG")),
    ]
    response = stack.http.post(
        "/jobs",
        files=[
            ("content", pictures.jpeg(160, 120)),
            ("style", pictures.encoded(red, "PNG")),
            ("style", pictures.encoded(blue, "PNG")),
            *masks,
        ],
        data={"size": 64, "iterations": 100},
    )
    picture = painted(stack, response.json())
    left_end, right_end = (means(picture.crop((x, 0, x + 24, 48))) for x in (0, 40))
    assert left_end[0] > left_end[2]
    assert right_end[2] > right_end[0]


def means(picture: Image.Image) -> list[float]:
    """The mean of each channel, in 0 to 255."""
    return ImageStat.Stat(picture).mean


def brightest(picture: Image.Image) -> float:
    """The highest value of any channel, in 0 to 255."""
    return max(high for _, high in ImageStat.Stat(picture).extrema)


def test_painting_begins_with_the_start_image(stack: Stack) -> None:
    black = pictures.encoded(Image.new("RGB", (160, 120)), "PNG")
    job = stack.submit(("start_image", black), iterations=1, start_noise=0, scales=1)
    assert brightest(painted(stack, job)) < 30


def test_a_job_can_continue_from_an_earlier_job_s_result(stack: Stack) -> None:
    first = stack.wait_for_status(stack.submit(), "succeeded")
    plain = {"iterations": 1, "start_noise": 0, "scales": 1}
    again = painted(stack, stack.submit(start=first["id"], **plain))
    difference = ImageChops.difference(again, painted(stack, first))
    assert brightest(difference) < 30


def cut_out() -> bytes:
    """A photograph whose right half is transparent."""
    picture = pictures.photograph(160, 120).convert("RGBA")
    picture.paste((0, 0, 0, 0), (80, 0, 160, 120))
    return pictures.encoded(picture, "PNG")


def submit_cut_out(stack: Stack, **options: Any) -> dict[str, Any]:
    fields = {"size": 64, "iterations": 2, "backbone": "whitened"} | options
    files = {"content": cut_out(), "style": pictures.png(120, 120)}
    job: dict[str, Any] = stack.http.post("/jobs", files=files, data=fields).json()
    return job


def result(stack: Stack, job: dict[str, Any], file_format: str) -> Image.Image:
    answer = stack.http.get(job["links"]["result"], params={"format": file_format})
    return Image.open(BytesIO(answer.content))


def test_a_picture_stays_transparent_if_transparency_is_preserved(stack: Stack) -> None:
    job = stack.wait_for_status(
        submit_cut_out(stack, keep_transparency="true"), "succeeded", "failed"
    )
    for file_format in ("png", "webp"):
        alpha = result(stack, job, file_format).getchannel("A")
        assert alpha.crop((0, 0, 28, 48)).getextrema() == (255, 255)
        assert alpha.crop((36, 0, 64, 48)).getextrema() == (0, 0)
    jpeg = result(stack, job, "jpeg")
    assert jpeg.mode == "RGB"
    assert min(means(jpeg.crop((44, 0, 64, 48)))) > 250


def test_transparent_parts_are_painted_by_default(stack: Stack) -> None:
    job = stack.wait_for_status(submit_cut_out(stack), "succeeded", "failed")
    assert result(stack, job, "png").mode == "RGB"


def test_a_job_with_the_pictures_of_an_earlier_one_has_its_transparency(stack: Stack) -> None:
    first = stack.wait_for_status(submit_cut_out(stack), "succeeded", "failed")
    options = {"size": "64", "iterations": "2", "backbone": "whitened", "keep_transparency": "true"}
    form = {name: (None, text) for name, text in (options | {"pictures_of": first["id"]}).items()}
    answer = stack.http.post("/jobs", files=form)
    job = stack.wait_for_status(answer.json(), "succeeded", "failed")
    assert result(stack, job, "png").mode == "RGBA"


def test_jobs_are_painted_in_the_order_that_they_came(stack: Stack) -> None:
    before = stack.submit(**LONG)
    stack.wait_for_status(before, "running")
    jobs = [stack.submit() for _ in range(3)]  # all wait before the first is claimed
    stack.http.delete(before["links"]["self"])
    done = [stack.wait_for_status(each, "succeeded") for each in jobs]
    finished = [each["finished_at"] for each in done]
    assert finished == sorted(finished)


def test_a_running_job_shows_its_progress(stack: Stack) -> None:
    job = stack.submit(**LONG)
    seen = until(lambda: (now := stack.get_job(job))["iteration"] > 0 and now)
    assert isinstance(seen, dict)
    assert seen["status"] == "running"
    assert 0 < seen["progress"] < 1
    later = until(lambda: (now := stack.get_job(job))["version"] > seen["version"] and now)
    assert isinstance(later, dict)
    assert later["iteration"] > seen["iteration"]
    stack.http.delete(job["links"]["self"])


def test_after_a_picture_of_that_size_a_job_says_how_long_it_takes(stack: Stack) -> None:
    size = LONG["size"]
    stack.wait_for_status(stack.submit(size=size, iterations=30), "succeeded")
    job = stack.submit(**LONG)
    seen = until(lambda: (now := stack.get_job(job))["iteration"] > 0 and now)
    assert isinstance(seen, dict)
    assert seen["eta_seconds"] > 0
    stack.http.delete(job["links"]["self"])


def test_a_running_job_that_is_canceled_stops_without_a_picture(stack: Stack) -> None:
    job = stack.submit(**LONG)
    stack.wait_for_status(job, "running")
    assert stack.http.post(job["links"]["cancel"]).status_code in (200, 202)
    assert stack.wait_for_status(job, "canceled")["finished_at"] is not None
    assert stack.http.get(job["links"]["result"]).status_code == 409
    assert stack.wait_for_status(stack.submit(), "succeeded")  # the worker paints on


def test_a_job_that_is_canceled_while_it_is_prepared_is_not_begun(stack: Stack) -> None:
    job = stack.submit(size=512, backbone="whitened")  # its network is fitted for seconds
    stack.wait_for_status(job, "running")
    stack.http.post(job["links"]["cancel"])
    over = stack.wait_for_status(job, "canceled")
    assert (over["iteration"], over["losses"]) == (0, None)


def test_a_running_job_that_is_deleted_leaves_nothing(stack: Stack) -> None:
    job = stack.submit(**LONG)
    stack.wait_for_status(job, "running")
    assert stack.http.delete(job["links"]["self"]).status_code == 204
    assert stack.wait_for_status(stack.submit(), "succeeded")  # the worker has stopped painting it
    assert not [path for path in stack.blobs if job["id"] in path.parts]
    assert stack.http.get(job["links"]["self"]).status_code == 404


def test_a_finished_job_that_is_deleted_leaves_nothing(stack: Stack) -> None:
    job = stack.wait_for_status(stack.submit(), "succeeded")
    stack.http.delete(job["links"]["self"])
    assert not [path for path in stack.blobs if job["id"] in path.parts]


def test_weights_that_no_worker_has_are_refused(stack: Stack) -> None:
    files = {"content": pictures.jpeg(160, 120), "style": pictures.png(120, 120)}
    response = stack.http.post("/jobs", files=files, data={"backbone": "vgg19"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "backbone"


def test_lost_inputs_fail_the_job_and_not_the_worker(stack: Stack) -> None:
    running = stack.submit(**LONG)
    job = stack.submit()
    for path in stack.blobs:
        if job["id"] in path.parts:
            path.unlink()
    stack.http.delete(running["links"]["self"])
    assert stack.wait_for_status(job, "succeeded", "failed")["error"]["code"] == "storage_failed"
    assert stack.wait_for_status(stack.submit(), "succeeded")


def test_the_health_page_shows_the_device_and_the_backbones_of_each_worker(stack: Stack) -> None:
    health = stack.http.get("/readyz").json()
    assert (health["status"], health["redis"], health["blob_store"]) == ("ready", "ok", "ok")
    (worker,) = health["workers"]
    assert worker["backbones"] in (["vgg16", "whitened"], ["whitened"])
    assert worker["backbone"] == worker["backbones"][0]
    assert worker["device"]


def test_a_picture_can_be_watched_while_it_is_painted(stack: Stack) -> None:
    job = stack.submit(**LONG)
    shown = until(lambda: stack.get_job(job)["links"]["preview"].partition("?iteration=")[2])
    preview = stack.http.get(job["links"]["preview"])
    with Image.open(BytesIO(preview.content)) as picture:
        assert picture.format == "JPEG"
        assert picture.width <= 128
    losses = stack.http.get(job["links"]["losses"]).json()
    assert losses["iterations"][: int(shown)] == list(range(1, int(shown) + 1))
    stack.http.delete(job["links"]["self"])


def test_a_finished_job_has_the_losses_of_every_iteration(stack: Stack) -> None:
    job = stack.wait_for_status(stack.submit(), "succeeded")
    losses = stack.http.get(job["links"]["losses"]).json()
    assert losses["iterations"] == list(range(1, 21))
    assert [each["iteration"] for each in losses.pop("weights")] == [1]
    assert {len(column) for column in losses.values()} == {20}
    assert losses["total"][-1] == pytest.approx(job["losses"]["total"], rel=1e-5)


def test_a_job_finished_at_a_coarse_scale_keeps_its_picture_in_full_size(
    stack: Stack,
) -> None:
    job = stack.submit(**LONG)
    until(lambda: stack.get_job(job)["iteration"] >= 2)
    assert stack.http.post(f"{job['links']['self']}/finish").status_code == 202
    done = stack.wait_for_status(job, "succeeded")
    assert (done["scale"], done["iterations"]) == ("1/2", 5000)
    assert 2 <= done["iteration"] < 2500
    picture = stack.http.get(job["links"]["result"])
    with Image.open(BytesIO(picture.content)) as image:
        assert (image.format, image.size) == ("PNG", (128, 96))
