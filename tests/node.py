"""Node, and the packages that the clients for JavaScript are generated and tested with: found on
this machine, or installed.

`python -m tests.node` makes sure that they are there, or says in one sentence what to do;
`make test` runs it before any test.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.installation import run_step

CLIENTS = Path(__file__).parents[1] / "clients"
NODE_MODULES = CLIENTS / "node_modules"
LOG = Path(sys.prefix) / "node.log"

_LOCK = CLIENTS / "package-lock.json"
_INSTALLED = NODE_MODULES / ".package-lock.json"
"""Npm writes it last."""

MISSING_NODE = (
    "The clients for JavaScript are tested with Node.js and npm: install them (Debian: apt-get "
    f"install nodejs npm). What was tried is in {LOG}."
)
MISSING_PACKAGES = (
    f"The packages in {_LOCK} could not be installed: is there a network? What was tried is in "
    f"{LOG}."
)


def missing_parts() -> str | None:
    """What to do if something is missing."""
    if not _has_node():
        return MISSING_NODE
    return None if _has_packages() else MISSING_PACKAGES


def main() -> None:
    """Installs what is missing; ends the process with a sentence if that fails."""
    if not _has_node() and os.geteuid() == 0 and shutil.which("apt-get"):
        install = "apt-get update && apt-get install --yes --no-install-recommends nodejs npm"
        title = "Installing Node.js by apt-get (the clients for JavaScript are tested with it)"
        run_step(LOG, title, ["sh", "-c", install])
    if _has_node() and not _has_packages():
        title = "Installing the packages in clients/package-lock.json"
        run_step(LOG, title, ["npm", "ci"], CLIENTS)
    if missing := missing_parts():
        sys.exit(missing)


def compile_typescript(program: str, folder: Path) -> str:
    """Writes `program.js`, and returns what is wrong with the program's types, by strict rules."""
    (folder / "program.ts").write_text(program)
    options = ["--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"]
    compiler = str(NODE_MODULES / ".bin" / "tsc")
    command = [compiler, *options, "program.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def _has_node() -> bool:
    return all(map(_starts, ("node", "npm")))


def _starts(program: str) -> bool:
    try:
        return (
            subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def _has_packages() -> bool:
    """Whether those of the lock are installed: npm has written its own lock after ours."""
    return _INSTALLED.exists() and _INSTALLED.stat().st_mtime >= _LOCK.stat().st_mtime


if __name__ == "__main__":
    main()
