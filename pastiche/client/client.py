"""`Client`: generated from `async_client.py` by `make client`."""

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from http import HTTPStatus
from typing import Any, Self, Unpack

import httpx

from pastiche.client.connection import Connection
from pastiche.client.errors import (
    ApiError,
    InvalidResponse,
    JobUnsuccessful,
    ServiceUnreachable,
    error_from_response,
    parse_response,
    read_picture,
)
from pastiche.client.events import (
    ConnectionLost,
    ConnectionRestored,
    Event,
    JobDeleted,
    JobFinished,
    JobUpdated,
)
from pastiche.client.job_handle import JobHandle
from pastiche.client.job_options import BatchOptions, JobOptions, SweepOptions, WeightOptions
from pastiche.client.models import (
    DirectUpload,
    Estimate,
    Format,
    Job,
    JobPage,
    JobPicture,
    JobPictures,
    LossCurves,
    PicturePage,
    Readiness,
    Status,
    Style,
    StyleList,
    Sweep,
    UploadedPicture,
    WorkerList,
    WorkerSummary,
)
from pastiche.client.painted_picture import PaintedPicture
from pastiche.client.requests import (
    DEFAULT_URL,
    get_id,
    idempotency_header,
    make_form,
    make_path,
    make_upload_form,
    read_upload,
)
from pastiche.client.retry_policy import Backoff, RetryPolicy
from pastiche.picture_sources import Picture

SWEEP_POLL_SECONDS = 1.0
"""How often a watched sweep is fetched, because sweeps have no events."""


