"""Drives flows by awaiting each step: httpx's `AsyncClient`, on asyncio or trio."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Any

import anyio
import anyio.to_thread
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


class AsyncDriver:
    """Does what flows ask for, one step after the other."""

    def __init__(self, address: Address, http: httpx.AsyncClient) -> None:
        self._address, self._http = address, http

    async def run(self, flow: Flow[Result], told: Callable[[Any], None] | None = None) -> Result:
        """What a flow comes to; `told` is called with everything that it tells."""
        course = Course(flow)
        async with aclosing(self._values(course)) as values:
            async for value in values:
                if told is not None:
                    told(value)
        return course.result

    async def iterate(self, flow: Flow[Any]) -> AsyncIterator[Any]:
        """Everything that a flow tells."""
        async with aclosing(self._values(Course(flow))) as values:
            async for value in values:
                yield value

    async def _values(self, course: Course[Result]) -> AsyncGenerator[Any, None]:
        async with _Line(self._address, self._http) as line:
            while course.step is not None:
                if isinstance(course.step, Tell):
                    yield course.step.value
                    course.answer(None)
                    continue
                try:
                    reply = await line.done(course.step)
                except httpx.HTTPError as error:
                    course.fail(self._address.meaning_of(error))
                else:
                    course.answer(reply)


class _Line(AsyncExitStack):
    """The connection of one flow, with at most one stream open."""

    def __init__(self, address: Address, http: httpx.AsyncClient) -> None:
        super().__init__()
        self._address, self._http = address, http
        self._pieces: AsyncIterator[bytes] = _none()

    async def done(self, step: Step) -> Any:
        """Does a step; gives what the flow wants to know of it."""
        match step:
            case Send(request):
                response = await self._http.request(**self._address.arguments(request))
                return self._address.answer(response, response.content)
            case Listen():
                return await self._listened(step)
            case Hear():
                return await anext(self._pieces, b"")
            case Pause(seconds):
                await anyio.sleep(seconds)
            case Aside(call):
                return await anyio.to_thread.run_sync(call)
        return None

    async def _listened(self, step: Listen) -> Answer:
        await self.aclose()
        arguments = self._address.arguments(step.request, is_stream=True)
        response = await self.enter_async_context(self._http.stream(**arguments))
        self._pieces = response.aiter_bytes()
        content = b"" if response.is_success else await response.aread()
        return self._address.answer(response, content)


async def _none() -> AsyncIterator[bytes]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece
