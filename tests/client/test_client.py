"""The methods of the client, against a real API; the worker is simulated."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from api import keys
from local.supervisor import free_port
from pastiche.client import (
    ApiError,
    Client,
    Event,
    FieldError,
    JobDeleted,
    JobFinished,
    JobUnsuccessful,
    JobUpdated,
    PreviewReady,
    ProgressUpdated,
)
from pastiche.client.models import Losses
from shared.job_store import JobStore
from shared.settings import Settings
from shared.workers import Worker, register_worker
from tests import pictures
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi, running_api


def test_a_job_is_submitted_with_options_by_their_names(client: Client) -> None:
    job = client.submit(
        pictures.jpeg(),
        [pictures.png(), pictures.png()],
        style_weights=[0.7, 0.3],
        style_layers={"relu1_1": 1, "relu3_1": 0.5},
        gradient_normalisation=True,
        size=64,
        priority="high",
    )
    assert (job.status, job.priority, job.is_over) == ("queued", "high", False)
    assert job.options["style_weights"] == [0.7, 0.3]
    assert job.options["style_layers"] == {"relu1_1": 1.0, "relu3_1": 0.5}
    assert job.options["gradient_normalisation"] is True
    assert job.created_at is not None
    assert job.created_at <= datetime.now(UTC)


def test_a_job_is_submitted_with_its_settings(client: Client) -> None:
    job = client.submit(
        pictures.jpeg(),
        pictures.png(),
        timeout=60,
        keep="until_fetched",
        webhook_url="https://example.org/hook",
        webhook_events=["started", "finished"],
    )
    assert job.keep == "until_fetched"
    assert job.created_at is not None
    assert job.timeout_at is not None
    assert (job.timeout_at - job.created_at).total_seconds() == 60
    assert job.webhook is not None
    assert job.webhook.events == ("started", "finished")


def test_a_job_says_what_happened(client: Client, api: RunningApi, jobs: JobStore) -> None:
    worker = PlayedWorker.of(submitted(api, keep="3600"), jobs, api)
    worker.report_progress(stats='{"device": "CPU, 2 threads", "precision": "float32"}')
    worker.commit()
    job = client.get_job(worker.job_id)
    assert (job.device, job.precision, job.peak_memory_bytes) == ("CPU, 2 threads", "float32", None)
    assert job.keep == 3600.0
    waited, painted, total = (
        job.timings.waited_seconds,
        job.timings.painted_seconds,
        job.timings.total_seconds,
    )
    assert waited is not None
    assert painted is not None
    assert total == pytest.approx(waited + painted)


def test_pictures_may_be_paths_bytes_files_or_pillow_images(
    client: Client, api: RunningApi, tmp_path: Path
) -> None:
    path = tmp_path / "content.jpg"
    path.write_bytes(pictures.jpeg())
    mask = Image.new("L", (96, 64), 255)
    with path.open("rb") as file:
        for picture in (path, str(path), path.read_bytes(), file, pictures.photograph()):
            assert client.submit(picture, pictures.png(), mask=mask).status == "queued"


def test_paint_submits_watches_and_returns_the_picture(
    client: Client, api: RunningApi, jobs: JobStore
) -> None:
    seen: list[Event] = []

    def play(event: Event) -> None:
        seen.append(event)
        if len(seen) == 1:
            assert isinstance(event, JobUpdated)
            worker = PlayedWorker.of({"id": event.job.id}, jobs, api)
            worker.report_progress(7)
            worker.commit(png(40, 30))

    picture = client.paint(pictures.jpeg(), pictures.png(), format="webp", on_event=play)
    with Image.open(BytesIO(picture)) as opened:
        assert (opened.format, opened.size) == ("WEBP", (40, 30))
    assert isinstance(seen[-1], JobFinished)


def test_watching_yields_events_until_the_job_is_over(
    client: Client, api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    events = client.watch(job["id"])
    first = next(events)
    assert isinstance(first, JobUpdated)
    assert first.job.status == "queued"
    worker = PlayedWorker.of(job, jobs, api)
    assert isinstance(next(events), JobUpdated)
    worker.report_progress(7)
    advanced = next(events)
    assert isinstance(advanced, ProgressUpdated)
    assert advanced.progress.iteration == 7
    assert advanced.progress.losses == Losses(
        content=1.0, style=2.0, tv=0.5, gamut=0.25, total=3.75
    )
    worker.show(7)
    assert isinstance(next(events), PreviewReady)
    worker.commit()
    *_, last = events
    assert isinstance(last, JobFinished)
    assert last.job.status == "succeeded"


def test_previews_are_watched_if_they_are_requested(
    client: Client, api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    plain, full = client.watch(job["id"]), client.watch(job["id"], previews=True)
    for events in (plain, full):
        assert isinstance(next(events), JobUpdated)
    worker.show(7, pictures.jpeg())
    assert next(plain) == PreviewReady()
    assert next(full) == PreviewReady(pictures.jpeg())


def test_watching_ends_when_the_job_is_deleted(client: Client, api: RunningApi) -> None:
    job = client.get_job(submitted(api)["id"])
    events = client.watch(job)
    next(events)
    client.delete(job)
    assert list(events) == [JobDeleted(job.id)]


def test_a_job_that_was_deleted_before_it_is_watched_was_deleted(
    client: Client, api: RunningApi
) -> None:
    job = client.get_job(submitted(api)["id"])
    client.delete(job)
    assert list(client.watch(job)) == [JobDeleted(job.id)]
    with pytest.raises(ApiError, match="was deleted"):
        job.wait()


def test_an_unknown_id_cannot_be_watched(client: Client) -> None:
    with pytest.raises(ApiError, match="There is no job"):
        list(client.watch("0" * 32))


def test_waiting_for_a_job_that_was_canceled_raises(client: Client, api: RunningApi) -> None:
    job = submitted(api)
    client.cancel(job["id"])
    with pytest.raises(JobUnsuccessful, match="canceled") as caught:
        client.wait_until_done(job["id"])
    assert caught.value.job.status == "canceled"


def test_pictures_of_an_earlier_job_are_used(
    client: Client, api: RunningApi, jobs: JobStore
) -> None:
    earlier = submitted(api)
    PlayedWorker.of(earlier, jobs, api).commit(pictures.png())
    assert client.submit(start=earlier["id"]).options["start"] == "image"
    assert client.submit(pictures_of=earlier["id"]).options["start"] == "content"
    assert client.estimate_sweep(pictures_of=earlier["id"], seed=[1, 2]).jobs == 2
    assert len(client.submit_sweep(pictures_of=earlier["id"], seed=[1, 2]).jobs) == 2


def test_preview_losses_and_result_are_fetched(
    client: Client, api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    assert client.preview(job["id"]) is None
    worker = PlayedWorker.of(job, jobs, api)
    worker.show(3)
    assert client.preview(job["id"]) == b"preview 3"
    assert client.losses(job["id"]).iterations == (1, 2, 3)
    with pytest.raises(ApiError) as caught:
        client.result(job["id"])
    assert (caught.value.code, caught.value.status) == ("result_not_ready", 409)
    worker.commit()
    assert client.result(job["id"]).startswith(b"\x89PNG")
    assert client.result(job["id"], "jpeg").startswith(b"\xff\xd8")


def test_weights_are_updated(client: Client, api: RunningApi) -> None:
    job = client.update_weights(submitted(api)["id"], style_weight=0.9)
    assert (job.options["content_weight"], job.options["style_weight"]) == (0.5, 0.9)


def test_a_job_is_finished_early(client: Client, api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    with pytest.raises(ApiError, match="no picture of it to keep"):
        client.finish(job["id"])
    worker = PlayedWorker.of(job, jobs, api)
    assert client.finish(job["id"]).status == "running"
    worker.commit()
    assert client.finish(job["id"]).status == "succeeded"


def test_a_job_is_canceled_retried_and_deleted(client: Client, api: RunningApi) -> None:
    job = client.cancel(submitted(api)["id"])
    assert job.status == "canceled"
    again = client.retry(job)
    assert (again.status, again.id == job.id) == ("queued", False)
    client.delete(job)
    with pytest.raises(ApiError, match="There is no job") as caught:
        client.get_job(job)
    assert caught.value.code == "job_not_found"


def test_a_job_id_is_quoted_in_the_path(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.get_job("../metrics")
    assert caught.value.status == 404


def test_listing_jobs_fetches_all_pages(client: Client, api: RunningApi) -> None:
    newest_first = [submitted(api)["id"] for _ in range(5)][::-1]
    assert [job.id for job in client.list_jobs(page_size=2)] == newest_first
    assert list(client.list_jobs("running")) == []


def test_a_sweep_is_submitted_fetched_canceled_and_deleted(
    client: Client, api: RunningApi, jobs: JobStore
) -> None:
    sweep = client.submit_sweep(pictures.jpeg(), pictures.png(), style_weight=[0.2, 0.8], seed=1)
    assert [member.values for member in sweep.jobs] == [
        {"style_weight": 0.2},
        {"style_weight": 0.8},
    ]
    PlayedWorker.of({"id": sweep.jobs[0].id}, jobs, api)
    first, _ = client.get_sweep(sweep).jobs
    assert first.job is not None
    assert first.job.status == "running"
    assert not client.cancel_sweep(sweep).is_over
    assert client.contact_sheet(sweep, "jpeg", cell=64).startswith(b"\xff\xd8")
    client.delete_sweep(sweep)
    with pytest.raises(ApiError, match="There is no sweep"):
        client.get_sweep(sweep)


def test_a_batch_is_submitted_with_the_names_of_its_files(
    client: Client, api: RunningApi, jobs: JobStore, tmp_path: Path
) -> None:
    for name in ("harbour.jpg", "wave.jpg"):
        (tmp_path / name).write_bytes(pictures.jpeg())
    batch = client.submit_batch(
        [tmp_path / "harbour.jpg", pictures.png()],
        [tmp_path / "wave.jpg", pictures.photograph()],
        seed=[1, 2],
        size=64,
    )
    pairs = [(member.content, member.style) for member in batch.jobs]
    assert pairs[::2] == pairs[1::2]
    assert pairs[::2] == [
        (content, style)
        for content in ("harbour.jpg", "content")
        for style in ("wave.jpg", "style")
    ]
    assert [member.values for member in batch.jobs] == 4 * [{"seed": 1}, {"seed": 2}]
    assert client.contact_sheet(batch, cell=32).startswith(b"\x89PNG")
    client.delete_sweep(batch)


def test_a_batch_with_the_same_key_is_submitted_once(client: Client) -> None:
    pair = ([pictures.jpeg()], [pictures.png()])
    first, again = (client.submit_batch(*pair, idempotency_key="once") for _ in range(2))
    assert first.id == again.id


def test_a_sweep_is_watched_until_its_jobs_are_over(client: Client) -> None:
    sweep = client.submit_sweep(pictures.jpeg(), pictures.png(), seed=[1, 2])
    seen = client.watch_sweep(sweep)
    assert not next(seen).is_over
    client.cancel_sweep(sweep)
    *_, last = seen
    assert last.is_over


def test_an_estimate_of_a_sweep_stores_nothing(client: Client) -> None:
    estimate = client.estimate_sweep(pictures.jpeg(), pictures.png(), size=64, seed=[1, 2, 3])
    assert estimate.jobs == 3
    assert list(client.list_jobs()) == []


def test_an_estimate_stores_nothing(client: Client) -> None:
    estimate = client.estimate(pictures.jpeg(), pictures.png(), size=64)
    assert estimate.megapixel_iterations > 0
    assert estimate.queue_position == 0
    assert list(client.list_jobs()) == []


def test_an_api_error_has_the_invalid_fields(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.submit(pictures.jpeg(), pictures.png(), size=5, style_weight=-1)
    assert (caught.value.code, caught.value.status) == ("invalid_fields", 422)
    assert {error.field for error in caught.value.field_errors} == {"size", "style_weight"}
    assert isinstance(caught.value.field_errors[0], FieldError)
    assert "between 16 and 2048" in str(caught.value)


def test_living_workers_are_listed(client: Client, jobs: JobStore) -> None:
    assert client.list_workers() == ()
    worker = Worker("h-1", "vgg19", "NVIDIA H100", 10**6, 5e6, is_painting=True, started_at=0.0)
    jobs.run(register_worker(worker, ttl_seconds=60))
    (found,) = client.list_workers()
    assert (found.device, found.backbone, found.most_pixels) == ("NVIDIA H100", "vgg19", 10**6)
    assert (found.megapixel_iterations_per_second, found.is_painting) == (5.0, True)
    assert (found.started_at, found.device_memory_bytes) == (datetime.fromtimestamp(0, UTC), None)


def test_readiness_of_the_service(client: Client) -> None:
    readiness = client.readiness()
    assert (readiness.status, readiness.redis, readiness.workers) == ("ready", "ok", ())


def test_a_key_is_sent(redis_url: str, jobs: JobStore, tmp_path: Path) -> None:
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    key = keys.create(jobs.client, "ada")
    with running_api(settings, PASTICHE_KEYS_REQUIRED="true") as api:
        url = str(api.http.base_url)
        with Client(url) as anybody, pytest.raises(ApiError) as caught:
            list(anybody.list_jobs())
        assert caught.value.code == "key_missing"
        with Client(url, key) as ada:
            assert list(ada.list_jobs()) == []


def test_a_job_and_an_estimate_have_their_warnings(client: Client) -> None:
    content, style = pictures.jpeg(512, 384), pictures.png(512, 512)
    job = client.submit(content, style, adam_step=0.5)
    (warning,) = job.warnings
    assert (warning.field, warning.code) == ("adam_step", "no_effect")
    assert "adam_step has no effect" in warning.detail
    assert client.estimate(content, style, adam_step=0.5).warnings == job.warnings
    assert client.submit(content, style).warnings == ()
