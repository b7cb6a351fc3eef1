"""One API process for all hostile input; the conditions are checked after each test."""

from collections.abc import Iterator

import pytest

from shared.job_store import JobStore
from tests.api.hostile.target import Target, running_target


@pytest.fixture(scope="session")
def attacked_api(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The process that all hostile requests are sent to."""
    limits = {"picture_urls_anywhere": True}
    with running_target(redis_url, tmp_path_factory.mktemp("hostile"), **limits) as target:
        yield target


@pytest.fixture(scope="session")
def short_timeout_api(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """An API with short timeouts, which valid requests keep even on a busy machine."""
    limits = {"receive_timeout_seconds": 10.0, "decode_timeout_seconds": 10.0}
    with running_target(redis_url, tmp_path_factory.mktemp("hostile"), **limits) as target:
        yield target


@pytest.fixture
def target(attacked_api: Target, jobs: JobStore) -> Iterator[Target]:
    """The API under attack; unharmed when the test is over."""
    yield attacked_api
    attacked_api.assert_unharmed()


@pytest.fixture
def short_timeout_target(short_timeout_api: Target, jobs: JobStore) -> Iterator[Target]:
    """The API with short timeouts, under attack; unharmed when the test is over."""
    yield short_timeout_api
    short_timeout_api.assert_unharmed()
