"""What browsers are told of every answer."""

import pytest

from tests.api.worker import submitted
from tests.conftest import RunningApi


@pytest.mark.parametrize("path", ["/livez", "/no/such/path", "/openapi.json", "/jobs", "/metrics"])
def test_no_answer_is_taken_for_what_it_is_not(path: str, api: RunningApi) -> None:
    headers = api.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["referrer-policy"] == "no-referrer"


def test_no_other_site_may_read_what_a_browser_here_may(api: RunningApi) -> None:
    job = submitted(api)
    answer = api.http.get(job["links"]["self"], headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_documentation_runs_its_own_script_and_no_other(api: RunningApi) -> None:
    policy = api.http.get("/docs").headers["content-security-policy"]
    scripts = policy.partition("script-src ")[2].partition(";")[0].split()
    assert scripts[0] == "'self'"
    assert all(each.startswith("'sha256-") for each in scripts[1:])
    assert len(scripts) == 2
