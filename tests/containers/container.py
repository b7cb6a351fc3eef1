"""A service of the Compose file, running in its image as near to Compose as a chroot comes.

The user, the read-only root, the dropped capabilities, the volumes, the temporary folders, the
environment, the command of the health check and the grace period are the file's; the network is
this machine's.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.containers.buildah import Buildah
from tests.containers.compose import seconds
from tests.processes import list_children
from tests.waiting import until

# In a mount namespace of its own, the container's root is made read-only before buildah enters it.
_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'


@dataclass(frozen=True)
class Container:
    """A running container: buildah's process, and how to look into it."""

    buildah: Buildah
    name: str
    process: subprocess.Popen[str]
    service: Mapping[str, Any]
    options: list[str]
    log: Path

    @property
    def main(self) -> int:
        """The process that Compose would send SIGTERM to: the python that the image starts."""
        found = until(lambda: _first_python(self.process.pid))
        assert found is not None
        return found

    @property
    def status(self) -> dict[str, str]:
        """What the kernel says of the main process, word by word."""
        lines = Path(f"/proc/{self.main}/status").read_text("utf-8").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def root_options(self) -> list[str]:
        """How the main process's root is mounted."""
        mounts = [
            line.split() for line in Path(f"/proc/{self.main}/mounts").read_text().splitlines()
        ]
        return [options for _, at, _, options, *_ in mounts if at == "/"][-1].split(",")

    def check(self) -> None:
        """AssertionError, with its last log lines, if it has exited unexpectedly."""
        assert self.process.poll() is None, self.log.read_text("utf-8")[-4000:]

    def is_healthy(self) -> bool:
        """What the Compose file's health check says, run where it would be."""
        kind, *words = self.service["healthcheck"]["test"]
        assert kind == "CMD"
        command = self.buildah.command("run", "--isolation=chroot", *self.options, self.name, "--")
        patience = seconds(self.service["healthcheck"]["timeout"])
        done = subprocess.run(
            [*command, *words],
            env=self.buildah.environment,
            capture_output=True,
            timeout=patience,
        )
        return done.returncode == 0

    def stop(self) -> None:
        """SIGTERM and the grace period; subprocess.TimeoutExpired where that is too short."""
        os.kill(self.main, signal.SIGTERM)
        self.process.wait(seconds(self.service["stop_grace_period"]))


@contextmanager
def started(
    buildah: Buildah,
    image: str,
    service: Mapping[str, Any],
    volumes: Mapping[str, Path],
    environment: Mapping[str, str],
) -> Iterator[Container]:
    """The service in a container of this image, killed and removed at the end."""
    name = buildah("from", "--pull-never", "--cap-drop=all", image)
    root = Path(buildah("mount", name))
    (root / "run/.containerenv").touch()  # buildah mounts on it, and could not make it any more
    variables = {**service["environment"], **environment}
    # One without a value is the operator's, taken from around Compose; here there is none.
    options = [f"--env={key}={value}" for key, value in variables.items() if value is not None]
    options += [f"--volume={volumes[volume]}:{at}" for volume, at in _volumes(service)]
    options += [f"--mount=type=tmpfs,dst={at}" for at in _temporary_folders(service)]
    run = [
        "run",
        "--isolation=chroot",
        "--cap-drop=all",
        *options,
        name,
        "--",
        *buildah.starts(image),
    ]
    alone = ["unshare", "--mount", "--propagation=private", "sh", "-c", _READ_ONLY, "sh", str(root)]
    log = buildah.folder / f"{name}.log"
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            ["setpriv", "--no-new-privs", *alone, *buildah.command(*run)],
            env=buildah.environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        yield Container(buildah, name, process, service, options, log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        buildah("rm", name)


def _volumes(service: Mapping[str, Any]) -> Iterator[list[str]]:
    """Of each volume its name, where it is mounted, and the options."""
    for volume in service["volumes"]:
        name, _, at = volume.partition(":")
        yield [name, at]


def _temporary_folders(service: Mapping[str, Any]) -> Iterator[str]:
    """Where the service has a tmpfs, which may be as large as the machine allows here."""
    for folder in service.get("tmpfs", ()):
        yield folder.partition(":")[0]


def _first_python(parent: int) -> int | None:
    """The eldest process under this one that runs python, or None while there is none."""
    for child in list_children(parent):
        program = Path(f"/proc/{child}/cmdline").read_bytes().partition(b"\0")[0]
        if program.endswith(b"/python3"):
            return child
        found = _first_python(child)
        if found is not None:
            return found
    return None
