"""The Firefox that people use, driven by WebDriver BiDi: https://w3c.github.io/webdriver-bidi

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

from tests.waiting import until

PREFERENCES = {
    "dom.w3c_touch_events.enabled": 1,
    "datareporting.policy.dataSubmissionEnabled": False,
}
"""Touch on a machine without a touch screen; no page about privacy beside the one under test."""

BLOCKED_STORAGE = {"network.cookie.cookieBehavior": 2}
"""No data of sites, as in a strict private window."""

STEPS = 8
"""How many movements a drag has."""


class FirefoxError(Exception):
    """Firefox refuses a command, or a script of the test fails."""


class FirefoxPage:
    """A page in a Firefox.

    Args:
        socket: connected to its remote agent.

    Attributes:
        errors: what scripts of the page have thrown so far.
    """

    def __init__(self, socket: websocket.WebSocket) -> None:
        self.errors: list[str] = []
        self._socket = socket
        self._numbers = count(1)
        self._send("session.new", capabilities={})
        self._send("session.subscribe", events=["log.entryAdded"])
        self._context = self._send("browsingContext.getTree")["contexts"][0]["context"]

    def resize(self, width: int, height: int) -> None:
        """Makes the window's inside as large as a phone's."""
        viewport = {"width": width, "height": height}
        self._send("browsingContext.setViewport", context=self._context, viewport=viewport)

    def open(self, url: str) -> None:
        self._send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What an expression in JavaScript gives, as far as JSON has it.

        Raises:
            FirefoxError: it throws an error.
        """
        answer = self._send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise FirefoxError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value", "null"))

    def wait_for(self, expression: str) -> Any:
        """What it gives, as soon as that is true."""
        return until(lambda: self.evaluate(expression))

    def wait_for_text(self, selector: str, text: str) -> None:
        """Waits until an element contains a text."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"{element}?.textContent.includes({json.dumps(text)})")

    def tap(self, selector: str) -> None:
        """Touches the middle of an element, as soon as there is one."""
        self.drag(selector, 0.5, 0.5)

    def drag(self, selector: str, begin: float, end: float) -> None:
        """Drags a finger over an element: from and to which share of its width."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"{element}?.checkVisibility()")
        self.evaluate(f"{element}.scrollIntoView({{ block: 'center', behavior: 'instant' }})")
        box = self.evaluate(f"{element}.getBoundingClientRect()")

        def move(place: float, milliseconds: int = 0) -> dict[str, Any]:
            x, y = box["x"] + place * box["width"], box["y"] + box["height"] / 2
            return {"type": "pointerMove", "x": round(x), "y": round(y), "duration": milliseconds}

        moves = [move(begin + (end - begin) * step / STEPS, 20) for step in range(1, STEPS + 1)]
        finger = {
            "type": "pointer",
            "id": "finger",
            "parameters": {"pointerType": "touch"},
            "actions": [
                move(begin),
                {"type": "pointerDown", "button": 0},
                *(moves if begin != end else []),
                {"type": "pointerUp", "button": 0},
            ],
        }
        self._send("input.performActions", context=self._context, actions=[finger])

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
                raise FirefoxError(f"{method}: {answer['error']}: {answer['message']}")
            result: dict[str, Any] = answer["result"]
            return result

    def _note(self, entry: dict[str, Any]) -> None:
        if (entry["type"], entry["level"]) == ("javascript", "error"):
            self.errors.append(entry["text"])


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
            url = until(lambda: _find_agent(profile), patience_seconds=300)
            socket = websocket.create_connection(url, timeout=60, suppress_origin=True)
            yield FirefoxPage(socket)
            socket.close()
        finally:
            process.terminate()
            process.wait(30)


def _find_agent(profile: Path) -> str:
    """The address of the remote agent; empty until its file is there, whole."""
    try:
        found = json.loads((profile / "WebDriverBiDiServer.json").read_text())
    except (FileNotFoundError, ValueError):
        return ""
    return f"ws://{found['ws_host']}:{found['ws_port']}/session"
