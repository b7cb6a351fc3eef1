"""`Client`: a service, spoken to by waiting for its answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, Unpack

import httpx

from pastiche.client import flows, watching
from pastiche.client.events import Event
from pastiche.client.patience import Patience
from pastiche.client.pictures import Picture
from pastiche.client.records import (
    Estimate,
    Format,
    Job,
    LossCurves,
    Readiness,
    Status,
    Sweep,
)
from pastiche.client.transport import DEFAULT_URL, LIMITS, Address
from pastiche.client.waiting import Driver
from pastiche.client.wishes import JobWishes, Submission, SweepWishes

Several = Picture | Sequence[Picture]
"""One picture, or a list of them."""


def id_of(job: Job | Sweep | str) -> str:
    """The id of a job or a sweep, which may be given by it."""
    return job if isinstance(job, str) else job.id


class Client:
    """A Pastiche service. To be closed, or used in a `with`.

    Every method raises a `ClientError`: `Refused` in the service's own words, `Unreachable`,
    `StrangeAnswer`, and those that submit `UnusablePicture`. What may be sent twice is sent again
    where the connection is lost or the service is busy. Jobs and sweeps may be given by their ids.

    Args:
        url: of the service.
        key: where the service asks for keys.
        timeout_seconds: for an answer; connecting has ten.
        patience: for how long what failed is tried again.
        upload_limit_megabytes: what the service takes; larger files are not sent.
        http: an httpx client of one's own, for proxies or certificates; it is not closed here.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        timeout_seconds: float = 60.0,
        patience: Patience | None = None,
        upload_limit_megabytes: float = 25,
        http: httpx.Client | None = None,
    ) -> None:
        self._address = Address(url, key, timeout_seconds)
        self._is_own = http is None
        self._http = http or httpx.Client(limits=LIMITS)
        self._driver = Driver(self._address, self._http)
        self._patience = patience or Patience()
        self._limit_bytes = round(upload_limit_megabytes * 1e6)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._address.url

    def close(self) -> None:
        """Closes the connections, but those of an httpx client of one's own."""
        if self._is_own:
            self._http.close()

    def paint(
        self,
        content: Picture,
        style: Several,
        *,
        format: Format = "png",
        watch: Callable[[Event], None] | None = None,
        idempotency_key: str | None = None,
        **wishes: Unpack[JobWishes],
    ) -> bytes:
        """The content image, painted in the style of the style image, or of several: submits the
        job, waits for it, and fetches the picture.

        Args:
            content, style: paths, bytes, open files or pictures of Pillow's.
            format: of the picture.
            watch: called with every event.
            idempotency_key: under which it is one job, however often this is called; one of its
                own where it is None.
            wishes: every option by its name in `pastiche.options`; `preset`; further pictures,
                as `mask`; and when it is to be painted: `priority`, `deadline` in seconds,
                `webhook_url`.

        Raises:
            NotPainted: the job is over without a picture.
        """
        return self._driver.run(
            flows.paint(
                self._wanted(content, style, wishes, idempotency_key), format, self._patience
            ),
            watch,
        )

    def submit(
        self,
        content: Picture | None = None,
        style: Several | None = None,
        *,
        idempotency_key: str | None = None,
        **wishes: Unpack[JobWishes],
    ) -> Job:
        """The job, as it was taken: what is said of `paint` holds here too. Where `start` or
        `pictures_of` is an earlier job's id, its pictures are taken over where none are sent."""
        return self._driver.run(
            flows.submit(self._wanted(content, style, wishes, idempotency_key), self._patience)
        )

    def estimate(
        self,
        content: Picture | None = None,
        style: Several | None = None,
        **wishes: Unpack[JobWishes],
    ) -> Estimate:
        """What a submission would come to; nothing is kept of it."""
        return self._driver.run(
            flows.estimate(self._wanted(content, style, wishes), self._patience)
        )

    def job(self, job: Job | str) -> Job:
        """The job as it stands."""
        return self._driver.run(flows.look(id_of(job), self._patience))

    def jobs(self, status: Status | None = None, *, page_size: int = 100) -> Iterator[Job]:
        """The caller's jobs, the newest first: all pages, each asked for when it is needed."""
        return self._driver.iterate(flows.listed(status, page_size, self._patience))

    def watch(self, job: Job | str) -> Iterator[Event]:
        """Every event of a job until it is over: `Finished`, or `Erased`, is the last one.

        A lost connection is told (`ConnectionLost`) and taken up again after growing pauses; what
        was missed is told by what comes then.
        """
        return self._driver.iterate(watching.watched(id_of(job), self._patience))

    def wait(self, job: Job | str, *, watch: Callable[[Event], None] | None = None) -> Job:
        """The job, once it has succeeded.

        Raises:
            NotPainted: it is over without a picture.
        """
        return self._driver.run(flows.awaited(id_of(job), self._patience), watch)

    def result(self, job: Job | str, format: Format = "png") -> bytes:
        """The finished picture; `Refused` (`result_not_ready`) while there is none."""
        return self._driver.run(flows.result(id_of(job), format, self._patience))

    def preview(self, job: Job | str) -> bytes | None:
        """The picture so far, a JPEG file; None before the first."""
        return self._driver.run(flows.preview(id_of(job), self._patience))

    def losses(self, job: Job | str) -> LossCurves:
        """Each loss term at each iteration so far."""
        return self._driver.run(flows.losses(id_of(job), self._patience))

    def reweigh(
        self,
        job: Job | str,
        *,
        content_weight: float | None = None,
        style_weight: float | None = None,
        tv_weight: float | None = None,
    ) -> Job:
        """The job, which goes on with other weights; what is not given stays as it is."""
        weights = {
            "content_weight": content_weight,
            "style_weight": style_weight,
            "tv_weight": tv_weight,
        }
        return self._driver.run(flows.reweigh(id_of(job), weights, self._patience))

    def cancel(self, job: Job | str) -> Job:
        """The job, which is over at once where it waited, and soon where it was running.

        Raises:
            Refused: it was asked to `finish` before (`finish_requested`).
        """
        return self._driver.run(flows.cancel(id_of(job), self._patience))

    def finish(self, job: Job | str) -> Job:
        """Stops here and keeps the picture as the result: a running job succeeds soon, one that
        was canceled or has failed keeps its last preview.

        Raises:
            Refused: there is no picture of it yet, or it is about to be canceled
                (`cancel_requested`).
        """
        return self._driver.run(flows.finish(id_of(job), self._patience))

    def retry(self, job: Job | str) -> Job:
        """A new job that does one that is over again."""
        return self._driver.run(flows.retry(id_of(job), self._patience))

    def delete(self, job: Job | str) -> None:
        """Cancels a job and erases it and its pictures."""
        self._driver.run(flows.erase("jobs", id_of(job), self._patience))

    def sweep(
        self,
        content: Picture,
        style: Several,
        *,
        idempotency_key: str | None = None,
        **wishes: Unpack[SweepWishes],
    ) -> Sweep:
        """A job for each combination of the values that `content_weight`, `style_weight`,
        `tv_weight` and `seed` are given: lists, or single ones."""
        return self._driver.run(
            flows.sweep(self._wanted(content, style, wishes, idempotency_key), self._patience)
        )

    def look_at_sweep(self, sweep: Sweep | str) -> Sweep:
        """The sweep with all its jobs as they stand."""
        return self._driver.run(flows.look_at_sweep(id_of(sweep), self._patience))

    def watch_sweep(self, sweep: Sweep | str) -> Iterator[Sweep]:
        """The sweep as it stands, about once a second until all its jobs are over."""
        return self._driver.iterate(flows.watch_sweep(id_of(sweep), self._patience))

    def sheet(self, sweep: Sweep | str, format: Format = "png", *, cell: int = 256) -> bytes:
        """A contact sheet of the pictures that are there by now, each `cell` pixels long."""
        return self._driver.run(flows.sheet(id_of(sweep), format, cell, self._patience))

    def cancel_sweep(self, sweep: Sweep | str) -> Sweep:
        """The sweep, whose jobs are over or soon will be."""
        return self._driver.run(flows.cancel_sweep(id_of(sweep), self._patience))

    def delete_sweep(self, sweep: Sweep | str) -> None:
        """Cancels and erases a sweep with all its jobs."""
        self._driver.run(flows.erase("sweeps", id_of(sweep), self._patience))

    def readiness(
        self,
    ) -> Readiness:
        """What the service says of its parts, and which workers live."""
        return self._driver.run(flows.readiness())

    def _wanted(
        self,
        content: Picture | None,
        style: Several | None,
        wishes: Mapping[str, object],
        key: str | None = None,
    ) -> Submission:
        asked = {"content": content, "style": style, **wishes}
        return Submission(asked, key, self._limit_bytes)
