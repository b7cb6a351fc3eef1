"""Drives flows by waiting for each step: httpx's `Client`."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx

from pastiche.client.steps import (
    Answer,
    Aside,
    Course,
    Flow,
    Hear,
    Listen,
    Pause,
    Result,
    Send,
    Step,
    Tell,
)
from pastiche.client.transport import Address


class Driver:
    """Does what flows ask for, one step after the other."""

    def __init__(self, address: Address, http: httpx.Client) -> None:
        self._address, self._http = address, http

    def run(self, flow: Flow[Result], told: Callable[[Any], None] | None = None) -> Result:
        """What a flow comes to; `told` is called with everything that it tells."""
        course = Course(flow)
        for value in self._values(course):
            if told is not None:
                told(value)
        return course.result

    def iterate(self, flow: Flow[Any]) -> Iterator[Any]:
        """Everything that a flow tells."""
        yield from self._values(Course(flow))

    def _values(self, course: Course[Result]) -> Iterator[Any]:
        with _Line(self._address, self._http) as line:
            while course.step is not None:
                if isinstance(course.step, Tell):
                    yield course.step.value
                    course.answer(None)
                    continue
                try:
                    reply = line.done(course.step)
                except httpx.HTTPError as error:
                    course.fail(self._address.meaning_of(error))
                else:
                    course.answer(reply)


class _Line(ExitStack):
    """The connection of one flow, with at most one stream open."""

    def __init__(self, address: Address, http: httpx.Client) -> None:
        super().__init__()
        self._address, self._http = address, http
        self._pieces: Iterator[bytes] = iter(())

    def done(self, step: Step) -> Any:
        """Does a step; gives what the flow wants to know of it."""
        match step:
            case Send(request):
                response = self._http.request(**self._address.arguments(request))
                return self._address.answer(response, response.content)
            case Listen():
                return self._listened(step)
            case Hear():
                return next(self._pieces, b"")
            case Pause(seconds):
                time.sleep(seconds)
            case Aside(call):
                return call()
        return None

    def _listened(self, step: Listen) -> Answer:
        self.close()
        arguments = self._address.arguments(step.request, is_stream=True)
        response = self.enter_context(self._http.stream(**arguments))
        self._pieces = response.iter_bytes()
        return self._address.answer(response, b"" if response.is_success else response.read())
