"""Tells clients' addresses that their jobs are over: signed, tried again, to public ones only."""

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from socket import SOCK_STREAM, getaddrinfo
from ssl import SSLContext
from threading import Condition
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpcore
from opentelemetry.trace import SpanKind
from redis import RedisError
from redis.exceptions import ResponseError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from shared import logs, tracing, transitions, webhooks
from shared.job_store import JobStore
from shared.redis_keys import record_key
from worker.webhooks import Delivery

log = logging.getLogger(__name__)

AGAIN_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After which try the next one follows how much later; after the last there is none (the schedule
that Standard Webhooks advises)."""

TIMEOUT_SECONDS = 10.0

TRY_SECONDS = 2 * TIMEOUT_SECONDS
"""For how long a connection lives, however often something comes."""

HOLD_SECONDS = 6 * TIMEOUT_SECONDS
"""For how long a try is one's own: it waits for its turn, a name, a connection, an answer."""

AT_ONCE = 32
"""How many hosts are told something at once; one host is told one thing after the other."""

LOOKED_AT = 10_000
"""How many webhooks that are due are looked at in one round: those of a host that does not answer
stay due until their turn comes, and must not hide another's."""


class NotPublic(OSError):
    """The name belongs to an address that is not a public one."""


class PublicNetwork(httpcore.NetworkBackend):
    """Connects to public addresses alone. A name is resolved once, and what it was resolved to is
    what is connected to: it cannot become another between the look and the step. Its addresses are
    tried in the system's order, each for its share of the time."""

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
        resolved = getaddrinfo(host, port, type=SOCK_STREAM)
        addresses = list(dict.fromkeys(str(each[4][0]) for each in resolved))
        if not all(webhooks.is_public(ip_address(each)) for each in addresses):
            raise NotPublic(f"{host} is no public address.")
        share = (TIMEOUT_SECONDS if timeout is None else timeout) / len(addresses)
        *others, last = addresses
        for address in others:
            with suppress(httpcore.NetworkError, httpcore.TimeoutException):
                return self._network.connect_tcp(address, port, share)
        return self._network.connect_tcp(last, port, share)


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
    """Tries what is due: each host has a line of its own, so one that does not answer delays what
    it is told itself, and nothing else."""

    def __init__(self, jobs: JobStore, *, allow_private: bool) -> None:
        self._jobs = jobs
        network = httpcore.SyncBackend() if allow_private else PublicNetwork()
        self._pool = httpcore.ConnectionPool(
            network_backend=HurriedNetwork(network),
            max_connections=AT_ONCE,
            max_keepalive_connections=0,
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, "webhook")
        self._changed = Condition()
        self._is_closing = False
        self._lines: dict[str, deque[str]] = {}  # by host: whose webhook it is told next

    def round(self) -> bool:
        """Puts each webhook that is due into its host's line, and does not wait for any; whether
        there was one.

        Raises:
            RedisError: the rest is for the next round.
        """
        with self._changed:
            in_line = {job_id for line in self._lines.values() for job_id in line}
        due = self._jobs.run(webhooks.due(limit=LOOKED_AT + len(in_line)))
        new = [job_id for job_id in due if job_id not in in_line]
        for job_id, host in zip(new, self._hosts(new), strict=True):
            self._line_up(host, job_id)
        return bool(new)

    def join(self) -> None:
        """Waits until every line is empty."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines)

    def close(self) -> None:
        """Waits for the tries that have begun; the others are for whoever delivers next."""
        with self._changed:
            self._is_closing = True
        self._threads.shutdown(cancel_futures=True)

    def _hosts(self, job_ids: Sequence[str]) -> list[str]:
        """Whom each of these jobs is to be told to; '' where its record does not say."""
        reading = self._jobs.client.pipeline(transaction=False)
        for job_id in job_ids:
            reading.hget(record_key(job_id), "webhook_url")
        urls = reading.execute(raise_on_error=False)
        return [_host_of(url) if isinstance(url, str) else "" for url in urls]

    def _line_up(self, host: str, job_id: str) -> None:
        with self._changed:
            is_first = host not in self._lines
            self._lines.setdefault(host, deque()).append(job_id)
        if is_first:
            self._threads.submit(self._tell_next, host)

    def _tell_next(self, host: str) -> None:
        """Tells a host one thing. The other hosts come before its next."""
        job_id = self._lines[host][0]
        try:
            delivery = self._take(job_id)
            if delivery is not None:
                self._try(delivery)
        except RedisError as error:
            log.warning("Job %s: webhook, for later: %s", job_id, error)
        except Exception:
            log.exception("Job %s: its webhook could not be tried", job_id)
        with self._changed:
            self._lines[host].popleft()
            if not self._lines[host]:
                del self._lines[host]
                self._changed.notify_all()
            elif not self._is_closing:
                self._threads.submit(self._tell_next, host)

    def _take(self, job_id: str) -> Delivery | None:
        """The next try; None where it is another's, or what is there is no record."""
        try:
            return self._jobs.run(webhooks.take(job_id, hold_seconds=HOLD_SECONDS))
        except ResponseError as error:  # the script met what no record of ours has
            log.error("Job %s: its webhook cannot be taken: %s", job_id, error)
            self._jobs.run(transitions.delete_damaged(job_id))
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


def _host_of(url: str) -> str:
    """Whose line it is in; '' where no one could be told, which trying it finds out."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
