"""`JobHandle`: generated from `async_job_handle.py` by `make client`."""

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Self

from pastiche.client.errors import ApiError, JobUnsuccessful
from pastiche.client.events import Event
from pastiche.client.models import Format, Job
from pastiche.client.painted_picture import PaintedPicture

if TYPE_CHECKING:
    from pastiche.client.client import Client


class JobHandle(Job):
    """A job, as it was when a client fetched it, with methods that wait for it.

    `Client` returns jobs as handles. Jobs in events and sweeps are plain. A handle equals a
    plain job with the same fields. A copy of a handle has no client, so it cannot wait.
    """

    __slots__ = ("_client",)

    _client: "Client"

    @classmethod
    def of(cls, job: Job, client: "Client") -> Self:
        """The handle of a job that this client has fetched."""
        handle = cls(**{each.name: getattr(job, each.name) for each in fields(job) if each.init})
        object.__setattr__(handle, "raw", job.raw)
        # It is not a field, so that `asdict` does not copy the client, nor `==` compare it.
        object.__setattr__(handle, "_client", client)
        return handle

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a job with the same fields. The client does not matter."""
        if not isinstance(other, Job):
            return NotImplemented
        return all(getattr(self, each.name) == getattr(other, each.name) for each in fields(Job))

    __hash__ = Job.__hash__

    def wait(self, *, on_event: Callable[[Event], None] | None = None) -> "JobHandle":
        """Waits until the job has succeeded, and returns it in its final state.

        Args:
            on_event: called with every event of the job.

        Raises:
            JobUnsuccessful: the job failed, was canceled or expired.
            RuntimeError: this is a copy of a handle, which has no client.
        """
        if self.status == "succeeded":
            return self
        return self._find_client().wait_until_done(self, on_event=on_event)

    def result(
        self, format: Format = "png", *, on_event: Callable[[Event], None] | None = None
    ) -> PaintedPicture:
        """Waits until the job has succeeded, and fetches its picture. A job that was canceled or
        failed has a picture after `finish`.

        Args:
            format: the format of the picture.
            on_event: called with every event of the job.

        Raises:
            JobUnsuccessful: the job failed, was canceled or expired, and has no picture.
            RuntimeError: this is a copy of a handle, which has no client.
        """
        client = self._find_client()
        if not self.is_over:
            return client.wait_for_result(self, format, on_event=on_event)
        try:
            return client.result(self, format)
        except ApiError as error:
            if error.code != "no_result":
                raise
            raise JobUnsuccessful(self) from error

    def _find_client(self) -> "Client":
        if not hasattr(self, "_client"):
            raise RuntimeError("This job is a copy without a client: fetch it with get_job.")
        return self._client
