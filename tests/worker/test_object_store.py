"""A whole service with its pictures in an object store, which fails for a while."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shared.job_store import JOB_KEYS
from tests.chaos.service import LONG_LEASE_SECONDS, ChaosService, running_service
from tests.object_store import Bucket, Fault, FaultyProxy, make_bucket
from tests.waiting import until

pytestmark = pytest.mark.slow

LONG: dict[str, Any] = {"size": 64, "iterations": 120}
"""Some seconds, with a checkpoint every half second."""


@contextmanager
def serving(bucket: Bucket, store: FaultyProxy, **settings: str) -> Iterator[ChaosService]:
    """A service with its pictures in this bucket. Its timeouts are long, so that a busy machine is
    not taken for a store that hangs."""
    environment = bucket.environment(store.url) | {"AWS_READ_TIMEOUT": "10 s"} | settings
    with running_service(1, 1, inside=None, **environment) as made:
        yield made
        assert not [process.name for process in made.processes if "nexpected error" in process.log]


@pytest.fixture(scope="module")
def bucket(s3_server: str) -> Bucket:
    """The bucket of the service: empty at first, and again after each test."""
    return make_bucket(s3_server)


@pytest.fixture(scope="module")
def long_lease_service(bucket: Bucket, store: FaultyProxy) -> Iterator[ChaosService]:
    with serving(bucket, store, PASTICHE_LEASE_SECONDS=LONG_LEASE_SECONDS) as made:
        yield made


@pytest.fixture
def service(long_lease_service: ChaosService) -> ChaosService:
    """The service with long leases: its jobs take one attempt, however busy the machine is. No job
    waits at the beginning of a test."""
    long_lease_service.delete_unfinished()
    return long_lease_service


@pytest.fixture(scope="module")
def resumed_bucket(s3_server: str) -> Bucket:
    """The same for the service whose jobs are resumed."""
    return make_bucket(s3_server)


@pytest.fixture(scope="module")
def short_lease_service(resumed_bucket: Bucket, store: FaultyProxy) -> Iterator[ChaosService]:
    with serving(resumed_bucket, store) as made:
        yield made


@pytest.fixture
def resuming_service(short_lease_service: ChaosService) -> ChaosService:
    """The service with short leases. No job waits at the beginning of a test."""
    short_lease_service.delete_unfinished()
    return short_lease_service


def leave_nothing(service: ChaosService, bucket: Bucket, job_id: str) -> None:
    """Deletes a job, and waits until the store has nothing of it."""
    service.http.delete(f"/jobs/{job_id}").raise_for_status()
    until(lambda: not bucket.keys)


def test_a_job_is_painted_and_its_pictures_are_deleted_with_it(
    service: ChaosService, bucket: Bucket
) -> None:
    job_id = service.submit()
    service.wait_for_status(job_id, "succeeded")
    assert service.get_pixels(job_id)
    preview = service.http.get(f"/jobs/{job_id}/preview")
    assert preview.headers["content-type"] == "image/jpeg"
    assert service.http.get(f"/jobs/{job_id}/losses").json()["iterations"][-1] == 40
    until(lambda: not any("checkpoints" in key for key in bucket.keys))
    leave_nothing(service, bucket, job_id)


def test_a_job_whose_worker_dies_resumes_from_a_checkpoint_in_the_store(
    resuming_service: ChaosService, resumed_bucket: Bucket
) -> None:
    job_id = resuming_service.submit(**LONG)
    until(lambda: any("checkpoints" in key for key in resumed_bucket.keys))
    (worker,) = resuming_service.workers
    worker.signal_children(signal.SIGKILL)
    assert resuming_service.wait_for_status(job_id, "succeeded")["attempt"] >= 2
    assert f"Job {job_id}: resumes from iteration" in worker.log
    leave_nothing(resuming_service, resumed_bucket, job_id)


@pytest.mark.parametrize("folder", ["checkpoints", "losses"])
def test_a_job_resumes_once_what_an_earlier_attempt_stored_can_be_read(
    folder: str, resuming_service: ChaosService, resumed_bucket: Bucket, store: FaultyProxy
) -> None:
    job_id = resuming_service.submit(**LONG)
    until(lambda: any("checkpoints" in key for key in resumed_bucket.keys))
    (worker,) = resuming_service.workers
    with store.failing(Fault(f"GET .*/{folder}/", status=500)):
        worker.signal_children(signal.SIGKILL)
        until(lambda: f"Job {job_id}: storage refuses" in worker.log)
    assert resuming_service.wait_for_status(job_id, "succeeded")["attempt"] >= 2
    assert f"Job {job_id}: resumes from iteration" in worker.log
    losses = resuming_service.http.get(f"/jobs/{job_id}/losses").json()
    assert losses["iterations"] == list(range(1, LONG["iterations"] + 1))
    leave_nothing(resuming_service, resumed_bucket, job_id)


def assert_stored_once_the_store_is_back(
    fault: Fault, service: ChaosService, bucket: Bucket, store: FaultyProxy
) -> None:
    job_id = service.submit(**LONG)
    until(lambda: service.get_job(job_id)["iteration"] > 0)
    with store.failing(fault):
        until(lambda: f"Job {job_id}: storage refuses" in service.workers[0].log)
        assert service.get_job(job_id)["status"] == "running"
    assert service.wait_for_status(job_id, "succeeded")["attempt"] == 1
    assert service.get_pixels(job_id)
    leave_nothing(service, bucket, job_id)


@pytest.mark.parametrize(
    "fault",
    [Fault("", status=500), Fault("PUT|POST", status=503)],
    ids=["500", "503 to writes"],
)
def test_a_picture_is_stored_once_the_store_is_back(
    fault: Fault, service: ChaosService, bucket: Bucket, store: FaultyProxy
) -> None:
    assert_stored_once_the_store_is_back(fault, service, bucket, store)


def test_a_picture_is_stored_once_the_store_answers_again(
    s3_server: str, store: FaultyProxy
) -> None:
    bucket = make_bucket(s3_server)
    soon = {"PASTICHE_LEASE_SECONDS": LONG_LEASE_SECONDS, "AWS_READ_TIMEOUT": "1 s"}
    with serving(bucket, store, **soon) as impatient:
        fault = Fault("PUT", hangs=True)
        assert_stored_once_the_store_is_back(fault, impatient, bucket, store)


def test_a_job_is_accepted_painted_and_sent_while_the_store_is_slow(
    service: ChaosService, bucket: Bucket, store: FaultyProxy
) -> None:
    with store.failing(Fault("", delay_seconds=0.2)):
        job_id = service.submit()
        assert service.wait_for_status(job_id, "succeeded")["attempt"] == 1
        assert service.get_pixels(job_id)
        converted = service.http.get(f"/jobs/{job_id}/result", params={"format": "webp"})
        assert (converted.status_code, converted.content[8:12]) == (200, b"WEBP")
        until(lambda: service.http.get("/readyz").json()["blob_store"] == "ok")
        assert store.faults > 0
    leave_nothing(service, bucket, job_id)


def test_images_that_arrive_cut_off_are_fetched_again(
    service: ChaosService, bucket: Bucket, store: FaultyProxy
) -> None:
    with store.failing(Fault("GET .*/inputs/", is_truncated=True)):
        job_id = service.submit()
        until(lambda: f"Job {job_id}: storage refuses" in service.workers[0].log)
    assert service.wait_for_status(job_id, "succeeded")["attempt"] == 1
    leave_nothing(service, bucket, job_id)


def test_a_submission_that_the_store_refuses_leaves_nothing(
    service: ChaosService, bucket: Bucket, store: FaultyProxy
) -> None:
    with store.failing(Fault("PUT .*/inputs/style", status=500)):
        refused = service.post()
    assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
    assert service.http.get("/jobs").json()["jobs"] == []
    until(lambda: not bucket.keys)


def test_pictures_of_a_deleted_job_are_deleted_once_the_store_is_back(
    service: ChaosService, bucket: Bucket, store: FaultyProxy
) -> None:
    job_id = service.submit()
    service.wait_for_status(job_id, "succeeded")
    with store.failing(Fault("", status=500)):
        assert service.http.delete(f"/jobs/{job_id}").status_code == 503
        assert service.http.get(f"/jobs/{job_id}").status_code == 404
        assert bucket.keys != []

    def is_deleted() -> bool:
        service.jobs.client.zadd(JOB_KEYS["cleanup"], {job_id: 0}, xx=True)  # without the pause
        return not bucket.keys

    until(is_deleted)
