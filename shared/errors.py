"""Every error that a client can get, in one tree: a code, an HTTP status and a sentence.

PasticheError
├── NotAccepted          the request is invalid: 4xx, with the invalid fields
│   ├── MalformedRequest, RequestTooSlow, HeadTooLarge, BodyTooLarge, WrongContentType,
│   │   WrongContentEncoding, InvalidFields, IdempotencyKeyReused, SubmissionPending
├── AccessDenied         the caller is not allowed: 401, 403, or 429 beyond a limit
│   ├── KeyMissing, KeyUnknown, TokenReadsOnly, HostNotAllowed, CrossSiteRequest,
│   │   TooManyRequests, TooManyJobs, TooManyUploads, QuotaUsedUp
├── ResourceError        the requested job, or other resource, cannot do that
│   ├── JobNotFound, SweepNotFound, PictureNotFound, UploadNotFound, NoDirectUploads,
│   │   NothingUploaded, StyleNotFound, JobExpired, JobOver, ChangedMeanwhile, JobNotOver,
│   │   CancelRequested, FinishRequested, RecordDamaged, ResultNotReady, NoResult, ResultLost,
│   │   PicturesLost, NotAcceptable, RangeNotSatisfiable, EncodingFailed
└── Unavailable          the service cannot do it now: 5xx; try again later
    ├── QueueFull, TooManyConnections, UploadsBusy, DecodersBusy, TooManyFetches,
    │   RedisUnavailable, StorageUnavailable, StorageFull
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

_BEARER = {"WWW-Authenticate": 'Bearer realm="Pastiche"'}

FIELD_ERRORS = {
    "invalid_value": "The value is not allowed for this field.",
    "backbone_missing": "No worker of the last ten minutes has the weights of this backbone.",
    "size_too_large": "The size is larger than the operator or the workers' memory allows.",
    "too_many_values": "The values and pictures give more jobs than may be submitted at once.",
    "not_in_batches": "The field belongs to a single pair of images, but a batch has several.",
    "priority_not_allowed": "High priority is not allowed: by the key or, if no keys are required, "
    "by the operator.",
    "text_too_long": "The text is longer than 16 kB.",
    "not_text": "The field expects text, not a file.",
    "not_a_file": "The field expects a file, or a string that names a picture: a URL (`https://`) "
    "or a data URI.",
    "not_base64": "The data URI is not base64.",
    "url_not_allowed": "The URL does not begin with `https://`, is not on a public address, or "
    "redirects to such a URL; or the operator does not allow URLs.",
    "url_unreachable": "The URL could not be read, or took too long.",
    "url_refused": "The URL answers with a status other than 200, or redirects too often.",
    "unknown_field": "There is no field with this name.",
    "repeated_field": "The field is given more often than allowed.",
    "missing_file": "The picture is required.",
    "missing_value": "The value is required.",
    "not_json": "The body is not JSON, or not an object.",
    "empty_file": "The file is empty.",
    "file_too_large": "The file is larger than the upload limit (413).",
    "picture_unknown": "The file is not a JPEG, PNG, WebP or AVIF picture (415).",
    "picture_too_large": "The picture has too many pixels, or needs too much memory (413).",
    "picture_too_slow": "The picture takes too long to decode (413).",
    "picture_too_small": "A side is shorter than 16 pixels.",
    "picture_too_narrow": "One side is more than 20 times the other.",
    "picture_broken": "The picture is damaged or cut off.",
    "mask_empty": "The mask is less than half white everywhere, or the content map is black or "
    "transparent everywhere.",
    "wrong_aspect": "The mask or the start image has a different aspect ratio than its image.",
    "no_result": "The named job has no picture to start from.",
    "job_not_found": "The job does not exist.",
    "job_expired": "The named job is past its retention.",
    "picture_not_found": "The uploaded picture does not exist or has expired.",
    "style_not_found": "The style does not exist.",
}
"""What can be wrong with a field, by its code."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request: its name, a code and a sentence."""

    field: str
    code: str
    detail: str


