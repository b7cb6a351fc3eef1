"""Who asks: the owner of a key, or whoever is at an address where no keys are asked for."""

from dataclasses import dataclass
from secrets import token_hex
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from pydantic import BaseModel, Field
from redis import RedisError

from api import keys
from api.http.problems import responses_to_callers
from api.service import Service, ServiceOf, service_of
from shared.errors import KeyMissing, KeyUnknown, TokenReadsOnly
from shared.jobs import NOBODY

router = APIRouter(tags=["access"])

TOKEN_SECONDS = 900
"""For how long a token reads."""

_SECRET = "api:token-secret"
_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Access:
    """One caller.

    Attributes:
        owner: whose jobs it sees.
        caller: who takes turns with others, and whose requests are counted.
        key_hash: of the key that it was let in by, or that its token was made with; None where no
            keys are asked for.
    """

    owner: str
    caller: str
    key_hash: str | None = None


async def access_of(request: Request) -> Access:
    """Who sends a request, which is counted."""
    service = service_of(request.app)
    address = request.client.host if request.client else "unknown"
    if not service.settings.keys_required:
        access = Access(NOBODY, address)
    else:
        owner, key_hash = await _identity(request, service)
        access = Access(owner, owner, key_hash)
    await service.quotas.count_request(request, access.caller)
    return access


AccessOf = Annotated[Access, Depends(access_of)]
"""The caller, as an endpoint asks for it."""


class Token(BaseModel):
    """What reads for a while in place of a key: for addresses that a browser loads by itself."""

    token: str = Field(description="For `?token=` on anything that is only read.")
    expires_in: int = Field(description="In seconds.")


@router.post("/tokens", responses=responses_to_callers())
async def token(access: AccessOf, service: ServiceOf) -> Token:
    """A token that reads what its owner may read: pictures and events, which a browser cannot ask
    for with a header. It is worthless once its key is revoked."""
    signed = (await _serializer(service)).dumps([access.owner, access.key_hash])
    assert isinstance(signed, str)
    return Token(token=signed, expires_in=TOKEN_SECONDS)


async def is_still_valid(access: Access, service: Service) -> bool:
    """Whether the caller would be let in again: its key was not revoked meanwhile, as far as Redis
    can be asked."""
    if access.key_hash is None:
        return True
    try:
        return await keys.owner_of(service.jobs.client, access.key_hash) == access.owner
    except RedisError:
        return True


async def _identity(request: Request, service: Service) -> tuple[str, str | None]:
    """The owner, and the hash of the key that says so."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        key_hash = keys.hash_of(key.strip())
        owner = await keys.owner_of(service.jobs.client, key_hash)
        if owner is None:
            raise KeyUnknown("This key is not known here, or was revoked.")
        return owner, key_hash
    signed = request.query_params.get("token")
    if signed is None:
        raise KeyMissing("Send a key: `Authorization: Bearer …`.")
    if request.method not in _READING:
        raise TokenReadsOnly("A token only reads; send a key: `Authorization: Bearer …`.")
    return await _identity_of_token(signed, service)


async def _identity_of_token(signed: str, service: Service) -> tuple[str, str | None]:
    """The owner and the hash of the key that a token was made with."""
    try:
        said = (await _serializer(service)).loads(signed, max_age=TOKEN_SECONDS)
    except BadSignature as error:
        raise KeyUnknown("This token is invalid or too old.") from error
    match said:
        case [str(owner), str(key_hash)]:
            if await keys.owner_of(service.jobs.client, key_hash) == owner:
                return owner, key_hash
    raise KeyUnknown("The key that this token was made with was revoked.")


async def _serializer(service: Service) -> URLSafeTimedSerializer:
    """Signs with a secret that all API processes share."""
    client = service.jobs.client
    secret = await client.get(_SECRET)
    if secret is None:
        await client.set(_SECRET, token_hex(32), nx=True)  # another process may be faster
        secret = await client.get(_SECRET)
    return URLSafeTimedSerializer(str(secret), salt="reads")
