"""docker-compose.yml as Python values."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"

_UNITS = {"s": 1, "m": 60}


def services() -> dict[str, dict[str, Any]]:
    """Every service by name, with what it takes from the file's anchors in place."""
    found = YAML(typ="safe", pure=True).load(COMPOSE_FILE)["services"]
    assert isinstance(found, dict)
    return found


def seconds(duration: str) -> int:
    """A Compose duration, such as `2m` or `1m30s`."""
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([sm])", duration))
