"""The commands of the documentation that back up a service, and restore it after its loss."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

import pytest

from local import redis_server
from local.supervisor import free_port
from shared.job_store import JobStore
from shared.settings import Settings
from tests.api.access.test_access import key_of
from tests.api.worker import PlayedWorker, png
from tests.conftest import RunningApi, running_api, running_redis
from tests.deploy.conftest import ROOT
from tests.pictures import jpeg

pytestmark = pytest.mark.slow


def documented_commands() -> tuple[list[str], list[str]]:
    """The two blocks of commands in the section on backups."""
    page = (ROOT / "docs/deployment.md").read_text("utf-8")
    _, _, rest = page.partition("\n## Backup and restore\n")
    section, _, _ = rest.partition("\n## ")
    back_up, restore = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return back_up.splitlines(), restore.splitlines()


class Machine:
    """A folder with what Compose has in its volumes, and the service on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._redis_url = ""
        self.volumes = {"redis": folder / "records", "api": folder / "pictures"}
        self.create_volumes()

    def create_volumes(self) -> None:
        for volume in self.volumes.values():
            volume.mkdir()

    def lose_volumes(self) -> None:
        for volume in self.volumes.values():
            rmtree(volume)

    @contextmanager
    def service(self) -> Iterator[tuple[RunningApi, JobStore]]:
        with running_redis(self.volumes["redis"]) as url:
            self._redis_url = url
            jobs = JobStore.connect(url)
            settings = Settings(
                redis_url=url, data_folder=self.volumes["api"], port=free_port("127.0.0.1", 0)
            )
            with running_api(settings, PASTICHE_KEYS_REQUIRED="true") as api:
                yield api, jobs
            jobs.client.close()

    def run(self, line: str) -> None:
        """Runs a command as in the container of its service, where `/data` is the volume."""
        inside = re.fullmatch(r"docker compose (?:exec|run) (?:--?[\w-]+ )*(redis|api) (.+)", line)
        if inside is not None:
            service, line = inside.groups()
            line = line.replace("/data", shlex.quote(str(self.volumes[service])))
        cli = Path(redis_server.binary()).with_name("redis-cli")
        socket = self._redis_url.removeprefix("unix://")
        line = line.replace("redis-cli", f"{shlex.quote(str(cli))} -s {shlex.quote(socket)}")
        subprocess.run(["sh", "-ec", line], cwd=self._folder, check=True)


def test_a_service_is_restored_from_its_backup(tmp_path: Path) -> None:
    back_up, restore = documented_commands()
    machine = Machine(tmp_path)
    with machine.service() as (api, jobs):
        key = key_of("ada", jobs)
        finished, waiting, later = (_submit(api, key) for _ in range(3))
        PlayedWorker.of(finished, jobs, api).commit(png())
        for line in back_up:
            machine.run(line)
        api.http.delete(later["links"]["self"], headers=key).raise_for_status()
    machine.lose_volumes()
    machine.create_volumes()
    for line in restore:
        machine.run(line)
    with machine.service() as (api, jobs):
        picture = api.http.get(finished["links"]["result"], headers=key)
        assert picture.content == png()
        found = [
            api.http.get(job["links"]["self"], headers=key).json()["status"]
            for job in (finished, waiting, later)
        ]
        assert found == ["succeeded", "queued", "queued"]
        PlayedWorker.of(waiting, jobs, api).commit(png())
        assert api.http.get(waiting["links"]["result"], headers=key).content == png()


def test_what_is_written_after_a_restore_survives_a_restart(tmp_path: Path) -> None:
    back_up, restore = documented_commands()
    machine = Machine(tmp_path)
    with machine.service() as (api, jobs):
        key = key_of("ada", jobs)
        for line in back_up:
            machine.run(line)
    machine.lose_volumes()
    machine.create_volumes()
    for line in restore:
        machine.run(line)
    with machine.service() as (api, _):
        job = _submit(api, key)
    with machine.service() as (api, _):
        assert api.http.get(job["links"]["self"], headers=key).json()["status"] == "queued"


def _submit(api: RunningApi, key: dict[str, str]) -> dict[str, dict[str, str]]:
    files = {"content": jpeg(), "style": jpeg()}
    response = api.http.post("/jobs", files=files, headers=key)
    response.raise_for_status()
    job = response.json()
    assert isinstance(job, dict)
    return job
