"""Jobs of other versions: written by 0.2.0, and with fields that only a newer version knows."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pastiche.version import __version__
from shared.blob_store import BlobStore, input_key
from shared.job_store import JOB_KEYS, JobStore, record_key
from shared.jobs import new_job_id
from tests.stack import Stack, served

pytestmark = pytest.mark.slow

OPTIONS_0_2_0 = """{"content_weight": 0.5, "style_weight": 0.5, "tv_weight": 1.0,
"tv_norm": "squared", "content_layers": {}, "style_layers": {}, "normalisation": "pastiche",
"gradient_normalisation": false, "style_statistic": "moments", "style_weights": [],
"style_blend": "losses", "style_scale": 1.0, "colour": "style", "size": 64, "scales": 4,
"scale_factor": 2.0, "resampling": "bicubic", "start": "content", "start_noise": 0.1, "seed": 0,
"iterations": 20, "scale_iterations": [], "stall_tolerance": 0.0, "optimiser": "lbfgs",
"lbfgs_history": 10, "adam_step": 0.02, "backbone": "auto", "pooling": "auto",
"padding": "replicate", "precision": "auto", "keep_transparency": false}"""


@pytest.fixture
def jobs(redis_url: str) -> Iterator[JobStore]:
    """The records of the service."""
    store = JobStore.connect(redis_url)
    yield store
    store.client.close()


@pytest.fixture(scope="module")
def service(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service of this version, on the tests' Redis."""
    store = JobStore.connect(redis_url)
    store.client.flushall()
    store.client.close()
    with served(tmp_path_factory.mktemp("stack"), PASTICHE_REDIS_URL=redis_url) as stack:
        yield stack


def submit_as_0_2_0(jobs: JobStore, folder: Path, **fields: str) -> dict[str, Any]:
    """Writes what version 0.2.0 wrote for a job: its record, queue and blobs.

    Args:
        fields: of the record, in addition or in place of those of 0.2.0.
    """
    job_id = new_job_id()
    blobs = BlobStore.open((folder / "blobs").as_uri())
    names = ("content-0", "style-0")
    for name in names:
        blobs.put(input_key(job_id, name), lossless_webp(160, 120))
    content, style = (input_key(job_id, name) for name in names)
    others: dict[str, Any] = {
        "mask": [],
        "style_mask": [],
        "start_image": None,
        "content_map": None,
    }
    record = {
        "id": job_id,
        "status": "queued",
        "version": "1",
        "options": OPTIONS_0_2_0,
        "inputs": json.dumps({"content": content, "style": [style]} | others),
        "created_ms": "1795769409409",
        "work": "61440",
        "pixels": "3072",
        "caller": "127.0.0.1",
        "owner": "anonymous",
        "lane": "1",
        "turn": "1",
        "place": "2251799830462465",
        "attempt": "0",
        "listed": f"anonymous:1795769409409974:{job_id}",
        "request_id": "af273cd1eed4f317925b4e2d2b8737a3",
    }
    client = jobs.client
    client.hset(record_key(job_id), mapping=dict((record | fields).items()))
    client.zadd(JOB_KEYS["index"], {record["listed"]: 0})
    client.hset(JOB_KEYS["owners"], job_id, "anonymous")
    client.hincrby(JOB_KEYS["in_flight"], "anonymous", 1)
    client.hset(JOB_KEYS["work_left"], job_id, record["work"])
    client.hincrbyfloat(JOB_KEYS["work_left"], "waiting", float(record["work"]))
    client.zadd(JOB_KEYS["waiting"], {job_id: float(record["place"])})
    return {"id": job_id, "links": {"self": f"/jobs/{job_id}"}}


def lossless_webp(width: int, height: int) -> bytes:
    """A picture as 0.2.0 stored it."""
    out = BytesIO()
    Image.radial_gradient("L").convert("RGB").resize((width, height)).save(
        out, "WEBP", lossless=True
    )
    return out.getvalue()


def test_a_job_that_version_0_2_0_accepted_is_painted(service: Stack, jobs: JobStore) -> None:
    job = service.wait_for_status(submit_as_0_2_0(jobs, service.data_folder), "succeeded", "failed")
    assert (job["status"], job["iterations"]) == ("succeeded", 20)
    assert job["options"]["size"] == 64
    assert service.http.get(job["links"]["result"]).content.startswith(b"\x89PNG")
    assert job["id"] in [each["id"] for each in service.http.get("/jobs").json()["jobs"]]


def test_a_job_with_fields_of_a_newer_version_is_painted_and_they_stay(
    service: Stack, jobs: JobStore
) -> None:
    newer = {"written_by": "99.0.0", "tomorrow": "yes", "webhook_tomorrow": "x"}
    job = service.wait_for_status(
        submit_as_0_2_0(jobs, service.data_folder, **newer), "succeeded", "failed"
    )
    assert job["status"] == "succeeded"
    assert jobs.client.hget(record_key(job["id"]), "tomorrow") == "yes"


def test_a_record_says_which_version_wrote_it(service: Stack, jobs: JobStore) -> None:
    job = service.submit()
    assert jobs.client.hget(record_key(job["id"]), "written_by") == __version__
    service.wait_for_status(job, "succeeded")
