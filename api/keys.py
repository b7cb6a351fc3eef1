"""Keys of callers: stored as hashes, created and revoked by a command.

python -m api.keys create OWNER [--high-priority] | list | revoke ID
python -m api.keys webhook-secret [OWNER] | webhook-public-key [OWNER]

A key is shown once, when it is created. What is stored names its owner, but gives nobody access.
"""

import json
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_urlsafe

import redis
import redis.asyncio

from shared.job_store import JobStore
from shared.jobs import NOBODY
from shared.settings import Settings
from shared.stored_json import known_fields
from shared.webhook_keys import get_private_key, get_secret, make_public_key

KEYS = "api:keys"
"""Hash in Redis: the SHA-256 of a key → its record, as JSON."""

_OWNER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Key:
    """The record of a key.

    Attributes:
        id: the beginning of its hash, by which it is revoked.
        high_priority: whether jobs may be submitted with high priority.
    """

    id: str
    owner: str
    created_at: str
    high_priority: bool = False


def hash_key(key: str) -> str:
    """The hash of a key. Keys have 256 random bits: no slow hash is needed against guessing."""
    return sha256(key.encode()).hexdigest()


async def find(client: "redis.asyncio.Redis", key_hash: str) -> Key | None:
    """The key with this hash; None if there is none, or if it was revoked."""
    record = await client.hget(KEYS, key_hash)
    return None if record is None else _parse(record)


def create(client: "redis.Redis", owner: str, *, high_priority: bool = False) -> str:
    """Creates a key of an owner, who may have several.

    Raises:
        ValueError: the owner's name is invalid.
    """
    if not _OWNER.fullmatch(owner):
        raise ValueError("An owner's name has a to z, 0 to 9, - and _, at most 64 characters.")
    key = f"pastiche_{token_urlsafe(32)}"
    digest = hash_key(key)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = Key(digest[:_ID_DIGITS], owner, now, high_priority)
    client.hset(KEYS, digest, json.dumps(asdict(record)))
    return key


def list_all(client: "redis.Redis") -> list[Key]:
    """Every key, by owner."""
    keys = map(_parse, client.hgetall(KEYS).values())
    return sorted(keys, key=lambda key: (key.owner, key.created_at))


def _parse(record: str | bytes) -> Key:
    return Key(**known_fields(Key, json.loads(record)))


def revoke(client: "redis.Redis", key_id: str) -> bool:
    """Revokes a key. Returns whether there was one with this id."""
    digests = [str(each) for each in client.hkeys(KEYS)]
    return any(client.hdel(KEYS, each) for each in digests if each[:_ID_DIGITS] == key_id)


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    parser = ArgumentParser(prog="python -m api.keys", description="Keys of callers.")
    commands = parser.add_subparsers(dest="command", required=True)
    create_parser = commands.add_parser("create", help="create a key, which is shown once")
    create_parser.add_argument("name")
    create_parser.add_argument(
        "--high-priority", action="store_true", help="it may submit with high priority"
    )
    commands.add_parser("list", help="list the keys").set_defaults(name="")
    commands.add_parser("revoke", help="revoke a key").add_argument("name")
    for command, description in (
        ("webhook-secret", "the secret that signs webhooks"),
        ("webhook-public-key", "the public key that verifies webhooks"),
    ):
        show_parser = commands.add_parser(command, help=f"show {description}")
        show_parser.add_argument("name", nargs="?", default=NOBODY)
    options = parser.parse_args(arguments)
    store = JobStore.connect(Settings().redis_location)
    try:
        return _run(options, store)
    except (redis.RedisError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        store.client.close()


def _run(options: Namespace, store: JobStore) -> int:
    command, name, client = options.command, options.name, store.client
    if command == "create":
        sys.stdout.write(f"{create(client, name, high_priority=options.high_priority)}\n")
    elif command == "list":
        for key in list_all(client):
            priority = "  high priority" if key.high_priority else ""
            sys.stdout.write(f"{key.id}  {key.created_at}  {key.owner}{priority}\n")
    elif command == "webhook-secret":
        sys.stdout.write(f"{store.run(get_secret(name))}\n")
    elif command == "webhook-public-key":
        sys.stdout.write(f"{make_public_key(store.run(get_private_key(name)))}\n")
    elif not revoke(client, name):
        sys.stderr.write(f"There is no key {name}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
