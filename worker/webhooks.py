"""Tells clients' addresses that their jobs are over: signed, tried again, to public ones only."""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ipaddress import ip_address
from socket import SOCK_STREAM, getaddrinfo
from ssl import SSLContext
from time import monotonic
from typing import Any

import httpcore
from opentelemetry.trace import SpanKind
from redis import RedisError
from redis.exceptions import ResponseError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from shared import logs, tracing, transitions, webhooks
from shared.job_store import JobStore
from shared.webhooks import Delivery

log = logging.getLogger(__name__)

AGAIN_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After which try the next one follows how much later; after the last there is none (the schedule
that Standard Webhooks advises)."""

TIMEOUT_SECONDS = 10.0

TRY_SECONDS = 2 * TIMEOUT_SECONDS
"""For how long a connection lives, however often something comes."""

HOLD_SECONDS = 6 * TIMEOUT_SECONDS
"""For how long a try is one's own: it waits for its turn, a name, a connection, an answer."""

AT_ONCE = 8


class NotPublic(OSError):
    """The name belongs to an address that is not a public one."""


class PublicNetwork(httpcore.NetworkBackend):
    """Connects to public addresses alone. A name is resolved once, and what it was resolved to is
    what is connected to: it cannot become another between the look and the step."""

    def __init__(self) -> None:
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = {str(each[4][0]) for each in getaddrinfo(host, port, type=SOCK_STREAM)}
        if not all(webhooks.is_public(ip_address(each)) for each in found):
            raise NotPublic(f"{host} is no public address.")
        return self._network.connect_tcp(sorted(found)[0], port, timeout)


class HurriedNetwork(httpcore.NetworkBackend):
    """Connections that end with the time that one try has: a receiver that sends a byte now and
    then would else keep it for ever."""

    def __init__(self, network: httpcore.NetworkBackend) -> None:
        self._network = network

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        late = monotonic() + TRY_SECONDS
        stream = self._network.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Hurried(stream, late)


class _Hurried(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, late: float) -> None:
        self._stream, self._late = stream, late

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _Hurried(stream, self._late)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None) -> float:
        left = self._late - monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout(f"It took longer than {TRY_SECONDS:g} s.")
        return left if timeout is None else min(timeout, left)


class Deliveries:
    """Tries what is due, several at once."""

    def __init__(self, jobs: JobStore, *, allow_private: bool) -> None:
        self._jobs = jobs
        network = httpcore.SyncBackend() if allow_private else PublicNetwork()
        self._pool = httpcore.ConnectionPool(
            network_backend=HurriedNetwork(network), max_keepalive_connections=0
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, "webhook")

    def round(self) -> bool:
        """Tries each webhook that is due; whether there was one.

        Raises:
            RedisError: the rest is for the next round.
        """
        job_ids = self._jobs.run(webhooks.due(limit=AT_ONCE))
        tries = [self._take(each) for each in job_ids]
        taken = [each for each in tries if each is not None]
        for _ in self._threads.map(self._try, taken):
            pass
        return bool(taken)

    def _take(self, job_id: str) -> Delivery | None:
        """The next try; None where it is another's, or what is there is no record."""
        try:
            return self._jobs.run(webhooks.take(job_id, hold_seconds=HOLD_SECONDS))
        except ResponseError as error:  # the script met what no record of ours has
            log.error("Job %s: its webhook cannot be taken: %s", job_id, error)
            self._jobs.run(transitions.discard(job_id))
            return None

    def _try(self, delivery: Delivery) -> None:
        about: tracing.Attributes = {
            "pastiche.job.id": delivery.job_id,
            "pastiche.webhook.try": delivery.number,
        }
        with (
            tracing.span("webhook", about, kind=SpanKind.CLIENT, parent=delivery.traceparent),
            logs.about(request_id=delivery.request_id, trace_id=tracing.trace_id()),
        ):
            try:
                self._deliver(delivery)
            except RedisError:
                raise
            except Exception:  # one webhook's fault is no other's
                log.exception("Job %s: webhook: unforeseen", delivery.job_id)

    def _deliver(self, delivery: Delivery) -> None:
        error, gives_up = self._sent(delivery)
        last = delivery.number > len(AGAIN_SECONDS) or gives_up
        again = None if error is None or last else AGAIN_SECONDS[delivery.number - 1]
        if error is not None:
            tracing.fail("undelivered", error)
        self._jobs.run(webhooks.note(delivery, error=error, again_seconds=again))
        log.info(
            "Job %s: webhook, try %d: %s", delivery.job_id, delivery.number, error or "arrived"
        )

    def _sent(self, delivery: Delivery) -> tuple[str | None, bool]:
        """What went wrong, None where it arrived; and whether the receiver wants no more of it."""
        now = datetime.now(UTC)
        body = webhooks.body_of(delivery, now)
        secret = webhooks.secret_of(self._jobs.client, delivery.owner)
        try:
            headers = webhooks.headers_of(delivery, secret, body, now)
        except (ValueError, EmptyWebhookSecretError):  # it is no base64
            return "It could not be signed: the owner's secret is damaged.", False
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)
        try:
            with self._pool.stream(
                "POST",
                delivery.url,
                headers=list(headers.items()),
                content=body.encode(),
                extensions={"timeout": timeouts},
            ) as response:
                status = response.status
        except NotPublic:
            return "The address is not a public one.", True
        except (httpcore.NetworkError, httpcore.TimeoutException, OSError) as failure:
            return f"The address could not be reached ({type(failure).__name__}).", False
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError):
            return "What answered there does not speak HTTP.", False
        if 200 <= status < 300:
            return None, False
        return f"The address answered {status}.", status == 410
