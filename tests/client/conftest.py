"""A client of the API process."""

from collections.abc import Iterator

import pytest

from pastiche.client import Client
from tests.conftest import RunningApi


@pytest.fixture
def client(api: RunningApi) -> Iterator[Client]:
    with Client(str(api.http.base_url)) as client:
        yield client
