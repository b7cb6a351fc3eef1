"""A whole service on a Redis that has users, that has TLS, and that Sentinels name."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import redis

from shared.job_store import JobStore
from tests.redis.certificates import Certificates
from tests.redis.servers import (
    LOCALHOST,
    PASSWORD,
    QUOTED_PASSWORD,
    SENTINEL_PASSWORD,
    running_server,
    sentinel_group,
    tls_listener,
)
from tests.stack import served

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
            job = stack.when(stack.submit(), "succeeded", "failed")
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
        jobs = JobStore.connect(url.partition("?")[0])
        with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
            jobs.client.ping()
