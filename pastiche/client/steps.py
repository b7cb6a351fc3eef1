"""What a flow asks of its driver. A flow is a generator that yields steps and knows no sockets:
each is written once, and driven by one who waits (`waiting`) or awaits (`awaiting`)."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Request:
    """One request, to be sent as often as it takes: sending it twice comes to the same as once.

    Attributes:
        path: below the address of the service.
        form: the fields of a multipart form that are text.
        files: those that are pictures, in their order.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, bytes], ...] = ()
    json: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the names of its headers are in lower case.

    Attributes:
        address: of what was asked, for sentences about it.
    """

    address: str
    status: int
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Send:
    """A request; gives its `Answer`. Unreachable or StrangeAnswer is raised in the flow."""

    request: Request


@dataclass(frozen=True, slots=True)
class Listen:
    """A request whose answer comes bit by bit; gives an `Answer` whose content is still to come
    where it is a success. The stream before it, if any, is closed."""

    request: Request


@dataclass(frozen=True, slots=True)
class Hear:
    """The next bytes of the stream; gives none at its end."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Lets time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Aside:
    """Something that takes a while and no network, as reading a file; gives what it gives."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Tell:
    """A value for whoever iterates."""

    value: Any


Step: TypeAlias = Send | Listen | Hear | Pause | Aside | Tell

Flow: TypeAlias = Generator[Step, Any, Result]
"""Ends with its result."""


def aside(call: Callable[[], Result]) -> Flow[Result]:
    """What the call gives, which is not waited for on the event loop."""
    result: Result = yield Aside(call)
    return result


class Course(Generic[Result]):
    """A flow on its way.

    Attributes:
        step: what it waits for; None at its end.
        result: what it gave, once it has ended.
    """

    step: Step | None
    result: Result

    def __init__(self, flow: Flow[Result]) -> None:
        self._flow = flow
        self._go(lambda: next(flow))

    def answer(self, reply: Any) -> None:
        """The step is done, and this came of it."""
        self._go(lambda: self._flow.send(reply))

    def fail(self, error: Exception) -> None:
        """The step could not be done; raises what the flow does not see to."""
        self._go(lambda: self._flow.throw(error))

    def _go(self, move: Callable[[], Step]) -> None:
        try:
            self.step = move()
        except StopIteration as end:
            self.step, self.result = None, end.value
