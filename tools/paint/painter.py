"""Paints examples through a service that it starts, as any client would."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from local.demo import Submission, connect, paint
from local.supervisor import LocalService, Operator, running
from pastiche.client import Client
from shared.settings import Settings

BACKBONE = "vgg16"
"""The network of the documentation's pictures, whichever weights are installed."""

_EXAMPLES = Path("examples/images")


def example(kind: str, name: str) -> Path:
    """The file of an example image."""
    return _EXAMPLES / kind / f"{name}.jpg"


@dataclass(frozen=True, slots=True)
class Painter:
    """A running service, and a client of it."""

    service: LocalService
    client: Client
    operator: Operator

    def painted(self, submission: Submission) -> Image.Image:
        """Paints the picture of a job.

        Raises:
            LocalError: it cannot be painted; the message says why.
            Ended: the operator has interrupted it.
        """
        *_, job = paint(self.client, submission, self.service, self.operator)
        return Image.open(BytesIO(self.client.result(job)))


@contextmanager
def painter(settings: Settings) -> Iterator[Painter]:
    """A painter with its own service, which runs until the end of the context."""
    operator = Operator()
    with running(settings, operator) as service, connect(service) as client:
        yield Painter(service, client, operator)
