"""A whole service on a Redis that has users, that has TLS, and that Sentinels name."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError

from local.supervisor import free_port
from shared.celery_app import MESSAGES_KEY, create_queue, publish
from shared.job_store import AsyncJobStore, JobStore
from shared.jobs import new_job_id
from shared.settings import Settings
from shared.transitions import begin_submission
from tests.redis.certificates import Certificates
from tests.redis.servers import (
    LOCALHOST,
    PASSWORD,
    PRIMARY,
    QUOTED_PASSWORD,
    SENTINEL_PASSWORD,
    make_sentinel,
    running_server,
    sentinel_group,
)
from tests.redis.tls import tls_listener
from tests.stack import served
from tests.waiting import until

pytestmark = pytest.mark.slow

RIGHTS = ("~*", "&*", "+@all", "-@admin", "-@dangerous", "+info")
"""Those that docs/deployment.md names: no CONFIG, as with managed Redis."""

USER = ("--user", "default", "off", "--user", "pastiche", "on", f">{PASSWORD}", *RIGHTS)


@contextmanager
def with_a_user(folder: Path) -> Iterator[str]:
    """A server that knows one user; the URL."""
    with running_server(folder, *USER) as port:
        yield f"redis://pastiche:{QUOTED_PASSWORD}@{LOCALHOST}:{port}/0"


@contextmanager
def with_tls(folder: Path) -> Iterator[str]:
    """A server behind TLS, by an authority of its own; the URL."""
    certificates = Certificates.make(folder)
    with running_server(folder, *USER) as port, tls_listener(port, certificates) as tls_port:
        login, authority = f"pastiche:{QUOTED_PASSWORD}", certificates.authority
        yield f"rediss://{login}@{LOCALHOST}:{tls_port}/0?ssl_ca_certs={authority}"


@contextmanager
def with_sentinels(folder: Path) -> Iterator[str]:
    """Servers and Sentinels, with passwords; the URL."""
    with sentinel_group(folder) as group:
        yield group.url


@pytest.mark.parametrize("redis_of", [with_a_user, with_tls, with_sentinels])
def test_a_job_is_painted_and_no_password_is_logged(
    redis_of: Callable[[Path], AbstractContextManager[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    limit = {"PASTICHE_REQUESTS_PER_MINUTE": "100000"}  # counted by a library of its own
    with redis_of(folder) as url:
        with served(tmp_path / "data", PASTICHE_REDIS_URL=url, **limit) as stack:
            job = stack.wait_for_status(stack.submit(), "succeeded", "failed")
            assert job["status"] == "succeeded", job
            assert stack.http.get(job["links"]["result"]).content.startswith(b"\x89PNG")
            assert stack.http.get("/readyz").json()["warnings"] == []
            stack.process.terminate()
            printed = stack.process.communicate()[0]
        logs = [file.read_text() for file in (tmp_path / "data" / "logs").iterdir()]
    for secret in (PASSWORD, QUOTED_PASSWORD, SENTINEL_PASSWORD):
        assert all(secret not in text for text in (printed, *logs))


def test_a_server_whose_certificate_is_not_trusted_gets_no_password(tmp_path: Path) -> None:
    with with_tls(tmp_path) as url:
        untrusting = url.partition("?")[0]
        with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
            JobStore.connect(untrusting).client.ping()
        queue = create_queue(Settings(redis_url=untrusting))
        with pytest.raises(OperationalError, match="certificate verify failed"):
            publish(queue, new_job_id())
        queue.close()


def test_every_client_uses_tls_under_sentinels(tmp_path: Path) -> None:
    certificates = Certificates.make(tmp_path)
    sentinel_port = free_port(LOCALHOST, 0)
    with (
        running_server(tmp_path) as port,
        tls_listener(port, certificates) as tls_port,
        tls_listener(sentinel_port, certificates) as tls_sentinel_port,
    ):
        sentinel = make_sentinel(tmp_path, sentinel_port, tls_port, 1)
        sentinel.start()
        try:
            authority = certificates.authority
            sentinels = f"{LOCALHOST}:{tls_sentinel_port}"
            url = f"rediss+sentinel://{sentinels}/{PRIMARY}?ssl_ca_certs={authority}"
            jobs = JobStore.connect(url)
            until(lambda: responds(jobs))
            assert asyncio.run(begin_asynchronously(url)) > 0
            queue = create_queue(Settings(redis_url=url))
            publish(queue, new_job_id())
            queue.close()
            assert jobs.client.llen(MESSAGES_KEY) == 1
            jobs.client.close()
        finally:
            sentinel.kill()


async def begin_asynchronously(url: str) -> int:
    store = AsyncJobStore.connect(url)
    try:
        return await store.run(begin_submission(new_job_id()))
    finally:
        await store.close()


def responds(jobs: JobStore) -> bool:
    try:
        return jobs.run(begin_submission(new_job_id())) > 0
    except redis.ConnectionError:
        return False
