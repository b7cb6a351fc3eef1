"""Hosts that are network namespaces of this machine, with a cable each to one switch.

Linux, root and `ip` are needed: `python -m tests.hosts.network` installs it where that is allowed,
which `make test` does before any test.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from secrets import randbelow, token_hex

from tests.installation import run_step

LOG = Path(sys.prefix) / "iproute2.log"

_SWITCH = "switch"

_AS_HOST = 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"'
"""A shell script: runs a command under a host name."""


class Network:
    """The switch is in the namespace of the first host, and this process has a cable to it, too.

    Addresses are of 198.18.0.0/15, which RFC 2544 sets aside for tests.
    """

    def __init__(self, *hosts: str) -> None:
        self._token = token_hex(3)
        self._subnet = f"198.18.{randbelow(256)}"
        self._hosts = hosts

    def address(self, host: str) -> str:
        return f"{self._subnet}.{self._hosts.index(host) + 1}"

    def command(self, host: str, command: list[str]) -> list[str]:
        """A command that runs on a host, under its name; it has the process id of this one."""
        entered = ["ip", "netns", "exec", self._namespace(host), "unshare", "--uts"]
        return [*entered, "sh", "-c", _AS_HOST, host, *command]

    def cut(self, host: str) -> None:
        """Pulls the cable of a host: nothing of what it or others send to it arrives."""
        self._ip("link", "set", host, "down", at=self._hosts[0])

    def restore(self, host: str) -> None:
        """Plugs the cable in again."""
        self._ip("link", "set", host, "up", at=self._hosts[0])

    def build(self, stack: ExitStack) -> None:
        """Makes the hosts and their cables, which are removed with the stack.

        Raises:
            subprocess.CalledProcessError: `ip` refuses; its `stderr` says why.
            OSError: there is no `ip`.
        """
        switch_host, *others = self._hosts
        for host in self._hosts:
            run_ip("netns", "add", self._namespace(host))
            stack.callback(run_ip, "netns", "delete", self._namespace(host))
            self._ip("link", "set", "lo", "up", at=host)
        self._ip("link", "add", _SWITCH, "type", "bridge", at=switch_host)
        self._set_up(_SWITCH, self.address(switch_host), at=switch_host)
        for host in others:
            self._ip("link", "add", host, "type", "veth", "peer", "name", "eth0", at=switch_host)
            self._ip("link", "set", "eth0", "netns", self._namespace(host), at=switch_host)
            self._ip("link", "set", host, "master", _SWITCH, "up", at=switch_host)
            self._set_up("eth0", self.address(host), at=host)
        here = f"pastiche{self._token}"
        run_ip("link", "add", here, "type", "veth", "peer", "name", "here", "netns", self._switch)
        stack.callback(run_ip, "link", "delete", here)
        self._ip("link", "set", "here", "master", _SWITCH, "up", at=switch_host)
        run_ip("address", "add", f"{self._subnet}.254/24", "dev", here)
        run_ip("link", "set", here, "up")

    @property
    def _switch(self) -> str:
        return self._namespace(self._hosts[0])

    def _namespace(self, host: str) -> str:
        return f"pastiche-{self._token}-{host}"

    def _set_up(self, device: str, address: str, *, at: str) -> None:
        self._ip("address", "add", f"{address}/24", "dev", device, at=at)
        self._ip("link", "set", device, "up", at=at)

    def _ip(self, *words: str, at: str) -> None:
        run_ip("-netns", self._namespace(at), *words)


def run_ip(*words: str) -> None:
    """Runs `ip`; raises as `Network.build` does."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextmanager
def network(*hosts: str) -> Iterator[Network]:
    """A network until the end of the context."""
    with ExitStack() as stack:
        made = Network(*hosts)
        made.build(stack)
        yield made


@cache
def missing_namespaces() -> str | None:
    """Why there can be no such network here, found by building a small one; None if it can be."""
    try:
        with network("one", "two") as made:
            subprocess.run(
                made.command("two", ["true"]), check=True, capture_output=True, text=True
            )
    except OSError as error:
        return f"Hosts need ip of the package iproute2, on Linux: {error}. See {LOG}."
    except subprocess.CalledProcessError as error:
        return f"Hosts need root, and a kernel with namespaces, veth and bridge: {error.stderr}"
    return None


def main() -> None:
    """Installs `ip` where it can be used and is missing."""
    if shutil.which("ip") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install = "apt-get update && apt-get install --yes --no-install-recommends iproute2"
        title = "Installing iproute2 by apt-get (the service is tested on several hosts with it)"
        run_step(LOG, title, ["sh", "-c", install])
    if missing := missing_namespaces():
        print(f"Tests of several hosts will be skipped. {missing}")  # noqa: T201  # for whoever runs make


if __name__ == "__main__":
    main()
