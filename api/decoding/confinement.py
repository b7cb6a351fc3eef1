"""A process for untrusted input: no environment, no network, limited memory.

Its parent sends a function with its arguments and receives the result, both as pickles, each
preceded by its length. This module contains both ends. It imports little, because each new process
loads it.
"""

import ctypes
import errno
import json
import os
import pickle
import platform
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import is_dataclass
from io import BytesIO
from subprocess import DEVNULL, PIPE, Popen
from typing import IO, Any

_LENGTH = struct.Struct(">Q")

_START = """
import json, sys
memory_bytes, sys.path = json.loads(sys.argv[1])
from api.decoding.confinement import serve
serve(memory_bytes)
"""


_ARCHITECTURES = {
    # socket, connect, execve, execveat, ptrace, process_vm_readv and _writev, io_uring_setup,
    # pidfd_getfd
    "x86_64": (0xC000003E, (41, 42, 59, 322, 101, 310, 311, 425, 438)),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 270, 271, 425, 438)),
}
"""By processor, its AUDIT_ARCH and the numbers of system calls that decoding does not need: those
for a network, other programs and other processes' memory."""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # of BPF
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # in struct seccomp_data
_X32 = 0x40000000
"""The numbers from this one on belong to a second set of system calls on x86_64."""

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2


class ConfinedError(Exception):
    """What a function raised in its process, as text: its exceptions are not trusted."""


class ProcessDied(Exception):
    """The process ended before it replied, or its reply is not allowed."""


class ConfinedProcess:
    """A process that runs functions on untrusted input, one at a time.

    Args:
        memory_bytes: how much memory it may use.
    """

    def __init__(self, memory_bytes: int) -> None:
        start = json.dumps((memory_bytes, sys.path))
        command = [sys.executable, "-c", _START, start]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={})

    def call(self, function: Callable[..., Any], arguments: tuple[object, ...]) -> Any:
        """Runs a function and returns its result. Blocks until then.

        Raises:
            ConfinedError: the function raised an exception; the process can be used again.
            ProcessDied: the function killed the process.
        """
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None
        assert replies is not None
        try:
            _send(requests, pickle.dumps((function, arguments)))
            reply = _receive(replies)
            is_success, value = _ReplyReader(BytesIO(reply or b"")).load()
        except Exception as error:
            self.close()
            raise ProcessDied from error
        if not is_success:
            raise ConfinedError(value)
        return value

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended, by itself or by the system."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends it at once, whatever it is doing."""
        self._process.kill()

    def close(self) -> None:
        """Ends it, waits until it has ended, and closes its pipes."""
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


def serve(memory_bytes: int) -> None:
    """Runs, in the new process, the functions that its parent sends, until the parent closes."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is not a reply
    _limit_memory(memory_bytes)
    _deny_network()
    while (request := _receive(requests)) is not None:
        try:
            function, arguments = pickle.loads(request)  # noqa: S301 - the parent wrote it
            reply = pickle.dumps((True, function(*arguments)))
        except Exception as error:
            reply = pickle.dumps((False, f"{type(error).__name__}: {error}"))
        _send(replies, reply)


def _limit_memory(memory_bytes: int) -> None:
    """Limits this process's memory (not on macOS, which does not enforce the limit)."""
    if sys.platform != "darwin":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _deny_network() -> None:
    """Prevents this process from opening sockets and starting programs, if the system allows such a
    rule (Linux with seccomp, in containers, too)."""
    architecture = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or architecture is None:
        return
    code = _make_filter(*architecture)
    instructions = ctypes.create_string_buffer(code, len(code))
    address = ctypes.cast(instructions, ctypes.c_void_p).value
    assert address is not None
    program = struct.pack("HxxxxxxQ", len(code) // 8, address)  # struct sock_fprog
    libc = ctypes.CDLL(None)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0)


def _make_filter(architecture: int, denied: tuple[int, ...]) -> bytes:
    """The rule as a program of classic BPF. Each test jumps to the last instruction, or does
    nothing."""
    tests = [(_EQUAL, number) for number in denied]
    if architecture == _ARCHITECTURES["x86_64"][0]:
        tests.insert(0, (_AT_LEAST, _X32))
    remaining = range(len(tests), 0, -1)
    return b"".join(
        (
            _make_instruction(_LOAD, _ARCHITECTURE_AT),
            _make_instruction(_EQUAL, architecture, if_not=len(tests) + 2),
            _make_instruction(_LOAD, _NUMBER_AT),
            *(
                _make_instruction(test, number, if_so=left)
                for (test, number), left in zip(tests, remaining, strict=True)
            ),
            _make_instruction(_RETURN, _ALLOW),
            _make_instruction(_RETURN, _DENY),
        )
    )


def _make_instruction(code: int, operand: int, *, if_so: int = 0, if_not: int = 0) -> bytes:
    """A struct sock_filter; jumps count the instructions that they skip."""
    return struct.pack("HBBI", code, if_so, if_not, operand)


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None if the other end is closed."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = stream.read(length)
    return message if len(message) == length else None
