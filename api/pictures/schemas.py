"""Uploaded pictures as clients receive them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.pictures.form import MAX_NAME_LENGTH, NAME_PATTERN
from shared.uploaded_pictures import UploadedPicture


class PictureLinks(BaseModel):
    """Links to what belongs to the picture."""

    self: str
    file: str
    thumbnail: str


class Picture(BaseModel):
    """An uploaded picture."""

    id: str
    reference: str = Field(description="The value of a picture field of a job: `picture:<id>`.")
    name: str | None = Field(description="With a name, it is also listed as a style.")
    width: int
    height: int
    bytes: int = Field(description="The size of the stored file.")
    created_at: datetime
    expires_at: datetime = Field(description="Until when it is retained; each use extends it.")
    links: PictureLinks


class PictureList(BaseModel):
    """A page of the caller's uploaded pictures."""

    pictures: list[Picture]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last.")


class NewUpload(BaseModel):
    """What is known about a picture before its file is sent."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "My painting"}]}
    )

    name: str = Field(
        "",
        max_length=MAX_NAME_LENGTH,
        pattern=NAME_PATTERN,
        description="Its name, with which it is also listed as a style.",
    )


class DirectUploadLinks(BaseModel):
    """Links to what belongs to the upload."""

    complete: str


class DirectUpload(BaseModel):
    """Where to send the file of a picture."""

    id: str
    method: Literal["PUT"]
    url: str = Field(description="A signed URL of the object store: send the file, without a key.")
    expires_in: int = Field(description="For how many seconds the URL is valid.")
    max_bytes: int = Field(description="A larger file is refused when the upload is completed.")
    links: DirectUploadLinks


def describe_picture(picture: UploadedPicture) -> Picture:
    """The picture as a client receives it."""
    path = f"/pictures/{picture.id}"
    return Picture(
        id=picture.id,
        reference=f"picture:{picture.id}",
        name=picture.name or None,
        width=picture.width,
        height=picture.height,
        bytes=picture.size_bytes,
        created_at=picture.created_at,
        expires_at=picture.expires_at,
        links=PictureLinks(self=path, file=f"{path}/file", thumbnail=f"{path}/thumbnail"),
    )
