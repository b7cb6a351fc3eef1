"""One request, tried again where that may help, and its answer read or refused."""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar

from pastiche.client.errors import ClientError, FieldFault, Refused, StrangeAnswer, Unreachable
from pastiche.client.patience import Patience, Pauses
from pastiche.client.reading import Unreadable, read
from pastiche.client.steps import Answer, Flow, Pause, Request, Send

log = logging.getLogger("pastiche.client")

Record = TypeVar("Record")

_GATEWAY = (502, 503, 504)
"""How a proxy says that there is nothing behind it."""

PENDING = "submission_pending"
"""The code of the one refusal that is neither 429 nor 503 and passes by itself."""


@dataclass(frozen=True, slots=True)
class _Problem:
    code: str
    detail: str
    errors: tuple[FieldFault, ...] | None = None


def asked(request: Request, patience: Patience) -> Flow[Answer]:
    """The answer to a request that succeeded at last, itself or the one before it whose answer
    was lost.

    Raises:
        Refused: the service will not, or not soon enough.
        Unreachable: it was not there for longer than there was patience.
        StrangeAnswer: what answers is no Pastiche.
    """
    lost, busy = Pauses(patience.unreachable_seconds), Pauses(patience.busy_seconds)
    was_sent = False
    while True:
        try:
            answer: Answer = yield Send(request)
            if answer.is_success or (was_sent and _is_gone(request, answer)):
                return answer
            raise refusal(answer)
        except Unreachable as error:
            seconds, reason, was_sent = lost.take(), str(error), was_sent or error.was_sent
            if seconds is None:
                raise
        except Refused as error:
            seconds = busy.take(error.retry_after_seconds) if passes(error) else None
            reason = error.detail
            if seconds is None:
                raise
        log.warning("%s Trying again in %.1f s.", reason, seconds)
        yield Pause(seconds)


def asked_for(kind: type[Record], request: Request, patience: Patience) -> Flow[Record]:
    """The record that answers a request."""
    answer = yield from asked(request, patience)
    return record_in(kind, answer)


def record_in(kind: type[Record], answer: Answer) -> Record:
    """The record in an answer.

    Raises:
        StrangeAnswer: there is none.
    """
    try:
        return read(kind, json_in(answer))
    except Unreadable as error:
        raise StrangeAnswer(f"{strange(answer)} ({error}).") from error


def json_in(answer: Answer) -> Any:
    """The JSON of an answer.

    Raises:
        StrangeAnswer: there is none.
    """
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise StrangeAnswer(f"{strange(answer)}.") from error


def strange(answer: Answer) -> str:
    """The beginning of the sentence that says that no Pastiche answered."""
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    kind = media_type if media_type.isprintable() and media_type else "nothing that has a type"
    return f"What answers at {answer.address} is no Pastiche: it said {answer.status} and {kind}"


def passes(error: Refused) -> bool:
    """Whether the same request may be taken a little later."""
    return error.status in (429, 503) or error.code == PENDING


def _is_gone(request: Request, answer: Answer) -> bool:
    """Whether what was to be erased is not there: where a request before was sent and its answer
    lost, that one has erased it."""
    return request.method == "DELETE" and answer.status == HTTPStatus.NOT_FOUND


def refusal(answer: Answer) -> ClientError:
    """An answer that is no success, as the exception to raise (RFC 9457)."""
    try:
        said = json_in(answer)
        problem = read(_Problem, said)
    except (StrangeAnswer, Unreadable):
        if answer.status in _GATEWAY:
            sentence = f"{answer.address} is not there: what stands before it says {answer.status}."
            return Unreachable(sentence, was_sent=True)
        return StrangeAnswer(f"{strange(answer)}.")
    return Refused(
        problem.code, answer.status, problem.detail, problem.errors or (), _retry_after(answer)
    )


def _retry_after(answer: Answer) -> float | None:
    """In how many seconds to come again (RFC 9110, section 10.2.3): a number or a date."""
    said = answer.headers.get("retry-after", "")
    if said.isdecimal() and len(said) < 10:
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
