"""API keys: which jobs a caller may read, and the limits on what it may submit."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer

from api import keys
from local.supervisor import free_port
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.conftest import Start
from tests.api.worker import PlayedWorker
from tests.conftest import RunningApi, running_api

pytestmark = pytest.mark.slow

QUOTA = "PASTICHE_MEGAPIXEL_ITERATIONS_PER_DAY"


@pytest.fixture(scope="module")
def guarded_process(start: Start) -> Iterator[RunningApi]:
    with start(PASTICHE_KEYS_REQUIRED="true") as api:
        yield api


@pytest.fixture
def guarded(guarded_process: RunningApi, jobs: JobStore) -> RunningApi:
    """An API that requires keys, with no job in its records and no key."""
    assert jobs.client.keys("*") == []
    return guarded_process


def keys_command(redis_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.keys", *arguments],
        env={"PASTICHE_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
    )


def key_of(owner: str, jobs: JobStore) -> dict[str, str]:
    """The header of a new key."""
    return {"Authorization": f"Bearer {keys.create(jobs.client, owner)}"}


def submit(api: RunningApi, headers: dict[str, str]) -> httpx.Response:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    return api.http.post("/jobs", files=files, headers=headers)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_nothing_is_answered_without_a_key(guarded: RunningApi) -> None:
    response = guarded.http.get(f"/jobs/{'0' * 32}")
    assert code(response) == (401, "key_missing")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert code(submit(guarded, {})) == (401, "key_missing")


def test_a_key_that_was_never_created_is_refused(guarded: RunningApi) -> None:
    assert code(submit(guarded, {"Authorization": "Bearer pastiche_x"})) == (401, "key_unknown")


def test_a_key_gives_access_to_its_owner_s_jobs(guarded: RunningApi, jobs: JobStore) -> None:
    ada = key_of("ada", jobs)
    job = submit(guarded, ada).json()
    assert guarded.http.get(job["links"]["self"], headers=ada).json()["id"] == job["id"]


def test_all_keys_of_an_owner_give_access_to_the_same_jobs(
    guarded: RunningApi, jobs: JobStore
) -> None:
    job = submit(guarded, key_of("ada", jobs)).json()
    assert guarded.http.get(job["links"]["self"], headers=key_of("ada", jobs)).is_success


def test_the_health_of_the_service_needs_no_key(guarded: RunningApi) -> None:
    for path in ("/livez", "/readyz", "/openapi.json", "/docs"):
        assert guarded.http.get(path).status_code == 200, path


def test_another_s_job_is_one_that_does_not_exist_on_every_route(
    guarded: RunningApi, jobs: JobStore
) -> None:
    ada, bob = key_of("ada", jobs), key_of("bob", jobs)
    job = submit(guarded, ada).json()
    PlayedWorker.of(job, jobs, guarded).show(4)
    walked = 0
    for path, methods in guarded.http.get("/openapi.json").json()["paths"].items():
        if "{job_id}" not in path:
            continue
        for method in methods:
            answers = [
                guarded.http.request(
                    method, path.replace("{job_id}", name), headers=bob, **body_of(method)
                )
                for name in (job["id"], "0" * 32)
            ]
            assert [each.status_code for each in answers] == [404, 404], (method, path)
            assert {each.json()["code"] for each in answers} == {"job_not_found"}
            walked += 1
    assert walked >= 8
    assert guarded.http.get(job["links"]["self"], headers=ada).json()["status"] == "running"


def body_of(method: str) -> dict[str, Any]:
    return {"json": {"style_weight": 0.3}} if method == "patch" else {}


def test_a_revoked_key_gives_access_to_nothing(guarded: RunningApi, redis_url: str) -> None:
    key = keys_command(redis_url, "create", "ada").stdout.strip()
    ada = {"Authorization": f"Bearer {key}"}
    key_id, _, owner = keys_command(redis_url, "list").stdout.split()
    assert owner == "ada"
    assert keys_command(redis_url, "revoke", key_id).returncode == 0
    assert code(submit(guarded, ada)) == (401, "key_unknown")


def test_a_key_is_stored_only_as_a_hash(guarded: RunningApi, jobs: JobStore) -> None:
    key = key_of("ada", jobs)["Authorization"].removeprefix("Bearer ")
    assert key not in str(jobs.client.hgetall("api:keys"))


@pytest.mark.parametrize("owner", ["", "Ada", "a:b", "a" * 65])
def test_an_owner_s_name_is_plain(owner: str, redis_url: str) -> None:
    refused = keys_command(redis_url, "create", owner)
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)


def test_an_unknown_key_cannot_be_revoked(redis_url: str) -> None:
    refused = keys_command(redis_url, "revoke", "0123456789ab")
    assert (refused.returncode, refused.stderr) == (1, "There is no key 0123456789ab.\n")


def test_a_token_reads_what_its_owner_may_read(guarded: RunningApi, jobs: JobStore) -> None:
    ada, bob = key_of("ada", jobs), key_of("bob", jobs)
    job = submit(guarded, ada).json()
    PlayedWorker.of(job, jobs, guarded).show(4)
    tokens = [guarded.http.post("/tokens", headers=key).json()["token"] for key in (ada, bob)]
    answers = [
        guarded.http.get(job["links"]["preview"], params={"token": token}) for token in tokens
    ]
    assert [answer.status_code for answer in answers] == [200, 404]


def test_a_token_changes_nothing(guarded: RunningApi, jobs: JobStore) -> None:
    ada = key_of("ada", jobs)
    job = submit(guarded, ada).json()
    token = guarded.http.post("/tokens", headers=ada).json()["token"]
    refused = guarded.http.delete(job["links"]["self"], params={"token": token})
    assert code(refused) == (403, "token_reads_only")


def test_a_forged_token_is_refused(guarded: RunningApi) -> None:
    forged = URLSafeTimedSerializer("guess", salt="reads").dumps("ada")
    for token in ("x", forged):
        refused = guarded.http.get(f"/jobs/{'0' * 32}", params={"token": token})
        assert code(refused) == (401, "key_unknown")


def revoke(headers: dict[str, str], jobs: JobStore) -> None:
    key = headers["Authorization"].removeprefix("Bearer ")
    assert keys.revoke(jobs.client, keys.hash_key(key)[:12])


def test_a_token_is_refused_once_its_key_is_revoked(guarded: RunningApi, jobs: JobStore) -> None:
    ada, other_key = key_of("ada", jobs), key_of("ada", jobs)
    job = submit(guarded, ada).json()
    token = guarded.http.post("/tokens", headers=ada).json()["token"]
    assert guarded.http.get(job["links"]["self"], params={"token": token}).is_success
    revoke(ada, jobs)
    refused = guarded.http.get(job["links"]["self"], params={"token": token})
    assert code(refused) == (401, "key_unknown")
    assert guarded.http.get(job["links"]["self"], headers=other_key).is_success


def test_a_stream_ends_once_its_key_is_revoked(guarded: RunningApi, jobs: JobStore) -> None:
    ada = key_of("ada", jobs)
    job = submit(guarded, ada).json()
    with guarded.http.stream("GET", job["links"]["events"], headers=ada) as response:
        lines = response.iter_lines()
        assert next(lines).startswith("retry:")
        revoke(ada, jobs)
        list(lines)  # ends with the next keep-alive comment


def test_a_token_is_not_in_the_log(redis_url: str, jobs: JobStore, tmp_path: Path) -> None:
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    log = tmp_path / "log"
    environment = {"PASTICHE_KEYS_REQUIRED": "true", "PASTICHE_LOG_LEVEL": "INFO"}
    with log.open("wb") as out, running_api(settings, out, **environment) as api:
        ada = key_of("ada", jobs)
        token = api.http.post("/tokens", headers=ada).json()["token"]
        api.http.get("/jobs", params={"token": token, "limit": "7"})
    written = log.read_text()
    assert '"GET /jobs?[hidden] HTTP/1.1" 200' in written
    assert token not in written


def test_an_unforeseen_error_ends_the_connection_as_it_says(
    guarded: RunningApi, jobs: JobStore
) -> None:
    jobs.client.hset(keys.KEYS, keys.hash_key("broken"), "not JSON")
    headers = {"Authorization": "Bearer broken"}
    answer = guarded.http.get("/jobs", headers=headers)
    assert code(answer) == (500, "internal_error")
    assert answer.headers["connection"] == "close"


def test_with_keys_any_name_and_any_site_is_answered(guarded: RunningApi, jobs: JobStore) -> None:
    headers = {"Host": "studio.example", "Sec-Fetch-Site": "cross-site"}
    answer = submit(guarded, headers | key_of("ada", jobs))
    assert answer.status_code == 202
    assert "cross-origin-resource-policy" not in answer.headers


def test_requests_beyond_the_limit_learn_when_to_retry(start: Start, jobs: JobStore) -> None:
    with start(PASTICHE_REQUESTS_PER_MINUTE="2") as api:
        answers = [api.http.get(f"/jobs/{'0' * 32}") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [404, 404, 429]
        assert answers[-1].json()["code"] == "too_many_requests"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[0].headers["ratelimit-policy"] == '"requests";q=2;w=60'
        assert answers[0].headers["ratelimit"].startswith('"requests";r=1;t=')


def test_jobs_in_flight_are_limited(start: Start, jobs: JobStore) -> None:
    with start(PASTICHE_JOBS_IN_FLIGHT="1") as api:
        job = submit(api, {}).json()
        refused = submit(api, {})
        assert code(refused) == (429, "too_many_jobs")
        assert "retry-after" in refused.headers
        api.http.post(job["links"]["cancel"])
        assert submit(api, {}).status_code == 202


def test_a_day_s_painting_is_limited(start: Start, jobs: JobStore) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    with start(PASTICHE_MEGAPIXEL_ITERATIONS_PER_DAY="100") as api:
        small = api.http.post("/jobs", files=files, data={"size": 64})
        assert small.status_code == 202
        large = api.http.post("/jobs", files=files, data={"size": 2048})
        assert code(large) == (429, "quota_used_up")
        assert '"work";q=100;w=86400' in large.headers["ratelimit-policy"]
        assert len(jobs.client.keys("job:*")) == 1


def test_submissions_at_the_same_time_do_not_exceed_a_day_s_painting(
    start: Start, jobs: JobStore
) -> None:
    files, limit = {"content": pictures.jpeg(), "style": pictures.png()}, {QUOTA: "1"}
    with start(**limit) as one, start(**limit) as other, ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda api: api.http.post("/jobs", files=files, data={"size": 64}).status_code,
                [one, other] * 4,
            )
        )
    assert sorted(answers) == [202] + [429] * 7


def test_a_refused_job_does_not_count_for_the_day_s_painting(start: Start, jobs: JobStore) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    with start(**{QUOTA: "1"}) as api:
        jobs.client.zadd("queue:waiting", {str(number): 0 for number in range(10_000)})
        full = api.http.post("/jobs", files=files, data={"size": 64})
        assert code(full) == (503, "queue_full")
        jobs.client.delete("queue:waiting")
        assert api.http.post("/jobs", files=files, data={"size": 64}).status_code == 202


def test_without_keys_high_priority_is_the_operator_s_choice(start: Start, jobs: JobStore) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    with start() as api:
        for path in ("/jobs", "/jobs?dry_run=true", "/sweeps"):
            refused = api.http.post(path, files=files, data={"priority": "high"})
            assert refused.status_code == 422
            (error,) = refused.json()["errors"]
            assert (error["field"], error["code"]) == ("priority", "priority_not_allowed")
        assert api.http.post("/jobs", files=files, data={"priority": "low"}).status_code == 202


def test_only_keys_with_the_right_may_set_high_priority(
    guarded: RunningApi, jobs: JobStore
) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    allowed = {"Authorization": f"Bearer {keys.create(jobs.client, 'ada', high_priority=True)}"}
    other = key_of("ada", jobs)

    def submit(headers: dict[str, str]) -> httpx.Response:
        data = {"priority": "high"}
        return guarded.http.post("/jobs", files=files, data=data, headers=headers)

    assert submit(other).json()["errors"][0]["code"] == "priority_not_allowed"
    job = submit(allowed).json()
    assert job["priority"] == "high"
    guarded.http.post(job["links"]["cancel"], headers=other)
    again = guarded.http.post(f"/jobs/{job['id']}/retry", headers=other)
    assert again.json()["priority"] == "normal"


def test_the_command_says_which_keys_may_have_high_priority(jobs: JobStore, redis_url: str) -> None:
    keys_command(redis_url, "create", "ada", "--high-priority")
    keys_command(redis_url, "create", "bob")
    ada, bob = keys_command(redis_url, "list").stdout.splitlines()
    assert ada.endswith("ada  high priority")
    assert bob.endswith("bob")


def test_without_limits_no_header_names_any(api: RunningApi) -> None:
    assert "ratelimit" not in api.http.get(f"/jobs/{'0' * 32}").headers


def test_the_service_listens_only_on_loopback_by_default(tmp_path: Path) -> None:
    assert (Settings().host, Settings().keys_required) == ("127.0.0.1", False)
