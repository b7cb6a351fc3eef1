"""Logs whose lines name their request and their job."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from obstore.exceptions import BaseError as BlobStoreError
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from shared.settings import Settings

_ABOUT: ContextVar[dict[str, str]] = ContextVar("about")

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s%(suffix)s"


@contextmanager
def about(**names: str | None) -> Iterator[None]:
    """Adds these ids, such as those of a request and a job, to the log lines in this context."""
    known = {name: value for name, value in names.items() if value is not None}
    token = _ABOUT.set(_ABOUT.get({}) | known)
    try:
        yield
    finally:
        _ABOUT.reset(token)


def request_id() -> str | None:
    """The id of the current request."""
    return _ABOUT.get({}).get("request_id")


def configure(settings: Settings) -> None:
    """Sets up the logs of this process, including those of libraries."""
    handler = logging.StreamHandler()
    handler.addFilter(_shorten_errors)
    handler.addFilter(_add_names)
    handler.setFormatter(_formatter(settings))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    # At DEBUG it logs the headers of responses: a redirect to a signed URL contains the signature.
    logging.getLogger("httpcore").setLevel(logging.INFO)


def _formatter(settings: Settings) -> logging.Formatter:
    if settings.log_format == "text":
        return logging.Formatter(_TEXT)
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        reserved_attrs=[*RESERVED_ATTRS, "suffix"],
    )


def _shorten_errors(record: logging.LogRecord) -> bool:
    """Shortens an error of an object store to the first line, its message: thirty lines of details
    follow."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            str(each).partition("\n")[0] if isinstance(each, BlobStoreError) else each
            for each in record.args
        )
    return True


def _add_names(record: logging.LogRecord) -> bool:
    names = _ABOUT.get({})
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # the handler reports it, without an error for its caller
        message = ""
    missing = " ".join(value for value in names.values() if value not in message)
    record.suffix = f" [{missing}]" if missing else ""
    for name, value in names.items():
        setattr(record, name, value)
    return True
