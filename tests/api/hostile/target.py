"""An API process under attack, and the conditions that must hold after every request."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import getpagesize

import httpx

from api.decoding import scratch
from local.supervisor import free_port
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.conftest import RunningApi, running_api
from tests.waiting import until

DECODE_SECONDS = 60.0
"""More than a valid picture takes, however slow or busy the machine is."""

MOST_MEMORY_BYTES = 400_000_000
"""The limit of the process's memory, which is about 90 MB at first."""

Files = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Target:
    """The process, its records, its log, and the folder of its temporary files."""

    api: RunningApi
    jobs: JobStore
    log: Path
    temporary: Path

    @property
    def port(self) -> int:
        return self.api.settings.port

    @property
    def memory_bytes(self) -> int:
        """The memory of the API process, without its decoders, which have limits of their own; 0 on
        a system that does not have it in /proc."""
        if sys.platform != "linux":
            return 0
        pages = Path(f"/proc/{self.api.process.pid}/statm").read_text().split()[1]
        return int(pages) * getpagesize()

    @property
    def left_behind(self) -> list[Path]:
        """The temporary files, except for the folder of the process itself."""
        found = self.temporary.rglob("*")
        return [path for path in found if not path.name.startswith(scratch.PREFIX)]

    def try_out(self, files: Files | None = None, /, **options: str) -> httpx.Response:
        """Sends a dry run, of which nothing is stored."""
        pair = [("content", pictures.jpeg()), ("style", pictures.png())]
        return self.api.http.post("/jobs?dry_run=1", files=files or pair, data=options)

    def try_out_json(self, body: bytes) -> httpx.Response:
        """Sends a dry run with this JSON body."""
        headers = {"Content-Type": "application/json"}
        return self.api.http.post("/jobs?dry_run=1", content=body, headers=headers)

    def assert_unharmed(self) -> None:
        """Checks that it runs, accepts a valid submission, and holds nothing of refused ones."""
        assert self.api.process.poll() is None
        assert self.api.http.get("/livez").json() == {"status": "alive"}
        assert self.try_out().status_code == 200
        until(lambda: not self.left_behind)
        assert self.api.blobs == []
        assert self.jobs.client.keys("*") == []
        assert self.memory_bytes < MOST_MEMORY_BYTES
        log = self.log.read_text("utf-8")
        assert "ERROR" not in log, log
        assert "Traceback" not in log, log


@contextmanager
def running_target(redis_url: str, folder: Path, **limits: float) -> Iterator[Target]:
    """An API process with these settings, such as `receive_timeout_seconds`. It has loaded its
    libraries, so that its memory should not grow any more."""
    temporary = folder / "temporary"
    temporary.mkdir()
    settings = Settings(
        redis_url=redis_url, data_folder=folder / "data", port=free_port("127.0.0.1", 0)
    )
    chosen = {"decode_timeout_seconds": DECODE_SECONDS} | limits
    environment = {f"PASTICHE_{name.upper()}": str(limit) for name, limit in chosen.items()}
    jobs = JobStore.connect(redis_url)
    path = folder / "log"
    with (
        path.open("wb") as log,
        running_api(settings, log, TMPDIR=str(temporary), **environment) as api,
    ):
        target = Target(api, jobs, path, temporary)
        target.try_out()
        yield target
    jobs.client.close()
