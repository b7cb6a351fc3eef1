"""Previews inside events: what a stream with `previews=inline` sends, and how much it reads."""

import socket
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from api.events.inline_previews import MAX_INLINE_BYTES
from shared.job_store import JobStore
from tests import pictures
from tests.api.events.test_events import Event, read, until_event
from tests.api.submissions.test_submit import errors_of
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi
from tests.processes import needs_proc


@contextmanager
def stream(
    api: RunningApi, job: dict[str, Any], previews: str | None = "inline"
) -> Iterator[Iterator[Event]]:
    """The events of a job, with its previews as they are requested."""
    params = {} if previews is None else {"previews": previews}
    with api.http.stream("GET", job["links"]["events"], params=params) as response:
        assert response.status_code == 200
        yield read(response)


def noise(grain: int) -> bytes:
    """A preview of noise, 1024 pixels wide and high, with grains of this many pixels."""
    shape = (1024 // grain, 1024 // grain, 3)
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    return pictures.encoded(Image.fromarray(pixels).resize((1024, 1024)), "JPEG", quality=98)


def test_a_preview_event_has_the_picture_if_it_is_requested(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    preview = pictures.jpeg(200, 150)
    with stream(api, job) as events:
        PlayedWorker.of(job, jobs, api).show(7, preview)
        event = until_event(events, "preview")
    assert event.data["url"] == f"/jobs/{job['id']}/preview?iteration=7"
    assert b64decode(event.data["jpeg"], validate=True) == preview


@pytest.mark.parametrize("previews", [None, "url", ""])
def test_a_preview_event_has_only_a_url_otherwise(
    previews: str | None, api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    with stream(api, job, previews) as events:
        PlayedWorker.of(job, jobs, api).show(7, pictures.jpeg())
        assert until_event(events, "preview").data.keys() == {"url"}


def test_other_ways_to_receive_previews_are_refused(api: RunningApi) -> None:
    response = api.http.get(submitted(api)["links"]["events"], params={"previews": "all"})
    assert errors_of(response) == {"previews": "invalid_value"}


def test_a_large_preview_is_reduced(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    preview = noise(grain=16)
    assert len(preview) > MAX_INLINE_BYTES
    with stream(api, job) as events:
        PlayedWorker.of(job, jobs, api).show(7, preview)
        jpeg = b64decode(until_event(events, "preview").data["jpeg"])
    assert len(jpeg) <= MAX_INLINE_BYTES
    with Image.open(BytesIO(jpeg)) as reduced:
        assert (reduced.format, reduced.size) == ("JPEG", (512, 512))


@pytest.mark.parametrize(
    "preview",
    [
        pytest.param(noise(grain=2), id="too large even if reduced"),
        pytest.param(bytes(MAX_INLINE_BYTES + 1), id="damaged"),
    ],
)
def test_a_preview_that_cannot_be_sent_is_left_out(
    preview: bytes, api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    with stream(api, job) as events:
        worker.show(7, preview)
        assert until_event(events, "preview").data.keys() == {"url"}
        worker.show(8, pictures.jpeg())
        assert until_event(events, "preview").data.keys() == {"url", "jpeg"}


def test_a_preview_that_is_lost_is_left_out(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).show(7)
    for path in api.blobs:
        if "previews" in path.parts:
            path.unlink()
    with stream(api, job) as events:
        assert until_event(events, "preview").data.keys() == {"url"}


@needs_proc
def test_a_preview_is_read_once_for_all_streams_and_only_if_it_is_requested(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    preview = pictures.jpeg(96, 64) + bytes(100_000)
    worker = PlayedWorker.of(job, jobs, api)

    def bytes_read_for_ten_streams(previews: str, iteration: int) -> int:
        with ExitStack() as held:
            streams = [held.enter_context(stream(api, job, previews)) for _ in range(10)]
            for events in streams:
                until_event(events, "status")
            before = read_bytes(api)
            worker.show(iteration, preview)
            for events in streams:
                while f"iteration={iteration}" not in until_event(events, "preview").data["url"]:
                    pass  # the one before, which was read when the stream began
            return read_bytes(api) - before

    assert bytes_read_for_ten_streams("url", 1) < len(preview)
    assert len(preview) < bytes_read_for_ten_streams("inline", 2) < 2 * len(preview)


def read_bytes(api: RunningApi) -> int:
    """What the API process has read so far, from files and from connections."""
    lines = Path(f"/proc/{api.process.pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


@pytest.mark.slow
def test_a_slow_client_skips_previews_and_receives_the_newest(
    api: RunningApi, jobs: JobStore
) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    shown = 200
    with socket.socket() as slow, stream(api, job) as events:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(30)
        slow.connect(("127.0.0.1", api.settings.port))
        path = f"{job['links']['events']}?previews=inline"
        slow.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        assert slow.recv(4) == b"HTTP"
        for iteration in range(1, shown + 1):
            worker.show(iteration, pictures.jpeg() + bytes(MAX_INLINE_BYTES - 10_000))
            until_event(events, "preview")
        worker.commit()
        received = b"".join(iter(lambda: slow.recv(1 << 16), b""))
    assert received.count(b"event: preview") < shown / 2
    assert received.rstrip().rpartition(b"\n\n")[2].startswith(b"event: done")
