"""The events of a job, described in OpenAPI: a union that `event` discriminates."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, GetJsonSchemaHandler, RootModel
from pydantic_core import CoreSchema

from api.jobs.schemas import Job, Progress


class _JsonText:
    """Describes a value as JSON text, because the data of an event is text."""

    def __get_pydantic_json_schema__(
        self, value: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": handler(value),
        }


class _Event(BaseModel):
    id: str = Field(description="The job's version.")


class StatusEvent(_Event):
    """The state, the place in the queue, the attempt or the weights have changed."""

    event: Literal["status"]
    data: Annotated[Job, _JsonText()]


class ProgressEvent(_Event):
    """More iterations are done; at most two of these events are sent per second."""

    event: Literal["progress"]
    data: Annotated[Progress, _JsonText()]


class Preview(BaseModel):
    """Where the newest preview is."""

    url: str
    jpeg: str = Field(
        default_factory=str, description="With `previews=inline`, the picture in base64."
    )


class PreviewEvent(_Event):
    """There is a new preview."""

    event: Literal["preview"]
    data: Annotated[Preview, _JsonText()]


class DoneEvent(_Event):
    """The job is over; the stream ends."""

    event: Literal["done"]
    data: Annotated[Job, _JsonText()]


class DeletedJob(BaseModel):
    """The id of a job that was deleted."""

    id: str


class GoneEvent(BaseModel):
    """The job was deleted; the stream ends."""

    event: Literal["gone"]
    data: Annotated[DeletedJob, _JsonText()]


class JobEvent(
    RootModel[
        Annotated[
            StatusEvent | ProgressEvent | PreviewEvent | DoneEvent | GoneEvent,
            Field(discriminator="event"),
        ]
    ]
):
    """One event of a job's stream."""
