"""An API process with other settings, for tests of the settings."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from local.supervisor import free_port
from shared.settings import Settings
from tests.conftest import RunningApi, running_api

Start = Callable[..., AbstractContextManager[RunningApi]]


@pytest.fixture(scope="module")
def start(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts an API on the tests' Redis with other settings."""

    def started(**environment: str) -> AbstractContextManager[RunningApi]:
        folder = tmp_path_factory.mktemp("data")
        port = free_port("127.0.0.1", 0)
        store = environment.get("PASTICHE_BLOB_STORE_URL")
        settings = Settings(
            redis_url=redis_url, data_folder=folder, port=port, blob_store_url=store
        )
        return running_api(settings, **environment)

    return started
