"""Previews and losses of a job before it is over."""

import json

from shared.blob_store import losses_key
from shared.job_store import JobStore
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi


def test_there_is_no_preview_before_the_first(api: RunningApi) -> None:
    response = api.http.get(submitted(api)["links"]["preview"])
    assert (response.status_code, response.content) == (204, b"")


def test_the_newest_preview_is_sent(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    for iteration in (4, 8):
        worker.show(iteration)
    response = api.http.get(job["links"]["preview"])
    assert (response.content, response.headers["content-type"]) == (b"preview 8", "image/jpeg")


def test_a_preview_that_the_client_has_is_not_sent_again(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    worker.show(4)
    etag = api.http.get(job["links"]["preview"]).headers["etag"]
    known = {"If-None-Match": etag}
    assert api.http.get(job["links"]["preview"], headers=known).status_code == 304
    worker.show(8)
    assert api.http.get(job["links"]["preview"], headers=known).status_code == 200


def test_each_preview_has_its_own_url(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    links = []
    for iteration in (4, 8):
        worker.show(iteration)
        links.append(api.http.get(job["links"]["self"]).json()["links"]["preview"])
    assert len(set(links)) == 2
    assert all(api.http.get(link).is_success for link in links)


def test_damaged_losses_are_treated_as_missing(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    worker.show(8)
    worker.blobs.put(losses_key(worker.job_id, worker.fence), b"damaged")
    response = api.http.get(job["links"]["losses"])
    assert (response.status_code, response.json()["iterations"]) == (200, [])


def test_losses_whose_weights_are_damaged_are_shown_without_them(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    worker.show(8)
    key = losses_key(worker.job_id, worker.fence)
    damaged = json.loads(worker.blobs.get(key)) | {"weights": [{"iteration": 1}]}
    worker.blobs.put(key, json.dumps(damaged).encode())
    losses = api.http.get(job["links"]["losses"]).json()
    assert (len(losses["total"]), losses["weights"]) == (8, [])


def test_the_losses_are_curves_with_a_point_for_each_iteration(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    assert set(map(len, api.http.get(job["links"]["losses"]).json().values())) == {0}
    PlayedWorker.of(job, jobs, api).show(8)
    losses = api.http.get(job["links"]["losses"]).json()
    assert losses["iterations"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert losses["gamut"] == [0.25] * 8
    assert losses["total"] == [3.75] * 8


def test_the_losses_say_from_which_iteration_on_which_weights_were_used(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).show(8, changed_weights_at=5)
    assert api.http.get(job["links"]["losses"]).json()["weights"] == [
        {"iteration": 1, "content_weight": 0.5, "style_weight": 0.5, "tv_weight": 0.001},
        {"iteration": 5, "content_weight": 0.5, "style_weight": 0.9, "tv_weight": 0.001},
    ]
