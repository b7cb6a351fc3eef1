"""The errors of the client reach the caller from another process."""

import pickle

import pytest

from pastiche.cli import console, local_batch
from pastiche.client import (
    ApiError,
    ClientError,
    FieldError,
    InvalidAddress,
    InvalidPicture,
    InvalidRequest,
    InvalidResponse,
    Job,
    JobUnsuccessful,
    ServiceUnreachable,
)
from pastiche.client.models import parse
from pastiche.client.webhooks import InvalidWebhook

FAILED = parse(Job, b'{"id": "x", "status": "failed"}')
ERRORS: list[ClientError] = [
    InvalidAddress("The address is invalid."),
    InvalidRequest("The key is invalid."),
    InvalidPicture("content", "content: it is empty."),
    ApiError(
        "invalid_fields", 422, "Invalid.", (FieldError("size", "invalid", "Too large."),), 2.5
    ),
    JobUnsuccessful(FAILED),
    ServiceUnreachable("It cannot be reached.", was_sent=True, retry_after_seconds=3),
    InvalidResponse("It is not a Pastiche service."),
    InvalidWebhook("It is not signed."),
    console.InvalidFile("It cannot be read."),
    console.InvalidOption("It does not fit the pictures."),
    local_batch.CannotPaint("There is no torch."),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_can_be_pickled(error: ClientError) -> None:
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301  # what it pickled itself
    assert type(copied) is type(error)
    assert str(copied) == str(error)
    assert vars(copied) == vars(error)


def test_every_error_is_among_those_that_are_pickled() -> None:
    assert set(ClientError.__subclasses__()) == {type(error) for error in ERRORS}
