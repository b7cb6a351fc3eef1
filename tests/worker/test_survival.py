"""What happens to a job when its worker dies, shuts down, or cannot reach Redis."""

import signal
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from shared.celery_app import create_queue, publish
from shared.job_store import JOB_KEYS
from shared.jobs import new_job_id
from tests.chaos.service import LONG_LEASE_SECONDS, ChaosService, ServiceProcess, running_service
from tests.processes import needs_proc
from tests.waiting import until

pytestmark = pytest.mark.slow

LONG: dict[str, Any] = {"size": 64, "iterations": 120}
"""Some seconds, with a checkpoint every half second."""

ENDLESS: dict[str, Any] = {"size": 64, "iterations": 5000}
"""Longer than any test waits."""


@pytest.fixture(scope="module")
def shared_service() -> Iterator[ChaosService]:
    """A service with two workers, for all tests. Each job has one preview, its first. Leases are
    short: a test can wait for one to run out, but a busy machine may add an attempt to any."""
    with running_service(workers=2, PASTICHE_PREVIEW_SECONDS="600") as made:
        yield made


@pytest.fixture
def service(shared_service: ChaosService) -> ChaosService:
    """The shared service, with every process running and no job left from an earlier test."""
    shared_service.start()
    shared_service.delete_unfinished()
    return shared_service


@pytest.fixture(scope="module")
def uninterrupted_picture(shared_service: ChaosService) -> bytes:
    """The picture of a long job that was not interrupted."""
    shared_service.start()
    shared_service.delete_unfinished()
    job_id = shared_service.submit(**LONG)
    shared_service.wait_for_status(job_id, "succeeded")
    return shared_service.get_pixels(job_id)


def has_checkpoint(service: ChaosService, job_id: str) -> bool:
    """Whether a checkpoint of the job is in the blob store."""
    return bool(service.blobs.keys(f"jobs/{job_id}/checkpoints"))


def list_loss_iterations(service: ChaosService, job_id: str) -> list[int]:
    """The iterations in the job's loss curves; none before they are stored."""
    response = service.http.get(f"/jobs/{job_id}/losses")
    return list(response.json()["iterations"]) if response.is_success else []


def find_painter(service: ChaosService, job_id: str) -> ServiceProcess:
    """The worker that paints a job; its log may name the attempt a moment after the record does."""
    found = until(lambda: service.find_worker(job_id))
    assert found is not None
    return found


def test_a_worker_killed_mid_job_changes_neither_the_picture_nor_the_loss_curves(
    service: ChaosService, uninterrupted_picture: bytes
) -> None:
    job_id = service.submit(**LONG)
    until(
        lambda: has_checkpoint(service, job_id) and len(list_loss_iterations(service, job_id)) > 1
    )
    find_painter(service, job_id).signal_children(signal.SIGKILL)
    assert service.wait_for_status(job_id, "succeeded")["attempt"] >= 2
    assert f"Job {job_id}: resumes from iteration" in find_painter(service, job_id).log
    assert service.get_pixels(job_id) == uninterrupted_picture
    assert list_loss_iterations(service, job_id) == list(range(1, LONG["iterations"] + 1))
    assert not has_checkpoint(service, job_id)


def test_a_worker_that_shuts_down_releases_its_job_to_another_without_a_gap_in_the_loss_curves(
    service: ChaosService,
) -> None:
    job_id = service.submit(**LONG)
    until(lambda: service.get_job(job_id)["iteration"] > 1)
    first = find_painter(service, job_id)
    first.send_signal(signal.SIGTERM)
    until(lambda: service.get_job(job_id)["attempt"] >= 2)
    first.popen.wait(60)
    service.wait_for_status(job_id, "succeeded")
    second = find_painter(service, job_id)
    assert second is not first
    assert f"Job {job_id}: resumes from iteration" in second.log
    assert list_loss_iterations(service, job_id) == list(range(1, LONG["iterations"] + 1))


def test_a_worker_that_shuts_down_while_it_prepares_releases_its_job(
    service: ChaosService,
) -> None:
    job_id = service.submit(size=512, backbone="whitened")  # its network is fitted for seconds
    until(lambda: service.get_job(job_id)["status"] == "running")
    first = find_painter(service, job_id)
    first.send_signal(signal.SIGTERM)
    until(lambda: service.get_job(job_id)["attempt"] >= 2)
    assert service.get_job(job_id)["losses"] is None
    first.popen.wait(60)


