"""When the client retries a failed request."""

import logging
import math
import random
from dataclasses import dataclass, replace
from typing import Any, Self

from tenacity import RetryCallState, retry_if_exception

from pastiche.client.errors import ApiError, ClientError, ServiceUnreachable

log = logging.getLogger("pastiche.client")

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How many seconds in total a client pauses between retries before it gives up.

    Attributes:
        unreachable_seconds: for a request while the service cannot be reached.
        busy_seconds: for a request while the service responds with 429 or 503, or a proxy says when
            to try again.
        watching_seconds: since the last event, while the events of a job cannot be read.
    """

    unreachable_seconds: float = 5.0
    busy_seconds: float = 120.0
    watching_seconds: float = 600.0

    def for_accepted_job(self) -> Self:
        """The policy for requests about a job that the service has accepted. It pauses for longer
        in total, because the job is painted while the client waits."""
        longest = max(self.busy_seconds, self.watching_seconds)
        return replace(self, unreachable_seconds=self.watching_seconds, busy_seconds=longest)


class Backoff:
    """Pauses that grow exponentially, with jitter so that not all clients return at the same
    moment, or the pauses that the service asks for (`Retry-After`). Their total is limited."""

    def __init__(self, limit_seconds: float) -> None:
        self._remaining_seconds = limit_seconds
        self._next_seconds = FIRST_PAUSE_SECONDS

    def next_pause(self, error: ClientError) -> float:
        """How many seconds to wait before the next try. Infinity if the limit is reached, or if
        another try would not help."""
        if not is_transient(error):
            return math.inf
        seconds = _retry_after_seconds(error)
        if seconds is None:
            seconds = self._next_seconds * random.uniform(0.75, 1.0)  # noqa: S311  # no secret
        else:
            # With 0, or a date that has passed on this clock, retries would never end.
            seconds = max(seconds, FIRST_PAUSE_SECONDS)
        if seconds > self._remaining_seconds:
            return math.inf
        self._remaining_seconds -= seconds
        self._next_seconds = min(2 * self._next_seconds, LONGEST_PAUSE_SECONDS)
        return seconds


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, ApiError):
        return error.status in (429, 503) or error.code == "submission_pending"
    return isinstance(error, ServiceUnreachable)


def retry_arguments(policy: RetryPolicy) -> dict[str, Any]:
    """The arguments of tenacity's `Retrying` and `AsyncRetrying` for one request."""
    unreachable, busy = Backoff(policy.unreachable_seconds), Backoff(policy.busy_seconds)

    def wait(state: RetryCallState) -> float:
        error = _error(state)
        is_busy = isinstance(error, ApiError) or _retry_after_seconds(error) is not None
        return (busy if is_busy else unreachable).next_pause(error)

    return {
        "retry": retry_if_exception(is_transient),
        "wait": wait,
        "stop": lambda state: math.isinf(state.upcoming_sleep),
        "before_sleep": _log_retry,
        "reraise": True,
    }


def _retry_after_seconds(error: ClientError) -> float | None:
    return error.retry_after_seconds if isinstance(error, ApiError | ServiceUnreachable) else None


def _log_retry(state: RetryCallState) -> None:
    log.warning("%s Retrying in %.1f s.", _error(state), state.upcoming_sleep)


def _error(state: RetryCallState) -> ClientError:
    assert state.outcome is not None
    error = state.outcome.exception()
    assert isinstance(error, ClientError)
    return error
