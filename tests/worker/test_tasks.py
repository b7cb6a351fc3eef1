"""A job that this process paints, on a real Redis and a real folder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pastiche.engine.weights import vgg16
from pastiche.picture_settings import find_settings
from shared import transitions
from shared.blob_store import BlobStore, checkpoint_folder, input_key
from shared.celery_app import create_queue
from shared.inputs import Inputs
from shared.job_store import JobStore, Reply, Transition, record_key
from shared.jobs import Job, QueueEntry, new_job_id
from shared.progress import Losses
from shared.settings import Settings
from tests import pictures
from tests.waiting import until
from worker import adapter
from worker.context import Capability, FreeMemory, Shutdown, WorkerContext
from worker.lease import WakeUps
from worker.tasks import paint

pytestmark = pytest.mark.slow

LAST_ITERATION: dict[str, Any] = {"size": 64, "iterations": 1, "scales": 1, "backbone": "whitened"}
"""The first iteration is the last, and the only one with a preview."""


class HeartbeatsSeen(JobStore):
    """A job store that records how many changes of the weights the worker knows."""

    weight_updates = 0

    def run(self, transition: Transition[Reply]) -> Reply:
        if transition.script == "job/heartbeat":
            self.weight_updates = int(transition.arguments["weight_updates"])
        return super().run(transition)


@pytest.fixture
def context(redis_url: str, jobs: JobStore, tmp_path: Path) -> Iterator[WorkerContext]:
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, heartbeat_seconds=0.05)
    capability = Capability("one", "CPU", "float32", settings, FreeMemory(lambda: 2**33))
    queue, blobs = create_queue(settings), BlobStore.open(settings.blob_store_location)
    seen = HeartbeatsSeen(jobs.client)
    yield WorkerContext(settings, seen, blobs, queue, Shutdown(), WakeUps(jobs), capability)
    queue.close()


def submitted(context: WorkerContext, options: dict[str, Any]) -> str:
    job_id = new_job_id()
    inputs = Inputs(input_key(job_id, "content"), (input_key(job_id, "style-0"),))
    latest_ms = context.jobs.run(transitions.begin_submission(job_id))
    for key in inputs.all():
        context.blobs.put(key, pictures.png(64, 64))
    entry = QueueEntry("somebody", 100, pixels=64 * 64)
    submission = transitions.submit(job_id, latest_ms, options, inputs, entry, queue_limit=9)
    assert context.jobs.run(submission) == "queued"
    return job_id


def pixels(context: WorkerContext, job_id: str) -> bytes:
    """Those of a job's result."""
    job = context.jobs.run(transitions.read(job_id))
    assert job is not None
    assert job.result_key is not None, job.error_code
    return Image.open(BytesIO(context.blobs.get(job.result_key))).tobytes()


def test_a_checkpoint_of_a_network_that_an_earlier_attempt_used_is_not_resumed(
    context: WorkerContext, vgg16_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_weights_in(folder: Path) -> WorkerContext:
        settings = context.settings.model_copy(update={"weights_folder": folder})
        return replace(context, settings=settings, shutdown=Shutdown())

    options = LAST_ITERATION | {"iterations": 4, "backbone": "auto"}
    with_vgg16, without = (with_weights_in(each) for each in (vgg16_weights.parent, tmp_path))
    undisturbed, begun = submitted(context, options), submitted(context, options)
    paint(with_vgg16)
    put = BlobStore.put

    def put_and_shut_down(blobs: BlobStore, key: str, blob: Any) -> None:
        put(blobs, key, blob)
        if "/previews/" in key:
            without.shutdown.set()

    monkeypatch.setattr(BlobStore, "put", put_and_shut_down)
    paint(without)
    assert context.blobs.keys(checkpoint_folder(begun))
    # An attempt with vgg16 has ended since, before it stored a checkpoint of its own.
    context.jobs.client.hset(
        record_key(begun), mapping={"backbone_name": "vgg16", "backbone_sha256": vgg16.DIGEST}
    )
    paint(with_vgg16)
    assert pixels(context, begun) == pixels(context, undisturbed)


def paint_and_change_weights(
    context: WorkerContext, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Job:
    """The job after it was painted with style_weight 1 up to the preview of its first iteration,
    after which the worker knows that it should be 2."""
    job_id = submitted(context, options | {"style_weight": 1})
    put, seen = BlobStore.put, context.jobs
    assert isinstance(seen, HeartbeatsSeen)

    def put_and_change_weights(blobs: BlobStore, key: str, blob: bytes) -> None:
        put(blobs, key, blob)
        if "/previews/" in key and not seen.weight_updates:
            changed = options | {"style_weight": 2}
            assert context.jobs.run(transitions.update_weights(job_id, 0, changed)) == "ok"
            until(lambda: seen.weight_updates == 1)

    monkeypatch.setattr(BlobStore, "put", put_and_change_weights)
    paint(context)
    job = context.jobs.run(transitions.read(job_id))
    assert job is not None
    assert job.result_key is not None, job.error_code
    assert job.weight_updates == 1
    return job


def test_a_picture_names_the_weights_of_its_last_iteration_not_those_set_after_it(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = paint_and_change_weights(context, LAST_ITERATION, monkeypatch)
    assert job.result_key is not None
    settings = json.loads(find_settings(context.blobs.get(job.result_key)) or "")
    assert settings["options"]["style_weight"] == 1


def test_the_losses_say_from_which_iteration_on_which_weights_were_used(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = paint_and_change_weights(context, LAST_ITERATION | {"iterations": 3}, monkeypatch)
    assert job.losses_key is not None
    losses = Losses.from_json(context.blobs.get(job.losses_key))
    used = [(each["iteration"], each["style_weight"]) for each in losses.weights]
    assert used == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("owner", "name"), [(BlobStore, "get"), (adapter, "encode_png")], ids=["loads", "encodes"]
)
def test_a_worker_that_runs_out_of_memory_for_files_reports_that(
    owner: object, name: str, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    job_id = submitted(context, LAST_ITERATION)
    monkeypatch.setattr(owner, name, fail)
    paint(context)
    job = context.jobs.run(transitions.read(job_id))
    assert job is not None
    assert job.error_code == "out_of_memory"
