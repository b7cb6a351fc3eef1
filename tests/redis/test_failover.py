"""The primary dies, or becomes a replica, while jobs are painted and submitted."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from shared.job_store import JobStore
from shared.jobs import new_job_id
from shared.transitions import begin_submission
from tests import pictures
from tests.redis.servers import LOCALHOST, SentinelGroup, running_server, sentinel_group
from tests.stack import Stack, served
from tests.waiting import until

pytestmark = pytest.mark.slow

LONG: dict[str, Any] = {"size": 64, "iterations": 400}
"""Painted longer than a failover takes."""

TIMEOUT_SECONDS = 180.0
"""Sentinels take their time to turn a server that has come back into a replica."""


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    with sentinel_group(tmp_path_factory.mktemp("redis")) as made:
        yield made


@pytest.fixture(scope="module")
def service(group: SentinelGroup, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with served(tmp_path_factory.mktemp("data"), PASTICHE_REDIS_URL=group.url) as stack:
        yield stack


def submit(service: Stack) -> httpx.Response:
    """The answer to a small job."""
    files = {"content": pictures.jpeg(160, 120), "style": pictures.png(120, 120)}
    return service.http.post("/jobs", files=files, data={"size": 64, "iterations": 5})


def look(service: Stack, job: dict[str, Any]) -> dict[str, Any] | None:
    """The job, if the service can be read and it is over."""
    response = service.http.get(job["links"]["self"])
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        return None
    found: dict[str, Any] = response.raise_for_status().json()
    return found if found["status"] in ("succeeded", "failed") else None


def ended(service: Stack, job: dict[str, Any]) -> dict[str, Any]:
    found = until(lambda: look(service, job), timeout_seconds=TIMEOUT_SECONDS)
    assert found is not None
    return found


def result(service: Stack, job: dict[str, Any]) -> bytes:
    """The pixels of a job's picture."""
    return pictures.pixels(service.http.get(job["links"]["result"]).raise_for_status().content)


def test_a_job_and_what_is_submitted_meanwhile_survive_the_death_of_the_primary(
    group: SentinelGroup, service: Stack
) -> None:
    undisturbed = service.wait_for_status(service.submit(**LONG), "succeeded", "failed")
    job = service.submit(**LONG)
    until(lambda: service.get_job(job)["iteration"] > 0)
    group.await_replicas()
    dead = group.primary
    group.servers[dead].kill()

    answers = []

    def is_accepted_by_the_next_primary() -> bool:
        answers.append(submit(service))
        return answers[-1].status_code == HTTPStatus.ACCEPTED and group.primary not in (0, dead)

    until(is_accepted_by_the_next_primary, timeout_seconds=TIMEOUT_SECONDS)
    accepted = [each.json() for each in answers if each.status_code == HTTPStatus.ACCEPTED]
    refused = [each for each in answers if each.status_code != HTTPStatus.ACCEPTED]
    assert refused
    assert all(each.status_code == HTTPStatus.SERVICE_UNAVAILABLE for each in refused)
    assert all(int(each.headers["retry-after"]) > 0 for each in refused)

    group.servers[dead].start()
    done = ended(service, job)
    assert (done["status"], done["attempt"]) == ("succeeded", 1)
    assert result(service, done) == result(service, undisturbed)
    assert {ended(service, each)["status"] for each in accepted} == {"succeeded"}
    until(lambda: group.count_replicas(group.primary) == 2, timeout_seconds=TIMEOUT_SECONDS)


def test_a_primary_without_replicas_accepts_no_job(group: SentinelGroup, service: Stack) -> None:
    replicas = [part for port, part in group.servers.items() if port != group.primary]
    for part in replicas:
        part.kill()
    until(lambda: submit(service).status_code == HTTPStatus.SERVICE_UNAVAILABLE)
    refused = submit(service)
    assert refused.json()["code"] == "redis_unavailable"
    assert int(refused.headers["retry-after"]) > 0
    assert service.http.get("/readyz").json()["redis"] == "cannot be written"
    for part in replicas:
        part.start()
    accepted = until(lambda: _accepted(submit(service)), timeout_seconds=TIMEOUT_SECONDS)
    assert accepted is not None
    assert ended(service, accepted)["status"] == "succeeded"


def _accepted(response: httpx.Response) -> dict[str, Any] | None:
    return response.json() if response.status_code == HTTPStatus.ACCEPTED else None


def test_a_server_that_becomes_a_replica_is_left(tmp_path: Path) -> None:
    """Its connections stay open, as those of managed Redis may, but the store opens new ones."""
    with running_server(tmp_path) as port:
        jobs = JobStore.connect(f"redis://{LOCALHOST}:{port}")
        assert jobs.run(begin_submission(new_job_id())) > 0
        connection = jobs.client.client_id()
        with redis.Redis(LOCALHOST, port) as operator:
            operator.replicaof(LOCALHOST, str(port))
            with pytest.raises(redis.ConnectionError, match="has become a replica"):
                jobs.run(begin_submission(new_job_id()))
            operator.replicaof("NO", "ONE")
        assert jobs.run(begin_submission(new_job_id())) > 0
        assert jobs.client.client_id() != connection
        jobs.client.close()
