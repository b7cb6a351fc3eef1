"""An API process under siege, and what must be true of it whatever is thrown at it."""

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
"""What no honest picture takes, however slow or busy the machine is."""

MOST_MEMORY_BYTES = 400_000_000
"""What the process may hold whatever comes: it begins with about 90 MB."""

Files = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Siege:
    """The process, its records, its log, and the folder that its temporary files lie in."""

    api: RunningApi
    jobs: JobStore
    log: Path
    temporary: Path

    @property
    def port(self) -> int:
        return self.api.settings.port

    @property
    def memory_bytes(self) -> int:
        """What the API process holds in memory; its decoders have limits of their own."""
        pages = Path(f"/proc/{self.api.process.pid}/statm").read_text().split()[1]
        return int(pages) * getpagesize()

    @property
    def left_behind(self) -> list[Path]:
        """What lies among the temporary files, but for the folder that the process itself holds."""
        found = self.temporary.rglob("*")
        return [path for path in found if not path.name.startswith(scratch.PREFIX)]

    def try_out(self, files: Files | None = None, /, **options: str) -> httpx.Response:
        """A submission of which nothing is stored."""
        pair = [("content", pictures.jpeg()), ("style", pictures.png())]
        return self.api.http.post("/jobs?dry_run=1", files=files or pair, data=options)

    def try_out_json(self, body: bytes) -> httpx.Response:
        """The same with a body that says that it is JSON."""
        headers = {"Content-Type": "application/json"}
        return self.api.http.post("/jobs?dry_run=1", content=body, headers=headers)

    def assert_unharmed(self) -> None:
        """It lives, takes what is fit to be taken, and holds nothing of what it refused."""
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
def besieged(redis_url: str, folder: Path, **limits: float) -> Iterator[Siege]:
    """An API process with these limits instead of the usual ones, such as
    `receive_timeout_seconds`; its libraries are loaded, so that what it holds grows no more."""
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
        siege = Siege(api, jobs, path, temporary)
        siege.try_out()
        yield siege
    jobs.client.close()
