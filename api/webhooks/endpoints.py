"""`/webhooks/public-key`: the key with which receivers verify webhooks."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.access.authentication import CurrentAccess
from api.http.problems import caller_problems
from shared.webhook_keys import get_private_key, make_public_key

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


class PublicKey(BaseModel):
    """The public key of an owner."""

    algorithm: Literal["ed25519"] = "ed25519"
    public_key: str = Field(description="`whpk_` and base64.")


@router.get("/public-key", summary="Get the public key of webhooks", responses=caller_problems())
async def get_public_key(access: CurrentAccess) -> PublicKey:
    """The key that verifies the `v1a` signatures of the caller's webhooks (Standard Webhooks)."""
    private_key = await access.service.jobs.run(get_private_key(access.owner))
    return PublicKey(public_key=make_public_key(private_key))
