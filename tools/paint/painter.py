"""Paints examples through a service that is started for it, as any client would."""

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
"""The network of the documentation's pictures, whatever else lies in the weights folder."""

_EXAMPLES = Path("examples/images")


def example(kind: str, name: str) -> Path:
    """Where an example image lies."""
    return _EXAMPLES / kind / f"{name}.jpg"


@dataclass(frozen=True, slots=True)
class Painter:
    """A service that is up, and a client of it."""

    service: LocalService
    client: Client
    operator: Operator

    def painted(self, submission: Submission) -> Image.Image:
        """The picture of one job.

        Raises:
            LocalError: it cannot be painted; the message says why.
            Ended: the operator wants it to end.
        """
        *_, job = paint(self.client, submission, self.service, self.operator)
        return Image.open(BytesIO(self.client.result(job)))


@contextmanager
def painter(settings: Settings) -> Iterator[Painter]:
    """A painter, with a whole service of its own until the end of the context."""
    operator = Operator()
    with running(settings, operator) as service, connect(service) as client:
        yield Painter(service, client, operator)
