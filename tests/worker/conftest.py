"""A server that receives webhooks, and the object that delivers them."""

from collections.abc import Iterator

import pytest

from shared.job_store import JobStore
from tests.worker.webhooks import Receiver, receiving
from worker.webhooks import Deliveries


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def deliveries(jobs: JobStore) -> Deliveries:
    return Deliveries(jobs, allow_private=True)
