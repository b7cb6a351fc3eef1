"""`docs/settings.md`, made from the settings object: `python -m shared.settings_table`."""

import sys
from typing import Any

from pydantic.fields import FieldInfo

from shared.settings import Settings

INTRODUCTION = """\
# Settings

Every setting is an environment variable. `make serve PORT=… HOST=…` sets the port and the address
for a service on one machine. This page is made from the settings object, by `make docs`.

"""


def document() -> str:
    """The whole page."""
    return INTRODUCTION + settings_table()


def settings_table() -> str:
    """Every setting as a line of Markdown: its variable, its default and what it means."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        cells = (f"`PASTICHE_{name.upper()}`", _default(field), field.description or "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    default: Any = field.default
    return "" if default is None else f"`{default}`"


if __name__ == "__main__":
    sys.stdout.write(document())
