"""What workers report of themselves, and how others read it."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from shared.job_store import JobStore
from shared.workers import Worker, list_workers, register_worker

WHOLE = Worker(
    "whole",
    "vgg16",
    "CPU",
    10**6,
    rate=1e5,
    backbones=("vgg16", "whitened"),
    free_bytes=2**33,
    iteration_seconds=((4096, 0.5), (16384, 1.5)),
    is_painting=False,
)


def test_a_worker_is_listed_as_it_has_registered(jobs: JobStore) -> None:
    jobs.run(register_worker(WHOLE, ttl_seconds=60))
    assert jobs.run(list_workers()) == [WHOLE]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": None},
        {"backbone": 5},
        {"most_pixels": "many"},
        {"free_bytes": "many"},
        {"limit_bytes": []},
        {"computed_in": "float8"},
        {"backbones": 5},
        {"rate": "fast"},
        {"iteration_seconds": [[4096]]},
    ],
    ids=str,
)
def test_a_report_that_cannot_be_used_is_left_out(fields: dict[str, Any], jobs: JobStore) -> None:
    jobs.run(register_worker(WHOLE, ttl_seconds=60))
    jobs.client.hset("{workers}:about", "other", json.dumps(asdict(WHOLE) | fields))
    jobs.client.zadd("{workers}:seen", {"other": "inf"})
    assert jobs.run(list_workers()) == [WHOLE]
