"""Warnings of a job: which of its options or pictures have less effect than they seem to."""

from typing import Any

import httpx
import pytest

from shared.job_store import JobStore, record_key
from tests import pictures
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.api.worker import PlayedWorker
from tests.conftest import RunningApi

CONTENT, STYLE = pictures.jpeg(512, 384), pictures.png(512, 512)


def post(
    api: RunningApi, path: str = "/jobs", content: bytes = CONTENT, **options: Any
) -> httpx.Response:
    files = {"content": content, "style": STYLE}
    return api.http.post(path, files=files, data=options)


def codes_of(body: dict[str, Any]) -> dict[str, str]:
    """The field of each warning and its code."""
    return {warning["field"]: warning["code"] for warning in body["warnings"]}


def test_a_job_with_usual_options_has_no_warnings(api: RunningApi) -> None:
    assert post(api).json()["warnings"] == []


def test_a_style_scale_above_the_style_s_own_pixels_is_a_warning(api: RunningApi) -> None:
    job = post(api, style_scale="2").json()
    (warning,) = job["warnings"]
    assert (warning["field"], warning["code"]) == ("style_scale", "image_too_small")
    assert "512×512 pixels" in warning["detail"]
    assert api.http.get(f"/jobs/{job['id']}").json()["warnings"] == job["warnings"]
    assert api.http.get("/jobs").json()["jobs"][0]["warnings"] == job["warnings"]


def test_pictures_are_measured_upright(api: RunningApi) -> None:
    job = post(api, content=pictures.rotated_by_exif()).json()
    assert "32×64 pixels" in job["warnings"][0]["detail"]


def test_a_dry_run_warns_as_the_job_would(api: RunningApi, jobs: JobStore) -> None:
    answer = post(api, "/jobs?dry_run=1", adam_step="0.5")
    assert codes_of(answer.json()) == {"adam_step": "no_effect"}
    assert_nothing_left(api, jobs)


def test_each_job_of_a_sweep_has_the_warnings_of_its_own_weights(api: RunningApi) -> None:
    fields: dict[str, Any] = {"tv_weight": "0,1", "tv_norm": "absolute"}
    without, with_variation = post(api, "/sweeps", **fields).json()["jobs"]
    assert codes_of(without["job"]) == {"tv_norm": "weight_is_zero"}
    assert with_variation["job"]["warnings"] == []
    dry = post(api, "/sweeps?dry_run=1", **fields).json()
    assert codes_of(dry) == {"tv_norm": "weight_is_zero"}


def test_a_retried_job_has_the_warnings_of_the_first(api: RunningApi) -> None:
    job = post(api, style_scale="2").json()
    api.http.post(f"/jobs/{job['id']}/cancel")
    again = api.http.post(f"/jobs/{job['id']}/retry").json()
    assert again["warnings"] == job["warnings"] != []


def test_a_job_with_the_pictures_of_another_is_measured_by_them(api: RunningApi) -> None:
    first = post(api).json()
    again = api.http.post("/jobs", files={"pictures_of": (None, first["id"])} | large()).json()
    assert codes_of(again) == {"content": "image_too_small", "style": "image_too_small"}


def large() -> dict[str, tuple[None, str]]:
    """A size above that of the pictures, as a field of a form."""
    return {"size": (None, "1024")}


def test_warnings_follow_the_weights_of_the_job(api: RunningApi) -> None:
    job = post(api, tv_norm="absolute", style_scale="2").json()
    path = f"/jobs/{job['id']}"
    off = api.http.patch(path, json={"tv_weight": 0}).json()
    assert codes_of(off) == {"style_scale": "image_too_small", "tv_norm": "weight_is_zero"}
    on = api.http.patch(path, json={"tv_weight": 1}).json()
    assert codes_of(on) == {"style_scale": "image_too_small"}


def test_the_warnings_stay_when_the_job_is_over(api: RunningApi, jobs: JobStore) -> None:
    job = post(api, style_scale="2").json()
    PlayedWorker.of(job, jobs, api).commit()
    over = api.http.get(f"/jobs/{job['id']}").json()
    assert (over["status"], over["warnings"]) == ("succeeded", job["warnings"])


def test_a_record_from_before_there_were_warnings_has_none(api: RunningApi, jobs: JobStore) -> None:
    job = post(api, style_scale="2").json()
    jobs.client.hdel(record_key(job["id"]), "warnings")
    assert api.http.get("/jobs").json()["jobs"][0]["warnings"] == []


@pytest.mark.parametrize("path", ["/jobs", "/jobs?dry_run=1", "/sweeps", "/sweeps?dry_run=1"])
def test_more_scales_than_the_content_has_room_for_are_refused_by_name(
    path: str, api: RunningApi, jobs: JobStore
) -> None:
    wide = pictures.jpeg(800, 80)
    response = post(api, path, content=wide, size="256", scale_iterations="60,40,5")
    assert response.status_code == 422
    assert errors_of(response) == {"scale_iterations": "invalid_value"}
    assert "must have fewer numbers" in response.json()["detail"]
    assert_nothing_left(api, jobs)