def test_a_job_with_a_damaged_checkpoint_starts_from_the_beginning(service: ChaosService) -> None:
    job_id = service.submit(**LONG)
    until(lambda: has_checkpoint(service, job_id))
    worker = find_painter(service, job_id)
    worker.signal_children(signal.SIGKILL)
    for key in service.blobs.keys(f"jobs/{job_id}/checkpoints"):
        service.blobs.put(key, service.blobs.get(key)[:1000])
    service.wait_for_status(job_id, "succeeded")
    log = find_painter(service, job_id).log
    assert f"Job {job_id}: starts from the beginning: Not a whole checkpoint" in log


def test_a_job_with_a_checkpoint_of_another_version_starts_from_the_beginning(
    service: ChaosService, uninterrupted_picture: bytes
) -> None:
    job_id = service.submit(**LONG)
    until(lambda: has_checkpoint(service, job_id))
    find_painter(service, job_id).signal_children(signal.SIGKILL)
    for key in service.blobs.keys(f"jobs/{job_id}/checkpoints"):
        content = torch.load(BytesIO(service.blobs.get(key)), weights_only=True)
        changed = BytesIO()
        torch.save(content | {"version": content["version"] + 1}, changed)
        service.blobs.put(key, changed.getvalue())
    service.wait_for_status(job_id, "succeeded")
    log = find_painter(service, job_id).log
    assert f"Job {job_id}: starts from the beginning: A checkpoint of version" in log
    assert service.get_pixels(job_id) == uninterrupted_picture


def test_a_job_that_kills_every_worker_fails_and_those_behind_it_are_painted(
    service: ChaosService,
) -> None:
    poison = service.submit(priority="high", **LONG)
    behind = service.submit(priority="low")
    service.kill_each_worker_of(poison)
    assert service.get_job(poison)["error"]["code"] == "worker_lost"
    service.wait_for_status(behind, "succeeded")


def test_a_job_that_takes_too_long_fails_after_one_attempt() -> None:
    limits = {"PASTICHE_JOB_TIME_LIMIT_SECONDS": "2", "PASTICHE_LEASE_SECONDS": LONG_LEASE_SECONDS}
    with running_service(1, 1, inside=None, **limits) as impatient:
        job = impatient.wait_for_status(impatient.submit(**ENDLESS), "failed")
    assert (job["error"]["code"], job["attempt"]) == ("time_limit", 1)


def test_a_zombie_that_wakes_up_changes_nothing(service: ChaosService) -> None:
    job_id = service.submit(**LONG)
    until(lambda: service.get_job(job_id)["iteration"] > 0)
    zombie = find_painter(service, job_id)
    zombie.signal_children(signal.SIGSTOP)
    done = service.wait_for_status(job_id, "succeeded")
    zombie.signal_children(signal.SIGCONT)
    until(lambda: f"Job {job_id}: the claim is lost" in zombie.log)
    assert done["attempt"] >= 2
    assert service.get_job(job_id) == done


def test_a_canceled_job_stops_long_before_its_end(service: ChaosService) -> None:
    job_id = service.submit(**ENDLESS)
    until(lambda: service.get_job(job_id)["iteration"] > 2)
    service.http.post(f"/jobs/{job_id}/cancel").raise_for_status()
    assert service.wait_for_status(job_id, "canceled")["iteration"] < ENDLESS["iterations"]
    other = service.submit()  # its worker is free again
    service.wait_for_status(other, "succeeded")


def test_new_weights_reach_a_running_job(service: ChaosService) -> None:
    job_id = service.submit(**ENDLESS)
    until(lambda: service.get_job(job_id)["iteration"] > 5)
    service.http.patch(f"/jobs/{job_id}", json={"tv_weight": 0}).raise_for_status()
    until(lambda: service.get_job(job_id)["losses"]["tv"] == 0)
    assert service.get_job(job_id)["status"] == "running"


