"""The base class of pages in browsers that are driven by a protocol."""

import json
from abc import ABC, abstractmethod
from typing import Any

from tests.waiting import until

STEPS = 8
"""How many movements a drag has."""


class DriverError(Exception):
    """A browser refuses a command, or a script of the test fails."""


class DrivenPage(ABC):
    """A page in a browser without a window."""

    @abstractmethod
    def thrown(self) -> list[str]:
        """The errors that scripts of the page have thrown."""

    @abstractmethod
    def resize(self, width: int, height: int) -> None:
        """Resizes the window."""

    @abstractmethod
    def open(self, url: str) -> None:
        """Opens an address, and waits until it is loaded."""

    @abstractmethod
    def evaluate(self, expression: str) -> Any:
        """The value of an expression in JavaScript, as JSON.

        Raises:
            DriverError: it throws an error.
        """

    @abstractmethod
    def perform(self, actions: dict[str, Any]) -> None:
        """Moves a pointer: https://www.w3.org/TR/webdriver2/#actions"""

    def wait_for(self, expression: str) -> Any:
        """Waits until the value of an expression is true, and returns it."""
        return until(lambda: self.evaluate(expression))

    def wait_for_text(self, selector: str, text: str) -> None:
        """Waits until an element contains a text."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"{element}?.textContent.includes({json.dumps(text)})")

    def tap(self, selector: str) -> None:
        """Touches the middle of an element, once it exists."""
        self.drag(selector, 0.5, 0.5)

    def drag(self, selector: str, begin: float, end: float) -> None:
        """Drags a finger over an element, from one share of its width to another."""
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
        self.perform(finger)
