"""The secrets that sign webhooks."""

from base64 import b64encode
from secrets import token_bytes

import redis

_SECRETS = "api:webhook-secrets"
_SECRET_BYTES = 32


def get_secret(client: "redis.Redis", owner: str) -> str:
    """The secret that signs an owner's webhooks: created when it is first needed."""
    fresh = "whsec_" + b64encode(token_bytes(_SECRET_BYTES)).decode()
    client.hsetnx(_SECRETS, owner, fresh)
    return str(client.hget(_SECRETS, owner))