def test_a_deleted_job_leaves_nothing_whatever_its_worker_was_doing(service: ChaosService) -> None:
    job_id = service.submit(**LONG)
    until(lambda: has_checkpoint(service, job_id))
    service.http.delete(f"/jobs/{job_id}").raise_for_status()
    until(lambda: service.jobs.client.zscore(JOB_KEYS["cleanup"], job_id) is None)
    assert service.blobs.keys(f"jobs/{job_id}") == []


def test_a_message_for_a_job_that_does_not_exist_does_nothing(service: ChaosService) -> None:
    queue = create_queue(service.settings)
    for _ in range(3):
        publish(queue, new_job_id())
    queue.close()
    job_id = service.submit()
    service.wait_for_status(job_id, "succeeded")


def test_a_worker_that_cannot_start_leaves_its_messages_until_it_can(service: ChaosService) -> None:
    worker, other = service.workers
    worker.kill()
    other.kill()
    job_id = service.submit()
    folder = service.settings.data_folder / "blobs"
    moved = folder.rename(folder.with_name("moved"))
    folder.touch()  # the blob store cannot be opened: there is no folder
    worker.start()
    until(lambda: "FileExistsError" in worker.log)
    folder.unlink()
    moved.rename(folder)
    service.wait_for_status(job_id, "succeeded")


def test_while_redis_is_unreachable_the_api_reports_it_and_painting_continues(
    service: ChaosService,
) -> None:
    job_id = service.submit(**LONG)
    until(lambda: service.get_job(job_id)["iteration"] > 0)
    service.redis.send_signal(signal.SIGKILL)
    service.redis.popen.wait()
    response = service.http.get(f"/jobs/{job_id}")
    assert (response.status_code, response.json()["code"]) == (503, "redis_unavailable")
    assert int(response.headers["retry-after"]) > 0
    assert service.http.get("/readyz").status_code == 503
    service.redis.start()
    done = until(lambda: _over(service, job_id), timeout_seconds=300)
    assert isinstance(done, dict)
    assert done["status"] == "succeeded"


@needs_proc
def test_a_worker_keeps_no_connection_to_a_redis_that_was_lost(service: ChaosService) -> None:
    """Not even those that acknowledge the job that was running when Redis was lost."""

    def count_descriptors() -> int:
        parents = [worker.popen.pid for worker in service.workers]
        return sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in parents)

    def lose_redis() -> None:
        jobs = [service.submit() for _ in service.workers]
        until(lambda: all(service.get_job(each)["status"] == "running" for each in jobs))
        service.redis.kill()
        service.start()
        for each in jobs:
            service.wait_for_status(each, "succeeded")

    lose_redis()
    first = count_descriptors()
    for _ in range(4):
        lose_redis()
    until(lambda: count_descriptors() <= first + len(service.workers), timeout_seconds=60)


def test_workers_outlive_a_redis_that_refuses_writes(service: ChaosService) -> None:
    """Redis refuses writes, for example, while its disk is full."""
    client = service.jobs.client
    logs = {worker: worker.log for worker in service.workers}
    client.config_set("min-replicas-to-write", 1)
    until(
        lambda: all(
            "Redis refused or did not answer" in worker.log[len(logs[worker]) :] for worker in logs
        )
    )
    client.config_set("min-replicas-to-write", 0)
    assert all(worker.is_running for worker in service.workers)
    service.wait_for_status(service.submit(), "succeeded")


def test_a_worker_that_shuts_down_while_redis_is_unreachable_ends_and_its_job_is_recovered(
    service: ChaosService,
) -> None:
    job_id = service.submit(**LONG)
    until(lambda: has_checkpoint(service, job_id))
    first = find_painter(service, job_id)
    service.redis.send_signal(signal.SIGKILL)
    service.redis.popen.wait()
    first.send_signal(signal.SIGTERM)
    first.popen.wait(30)
    assert f"Job {job_id}: left as it is, Redis refused or did not answer" in first.log
    service.redis.start()
    done = until(lambda: _over(service, job_id), timeout_seconds=300)
    assert isinstance(done, dict)
    assert done["status"] == "succeeded"
    assert done["attempt"] >= 2


def _over(service: ChaosService, job_id: str) -> dict[str, Any] | None:
    try:
        job = service.get_job(job_id)
    except httpx.HTTPStatusError:
        return None
    return job if job["status"] in ("succeeded", "failed") else None
