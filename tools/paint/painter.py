"""Paints examples through a service that is started for it, as any client would."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image

from local.http_jobs import Submission, looks, picture, submit
from local.service import LocalService, running
from local.signals import Operator
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
    http: httpx.Client
    operator: Operator

    def painted(self, submission: Submission) -> Image.Image:
        """The picture of one job.

        Raises:
            LocalError: it cannot be painted; the message says why.
            Ended: the operator wants it to end.
        """
        job = submit(self.http, submission)
        *_, done = looks(self.http, job, self.service, self.operator)
        return Image.open(BytesIO(picture(self.http, done)))


@contextmanager
def painter(settings: Settings) -> Iterator[Painter]:
    """A painter, with a whole service of its own until the end of the context."""
    operator = Operator()
    with (
        running(settings, operator) as service,
        httpx.Client(base_url=service.url, timeout=60.0, trust_env=False) as http,
    ):
        yield Painter(service, http, operator)
