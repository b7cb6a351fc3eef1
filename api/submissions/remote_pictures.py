"""Fetches pictures from URLs: only from public addresses, and within limits of size and time."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from socket import gaierror
from time import monotonic
from urllib.parse import urljoin

import httpcore
from anyio import CapacityLimiter, current_time, from_thread, move_on_after, to_thread
from opentelemetry.trace import SpanKind

from shared import tracing
from shared.errors import FieldError, InvalidFields, TooManyFetches
from shared.public_network import NotPublic, PublicNetwork, check_url
from shared.settings import Settings

MAX_CONCURRENT = 16
"""How many pictures one process fetches at once."""

MAX_REDIRECTS = 3

_CONNECT_SECONDS = 10.0
_RETRY_SECONDS = 10

_GRACE_SECONDS = 1.0
"""How long after its deadline a thread is abandoned."""

_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = [("User-Agent", "Pastiche"), ("Accept", "image/*"), ("Accept-Encoding", "identity")]


class FetchFault(Exception):
    """A picture cannot be fetched: a code of `FIELD_ERRORS`, and a sentence."""


class RemotePictures:
    """Fetches pictures, each in a thread, and at most MAX_CONCURRENT at once.

    Args:
        wait_limit_seconds: how long a picture waits for its turn, at most.
    """

    def __init__(self, settings: Settings, *, wait_limit_seconds: float = 60) -> None:
        self._settings = settings
        self._wait_limit_seconds = wait_limit_seconds
        self._limiter = CapacityLimiter(MAX_CONCURRENT)
        self._tls = httpcore.default_ssl_context()

    async def fetch(self, field: str, url: str, target: Path) -> None:
        """Writes what a URL returns to a file, whatever it is.

        Args:
            field: the field that errors name.
            target: in the folder with all other files of the submission, which have a common limit,
                like the body of a request.

        Raises:
            InvalidFields: the URL is not allowed, cannot be reached, or returns no file that is
                small enough.
            TooManyFetches: its turn did not come in time.
        """
        has_turn = False

        def begin() -> None:
            nonlocal has_turn
            has_turn = True
            seconds = self._settings.picture_url_timeout_seconds + _GRACE_SECONDS
            scope.deadline = current_time() + seconds

        def run() -> None:
            from_thread.run_sync(begin)
            self._download(url, target)

        with tracing.span("fetch", kind=SpanKind.CLIENT):
            try:
                if not self._settings.picture_urls:
                    raise FetchFault("url_not_allowed", "URLs are not allowed here: send a file.")
                # The thread has the same deadline, but not while it resolves a host name.
                with move_on_after(self._wait_limit_seconds) as scope:
                    await to_thread.run_sync(run, limiter=self._limiter, abandon_on_cancel=True)
                if not has_turn:
                    sentence = "Too many pictures are being fetched just now. Please try again."
                    raise TooManyFetches(sentence, retry_after_seconds=_RETRY_SECONDS)
                if scope.cancelled_caught:
                    raise self._make_timeout()
            except FetchFault as fault:
                code, sentence = fault.args
                tracing.fail(code, sentence)
                status = 413 if code == "file_too_large" else 422
                raise InvalidFields([FieldError(field, code, sentence)], status) from fault

    def _download(self, url: str, target: Path) -> None:
        """Follows redirects, each to an address that is checked like the first."""
        deadline = monotonic() + self._settings.picture_url_timeout_seconds
        for redirects in range(1 + MAX_REDIRECTS):
            fault = check_url(url, allow_private=self._settings.picture_urls_anywhere)
            if fault is not None:
                start = "This URL redirects to one that is not allowed. " if redirects else ""
                raise FetchFault("url_not_allowed", start + fault)
            with self._translate_errors():
                location = self._get(url, target, deadline)
            if location is None:
                return
            url = _join(url, location)
        raise FetchFault("url_refused", f"This URL redirects more than {MAX_REDIRECTS} times.")

    def _get(self, url: str, target: Path, deadline: float) -> str | None:
        """Writes the body to a file. If there is a redirect instead, returns its location."""
        remaining = deadline - monotonic()
        if remaining <= 0:
            raise self._make_timeout()
        network = PublicNetwork(
            allow_private=self._settings.picture_urls_anywhere, max_seconds=remaining
        )
        timeouts = dict.fromkeys(("read", "write", "pool"), remaining)
        timeouts["connect"] = min(remaining, _CONNECT_SECONDS)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=network) as pool,
            pool.stream("GET", url, headers=_HEADERS, extensions={"timeout": timeouts}) as response,
        ):
            headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            if response.status in _REDIRECTS and b"location" in headers:
                return headers[b"location"]
            if response.status != HTTPStatus.OK:
                raise FetchFault("url_refused", f"This URL answered {response.status}.")
            self._write(response, headers.get(b"content-length", ""), target)
        return None

    def _write(self, response: httpcore.Response, declared: str, target: Path) -> None:
        """Writes what arrives, whatever length was declared."""
        received = int(declared) if declared.isdecimal() else 0
        self._check_size(received, target.parent)
        received = 0
        with target.open("wb") as out:
            for data in response.iter_stream():
                received += len(data)
                self._check_size(received, target.parent)
                out.write(data)
        if received == 0:
            raise FetchFault("empty_file", "This URL answered with an empty file.")

    def _check_size(self, size_bytes: int, folder: Path) -> None:
        """Checks the size of a file, and that of the folder that it is written into."""
        settings = self._settings
        if size_bytes > settings.upload_limit_bytes:
            sentence = f"This file is larger than {settings.upload_limit_megabytes} MB."
            raise FetchFault("file_too_large", sentence)
        if sum(path.stat().st_size for path in folder.iterdir()) > settings.submission_limit_bytes:
            megabytes = settings.submission_limit_bytes / 1e6
            sentence = f"The pictures of a submission may have {megabytes:g} MB together."
            raise FetchFault("file_too_large", sentence)

    def _make_timeout(self) -> FetchFault:
        seconds = self._settings.picture_url_timeout_seconds
        return FetchFault("url_unreachable", f"This URL took longer than {seconds:g} s.")

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except NotPublic as error:
            raise FetchFault("url_not_allowed", "This URL's address is not public.") from error
        except httpcore.TimeoutException as error:
            raise self._make_timeout() from error
        except gaierror as error:
            raise FetchFault("url_unreachable", "The host of this URL is unknown.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ValueError) as error:
            sentence = f"This URL could not be read ({type(error).__name__})."
            raise FetchFault("url_unreachable", sentence) from error


def _join(url: str, location: str) -> str:
    """The URL that a redirect leads to. If it cannot be parsed, the check of the URL fails."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location
