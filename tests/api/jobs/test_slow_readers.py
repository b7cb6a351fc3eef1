"""How much memory the API needs for a large result: read slowly by twenty clients, or reduced."""

import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import randbytes
from typing import Any
from zlib import crc32

import pytest

from shared.blob_store import result_key
from shared.job_store import JobStore
from tests import pictures
from tests.api.conftest import Start
from tests.api.worker import PlayedWorker, submitted
from tests.conftest import RunningApi
from tests.object_store import Bucket
from tests.processes import needs_proc

pytestmark = [pytest.mark.slow, needs_proc]

READERS = 20
STEPS = 8
STEP_BYTES = 1_000_000
MOST_MEMORY_BYTES = 100_000_000


def noise_png(side: int) -> Iterator[bytes]:
    """The pieces of a square PNG file of uncompressed noise: three bytes for each pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    yield b"\x89PNG\r\n\x1a\n"
    yield chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    deflate = zlib.compressobj(0)
    for _ in range(0, side, 64):
        rows = b"".join(b"\0" + randbytes(3 * side) for _ in range(64))
        yield chunk(b"IDAT", deflate.compress(rows))
    yield chunk(b"IDAT", deflate.flush())
    yield chunk(b"IEND", b"")


class Peak:
    """How much more memory a process takes at its peak than at first."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        (self._folder / "clear_refs").write_text("5")  # resets the peak to the present memory
        self._before = self._read()

    @property
    def grown_bytes(self) -> int:
        return self._read() - self._before

    def _read(self) -> int:
        lines = (self._folder / "status").read_text().splitlines()
        (peak,) = (line for line in lines if line.startswith("VmHWM:"))
        return 1024 * int(peak.split()[1])


class SlowReader:
    """A client that has sent a request, and reads the response a little at a time.

    Attributes:
        length: how many bytes the body of the response has.
    """

    def __init__(self, api: RunningApi, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", api.settings.port))
        self._socket.settimeout(120)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        self._body = self._socket.makefile("rb")

    def read_head(self) -> None:
        assert b" 200 " in self._body.readline()
        lines = iter(self._body.readline, b"\r\n")
        headers = dict(line.strip().lower().split(b": ", 1) for line in lines)
        self.length = int(headers[b"content-length"])

    def read(self, count: int) -> bytes:
        """The next bytes, fewer at the end."""
        return self._body.read(count)

    def close(self) -> None:
        self._body.close()
        self._socket.close()


def paint(api: RunningApi, jobs: JobStore, side: int) -> str:
    """Stores a large picture as a job's result: its path."""
    job = submitted(api)
    commit_noise(job, api, jobs, side)
    path = job["links"]["result"]
    assert isinstance(path, str)
    return path


def commit_noise(job: dict[str, Any], api: RunningApi, jobs: JobStore, side: int) -> None:
    worker = PlayedWorker.of(job, jobs, api)
    worker.blobs.put(result_key(worker.job_id, worker.fence), noise_png(side))
    worker.commit_stored()


def serve_slow_readers(api: RunningApi, path: str) -> None:
    """Sends the result to all readers at once, and reads a part of it."""
    with ExitStack() as stack:
        readers = [SlowReader(api, path) for _ in range(READERS)]
        for reader in readers:
            stack.callback(reader.close)
        for reader in readers:
            reader.read_head()
            assert reader.length > STEPS * STEP_BYTES
        for _ in range(STEPS):
            for reader in readers:
                assert len(reader.read(STEP_BYTES)) == STEP_BYTES


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_slow_readers_of_a_large_result_in_a_folder_take_little_memory(
    format: str, start: Start, jobs: JobStore
) -> None:
    with start() as api:
        path = paint(api, jobs, side=8192)
        peak = Peak(api.process.pid)
        serve_slow_readers(api, f"{path}?format={format}")
        assert peak.grown_bytes < MOST_MEMORY_BYTES


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_slow_readers_of_a_large_result_in_an_object_store_take_little_memory(
    format: str, start: Start, shared_bucket: Bucket, s3_server: str, jobs: JobStore
) -> None:
    with start(**shared_bucket.environment(s3_server)) as api:
        path = paint(api, jobs, side=4096)  # the server holds it in memory, for each reader
        peak = Peak(api.process.pid)
        serve_slow_readers(api, f"{path}?format={format}")
        assert peak.grown_bytes < MOST_MEMORY_BYTES


def test_a_contact_sheet_of_a_large_result_takes_little_memory(
    start: Start, jobs: JobStore
) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    with start() as api:
        sweep = api.http.post("/sweeps", files=files, data={"seed": "1"}).json()
        commit_noise(sweep["jobs"][0]["job"], api, jobs, side=6144)
        peak = Peak(api.process.pid)
        sheet = api.http.get(sweep["links"]["sheet"], params={"cell": 100}, timeout=120)
        assert (sheet.status_code, "etag" in sheet.headers) == (200, True)
        assert peak.grown_bytes < MOST_MEMORY_BYTES
