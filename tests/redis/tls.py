"""A listener that adds TLS to a Redis that was built without it."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from tests.redis.certificates import Certificates
from tests.redis.servers import LOCALHOST

_HANDSHAKE = b"\x16"
"""The first byte of a connection with TLS (RFC 8446, section 5.1)."""


@contextmanager
def tls_listener(port: int, certificates: Certificates) -> Iterator[int]:
    """A listener for the server on `port`; its own port. It also accepts connections without TLS: a
    Sentinel without TLS names the same address to clients that have it."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listener = socket.create_server((LOCALHOST, 0))
    listener.setblocking(False)
    accepting = asyncio.run_coroutine_threadsafe(_accept(listener, port, certificates), loop)
    try:
        yield int(listener.getsockname()[1])
    finally:
        accepting.cancel()
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        listener.close()


async def _accept(listener: socket.socket, port: int, certificates: Certificates) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server)
    loop = asyncio.get_running_loop()
    connections = set()
    while True:
        connection, _ = await loop.sock_accept(listener)
        task = asyncio.create_task(_serve(connection, port, context))
        connections.add(task)
        task.add_done_callback(connections.discard)


async def _serve(connection: socket.socket, port: int, context: ssl.SSLContext) -> None:
    loop = asyncio.get_running_loop()
    with connection, suppress(OSError):
        has_tls = await _peek(connection) == _HANDSHAKE
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, connection, ssl=context if has_tls else None
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        there, back = await asyncio.open_connection(LOCALHOST, port)
        await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _peek(connection: socket.socket) -> bytes:
    """The first byte that comes, which stays to be read."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.transport.abort()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)
