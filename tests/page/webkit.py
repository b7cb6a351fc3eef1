"""The WebKit of Debian's packages, the engine of Safari, driven by WebDriver:
https://www.w3.org/TR/webdriver2/

Without a touch screen it turns a finger into a mouse.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from local.supervisor import free_port
from tests.page.driven_page import DrivenPage, DriverError
from tests.waiting import until

BROWSER = {"webkitgtk:browserOptions": {"args": ["--automation"]}}
COLLECT_ERRORS = """
window.thrown = [];
for (const kind of ["error", "unhandledrejection"])
  addEventListener(kind, (event) => thrown.push(event.message ?? String(event.reason)));
"""
EVALUATE = """
const done = arguments[0];
(async () => ({ value: JSON.stringify(await (%s)) }))()
  .catch((error) => ({ thrown: String(error) }))
  .then(done);
"""


class WebKitPage(DrivenPage):
    """A page in a WebKit.

    Args:
        driver: where WebKitWebDriver answers.
    """

    def __init__(self, driver: httpx.Client) -> None:
        self._driver, self._session = driver, ""
        session = self._post("/session", capabilities={"alwaysMatch": BROWSER})
        self._session = f"/session/{session['sessionId']}"

    def thrown(self) -> list[str]:
        """The errors since the page was loaded."""
        errors: list[str] = self.evaluate("thrown")
        return errors

    def resize(self, width: int, height: int) -> None:
        self._post("/window/rect", width=width, height=height)

    def open(self, url: str) -> None:
        self._post("/url", url=url)
        self._post("/execute/sync", script=COLLECT_ERRORS, args=[])

    def evaluate(self, expression: str) -> Any:
        answer = self._post("/execute/async", script=EVALUATE % expression, args=[])
        if "thrown" in answer:
            raise DriverError(answer["thrown"])
        return json.loads(answer.get("value") or "null")

    def perform(self, actions: dict[str, Any]) -> None:
        self._post("/actions", actions=[actions])

    def close(self) -> None:
        """Ends the browser."""
        self._driver.delete(self._session)

    def _post(self, path: str, **body: Any) -> Any:
        answer = self._driver.post(self._session + path, json=body)
        value = answer.json()["value"]
        if answer.is_error:
            raise DriverError(f"{path}: {value['error']}: {value['message']}")
        return value


@contextmanager
def running_webkit(program: Path, home: Path) -> Iterator[WebKitPage]:
    """A page in a WebKit on a screen of its own, whose data are in an empty folder."""
    with _screen() as display:
        port = free_port("127.0.0.1", 0)
        with subprocess.Popen(
            [str(program), f"--port={port}"],
            env=os.environ | {"DISPLAY": display, "HOME": str(home), "LIBGL_ALWAYS_SOFTWARE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as driver:
                    until(lambda: _answers(driver))
                    page = WebKitPage(driver)
                    yield page
                    page.close()
            finally:
                process.terminate()
                process.wait(30)


@contextmanager
def _screen() -> Iterator[str]:
    """The name of a display that nobody sees."""
    with subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1440x1000x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield f":{process.stdout.readline().strip()}"
        finally:
            process.terminate()
            process.wait(30)


def _answers(driver: httpx.Client) -> bool:
    try:
        return driver.get("/status").is_success
    except httpx.TransportError:
        return False
