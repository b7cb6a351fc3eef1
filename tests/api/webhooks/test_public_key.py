"""The public key of webhooks."""

from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api import keys
from local.supervisor import free_port
from pastiche.client.webhooks import InvalidWebhook, verify
from shared.job_store import JobStore
from shared.settings import Settings
from shared.webhook_keys import get_private_key, get_secret
from tests.conftest import RunningApi, running_api
from worker.webhook_messages import Delivery, make_body, sign_headers

PATH = "/webhooks/public-key"


@pytest.fixture
def guarded(redis_url: str, jobs: JobStore, tmp_path: Path) -> Iterator[RunningApi]:
    """An API that requires keys."""
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    with running_api(settings, PASTICHE_KEYS_REQUIRED="true") as api:
        yield api


def sent(jobs: JobStore, owner: str) -> tuple[dict[str, str], bytes]:
    """A webhook of an owner's job."""
    delivery = Delivery("0" * 32, "finished", "https://example.org/", owner, "succeeded", 1)
    now = datetime.now(UTC)
    body = make_body(delivery, now)
    secret, private_key = jobs.run(get_secret(owner)), jobs.run(get_private_key(owner))
    return sign_headers(delivery, secret, private_key, body, now), body.encode()


def test_the_public_key_verifies_webhooks_and_stays_the_same(
    api: RunningApi, jobs: JobStore
) -> None:
    answers = [api.http.get(PATH).json() for _ in range(2)]
    assert answers[0] == answers[1]
    key = answers[0]["public_key"]
    assert answers[0]["algorithm"] == "ed25519"
    assert len(b64decode(key.removeprefix("whpk_"))) == 32
    assert verify(key, *sent(jobs, "anonymous")).data.status == "succeeded"


def test_each_owner_has_its_own_public_key(guarded: RunningApi, jobs: JobStore) -> None:
    def fetch(owner: str) -> str:
        headers = {"Authorization": f"Bearer {keys.create(jobs.client, owner)}"}
        return str(guarded.http.get(PATH, headers=headers).json()["public_key"])

    ada, bob = fetch("ada"), fetch("bob")
    assert verify(ada, *sent(jobs, "ada"))
    with pytest.raises(InvalidWebhook):
        verify(bob, *sent(jobs, "ada"))
    assert guarded.http.get(PATH).status_code == 401


def test_a_command_prints_the_same_public_key(
    guarded: RunningApi,
    jobs: JobStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PASTICHE_REDIS_URL", guarded.settings.redis_location)
    headers = {"Authorization": f"Bearer {keys.create(jobs.client, 'ada')}"}
    assert keys.main(["webhook-public-key", "ada"]) == 0
    printed = capsys.readouterr().out.strip()
    assert printed == guarded.http.get(PATH, headers=headers).json()["public_key"]
