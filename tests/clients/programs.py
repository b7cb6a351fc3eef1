"""Programs in JavaScript that use the client of `clients/js`."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGUSR2
from threading import Timer

from tests.conftest import RunningApi
from tests.node import CLIENTS
from tests.waiting import until

TIMEOUT_SECONDS = 60.0

_HEAD = f"""
    import {{ readFile }} from "node:fs/promises";
    import {{ PasticheError, Pastiche }} from "{(CLIENTS / "js" / "pastiche.js").as_uri()}";
    const pastiche = new Pastiche(process.argv[1]);
    const content = await readFile("photo.jpg"), style = await readFile("painting.jpg");
    const pair = {{ content, style, size: 64 }};
"""

WATCH = """
    const job = await pastiche.submit(pair);
    console.log(job.id);
    for await (const { event, data } of pastiche.watch(job)) {
        console.log(event, data.status ?? data.iteration ?? data.url ?? data.id);
    }
"""

TIMED = """
    const { setTimeout: startTimer } = globalThis;
    const pauses = [];
    let newestLimit;
    globalThis.setTimeout = (call, milliseconds, ...rest) => {
        const [, , caller] = new Error().stack.split("\\n");
        if (!caller.includes("/clients/js/")) return startTimer(call, milliseconds, ...rest);
        if (milliseconds <= 10_000) {
            pauses.push(milliseconds);
            return startTimer(call, milliseconds / 1000);
        }
        newestLimit = call;
        console.log("limit", milliseconds);
        return startTimer(call, milliseconds);
    };
    process.on("SIGUSR2", () => newestLimit());
    const sum = (numbers) => numbers.reduce((before, each) => before + each, 0);
"""
"""The beginning of a program in which the client's pauses are a thousand times shorter, and are
recorded in `pauses`. It prints the time limit of each wait. A signal ends the wait at once."""


@dataclass(frozen=True)
class Program:
    """A running program."""

    process: subprocess.Popen[str]

    def line(self) -> str:
        """The next line that it prints, empty at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def lines_until(self, last: str) -> list[str]:
        """The lines up to this one."""
        lines = [self.line()]
        while lines[-1] != last:
            assert lines[-1], f"the program ended before {last!r}"
            lines.append(self.line())
        return lines

    def signal(self) -> None:
        """Sends it SIGUSR2."""
        self.process.send_signal(SIGUSR2)


@contextmanager
def started(source: str, url: str, folder: Path) -> Iterator[Program]:
    """Runs a program with a client named `pastiche`, and `content` and `style` from the folder,
    which are in `pair` together with a size."""
    process = subprocess.Popen(
        ["node", "--input-type=module", "--eval", _HEAD + source, url],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    timer = Timer(TIMEOUT_SECONDS, process.kill)  # nobody waits for ever for a line
    timer.start()
    with process:
        try:
            yield Program(process)
            assert process.wait() == 0
        finally:
            timer.cancel()
            process.kill()


def url_of(api: RunningApi) -> str:
    """The address that a program needs."""
    return str(api.http.base_url)


def only_job(api: RunningApi) -> dict[str, str]:
    """Waits for the job of a program that does not print it."""
    (job,) = until(lambda: api.http.get("/jobs").json()["jobs"])
    return {"id": job["id"]}


def run(source: str, url: str, folder: Path) -> list[str]:
    """The lines that a program prints."""
    with started(source, url, folder) as program:
        assert program.process.stdout is not None
        return program.process.stdout.read().splitlines()
