"""One API process for all hostile input; each test ends with what must be true after it."""

from collections.abc import Iterator

import pytest

from shared.job_store import JobStore
from tests.api.hostile.siege import Siege, besieged


@pytest.fixture(scope="session")
def besieged_api(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    """The process that they all meet, one after the other."""
    limits = {"picture_urls_anywhere": True}
    with besieged(redis_url, tmp_path_factory.mktemp("siege"), **limits) as siege:
        yield siege


@pytest.fixture(scope="session")
def besieged_impatient_api(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Siege]:
    """One that soon gives up what is slow, but nothing honest on a busy machine."""
    limits = {"receive_timeout_seconds": 10.0, "decode_timeout_seconds": 10.0}
    with besieged(redis_url, tmp_path_factory.mktemp("siege"), **limits) as siege:
        yield siege


@pytest.fixture
def siege(besieged_api: Siege, jobs: JobStore) -> Iterator[Siege]:
    """The API under siege; unharmed when the test is over."""
    yield besieged_api
    besieged_api.assert_unharmed()


@pytest.fixture
def impatient_siege(besieged_impatient_api: Siege, jobs: JobStore) -> Iterator[Siege]:
    """The impatient API under siege; unharmed when the test is over."""
    yield besieged_impatient_api
    besieged_impatient_api.assert_unharmed()
