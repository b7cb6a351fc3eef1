"""No process logs a secret, not even at the level DEBUG and while the picture store fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api import keys
from shared.job_store import JOB_KEYS
from shared.webhook_keys import get_private_key, get_secret
from tests import pictures
from tests.chaos.service import ChaosService, running_service
from tests.object_store import Bucket, Fault, FaultyProxy
from tests.waiting import until
from tests.worker.webhooks import Receiver, receiving

pytestmark = pytest.mark.slow

SECRET_ACCESS_KEY = "s3cret/of+the=bucket"  # noqa: S105 - invented: special characters must not hide it
SESSION_TOKEN = "token-of-the-session"  # noqa: S105 - invented for these tests
WEBHOOK_TOKEN = "token-of-the-receiver"  # noqa: S105 - the same
OWNER = "ada"


@dataclass(frozen=True)
class Service:
    """A whole service whose store can fail, and what its client knows."""

    service: ChaosService
    store: FaultyProxy
    receiver: Receiver
    api_key: str

    def submit(self, **fields: object) -> str:
        url = f"{self.receiver.url}?token={WEBHOOK_TOKEN}"
        return self.service.submit(webhook_url=url, **fields)

    def delete(self, job_id: str) -> None:
        """Deletes a job; its cleanup is due at once."""
        self.service.http.delete(f"/jobs/{job_id}")
        self.service.jobs.client.zadd(JOB_KEYS["cleanup"], {job_id: 0}, xx=True)

    @property
    def logs(self) -> dict[str, str]:
        parts = (self.service.api, *self.service.workers, *self.service.reconcilers)
        return {part.name: part.log for part in parts}


@contextmanager
def serving(bucket: Bucket, store: FaultyProxy) -> Iterator[Service]:
    environment = bucket.environment(store.url) | {
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "PASTICHE_LOG_LEVEL": "DEBUG",
        "PASTICHE_KEYS_REQUIRED": "true",
        "PASTICHE_RESULT_REDIRECT_SECONDS": "60",
        "PASTICHE_DIRECT_UPLOADS": "true",
        "PASTICHE_WEBHOOKS_ANYWHERE": "true",
    }
    with receiving() as receiver, running_service(1, 1, inside=None, **environment) as service:
        key = keys.create(service.jobs.client, OWNER)
        service.http.headers["Authorization"] = f"Bearer {key}"
        yield Service(service, store, receiver, key)


def get_location(http: httpx.Client, job_id: str) -> str:
    """The signed URL of a result."""
    response = http.get(f"/jobs/{job_id}/result")
    assert response.status_code == 307
    return str(response.headers["location"])


def sign_upload(http: httpx.Client) -> str:
    """The signed URL to which a file was sent, and which became a picture."""
    upload = http.post("/pictures/uploads", json={}).raise_for_status().json()
    url = str(upload["url"])
    headers = upload.get("headers")
    httpx.put(url, content=pictures.jpeg(), headers=headers, trust_env=False).raise_for_status()
    http.post(upload["links"]["complete"]).raise_for_status()
    return url


def read_signature(url: str) -> str:
    return parse_qs(urlsplit(url).query)["X-Amz-Signature"][0]


def let_the_store_fail(service: Service, old_job: str) -> None:
    """Until each process has logged it."""
    http = service.service.http
    running = service.submit(size=64, iterations=400)
    until(lambda: service.service.get_job(running)["iteration"] > 0)
    with service.store.failing(Fault("", status=403)):
        assert service.service.post().status_code == 503
        assert http.post("/pictures/uploads", json={}).is_success
        assert http.get(f"/jobs/{old_job}/result?format=jpeg").status_code == 503
        service.delete(old_job)
        assert http.post(f"/jobs/{running}/finish").is_success
        until(lambda: f"Job {running}: storage refuses" in service.logs["worker-0"])
        until(lambda: f"Job {old_job}: blobs not deleted yet" in service.logs["reconciler-0"])


def test_no_secret_is_logged_at_debug_while_the_store_fails(
    bucket: Bucket, store: FaultyProxy
) -> None:
    with serving(bucket, store) as service:
        http = service.service.http
        job_id = service.submit()
        service.service.wait_for_status(job_id, "succeeded")
        token = http.post("/tokens").raise_for_status().json()["token"]
        assert httpx.get(f"{http.base_url}/jobs/{job_id}?token={token}", trust_env=False).is_success
        signed = [get_location(http, job_id), sign_upload(http)]
        until(lambda: service.receiver.got)
        let_the_store_fail(service, job_id)
        logs = service.logs
        secrets = {
            "key of the store": SECRET_ACCESS_KEY,
            "session of the store": SESSION_TOKEN,
            "API key": service.api_key,
            "token": token,
            "webhook secret": service.service.jobs.run(get_secret(OWNER)),
            "private key of webhooks": service.service.jobs.run(get_private_key(OWNER)),
            "URL of the webhook": WEBHOOK_TOKEN,
            "URL to which its receiver redirects": "/elsewhere",
            "signature of a result": read_signature(signed[0]),
            "signature of an upload": read_signature(signed[1]),
        }
    assert " DEBUG " in logs["worker-0"]
    assert "Storage: " in logs["api"]
    found = [(what, name) for what, each in secrets.items() for name in logs if each in logs[name]]
    assert found == []
