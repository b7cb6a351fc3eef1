"""Finds out that a port is taken before anything is started."""

import errno
import socket

from local.errors import LocalError


def free_port(host: str, port: int) -> int:
    """The port itself where it can be listened on; a free one where it is 0.

    Raises:
        LocalError: the port is taken, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            return int(trial.getsockname()[1])
    except OSError as error:
        raise LocalError(_sentence(host, port, error)) from error


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program. Choose another: PORT={port + 1}"
    return f"{host}:{port} cannot be listened on: {error.strerror}."
