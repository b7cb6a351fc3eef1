"""The browsers that the page is tested in: found on this machine, or installed.

`python -m tests.browser` makes sure that there is a Chromium, or says in one sentence what to do,
and installs a Firefox and a WebKit where it can; `make test` runs it before any test.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.installation import run_step

LOG = Path(sys.prefix) / "browser.log"


@dataclass(frozen=True)
class Program:
    """A browser.

    Attributes:
        variable: the environment variable that may name the one to use.
        commands: what it is called on a PATH.
        packages: those of Debian and Ubuntu.
        question: an option that it answers.
        answer: a part of what it says then.
        screen: what gives it a screen, on a PATH, where it needs one.
    """

    name: str
    variable: str
    commands: tuple[str, ...]
    packages: tuple[str, ...]
    answer: str
    question: str = "--version"
    screen: str | None = None


CHROMIUM = Program(
    "Chromium",
    "PASTICHE_CHROMIUM",
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    ("chromium",),
    "Chrom",
)
FIREFOX = Program(
    "Firefox", "PASTICHE_FIREFOX", ("firefox", "firefox-esr"), ("firefox-esr",), "Mozilla Firefox"
)
WEBKIT = Program(
    "WebKit",
    "PASTICHE_WEBKIT",
    ("WebKitWebDriver",),
    ("webkit2gtk-driver", "xvfb"),
    "WebKitWebDriver",
    question="--help",
    screen="Xvfb",
)
"""The engine of Safari, as released for Linux, by the program that drives it."""


@cache
def find_browser(program: Program = CHROMIUM) -> Path | None:
    """The browser that the variable names, else the first on the PATH, else Playwright's own
    Chromium."""
    named = os.environ.get(program.variable)
    candidates = [named] if named else _candidates(program)
    return next((Path(each) for each in candidates if _starts(each, program)), None)


def install_browser(program: Program) -> Path | None:
    """Tries the system's packages where that is allowed, then Playwright's own download."""
    for title, command in _ways_to_install(program):
        run_step(LOG, title, command)
        find_browser.cache_clear()
        if found := find_browser(program):
            return found
    return None


def missing_browser(program: Program = CHROMIUM) -> str:
    """What to do where there is none."""
    name, variable = program.name, program.variable
    if named := os.environ.get(variable):
        return f"{variable} is {named!r}, which is not a {name} that starts."
    return (
        f"The page is tested in {name}, and there is none: install it (Debian: apt-get install "
        f"{' '.join(program.packages)}), or set {variable} to its path. What was tried is in {LOG}."
    )


def main() -> None:
    """Ends the process with a sentence where Chromium is missing and cannot be installed, or
    where a variable names a file that is not a browser."""
    for program in (CHROMIUM, FIREFOX, WEBKIT):
        is_named = program.variable in os.environ
        if find_browser(program) or (not is_named and install_browser(program)):
            continue
        if is_named or program is CHROMIUM:
            sys.exit(missing_browser(program))
        print(f"{program.name} is not installed: its tests of the page will be skipped.")  # noqa: T201  # for whoever runs make


def _candidates(program: Program) -> Iterator[str]:
    yield from filter(None, map(shutil.which, program.commands))
    if program is CHROMIUM:
        with sync_playwright() as playwright:
            yield playwright.chromium.executable_path


def _starts(path: str, program: Program) -> bool:
    """Whether it answers: a download without its libraries cannot, nor can a stub."""
    if program.screen and not shutil.which(program.screen):
        return False
    try:
        said = subprocess.run([path, program.question], capture_output=True, timeout=60, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0 and program.answer in said.stdout


def _ways_to_install(program: Program) -> Iterator[tuple[str, list[str]]]:
    """Each a title and a command."""
    name, packages, libraries = program.name, " ".join(program.packages), list[str]()
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = f"apt-get update && apt-get install --yes --no-install-recommends {packages}"
        yield f"Installing {name} by apt-get (the page is tested in it)", ["sh", "-c", install]
        libraries = ["--with-deps"]
    if program is CHROMIUM:
        download = [sys.executable, "-m", "playwright", "install", *libraries, "chromium"]
        yield "Downloading Playwright's Chromium (the page is tested in it)", download


if __name__ == "__main__":
    main()
