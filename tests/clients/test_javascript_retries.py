"""What the JavaScript client does if the service is unreachable, busy or slow, or loses a reply."""

import json
from pathlib import Path

import pytest

from local.supervisor import free_port
from shared.job_store import JobStore
from tests.api.worker import PlayedWorker, submitted
from tests.client.fake_servers import http, lossy_proxy, responding
from tests.client.test_retries import JOB, problem
from tests.clients.programs import TIMED, WATCH, Program, only_job, run, started, url_of
from tests.clients.proxy import proxying
from tests.conftest import RunningApi
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("node_packages")]

SUBMIT = "console.log((await pastiche.submit(pair)).status);"
SUBMIT_IN_VAIN = """
    const error = await pastiche.submit(pair).catch((error) => error);
    console.log(error.code, pauses.length, sum(pauses));
"""


def test_a_service_that_cannot_be_reached_is_an_error(pair: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    source = """
        const error = await pastiche.job("0").catch((error) => error);
        console.log(error.code, error.status, error.message);
    """
    assert run(source, nowhere, pair) == [f"unreachable 0 {nowhere} cannot be reached."]


def test_a_submission_whose_response_is_lost_is_one_job(api: RunningApi, pair: Path) -> None:
    with proxying(api) as proxy:
        proxy.faults["/jobs"] = ["lose"]
        assert run(SUBMIT, proxy.url, pair) == ["queued"]
        assert proxy.requests == ["POST /jobs"] * 2
    assert len(api.http.get("/jobs").json()["jobs"]) == 1


def test_a_submission_that_is_still_being_stored_is_retried(pair: Path) -> None:
    pending = [problem(409, "submission_pending", "Still being stored.", "1")] * 20
    with responding(*pending, JOB) as url:
        assert run(TIMED + SUBMIT, url, pair)[-1] == "queued"


@pytest.mark.parametrize("retry_after", ["0", "Fri, 31 Dec 1999 23:59:59 GMT", "soon"])
def test_a_busy_service_is_tried_again_for_two_minutes(pair: Path, retry_after: str) -> None:
    with responding(problem(503, "queue_full", "The queue is full.", retry_after)) as url:
        code, tries, milliseconds = run(TIMED + SUBMIT_IN_VAIN, url, pair)[-1].split()
    assert code == "queue_full"
    assert int(tries) <= 240
    assert 110_000 <= float(milliseconds) <= 120_000


@pytest.mark.parametrize("retry_after", ["40000", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_pause_beyond_the_limit_is_an_error_at_once(pair: Path, retry_after: str) -> None:
    with responding(problem(429, "quota_used_up", "Used up.", retry_after)) as url:
        assert run(TIMED + SUBMIT_IN_VAIN, url, pair)[-1] == "quota_used_up 0 0"


def test_a_job_is_deleted_though_the_response_is_lost(api: RunningApi, pair: Path) -> None:
    job_id = submitted(api)["id"]
    with proxying(api) as proxy:
        proxy.faults[job_id] = ["lose"]
        source = f"console.log(await pastiche.delete('{job_id}'));"
        assert run(source, proxy.url, pair) == ["undefined"]
    assert api.http.get("/jobs").json()["jobs"] == []


@pytest.mark.parametrize(("status", "outcome"), [(503, "deleted"), (429, "job_not_found")])
def test_a_job_that_is_not_found_is_deleted_if_an_earlier_try_may_have_done_it(
    pair: Path, status: int, outcome: str
) -> None:
    source = """
        const ended = pastiche.delete("0").then(() => "deleted", (error) => error.code);
        console.log(await ended);
    """
    failed = problem(status, "storage_unavailable", "Not now.", "0")
    missing = problem(404, "job_not_found", "There is no job '0'.", "0")
    with responding(failed, missing) as url:
        assert run(source, url, pair) == [outcome]


def test_deleting_a_job_that_never_existed_is_an_error(api: RunningApi, pair: Path) -> None:
    source = """
        const error = await pastiche.delete("0").catch((error) => error);
        console.log(error.code);
    """
    assert run(source, url_of(api), pair) == ["job_not_found"]


def test_a_request_without_a_response_is_sent_again(api: RunningApi, pair: Path) -> None:
    job_id = submitted(api)["id"]
    source = f"console.log((await pastiche.job('{job_id}')).status);"
    with proxying(api) as proxy:
        proxy.faults[job_id] = ["hold"]
        with started(TIMED + source, proxy.url, pair) as program:
            assert program.line() == "limit 60000"
            until(lambda: proxy.requests)
            program.signal()
            program.lines_until("queued")
        assert proxy.requests == [f"GET /jobs/{job_id}"] * 2


def test_a_response_that_stalls_is_requested_again(api: RunningApi, pair: Path) -> None:
    job_id = submitted(api)["id"]
    source = f"console.log((await pastiche.job('{job_id}')).status);"
    with proxying(api) as proxy:
        proxy.faults[job_id] = ["stall"]
        with started(TIMED + source, proxy.url, pair) as program:
            assert [program.line(), program.line()] == ["limit 60000"] * 2  # the head, the body
            program.signal()
            program.lines_until("queued")
        assert proxy.requests == [f"GET /jobs/{job_id}"] * 2


def test_pictures_may_take_longer_to_arrive(api: RunningApi, pair: Path) -> None:
    assert run(TIMED + SUBMIT, url_of(api), pair)[0] == "limit 360000"


def test_an_hour_without_progress_is_not_an_outage(
    api: RunningApi, jobs: JobStore, pair: Path
) -> None:
    source = """
        const job = await pastiche.submit(pair);
        console.log(job.id);
        const events = pastiche.watch(job);
        await events.next();
        const next = events.next();
        const { now } = Date;
        Date.now = () => now() + 3_600_000;
        console.log("an hour later");
        await next;
        for await (const { event } of events) console.log(event);
    """
    with lossy_proxy(api.settings.port) as proxy, started(source, proxy.url, pair) as program:
        worker = PlayedWorker.of({"id": program.line()}, jobs, api)
        program.lines_until("an hour later")
        proxy.cut()
        worker.report_progress(iteration=7)
        program.lines_until("progress")
        worker.commit()
        assert program.line() == "done"


def test_watching_ends_after_ten_minutes_of_outage(pair: Path) -> None:
    source = """
        const events = pastiche.watch("x");
        console.log((await events.next()).value.event);
        const error = await events.next().catch((error) => error);
        console.log(error.code, sum(pauses));
    """
    event = f"event: status\nid: 1\ndata: {json.dumps({'status': 'queued'})}\n\n"
    with responding(http("200 OK", "text/event-stream", event.encode()), b"") as url:
        lines = run(TIMED + source, url, pair)
    code, milliseconds = lines[-1].split()
    assert "status" in lines
    assert code == "unreachable"
    assert 590_000 <= float(milliseconds) <= 600_000


def next_silence(program: Program) -> None:
    """Waits until a stream of events has begun, and lets it be silent for too long."""
    program.lines_until("limit 25000")
    assert program.line() == "limit 25000"
    program.signal()


def test_a_silent_stream_is_opened_again(api: RunningApi, jobs: JobStore, pair: Path) -> None:
    with proxying(api) as proxy:
        proxy.faults["/events"] = ["stall"]
        with started(TIMED + WATCH, proxy.url, pair) as program:
            next_silence(program)
            program.lines_until("status queued")
            PlayedWorker.of(only_job(api), jobs, api).commit()
            program.lines_until("done succeeded")
        assert proxy.requests[1:] == [f"GET /jobs/{only_job(api)['id']}/events"] * 2


def test_a_job_is_polled_where_streams_stay_silent(
    api: RunningApi, jobs: JobStore, pair: Path
) -> None:
    with proxying(api) as proxy:
        proxy.faults["/events"] = ["stall", "stall"]
        with started(TIMED + WATCH, proxy.url, pair) as program:
            next_silence(program)
            next_silence(program)
            program.lines_until("status queued")
            PlayedWorker.of(only_job(api), jobs, api).commit()
            program.lines_until("done succeeded")
        path = f"/jobs/{only_job(api)['id']}"
        assert proxy.requests[1:4] == [f"GET {path}/events"] * 2 + [f"GET {path}"]


def test_a_preview_that_cannot_be_fetched_is_skipped(
    api: RunningApi, jobs: JobStore, pair: Path
) -> None:
    source = """
        const picture = await pastiche.paint({
            ...pair,
            onProgress: ({ iteration }) => console.log(iteration),
            onPreview: async (preview) => console.log(await preview.text()),
        });
        console.log(picture.type);
    """
    with proxying(api) as proxy:
        proxy.faults["/preview"] = ["lose"] * 4
        with started(source, proxy.url, pair) as program:
            worker = PlayedWorker.of(only_job(api), jobs, api)
            worker.show(iteration=8)
            until(lambda: len(proxy.faults["/preview"]) == 3)
            worker.report_progress(iteration=9)
            assert program.line() == "9"
            proxy.faults.clear()
            worker.show(iteration=10)
            assert program.line() == "preview 10"
            worker.commit()
            assert program.line() == "image/png"


def test_a_picture_is_fetched_after_an_outage(api: RunningApi, jobs: JobStore, pair: Path) -> None:
    source = "console.log((await pastiche.paint(pair)).type);"
    with proxying(api) as proxy:
        proxy.faults["/result?format=png"] = ["lose"] * 12
        with started(TIMED + source, proxy.url, pair) as program:
            PlayedWorker.of(only_job(api), jobs, api).commit()
            program.lines_until("image/png")
        assert proxy.faults == {"/result?format=png": []}
