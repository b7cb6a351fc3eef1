"""An unmodified Firefox, driven by WebDriver BiDi: https://w3c.github.io/webdriver-bidi

Playwright's Firefox is a build of its own, and its commands for others are ones that the releases
do not have yet.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import websocket

from tests.page.driven_page import DrivenPage, DriverError
from tests.waiting import until

PREFERENCES = {
    "dom.w3c_touch_events.enabled": 1,
    "datareporting.policy.dataSubmissionEnabled": False,
}
"""Enables touch without a touch screen, and disables the page about privacy."""

BLOCKED_STORAGE = {"network.cookie.cookieBehavior": 2}
"""Blocks the data of sites, as in a strict private window."""


class FirefoxPage(DrivenPage):
    """A page in a Firefox.

    Args:
        socket: connected to its remote agent.
    """

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._errors: list[str] = []
        self._socket = socket
        self._numbers = count(1)
        self._send("session.new", capabilities={})
        self._send("session.subscribe", events=["log.entryAdded"])
        self._context = self._send("browsingContext.getTree")["contexts"][0]["context"]

    def thrown(self) -> list[str]:
        return self._errors

    def resize(self, width: int, height: int) -> None:
        viewport = {"width": width, "height": height}
        self._send("browsingContext.setViewport", context=self._context, viewport=viewport)

    def open(self, url: str) -> None:
        self._send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        answer = self._send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise DriverError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value", "null"))

    def perform(self, actions: dict[str, Any]) -> None:
        self._send("input.performActions", context=self._context, actions=[actions])

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer["type"] == "event":
                self._note(answer["params"])
                continue
            assert answer["id"] == number
            if answer["type"] == "error":
                raise DriverError(f"{method}: {answer['error']}: {answer['message']}")
            result: dict[str, Any] = answer["result"]
            return result

    def _note(self, entry: dict[str, Any]) -> None:
        if (entry["type"], entry["level"]) == ("javascript", "error"):
            self._errors.append(entry["text"])


@contextmanager
def running_firefox(
    program: Path, profile: Path, preferences: Mapping[str, int]
) -> Iterator[FirefoxPage]:
    """A page in a Firefox without a window, whose profile is in an empty folder."""
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in {**PREFERENCES, **preferences}.items()
    ]
    (profile / "user.js").write_text("\n".join(lines))
    options = ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)]
    with subprocess.Popen(
        [str(program), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            url = until(lambda: _find_agent(profile), timeout_seconds=300)
            socket = websocket.create_connection(url, timeout=60, suppress_origin=True)
            yield FirefoxPage(socket)
            socket.close()
        finally:
            process.terminate()
            process.wait(30)


def _find_agent(profile: Path) -> str:
    """The address of the remote agent, empty until its file is complete."""
    try:
        found = json.loads((profile / "WebDriverBiDiServer.json").read_text())
    except (FileNotFoundError, ValueError):
        return ""
    return f"ws://{found['ws_host']}:{found['ws_port']}/session"
