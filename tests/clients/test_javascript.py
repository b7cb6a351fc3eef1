"""The JavaScript client in Node, against a real API."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from api import keys
from local.supervisor import free_port
from shared import transitions
from shared.job_store import JobStore
from shared.settings import Settings
from shared.workers import Worker, register_worker
from tests.api.worker import PlayedWorker
from tests.client.fake_servers import http, responding
from tests.clients.programs import WATCH, only_job, run, started, url_of
from tests.clients.proxy import proxying
from tests.conftest import RunningApi, running_api
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("node_packages")]


def test_a_job_is_watched_from_first_to_last(api: RunningApi, jobs: JobStore, pair: Path) -> None:
    with started(WATCH, url_of(api), pair) as program:
        job_id = program.line()
        assert program.line() == "status queued"
        worker = PlayedWorker.of({"id": job_id}, jobs, api)
        assert program.line() == "status running"
        worker.report_progress(iteration=7)
        assert program.line() == "progress 7"
        worker.show(iteration=7)
        assert program.line() == f"preview /jobs/{job_id}/preview?iteration=7"
        worker.commit()
        assert program.line() == "done succeeded"


def settings_of_another(api: RunningApi, folder: Path) -> Settings:
    """The settings of another API with the same records."""
    redis_url, port = api.settings.redis_location, free_port("127.0.0.1", 0)
    return Settings(redis_url=redis_url, data_folder=folder, port=port)


def test_a_picture_is_painted_with_progress_and_previews(
    api: RunningApi, jobs: JobStore, pair: Path
) -> None:
    source = """
        const picture = await pastiche.paint({
            ...pair,
            format: "jpeg",
            onProgress: ({ iteration }) => console.log(iteration),
            onPreview: async (preview) => console.log(await preview.text()),
        });
        console.log(picture.type, picture.size > 0);
    """
    with started(source, url_of(api), pair) as program:
        worker = PlayedWorker.of(only_job(api), jobs, api)
        worker.report_progress(iteration=7)
        assert program.line() == "7"
        worker.show(iteration=8)
        assert program.line() == "preview 8"
        worker.commit()
        assert program.line() == "image/jpeg true"


def test_a_job_that_waits_and_begins_is_reported(
    api: RunningApi, jobs: JobStore, pair: Path
) -> None:
    source = """
        const onStatus = ({ status, queue_position }) => console.log(status, queue_position);
        await pastiche.paint({ ...pair, onStatus });
        console.log("painted");
    """
    with started(source, url_of(api), pair) as program:
        assert program.line() == "queued 0"
        worker = PlayedWorker.of(only_job(api), jobs, api)
        assert program.line() == "running null"
        worker.commit()
        assert program.line() == "painted"


def test_a_job_that_fails_is_an_error_with_the_job(
    api: RunningApi, jobs: JobStore, pair: Path
) -> None:
    source = """
        const error = await pastiche.paint(pair).catch((error) => error);
        console.log(error instanceof PasticheError, error.code, error.job.status, error.message);
    """
    with started(source, url_of(api), pair) as program:
        PlayedWorker.of(only_job(api), jobs, api).fail()
        assert program.line().startswith("true out_of_memory failed The picture did not fit")


def test_a_signal_cancels_the_job(api: RunningApi, jobs: JobStore, pair: Path) -> None:
    source = """
        const controller = new AbortController();
        const { signal } = controller;
        const onProgress = () => controller.abort();
        const error = await pastiche.paint({ ...pair, signal, onProgress }).catch((error) => error);
        console.log(error.name);
    """
    with started(source, url_of(api), pair) as program:
        worker = PlayedWorker.of(only_job(api), jobs, api)
        worker.report_progress()
        assert program.line() == "AbortError"
    job = jobs.run(transitions.read(worker.job_id))
    assert job is not None
    assert job.cancel_requested


def test_a_signal_during_the_submission_cancels_the_job(api: RunningApi, pair: Path) -> None:
    source = """
        const controller = new AbortController();
        process.once("SIGUSR2", () => controller.abort());
        const painting = pastiche.paint({ ...pair, signal: controller.signal });
        console.log((await painting.catch((error) => error)).name);
    """
    with proxying(api) as proxy:
        proxy.faults["/jobs"] = ["hold"]
        with started(source, proxy.url, pair) as program:
            path = f"/jobs/{only_job(api)['id']}"
            program.signal()
            assert program.line() == "AbortError"
            assert api.http.get(path).json()["status"] == "queued"
            proxy.released.set()
            until(lambda: api.http.get(path).json()["status"] == "canceled")


def test_nothing_is_submitted_once_the_signal_has_aborted(api: RunningApi, pair: Path) -> None:
    source = """
        const painting = pastiche.paint({ ...pair, signal: AbortSignal.abort() });
        console.log((await painting.catch((error) => error)).name);
    """
    with proxying(api) as proxy:
        assert run(source, proxy.url, pair) == ["AbortError"]
        assert proxy.requests == []


def test_a_callback_that_throws_cancels_the_job(
    api: RunningApi, jobs: JobStore, pair: Path
) -> None:
    source = """
        const onProgress = () => { throw new Error("no room"); };
        const error = await pastiche.paint({ ...pair, onProgress }).catch((error) => error);
        console.log(error.message);
    """
    with started(source, url_of(api), pair) as program:
        worker = PlayedWorker.of(only_job(api), jobs, api)
        worker.report_progress()
        assert program.line() == "no room"
    job = jobs.run(transitions.read(worker.job_id))
    assert job is not None
    assert job.cancel_requested


def test_an_error_after_the_submission_has_the_job(
    api: RunningApi, jobs: JobStore, pair: Path
) -> None:
    source = """
        const onProgress = () => console.log("painting");
        const error = await pastiche.paint({ ...pair, onProgress }).catch((error) => error);
        console.log(error.code, error.job.id, error.job.status);
    """
    with started(source, url_of(api), pair) as program:
        worker = PlayedWorker.of(only_job(api), jobs, api)
        worker.report_progress()
        assert program.line() == "painting"
        api.http.delete(f"/jobs/{worker.job_id}")
        assert program.line() == f"job_not_found {worker.job_id} running"


def test_options_are_written_as_a_form_has_them(api: RunningApi, pair: Path) -> None:
    source = """
        const job = await pastiche.submit({
            ...pair,
            style: [new Blob([style]), style],
            style_weights: [0.7, 0.3],
            style_layers: { relu1_1: 2, relu3_1: 1 },
            keep_transparency: true,
            seed: undefined,
            preset: "draft",
        });
        const names = ["style_weights", "style_layers", "keep_transparency", "seed", "iterations"];
        console.log(JSON.stringify(names.map((name) => job.options[name])));
    """
    draft = '[[0.7,0.3],{"relu1_1":2,"relu3_1":1},true,0,90]'
    assert run(source, url_of(api), pair) == [draft]


def test_pictures_may_be_texts(api: RunningApi, pair: Path) -> None:
    source = """
        const uri = `data:image/jpeg;base64,${style.toString("base64")}`;
        const texts = { ...pair, style: [uri, uri], style_weights: [1, 2] };
        console.log((await pastiche.submit(texts)).options.style_weights.join());
    """
    assert run(source, url_of(api), pair) == ["1,2"]


def test_an_error_has_what_the_problem_says(api: RunningApi, pair: Path) -> None:
    source = """
        const error = await pastiche.submit({ ...pair, size: 5 }).catch((error) => error);
        const [{ field, code }] = error.errors;
        console.log(error instanceof PasticheError, error.status, error.code, field, code);
    """
    assert run(source, url_of(api), pair) == ["true 422 invalid_fields size invalid_value"]


def test_a_server_that_is_no_service_is_an_error(api: RunningApi, pair: Path) -> None:
    source = """
        const error = await pastiche.job("0").catch((error) => error);
        console.log(error.code);
    """
    page = f"{url_of(api)}/docs?"  # and the path of the job is its query
    assert run(source, page, pair) == ["invalid_response"]


@pytest.mark.parametrize("status", ["301 Moved Permanently", "308 Permanent Redirect"])
@pytest.mark.parametrize("call", ["submit(pair)", "paint(pair)", "delete('0')"])
def test_a_redirect_of_a_request_that_changes_something_is_an_error(
    pair: Path, status: str, call: str
) -> None:
    source = f"""
        const error = await pastiche.{call}.catch((error) => error);
        console.log(error.code, error.message);
    """
    jobs = http("200 OK", "application/json", b'{"jobs": [], "next_cursor": null}')
    with responding(jobs) as new:
        redirect = http(status, "text/html", b"Moved", f"Location: {new}/jobs")
        with responding(redirect) as old:
            (line,) = run(source, old, pair)
    sentence = f"{old} is not the address of the service: it redirects to {new}/jobs."
    assert line == f"invalid_response {sentence}"


def test_a_picture_is_fetched_from_where_the_service_redirects(pair: Path) -> None:
    source = """
        const picture = await pastiche.result("0");
        console.log(picture.type, await picture.text());
    """
    with responding(http("200 OK", "image/png", b"pixels")) as store:
        redirect = http("307 Temporary Redirect", "text/plain", b"", f"Location: {store}/0.png")
        with responding(redirect) as url:
            assert run(source, url, pair) == ["image/png pixels"]


@pytest.mark.parametrize("call", ["result", "preview"])
def test_a_page_in_place_of_a_picture_is_an_error(pair: Path, call: str) -> None:
    source = f"""
        const error = await pastiche.{call}("0").catch((error) => error);
        console.log(error.code, error.message);
    """
    with responding(http("200 OK", "text/html", b"<p>Log in</p>")) as url:
        sentence = f"The server at {url} is not a Pastiche service."
        assert run(source, url, pair) == [f"invalid_response {sentence}"]


def test_an_event_that_cannot_be_parsed_is_an_error(pair: Path) -> None:
    source = """
        const error = await pastiche.watch("0").next().catch((error) => error);
        console.log(error.code, error.message);
    """
    event = b'event: status\ndata: {"status": \n\n'
    with responding(http("200 OK", "text/event-stream", event)) as url:
        sentence = f"The server at {url} is not a Pastiche service."
        assert run(source, url, pair) == [f"invalid_response {sentence}"]


def test_weights_are_changed_and_a_job_is_canceled_and_deleted(api: RunningApi, pair: Path) -> None:
    source = """
        const job = await pastiche.submit(pair);
        const changed = await pastiche.updateWeights(job, { style_weight: 0.9 });
        const canceled = await pastiche.cancel(job.id);
        await pastiche.delete(job);
        const error = await pastiche.job(job).catch((error) => error);
        console.log(changed.options.style_weight, canceled.status, error.code);
    """
    assert run(source, url_of(api), pair) == ["0.9 canceled job_not_found"]


def test_living_workers_are_listed(api: RunningApi, jobs: JobStore, pair: Path) -> None:
    jobs.run(register_worker(Worker("h-1", "vgg19", "CPU", 10**6, rate=5e6), ttl_seconds=60))
    source = """
        for (const worker of await pastiche.listWorkers()) {
            console.log(worker.device, worker.backbone, worker.megapixel_iterations_per_second);
        }
    """
    assert run(source, url_of(api), pair) == ["CPU vgg19 5"]


def test_a_key_is_sent(api: RunningApi, jobs: JobStore, tmp_path: Path, pair: Path) -> None:
    settings = settings_of_another(api, tmp_path)
    key = keys.create(jobs.client, "somebody")
    source = f"""
        const missing = await pastiche.submit(pair).catch((error) => error);
        const job = await new Pastiche(process.argv[1], {{ key: "{key}" }}).submit(pair);
        console.log(missing.code, job.status);
    """
    with running_api(settings, PASTICHE_KEYS_REQUIRED="true") as guarded:
        assert run(source, url_of(guarded), pair) == ["key_missing queued"]


@pytest.mark.parametrize("text", ["schlüssel", " key", "key ", "two\nlines"])
def test_a_key_that_no_header_can_have_is_named(pair: Path, text: str) -> None:
    nowhere = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    source = f"""
        const idempotencyKey = {json.dumps(text)}, url = process.argv[1];
        const submitting = pastiche.submit(pair, {{ idempotencyKey }});
        const connecting = (async () => new Pastiche(url, {{ key: idempotencyKey }}))();
        for (const result of [submitting, connecting]) {{
            const error = await result.catch((error) => error);
            console.log(error.code, error.errors[0].field, error.message);
        }}
    """
    sentence = "must be printable ASCII characters, without spaces at its ends."
    assert run(source, nowhere, pair) == [
        f"invalid_fields {field} `{field}` {sentence}" for field in ("idempotencyKey", "key")
    ]


def test_a_job_is_polled_where_no_stream_gets_through(
    api: RunningApi, jobs: JobStore, pair: Path
) -> None:
    with proxying(api, hides_streams=True) as proxy, started(WATCH, proxy.url, pair) as program:
        worker = PlayedWorker.of({"id": program.line()}, jobs, api)
        worker.report_progress(iteration=7)
        worker.show(iteration=7)
        lines = program.lines_until(f"preview /jobs/{worker.job_id}/preview?iteration=7")
        assert lines[-3:-1] == ["status running", "progress 7"]
        worker.commit()
        assert program.line() == "done succeeded"


def test_polling_reports_weights_changed_by_another_client(api: RunningApi, pair: Path) -> None:
    source = """
        const job = await pastiche.submit(pair);
        console.log(job.id);
        for await (const { event, data } of pastiche.watch(job)) {
            console.log(event, data.options.style_weight);
        }
    """
    with proxying(api, hides_streams=True) as proxy, started(source, proxy.url, pair) as program:
        job_id = program.line()
        assert program.line() == "status 0.5"
        api.http.patch(f"/jobs/{job_id}", json={"style_weight": 0.9})
        assert program.line() == "status 0.9"
        api.http.post(f"/jobs/{job_id}/cancel")
        assert program.line() == "done 0.9"


def test_a_job_that_is_deleted_is_gone(api: RunningApi, pair: Path) -> None:
    with started(WATCH, url_of(api), pair) as program:
        job_id = program.line()
        assert program.line() == "status queued"
        api.http.delete(f"/jobs/{job_id}")
        assert program.line() == f"gone {job_id}"


def test_a_job_that_never_existed_is_an_error(api: RunningApi, pair: Path) -> None:
    source = """
        const error = await pastiche.watch("0").next().catch((error) => error);
        console.log(error.code);
    """
    assert run(source, url_of(api), pair) == ["job_not_found"]


def test_a_job_is_watched_across_a_restart_of_the_api(
    api: RunningApi, jobs: JobStore, tmp_path: Path, pair: Path
) -> None:
    settings = settings_of_another(api, tmp_path)
    with ExitStack() as programs:
        with running_api(settings) as before:
            program = programs.enter_context(started(WATCH, url_of(before), pair))
            job_id = program.line()
            assert program.line() == "status queued"
        with running_api(settings) as after:
            PlayedWorker.of({"id": job_id}, jobs, after).commit()
            program.lines_until("done succeeded")
