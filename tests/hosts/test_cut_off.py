"""A worker's host is cut off from the others in mid-job, and comes back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.chaos.__main__ import paint_undisturbed
from tests.chaos.guarantees import PollingClient, check_nothing_left, check_painted_once
from tests.chaos.service import ServiceProcess
from tests.hosts.network import missing_namespaces, network
from tests.hosts.service import SERVICE_HOST, WORKER_HOSTS, DistributedService, running_on_hosts
from tests.waiting import until

pytestmark = pytest.mark.slow

TIMEOUT_SECONDS = 180.0


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DistributedService]:
    if missing := missing_namespaces():
        pytest.skip(missing)
    with (
        network(SERVICE_HOST, *WORKER_HOSTS) as made,
        running_on_hosts(made, tmp_path_factory.mktemp("hosts")) as service,
    ):
        service.iterations = 120
        yield service


@pytest.fixture
def service(spread: DistributedService) -> DistributedService:
    """The service, with every host connected and every process running."""
    for host in WORKER_HOSTS:
        spread.network.restore(host)
    spread.start()
    return spread


@pytest.fixture(scope="module")
def picture(spread: DistributedService) -> bytes:
    """What every job is to have."""
    return paint_undisturbed(spread)


@contextmanager
def watched(service: DistributedService, picture: bytes) -> Iterator[tuple[str, ServiceProcess]]:
    """A job with a checkpoint, and the worker that paints it. Clients watch it all the time; at the
    end it has its picture, once, and once it is deleted nothing of it is left."""
    job_id = service.submit()
    client = PollingClient(service, [job_id])
    with client.polling():
        until(lambda: service.blobs.keys(f"jobs/{job_id}/checkpoints"))
        painter = until(lambda: service.find_worker(job_id))
        assert painter is not None
        yield job_id, painter
        service.wait_for_status(job_id, "succeeded", "failed", timeout_seconds=TIMEOUT_SECONDS)
        check_painted_once(service, [job_id], frozenset(), picture)
    service.start()
    check_nothing_left(service, [job_id], TIMEOUT_SECONDS)


def wait_for_log(process: ServiceProcess, words: str) -> None:
    """Waits until a process has logged these words."""
    until(lambda: words in process.log, timeout_seconds=TIMEOUT_SECONDS)


def hosts_with_workers(service: DistributedService) -> set[str]:
    workers: list[dict[str, Any]] = service.http.get("/readyz").json()["workers"]
    return {each["name"].rpartition("-")[0] for each in workers}


def test_a_job_goes_on_when_its_host_is_connected_again(
    service: DistributedService, picture: bytes
) -> None:
    with watched(service, picture) as (job_id, painter):
        service.network.cut(painter.name)
        wait_for_log(painter, f"Job {job_id}: no heartbeat, Redis refused or did not answer")
        assert service.get_job(job_id)["status"] == "running"
        service.network.restore(painter.name)
    assert service.find_worker(job_id) is painter


def test_another_host_takes_the_job_of_one_that_is_cut_off(
    service: DistributedService, picture: bytes
) -> None:
    with watched(service, picture) as (job_id, first):
        service.network.cut(first.name)
        until(lambda: hosts_with_workers(service) == set(WORKER_HOSTS) - {first.name})
        done = service.wait_for_status(
            job_id, "succeeded", "failed", timeout_seconds=TIMEOUT_SECONDS
        )
        assert done["attempt"] == 2
        second = service.find_worker(job_id)
        assert second is not None
        assert second is not first
        assert f"Job {job_id}: resumes from iteration" in second.log
        service.network.restore(first.name)
        wait_for_log(first, f"Job {job_id}: the claim is lost, its work is discarded")
        assert service.get_job(job_id) == done
    until(lambda: hosts_with_workers(service) == set(WORKER_HOSTS))


def test_a_host_that_comes_back_with_a_picture_of_a_job_that_it_lost_does_not_commit_it(
    service: DistributedService, picture: bytes
) -> None:
    """It is queued by then, and the same host paints it again: the other one stands still."""
    with watched(service, picture) as (job_id, first):
        (other,) = (each for each in service.workers if each is not first)
        other.signal_children(signal.SIGSTOP)
        service.network.cut(first.name)
        wait_for_log(first, f"Job {job_id}: optimised")
        service.wait_for_status(job_id, "queued", timeout_seconds=TIMEOUT_SECONDS)
        service.network.restore(first.name)
        wait_for_log(first, f"Job {job_id}: the claim is lost, its work is discarded")
        wait_for_log(first, f"Job {job_id}: attempt 2")
        other.signal_children(signal.SIGCONT)
