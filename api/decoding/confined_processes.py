"""Processes that run functions on untrusted input, see `api.decoding.confinement`. They are started
when needed, and reused."""

import json
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import is_dataclass
from functools import partial
from io import BufferedReader, BufferedWriter, BytesIO
from subprocess import DEVNULL, PIPE, Popen
from typing import Any, TypeVar

from anyio import BrokenWorkerProcess, to_thread

from api.decoding.confinement import receive, send

Result = TypeVar("Result")

_START = """
import json, sys
memory_bytes, sys.path = json.loads(sys.argv[1])
from api.decoding.confinement import serve
serve(memory_bytes)
"""


class ConfinedError(Exception):
    """What a function raised in its process, as text: its exceptions are not trusted."""


class ConfinedProcesses:
    """The processes of one API process: as many as run at once.

    Args:
        memory_bytes: that each of them may take.
    """

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._idle: list[_ConfinedProcess] = []

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Runs a function. Its process is killed if the caller is canceled.

        Raises:
            BrokenWorkerProcess: the process died of it.
            ConfinedError: the function raised an exception.
        """
        if self._idle:
            process = self._idle.pop()
        else:
            process = await to_thread.run_sync(_ConfinedProcess, self._memory_bytes)
        call = partial(process.call, function, arguments)
        try:
            is_success, value = await to_thread.run_sync(call, abandon_on_cancel=True)
        except BaseException:
            process.kill()
            raise
        self._idle.append(process)
        if not is_success:
            raise ConfinedError(value)
        result: Result = value
        return result

    def close(self) -> None:
        """Ends the idle processes."""
        while self._idle:
            process = self._idle.pop()
            process.kill()
            process.clean_up()


class _ConfinedProcess:
    def __init__(self, memory_bytes: int) -> None:
        start = json.dumps((memory_bytes, sys.path))
        command = [sys.executable, "-c", _START, start]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={})

    def call(self, function: Callable[..., Any], arguments: tuple[object, ...]) -> tuple[bool, Any]:
        """Whether the function returned, with its result or its error. Blocks until then."""
        requests, replies = self._process.stdin, self._process.stdout
        assert isinstance(requests, BufferedWriter)
        assert isinstance(replies, BufferedReader)
        try:
            send(requests, pickle.dumps((function, arguments)))
            reply = receive(replies)
            is_success, value = _ReplyReader(BytesIO(reply or b"")).load()
        except Exception as error:
            self.clean_up()
            raise BrokenWorkerProcess from error
        return bool(is_success), value

    def kill(self) -> None:
        """Ends it at once, whatever it does."""
        self._process.kill()

    def clean_up(self) -> None:
        """Waits for its end, which is near, and closes its pipes."""
        self._process.kill()
        with suppress(BrokenPipeError), self._process:
            pass


class _ReplyReader(pickle.Unpickler):
    """Creates only plain values and the dataclasses of `shared.pictures`: a process that hostile
    input has taken over must not run code here."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if module == "shared.pictures" else None
        if isinstance(found, type) and is_dataclass(found):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a reply.")
