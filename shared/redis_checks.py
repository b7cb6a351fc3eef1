"""Checks whether the Redis of the service can be used, and whether it may lose what it stores."""

import logging
from collections.abc import Mapping
from typing import Any

from redis import RedisError
from redis.exceptions import ResponseError

from shared.redis_connections import NO_CLUSTER, connect
from shared.settings import Settings

log = logging.getLogger(__name__)

INFO_REFUSED = (
    "The user of Redis may not run INFO, so it is not known whether Redis evicts keys, or writes "
    "an append-only file."
)


def check_at_start(settings: Settings) -> None:
    """Logs how Redis may lose data. If Redis cannot be reached, returns: it may be reached later.

    Raises:
        SystemExit: Redis cannot be used.
    """
    client = connect(settings.redis_location)
    try:
        info = client.info()
    except ResponseError:
        log.warning("%s", INFO_REFUSED)
    except (RedisError, OSError) as error:
        log.warning("Redis is unreachable: %s", error)
    else:
        if info.get("redis_mode") == "cluster":
            raise SystemExit(NO_CLUSTER)
        for warning in list_warnings(info):
            log.warning("%s", warning)
    finally:
        client.close()


def list_warnings(info: Mapping[str, Any]) -> list[str]:
    """How a Redis may lose data.

    Args:
        info: the reply to INFO, which a managed Redis allows even if it refuses CONFIG.
    """
    warnings = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        warnings.append(
            f"Redis evicts keys when its memory is full (maxmemory-policy {policy}), and with them "
            "jobs. Set maxmemory-policy to noeviction."
        )
    if not info.get("aof_enabled", 1):
        warnings.append(
            "Redis writes no append-only file, so a restart may lose jobs. Set appendonly to yes."
        )
    return warnings
