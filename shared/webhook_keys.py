"""The keys that sign webhooks (Standard Webhooks), created when they are first needed.

Each owner has a secret, which it shares with its receivers, and a pair of ed25519 keys, of which
receivers get the public one.
"""

from base64 import b64decode, b64encode
from secrets import token_bytes

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.job_store import Transition

_SECRETS = "api:webhook-secrets"
_PRIVATE_KEYS = "api:webhook-private-keys"
_KEY_BYTES = 32


def get_secret(owner: str) -> Transition[str]:
    """The secret of an owner: `whsec_` and base64."""
    return _get_stored(_SECRETS, "whsec_", owner)


def get_private_key(owner: str) -> Transition[str]:
    """The private key of an owner: `whsk_` and base64."""
    return _get_stored(_PRIVATE_KEYS, "whsk_", owner)


def make_public_key(private_key: str) -> str:
    """The public key of a pair: `whpk_` and base64.

    Raises:
        ValueError: the private key is damaged.
    """
    public_key = _parse_private_key(private_key).public_key().public_bytes_raw()
    return f"whpk_{b64encode(public_key).decode()}"


def sign_with_private_key(private_key: str, message: bytes) -> str:
    """A signature as it is in `webhook-signature`: `v1a,` and base64.

    Raises:
        ValueError: the private key is damaged.
    """
    return f"v1a,{b64encode(_parse_private_key(private_key).sign(message)).decode()}"


def _parse_private_key(private_key: str) -> Ed25519PrivateKey:
    seed = b64decode(private_key.removeprefix("whsk_"), validate=True)
    return Ed25519PrivateKey.from_private_bytes(seed)


def _get_stored(keys: str, prefix: str, owner: str) -> Transition[str]:
    fresh = f"{prefix}{b64encode(token_bytes(_KEY_BYTES)).decode()}"
    return Transition("stored_key", {"keys": keys}, {"owner": owner, "fresh": fresh}, str)