class Client:
    """A client of a Pastiche service. Close it, or use it in a `with` statement.

    Every method may raise a `ClientError`: `ApiError`, `ServiceUnreachable` or `InvalidResponse`.
    Methods that send pictures may also raise `InvalidPicture`. Requests that are safe to repeat are
    retried if the connection is lost or the service is busy. You can pass a job, a sweep or an
    uploaded picture as an object or by its id.

    Args:
        url: the address of the service.
        key: the API key, if the service requires one.
        timeout_seconds: for a response. Connecting may take 10 seconds.
        retry_policy: for how long failed requests are retried.
        upload_limit_megabytes: the limit of the service; larger files are not sent.
        http: an httpx client, for proxies or certificates. It is not closed with this client.

    Raises:
        InvalidAddress: the address or the key cannot be used.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        timeout_seconds: float = 60.0,
        retry_policy: RetryPolicy | None = None,
        upload_limit_megabytes: float = 25,
        http: httpx.Client | None = None,
    ) -> None:
        self._connection = Connection(
            url,
            key,
            timeout_seconds=timeout_seconds,
            retry_policy=retry_policy or RetryPolicy(),
            http=http,
        )
        self.url = self._connection.url
        self._limit_bytes = round(upload_limit_megabytes * 1e6)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections, except those of an httpx client that was passed in."""
        self._connection.close()

    def paint(
        self,
        content: JobPicture,
        style: JobPictures,
        *,
        format: Format = "png",
        on_event: Callable[[Event], None] | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> PaintedPicture:
        """Submits a job, waits until it is done, and returns the picture.

        Args:
            content: the content image: a path, bytes, an open file, a Pillow image, an array, an
                `https://` URL that the service fetches, a data URI, or a picture that the service
                has, such as a result of `upload_picture`.
            style: the style image or a style of the service, such as `example:wave`, or a list of
                them.
            format: the format of the picture.
            on_event: called with every event of the job.
            idempotency_key: repeated calls with the same key submit only one job. By default every
                call has a new key. It must be 1 to 255 printable ASCII characters.
            options: every option of `pastiche.options` by its name, `preset`, further pictures such
                as `mask`, `priority`, `deadline`, `timeout` and `keep` in seconds, `webhook_url`
                and `webhook_events`.

        Returns:
            The bytes of the picture file. `save` writes them, and a notebook shows the picture.

        Raises:
            JobUnsuccessful: the job failed, was canceled or expired.
            OptionError: an option does not exist. Nothing is sent.
            InvalidRequest: the service would not accept the idempotency key. Nothing is sent.
        """
        job = self.submit(content, style, idempotency_key=idempotency_key, **options)
        if on_event is not None:
            on_event(JobUpdated(job))
        return self.wait_for_result(job, format, on_event=on_event)

    def submit(
        self,
        content: JobPicture | None = None,
        style: JobPictures | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[JobOptions],
    ) -> JobHandle:
        """Submits a job. The arguments are the same as for `paint`. If `start` or `pictures_of` is
        the id of an earlier job, pictures that are not given are taken from that job."""
        form = make_form(content, style, options, self._limit_bytes)
        headers = idempotency_header(idempotency_key)
        return self._request_job("POST", "/jobs", files=form, headers=headers)

    def estimate(
        self,
        content: JobPicture | None = None,
        style: JobPictures | None = None,
        **options: Unpack[JobOptions],
    ) -> Estimate:
        """Returns what a submission would cost. Nothing is stored."""
        form = make_form(content, style, options, self._limit_bytes)
        return self._connection.request(
            Estimate, "POST", "/jobs", params={"dry_run": "1"}, files=form
        )

    def get_job(self, job: Job | str) -> JobHandle:
        """Fetches the job as it is now."""
        return self._request_job("GET", make_path("jobs", job))

    def list_jobs(
        self, status: Status | None = None, *, page_size: int = 100
    ) -> Iterator[JobHandle]:
        """Iterates over the caller's jobs, newest first. Fetches each page when it is needed."""
        query = {"limit": str(page_size)} | ({"status": status} if status else {})
        while True:
            page = self._connection.request(JobPage, "GET", "/jobs", params=query)
            for job in page.jobs:
                yield JobHandle.of(job, self)
            if page.next_cursor is None or page.next_cursor == query.get("cursor"):
                return
            query["cursor"] = page.next_cursor

    def watch(self, job: Job | str, *, previews: bool = False) -> Generator[Event, None]:
        """Iterates over the events of a job until it has ended. The last event is `JobFinished` or
        `JobDeleted`. Raises `ApiError` if `job` is an id and the job does not exist.

        If the connection is lost, yields `ConnectionLost` and connects again after growing pauses.
        Missed events are not sent again, but the next ones have the current state of the job.

        Args:
            previews: whether `PreviewReady` has the picture.
        """
        path = make_path("jobs", job, "events") + ("?previews=inline" if previews else "")
        seconds = self._connection.retry_policy.watching_seconds
        backoff, is_lost, is_known = Backoff(seconds), False, isinstance(job, Job)
        while True:
            try:
                with closing(self._connection.events(path)) as events:
                    for event in events:
                        if is_lost:
                            yield ConnectionRestored()
                        yield event
                        if isinstance(event, JobFinished | JobDeleted):
                            return
                        backoff, is_lost, is_known = Backoff(seconds), False, True
                raise ServiceUnreachable(f"{self.url} closed the connection.", was_sent=True)
            except (ServiceUnreachable, ApiError) as error:
                if is_known and isinstance(error, ApiError) and error.code == "job_not_found":
                    break
                pause, reason = backoff.next_pause(error), str(error)
                if math.isinf(pause):
                    raise
            is_lost = True
            yield ConnectionLost(reason, pause)
            time.sleep(pause)
        if is_lost:
            yield ConnectionRestored()
        yield JobDeleted(get_id(job))

    def wait_until_done(
        self, job: Job | str, *, on_event: Callable[[Event], None] | None = None
    ) -> JobHandle:
        """Waits until the job has succeeded, and returns it.

        Args:
            on_event: called with every event of the job.

        Raises:
            JobUnsuccessful: the job failed, was canceled or expired.
        """
        with closing(self.watch(job)) as events:
            for event in events:
                if on_event is not None:
                    on_event(event)
                if isinstance(event, JobFinished):
                    if event.job.status != "succeeded":
                        raise JobUnsuccessful(event.job)
                    return JobHandle.of(event.job, self)
        sentence = f"Job {get_id(job)} was deleted."
        raise ApiError("job_not_found", HTTPStatus.NOT_FOUND, sentence)

    def wait_for_result(
        self,
        job: Job | str,
        format: Format = "png",
        *,
        on_event: Callable[[Event], None] | None = None,
    ) -> PaintedPicture:
        """Waits until the job has succeeded, and fetches its picture. Like `wait_until_done`, it
        continues if the service is unreachable for a while."""
        self.wait_until_done(job, on_event=on_event)
        policy = self._connection.retry_policy.for_accepted_job()
        path = make_path("jobs", job, "result")
        return self._connection.request_picture(path, policy, format=format)

    def result(self, job: Job | str, format: Format = "png") -> PaintedPicture:
        """Fetches the finished picture. Raises `ApiError` (`result_not_ready`) until it exists."""
        path = make_path("jobs", job, "result")
        return self._connection.request_picture(path, format=format)

    def preview(self, job: Job | str) -> PaintedPicture | None:
        """Fetches the latest preview, a JPEG file. None before the first."""
        response = self._connection.send_retrying("GET", make_path("jobs", job, "preview"))
        has_preview = response.status_code != HTTPStatus.NO_CONTENT
        return read_picture(response, self.url) if has_preview else None

    def losses(self, job: Job | str) -> LossCurves:
        """Fetches each loss term after each iteration so far."""
        return self._connection.request(LossCurves, "GET", make_path("jobs", job, "losses"))

    def update_weights(self, job: Job | str, **weights: Unpack[WeightOptions]) -> JobHandle:
        """Changes `content_weight`, `style_weight` or `tv_weight` of a job, even while it is being
        painted. Weights that are None or not given stay as they are."""
        changed = {name: weight for name, weight in weights.items() if weight is not None}
        return self._request_job("PATCH", make_path("jobs", job), json=changed)

    def cancel(self, job: Job | str) -> JobHandle:
        """Cancels a job: at once if it is queued, within an iteration or two if it is running.

        Raises:
            ApiError: the job is being finished (`finish_requested`).
        """
        return self._request_job("POST", make_path("jobs", job, "cancel"))

    def finish(self, job: Job | str) -> JobHandle:
        """Ends a job early and makes the picture so far its result. A running job succeeds soon. A
        job that was canceled or failed keeps its status, and its last preview becomes its result.

        Raises:
            ApiError: there is no picture yet, or the job is being canceled (`cancel_requested`).
        """
        return self._request_job("POST", make_path("jobs", job, "finish"))

    def retry(self, job: Job | str) -> JobHandle:
        """Resubmits an ended job as a new job."""
        headers = idempotency_header()
        return self._request_job("POST", make_path("jobs", job, "retry"), headers=headers)

    def delete(self, job: Job | str) -> None:
        """Cancels a job and deletes it with its pictures."""
        self._connection.delete(make_path("jobs", job))

    def submit_sweep(
        self,
        content: JobPicture | None = None,
        style: JobPictures | None = None,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[SweepOptions],
    ) -> Sweep:
        """Submits a job for each combination of the values of `content_weight`, `style_weight`,
        `tv_weight` and `seed`. Each is a number or a list of numbers. As for `submit`, the pictures
        can be taken from an earlier job."""
        form = make_form(content, style, options, self._limit_bytes)
        headers = idempotency_header(idempotency_key)
        return self._connection.request(Sweep, "POST", "/sweeps", files=form, headers=headers)

    def estimate_sweep(
        self,
        content: JobPicture | None = None,
        style: JobPictures | None = None,
        **options: Unpack[SweepOptions],
    ) -> Estimate:
        """Returns what `submit_sweep` would cost. Nothing is stored."""
        form = make_form(content, style, options, self._limit_bytes)
        return self._connection.request(
            Estimate, "POST", "/sweeps", params={"dry_run": "1"}, files=form
        )

    def submit_batch(
        self,
        contents: JobPictures,
        styles: JobPictures,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[BatchOptions],
    ) -> Sweep:
        """Submits a job for each content image with each style image, at most 64. Options may have
        several values, as for `submit_sweep`. A batch is a sweep whose members have the file names
        of their two images, and works with `get_sweep`, `watch_sweep`, `contact_sheet` and so
        on."""
        form = make_form(contents, styles, options, self._limit_bytes)
        headers = idempotency_header(idempotency_key)
        return self._connection.request(Sweep, "POST", "/batches", files=form, headers=headers)

    def get_sweep(self, sweep: Sweep | str) -> Sweep:
        """Fetches the sweep with all its jobs as they are now."""
        return self._connection.request(Sweep, "GET", make_path("sweeps", sweep))

    def watch_sweep(self, sweep: Sweep | str) -> Iterator[Sweep]:
        """Fetches the sweep about once a second until all its jobs have ended."""
        path, policy = make_path("sweeps", sweep), self._connection.retry_policy.for_accepted_job()
        while True:
            current = self._connection.request(Sweep, "GET", path, policy)
            yield current
            if current.is_over:
                return
            time.sleep(SWEEP_POLL_SECONDS)

    def contact_sheet(
        self, sweep: Sweep | str, format: Format = "png", *, cell: int = 256
    ) -> PaintedPicture:
        """Fetches one image with all pictures of the sweep so far, each `cell` pixels wide."""
        path = make_path("sweeps", sweep, "sheet")
        return self._connection.request_picture(path, format=format, cell=str(cell))

    def cancel_sweep(self, sweep: Sweep | str) -> Sweep:
        """Cancels all jobs of a sweep."""
        return self._connection.request(Sweep, "POST", make_path("sweeps", sweep, "cancel"))

    def delete_sweep(self, sweep: Sweep | str) -> None:
        """Cancels and deletes a sweep with all its jobs."""
        self._connection.delete(make_path("sweeps", sweep))

    def upload_picture(
        self, picture: Picture, *, name: str | None = None, direct: bool = False
    ) -> UploadedPicture:
        """Stores a picture at the service, for any number of jobs. The service stores the same
        picture only once.

        Args:
            name: a name with which the picture is also listed as a style.
            direct: whether to send the file directly to the object store of the service.

        Raises:
            ApiError: the service has no object store, or does not allow this (`no_direct_uploads`).
        """
        data = read_upload(picture, self._limit_bytes)
        if not direct:
            form = make_upload_form(data, name)
            return self._connection.request(UploadedPicture, "POST", "/pictures", files=form)
        fields = {} if name is None else {"name": name}
        upload = self._connection.request(DirectUpload, "POST", "/pictures/uploads", json=fields)
        self._connection.send_to_store(upload.url, data)
        path = make_path("pictures/uploads", upload.id, "complete")
        return self._connection.request(UploadedPicture, "POST", path)

    def list_pictures(self, *, page_size: int = 100) -> Iterator[UploadedPicture]:
        """Iterates over the uploaded pictures, newest first. Fetches each page when needed."""
        query = {"limit": str(page_size)}
        while True:
            page = self._connection.request(PicturePage, "GET", "/pictures", params=query)
            yield from page.pictures
            if page.next_cursor is None or page.next_cursor == query.get("cursor"):
                return
            query["cursor"] = page.next_cursor

    def delete_picture(self, picture: UploadedPicture | str) -> None:
        """Deletes an uploaded picture. Jobs that were submitted with it have their own copy."""
        self._connection.delete(make_path("pictures", picture))

    def list_styles(self) -> tuple[Style, ...]:
        """Fetches the styles that a job can name: those of the service, and the uploaded pictures
        that have a name."""
        return (self._connection.request(StyleList, "GET", "/styles")).styles

    def list_workers(self) -> tuple[WorkerSummary, ...]:
        """Fetches the running workers: their devices, how large and how fast they paint, and
        whether they are painting now. Without workers, jobs wait."""
        return (self._connection.request(WorkerList, "GET", "/workers")).workers

    def readiness(self) -> Readiness:
        """Fetches the state of the service's parts and its workers. This is never retried."""
        response = self._connection.send("GET", "/readyz", accepts_unavailable=True)
        try:
            return parse_response(Readiness, response, self.url)
        except InvalidResponse:
            if response.is_success:
                raise
            raise error_from_response(response, self.url) from None

    def _request_job(self, method: str, path: str, **arguments: Any) -> JobHandle:
        job = self._connection.request(Job, method, path, **arguments)
        return JobHandle.of(job, self)
