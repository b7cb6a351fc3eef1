"""Who sends a request: the owner of a key, or an address if no keys are required. Tokens read for a
while in place of a key."""

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
        key_hash: of its key, or of the key that its token was made with; None if no keys are
            required.
    """

    request: Request
    service: Service
    owner: str
    caller: str
    key_hash: str | None = None


async def authenticate(request: Request) -> Access:
    """Identifies the caller, and counts the request."""
    service = get_service(request.app)
    address = request.client.host if request.client else "unknown"
    if not service.settings.keys_required:
        access = Access(request, service, NOBODY, address)
    else:
        owner, key_hash = await _identify(request, service)
        access = Access(request, service, owner, owner, key_hash)
    await service.quotas.count_request(request, access.caller)
    return access


CurrentAccess = Annotated[Access, Depends(authenticate)]
"""The caller, for an endpoint."""


class Token(BaseModel):
    """A replacement for a key that reads for a while: for URLs that a browser loads by itself."""

    token: str = Field(description="For `?token=` on anything that is only read.")
    expires_in: int = Field(description="In seconds.")


@router.post("/tokens", responses=caller_problems())
async def create_token(access: CurrentAccess) -> Token:
    """Creates a token that reads what its owner may read: pictures and events, for which a browser
    cannot send a header. It is invalid once its key is revoked."""
    signed = (await _get_serializer(access.service)).dumps([access.owner, access.key_hash])
    return Token(token=str(signed), expires_in=TOKEN_SECONDS)


async def is_still_valid(access: Access) -> bool:
    """Whether the caller's key has not been revoked. It counts as valid while Redis is
    unreachable."""
    if access.key_hash is None:
        return True
    try:
        owner = await keys.find_owner(access.service.jobs.client, access.key_hash)
        return owner == access.owner
    except RedisError:
        return True


async def check_priority(priority: Priority, access: Access) -> None:
    """Raises InvalidFields if the caller may not have this priority."""
    if await may_have_priority(priority, access):
        return
    sentence = "High priority is a right of keys, and this one does not have it."
    if not access.service.settings.keys_required:
        sentence = "The operator of this service does not allow high priority."
    raise InvalidFields([FieldError("priority", "priority_not_allowed", sentence)])


async def may_have_priority(priority: Priority, access: Access) -> bool:
    """Whether the caller may have this priority, by its key or by the operator's setting."""
    if priority != "high":
        return True
    settings = access.service.settings
    if not settings.keys_required:
        return settings.high_priority_without_keys
    _, _, key = access.request.headers.get("authorization", "").partition(" ")
    return await keys.allows_high_priority(access.service.jobs.client, key.strip())


async def _identify(request: Request, service: Service) -> tuple[str, str | None]:
    """The owner, and the hash of the owner's key."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        key_hash = keys.hash_key(key.strip())
        owner = await keys.find_owner(service.jobs.client, key_hash)
        if owner is None:
            raise KeyUnknown("This key is not known here, or was revoked.")
        return owner, key_hash
    signed = request.query_params.get("token")
    if signed is None:
        raise KeyMissing("Send a key: `Authorization: Bearer …`.")
    if request.method not in _READING_METHODS:
        raise TokenReadsOnly("A token only reads; send a key: `Authorization: Bearer …`.")
    return await _verify_token(signed, service)


async def _verify_token(signed: str, service: Service) -> tuple[str, str | None]:
    """The owner, and the hash of the key that the token was made with."""
    try:
        content = (await _get_serializer(service)).loads(signed, max_age=TOKEN_SECONDS)
    except BadSignature as error:
        raise KeyUnknown("This token is invalid or too old.") from error
    match content:
        case [str(owner), str(key_hash)]:
            if await keys.find_owner(service.jobs.client, key_hash) == owner:
                return owner, key_hash
    raise KeyUnknown("The key that this token was made with was revoked.")


async def _get_serializer(service: Service) -> URLSafeTimedSerializer:
    """Signs with a secret that all API processes share."""
    client = service.jobs.client
    secret = await client.get(_SECRET)
    if secret is None:
        await client.set(_SECRET, token_hex(32), nx=True)  # another process may be faster
        secret = await client.get(_SECRET)
    return URLSafeTimedSerializer(str(secret), salt="reads")
