"""The page's scripts, which no build step checks."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.node import NODE_MODULES

STATIC = Path(__file__).parents[2] / "api/web/static"

OPTIONS = (
    *("--allowJs", "--checkJs", "--noEmit"),
    *("--target", "es2022", "--module", "es2022", "--moduleResolution", "bundler"),
    *("--lib", "es2022,dom,dom.iterable"),
)

UNDEFINED_NAME = "TS(2304|2305|2552|2724)"
"""TypeScript's errors of a name that is not defined, or that a module does not export."""


@pytest.mark.usefixtures("node_packages")
def test_every_name_in_the_scripts_is_defined() -> None:
    scripts = sorted(map(str, STATIC.glob("*.js")))
    assert scripts
    command = [str(NODE_MODULES / ".bin" / "tsc"), *OPTIONS, *scripts]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not [line for line in done.stdout.splitlines() if re.search(UNDEFINED_NAME, line)]
    assert "TS5" not in done.stdout  # an option that the compiler does not know
