"""Programs in JavaScript that use the client of `clients/js`."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from tests.node import CLIENTS

PATIENCE_SECONDS = 60.0

_HEAD = f"""
    import {{ readFile }} from "node:fs/promises";
    import {{ PasticheError, Pastiche }} from "{(CLIENTS / "js" / "pastiche.js").as_uri()}";
    const pastiche = new Pastiche(process.argv[1]);
    const content = await readFile("photo.jpg"), style = await readFile("painting.jpg");
    const pair = {{ content, style, size: 64 }};
"""


@dataclass(frozen=True)
class Program:
    """A running program."""

    process: subprocess.Popen[str]

    def line(self) -> str:
        """The next line that it prints; empty at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def lines_until(self, last: str) -> list[str]:
        """The lines up to this one."""
        lines = [self.line()]
        while lines[-1] != last:
            assert lines[-1], f"the program ended before {last!r}"
            lines.append(self.line())
        return lines


@contextmanager
def started(source: str, url: str, folder: Path) -> Iterator[Program]:
    """A program with a client called `pastiche`, and `content` and `style` from the folder, which
    are a `pair` with a size. It ends with its source."""
    process = subprocess.Popen(
        ["node", "--input-type=module", "--eval", _HEAD + source, url],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    timer = Timer(PATIENCE_SECONDS, process.kill)  # nobody waits for ever for a line
    timer.start()
    with process:
        try:
            yield Program(process)
            assert process.wait() == 0
        finally:
            timer.cancel()
            process.kill()


def run(source: str, url: str, folder: Path) -> list[str]:
    """The lines that a program prints."""
    with started(source, url, folder) as program:
        assert program.process.stdout is not None
        return program.process.stdout.read().splitlines()
