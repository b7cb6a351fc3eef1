"""Uploads that fill the temporary files: the next ones are refused until there is space again."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from random import Random
from socket import socket

import pytest
from PIL import Image

from shared.job_store import JobStore
from tests import pictures
from tests.api.hostile.forms import part
from tests.api.hostile.sockets import connected, head
from tests.api.hostile.target import Target, running_target
from tests.waiting import until

pytestmark = pytest.mark.slow

HELD = 900_000
"""What an unfinished upload has sent, of the megabyte that there is room for."""

UNFINISHED = {
    "form": (
        "/pictures",
        "multipart/form-data; boundary=x",
        part(b"picture", bytes(HELD), file_name=b"a.png"),
        HELD,
    ),
    "JSON": (
        "/jobs",
        "application/json",
        b'{"content": "data:image/png;base64,' + b64encode(bytes(HELD * 3 // 4)),
        HELD * 3 // 4,
    ),
}
"""By its kind, the path, the media type, all that arrives of a body, and how large that is as a
file."""

BUFFERED = 100_000
"""What is received and may not be written yet."""

PICTURE = pictures.encoded(
    Image.frombytes("RGB", (320, 320), Random(1).randbytes(3 * 320 * 320)), "PNG"
)
"""One that does not fit beside it: about 300 kB."""


@pytest.fixture
def target(redis_url: str, tmp_path: Path, jobs: JobStore) -> Iterator[Target]:
    """An API that holds no more than a megabyte of uploads."""
    with running_target(redis_url, tmp_path, uploads_in_flight_megabytes=1) as target:
        yield target
        target.assert_unharmed()


def begin_upload(connection: socket, kind: str, target: Target) -> None:
    """Sends the first part of an upload, and waits until the API has received it."""
    path, media_type, body, file_bytes = UNFINISHED[kind]
    lines = (f"Content-Type: {media_type}", f"Content-Length: {2 * len(body)}")
    connection.sendall(head(*lines, path=path) + body)
    until(lambda: written_bytes(target) > file_bytes - BUFFERED)


def written_bytes(target: Target) -> int:
    return sum(path.stat().st_size for path in target.temporary.rglob("*.upload"))


@pytest.mark.parametrize("kind", UNFINISHED)
def test_an_upload_is_refused_while_the_others_leave_too_little_space(
    kind: str, target: Target
) -> None:
    files = [("content", PICTURE), ("style", PICTURE)]
    uri = f"data:image/png;base64,{b64encode(PICTURE).decode()}"
    document = json.dumps({"content": uri, "style": "example:wave"}).encode()
    with connected(target) as connection:
        begin_upload(connection, kind, target)
        for response in (
            target.try_out(files),
            target.try_out_json(document),
            target.api.http.post("/pictures", files={"picture": PICTURE}),
        ):
            assert response.status_code == 503
            assert response.json()["code"] == "uploads_busy"
            assert int(response.headers["Retry-After"]) > 0
        assert target.try_out().status_code == 200
    until(lambda: target.try_out(files).status_code == 200)
    assert target.try_out_json(document).status_code == 200


def test_an_upload_without_others_is_accepted_whatever_its_size(target: Target) -> None:
    assert target.try_out([("content", PICTURE), *5 * [("style", PICTURE)]]).status_code == 200