class PasticheError(Exception):
    """An error with a stable `code`, an HTTP `status`, a `title` and a sentence for people."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    headers: Mapping[str, str] = MappingProxyType({})
    """The headers of a response with this error."""

    def __init__(self, detail: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds


class NotAccepted(PasticheError):
    """The request is invalid; nothing of it was stored."""


class MalformedRequest(NotAccepted):
    code, status, title = "malformed_request", 400, "The request cannot be read"


class RequestTooSlow(NotAccepted):
    code, status, title = "request_too_slow", 408, "The request was not received in time"


class HeadTooLarge(NotAccepted):
    code, status, title = "head_too_large", 431, "The request headers are too large"


class BodyTooLarge(NotAccepted):
    code, status, title = "body_too_large", 413, "The request is too large"


class WrongContentType(NotAccepted):
    code, status, title = "wrong_content_type", 415, "The request has the wrong content type"


class WrongContentEncoding(NotAccepted):
    code, status, title = "wrong_content_encoding", 415, "The request body is compressed"
    headers = MappingProxyType({"Accept-Encoding": "identity"})


class InvalidFields(NotAccepted):
    """One or more fields are invalid; `errors` names each of them.

    If all errors have the same status (413, 415), the response has it too, otherwise 422.
    """

    code, status, title = "invalid_fields", 422, "Some fields are invalid"

    def __init__(self, errors: list[FieldError], status: int = 422) -> None:
        sentences = (f"{error.field}: {error.detail}" for error in errors)
        super().__init__(" ".join(sentences))
        self.errors = errors
        self.http_status = status


class IdempotencyKeyReused(NotAccepted):
    code, status, title = (
        "another_submission",
        422,
        "The idempotency key was used for a different request",
    )


class SubmissionPending(NotAccepted):
    code, status, title = "submission_pending", 409, "The same submission is still being processed"


class AccessDenied(PasticheError):
    """The caller is not allowed to do this, or not now."""


class KeyMissing(AccessDenied):
    code, status, title = "key_missing", 401, "An API key is required"
    headers = _BEARER


class KeyUnknown(AccessDenied):
    code, status, title = "key_unknown", 401, "The API key is unknown"
    headers = _BEARER


class TokenReadsOnly(AccessDenied):
    code, status, title = "token_reads_only", 403, "A token only allows reading"


class HostNotAllowed(AccessDenied):
    code, status, title = "host_not_allowed", 403, "The host name is not allowed"


class CrossSiteRequest(AccessDenied):
    code, status, title = "cross_site_request", 403, "The request comes from another site"


class TooManyRequests(AccessDenied):
    code, status, title = "too_many_requests", 429, "Too many requests"


class TooManyJobs(AccessDenied):
    code, status, title = "too_many_jobs", 429, "Too many jobs in flight"


class TooManyUploads(AccessDenied):
    code, status, title = "too_many_uploads", 429, "Too many uploads are not completed"


class QuotaUsedUp(AccessDenied):
    code, status, title = "quota_used_up", 429, "The daily quota is used up"


class ResourceError(PasticheError):
    """The job, or other resource, cannot do what was requested."""


class JobNotFound(ResourceError):
    code, status, title = "job_not_found", 404, "No such job"


class SweepNotFound(ResourceError):
    code, status, title = "sweep_not_found", 404, "No such sweep"


class PictureNotFound(ResourceError):
    code, status, title = "picture_not_found", 404, "No such picture"


class UploadNotFound(ResourceError):
    code, status, title = "upload_not_found", 404, "No such upload"


class NoDirectUploads(ResourceError):
    code, status, title = "no_direct_uploads", 409, "The picture store takes no direct uploads"


class NothingUploaded(ResourceError):
    code, status, title = "nothing_uploaded", 409, "The file has not been sent yet"


class StyleNotFound(ResourceError):
    code, status, title = "style_not_found", 404, "No such style"


class JobExpired(ResourceError):
    code, status, title = "job_expired", 410, "The job is past its retention"


class JobOver(ResourceError):
    code, status, title = "job_over", 409, "The job is over"


class ChangedMeanwhile(ResourceError):
    code, status, title = "changed_meanwhile", 409, "The job was changed by other requests"


class JobNotOver(ResourceError):
    code, status, title = "job_not_over", 409, "The job is not over"


class CancelRequested(ResourceError):
    code, status, title = "cancel_requested", 409, "The job is about to be canceled"


class FinishRequested(ResourceError):
    code, status, title = "finish_requested", 409, "The job is about to succeed"


class RecordDamaged(ResourceError):
    code, status, title = "record_damaged", 500, "The job's record is damaged"


class ResultNotReady(ResourceError):
    code, status, title = "result_not_ready", 409, "The picture is not ready yet"


class NoResult(ResourceError):
    code, status, title = "no_result", 409, "The job has no picture"


class ResultLost(ResourceError):
    code, status, title = "result_lost", 410, "The picture is no longer in the store"


class PicturesLost(ResourceError):
    code, status, title = "pictures_lost", 410, "The job's uploads are no longer in the store"


class NotAcceptable(ResourceError):
    code, status, title = "not_acceptable", 406, "The picture is not available in this format"


class RangeNotSatisfiable(ResourceError):
    code, status, title = "range_not_satisfiable", 416, "The requested range is not in the picture"

    def __init__(self, size: int) -> None:
        super().__init__(f"The picture has {size} bytes.")
        self.headers = {"Content-Range": f"bytes */{size}"}


class EncodingFailed(ResourceError):
    code, status, title = "encoding_failed", 507, "The picture takes too much memory to encode"


class Unavailable(PasticheError):
    """The service cannot do it now; the same request may succeed later."""


class QueueFull(Unavailable):
    code, status, title = "queue_full", 503, "The queue is full"


class TooManyConnections(Unavailable):
    code, status, title = "too_many_connections", 503, "There are too many connections"


class UploadsBusy(Unavailable):
    code, status, title = "uploads_busy", 503, "Too many uploads are being received"


class DecodersBusy(Unavailable):
    code, status, title = "decoders_busy", 503, "Too many pictures are being decoded"


class TooManyFetches(Unavailable):
    code, status, title = "too_many_fetches", 503, "Too many pictures are being fetched"


class RedisUnavailable(Unavailable):
    code, status, title = "redis_unavailable", 503, "The job records cannot be reached"


class StorageUnavailable(Unavailable):
    code, status, title = "storage_unavailable", 503, "The picture store cannot be reached"


class StorageFull(Unavailable):
    code, status, title = "storage_full", 507, "The picture store is full"


FailureCode = Literal[
    "worker_lost",
    "time_limit",
    "timed_out",
    "out_of_memory",
    "weights_missing",
    "layer_missing",
    "painting_diverged",
    "storage_failed",
    "record_damaged",
    "internal_error",
]

FAILURES: dict[FailureCode, str] = {
    "worker_lost": "Too many attempts failed because of their workers; the last worker died.",
    "time_limit": "Painting took longer than allowed; try a smaller size or fewer iterations.",
    "timed_out": "The job took longer than its `timeout`, waiting and painting together.",
    "out_of_memory": "The picture did not fit into the worker's memory; try a smaller size.",
    "weights_missing": "The worker does not have the pretrained weights of the requested backbone; "
    "`auto` and `whitened` do not need them.",
    "layer_missing": "The backbone that `auto` chose here, `vgg16`, does not have a layer that "
    "`content_layers` or `style_layers` names.",
    "painting_diverged": "The optimisation diverged; try smaller weights.",
    "storage_failed": "The picture store could not be read or written.",
    "record_damaged": "The job's record could not be read.",
    "internal_error": "An unexpected error occurred while painting; see the operator's log.",
}
"""Why a job can fail, and the sentence that its record then contains."""


WORKER_FAILURES: frozenset[FailureCode] = frozenset(
    {"out_of_memory", "weights_missing", "storage_failed", "internal_error"}
)
"""The failures that the worker may have caused: another one may be able to paint the job."""


def list_errors(kind: type[PasticheError] = PasticheError) -> Iterator[type[PasticheError]]:
    """The errors in the tree that are raised, in the order in which they are declared."""
    if "code" in vars(kind):
        yield kind
    for each in kind.__subclasses__():
        yield from list_errors(each)
