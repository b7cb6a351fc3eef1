"""The Chromium that the page is tested in: found on this machine, or installed.

`python -m tests.browser` makes sure that there is one, or says in one sentence what to do;
`make test` runs it before any test.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.installation import run_step

VARIABLE = "PASTICHE_CHROMIUM"
"""The environment variable that may name the browser to use."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOG = Path(sys.prefix) / "browser.log"


@cache
def find_browser() -> Path | None:
    """The browser that the variable names, else the first on the PATH, else Playwright's own."""
    named = os.environ.get(VARIABLE)
    candidates = [named] if named else _candidates()
    return next((Path(each) for each in candidates if _starts(each)), None)


def install_browser() -> Path | None:
    """Tries the system's packages where that is allowed, then Playwright's own download."""
    for title, command in _ways_to_install():
        run_step(LOG, title, command)
        find_browser.cache_clear()
        if found := find_browser():
            return found
    return None


def missing_browser() -> str:
    """What to do where there is none."""
    if named := os.environ.get(VARIABLE):
        return f"{VARIABLE} is {named!r}, which is not a Chromium that starts."
    return (
        "The page is tested in Chromium, and there is none: install it (Debian: apt-get install "
        f"chromium), or set {VARIABLE} to its path. What was tried is in {LOG}."
    )


def main() -> None:
    """Ends the process with a sentence where there is no browser and none can be installed."""
    if find_browser() is None and (VARIABLE in os.environ or install_browser() is None):
        sys.exit(missing_browser())


def _candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, NAMES))
    with sync_playwright() as playwright:
        yield playwright.chromium.executable_path


def _starts(path: str) -> bool:
    """Whether it can say its version: a download without its libraries cannot, nor can a stub."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, timeout=60, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0 and "Chrom" in said.stdout


def _ways_to_install() -> Iterator[tuple[str, list[str]]]:
    """Each a title and a command."""
    libraries: list[str] = []
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = "apt-get update && apt-get install --yes --no-install-recommends chromium"
        yield "Installing Chromium by apt-get (the page is tested in it)", ["sh", "-c", install]
        libraries = ["--with-deps"]
    download = [sys.executable, "-m", "playwright", "install", *libraries, "chromium"]
    yield "Downloading Playwright's Chromium (the page is tested in it)", download


if __name__ == "__main__":
    main()
