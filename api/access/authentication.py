"""Identifies who sends a request: the owner of a key, or an address if no keys are required. For a
limited time, a token allows reading in place of a key."""

from dataclasses import dataclass
from secrets import token_hex
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from pydantic import BaseModel, Field
from redis import RedisError

from api import keys
from api.http.problems import caller_problems
from api.service import Service, get_service
from pastiche.job_settings import Priority
from shared.errors import FieldError, InvalidFields, KeyMissing, KeyUnknown, TokenReadsOnly
from shared.jobs import NOBODY

router = APIRouter(tags=["access"])

TOKEN_SECONDS = 900
"""How long a token is valid."""

_SECRET = "api:token-secret"  # noqa: S105 - the Redis key of the secret
_READING_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Access:
    """A caller's access to the service, by one request.

    Attributes:
        owner: whose jobs it sees.
        caller: who takes turns with others, and whose requests are counted.
        high_priority: whether it may submit with high priority.
        key_hash: the hash of its key, or of the key that its token was made with; None if no keys
            are required.
    """

    request: Request
    service: Service
    owner: str
    caller: str
    high_priority: bool
    key_hash: str | None = None

    def allows(self, priority: Priority) -> bool:
        """Whether the caller may submit with this priority."""
        return priority != "high" or self.high_priority


async def authenticate(request: Request) -> Access:
    """Identifies the caller, and counts the request."""
    service = get_service(request.app)
    if service.settings.keys_required:
        key, key_hash = await _find_key(request, service)
        access = Access(request, service, key.owner, key.owner, key.high_priority, key_hash)
    else:
        address = request.client.host if request.client else "unknown"
        high_priority = service.settings.high_priority_without_keys
        access = Access(request, service, NOBODY, address, high_priority)
    await service.quotas.count_request(request, access.caller)
    return access


CurrentAccess = Annotated[Access, Depends(authenticate)]
"""The caller, for an endpoint."""


class Token(BaseModel):
    """A short-lived replacement for a key that only allows reading, for URLs that a browser loads
    by itself."""

    token: str = Field(description="For the query parameter `token` of requests that only read.")
    expires_in: int = Field(description="In seconds.")


@router.post("/tokens", summary="Create a token", responses=caller_problems())
async def create_token(access: CurrentAccess) -> Token:
    """Creates a token that allows reading everything that its owner may read, such as pictures and
    events, for which a browser cannot send a header. It is invalid once its key is revoked."""
    signed = (await _get_serializer(access.service)).dumps([access.owner, access.key_hash])
    return Token(token=str(signed), expires_in=TOKEN_SECONDS)


async def is_still_valid(access: Access) -> bool:
    """Whether the caller's key has not been revoked. It counts as valid while Redis is
    unreachable."""
    if access.key_hash is None:
        return True
    try:
        return await keys.find(access.service.jobs.client, access.key_hash) is not None
    except RedisError:
        return True


def check_priority(priority: Priority, access: Access) -> None:
    """Raises InvalidFields if the caller may not have this priority."""
    if access.allows(priority):
        return
    sentence = "This key does not allow high priority."
    if access.key_hash is None:
        sentence = "The operator of this service does not allow high priority."
    raise InvalidFields([FieldError("priority", "priority_not_allowed", sentence)])


async def _find_key(request: Request, service: Service) -> tuple[keys.Key, str]:
    """The key that a request was sent with, or that its token was made with, and its hash."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        key_hash, sentence = (
            keys.hash_key(key.strip()),
            "This key is unknown or was revoked.",
        )
    else:
        key_hash = await _read_token(request, service)
        sentence = "The key that this token was made with was revoked."
    found = await keys.find(service.jobs.client, key_hash)
    if found is None:
        raise KeyUnknown(sentence)
    return found, key_hash


async def _read_token(request: Request, service: Service) -> str:
    """The hash of the key that a request's token was made with."""
    signed = request.query_params.get("token")
    if signed is None:
        raise KeyMissing("Send a key: `Authorization: Bearer …`.")
    if request.method not in _READING_METHODS:
        raise TokenReadsOnly("A token only allows reading; send a key: `Authorization: Bearer …`.")
    try:
        content = (await _get_serializer(service)).loads(signed, max_age=TOKEN_SECONDS)
    except BadSignature as error:
        raise KeyUnknown("This token is invalid or too old.") from error
    _, key_hash = content
    return str(key_hash)


async def _get_serializer(service: Service) -> URLSafeTimedSerializer:
    """Signs tokens with a secret that all API processes share."""
    client = service.jobs.client
    secret = await client.get(_SECRET)
    if secret is None:
        await client.set(_SECRET, token_hex(32), nx=True)  # another process may be faster
        secret = await client.get(_SECRET)
    return URLSafeTimedSerializer(str(secret), salt="reads")
