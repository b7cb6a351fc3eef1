"""`/styles`: the styles that jobs can name, and their thumbnails."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.access.authentication import Access, CurrentAccess
from api.http.negotiation import is_unchanged
from api.http.problems import caller_problems
from api.styles.catalogue import Style as StyleRecord
from shared import uploaded_pictures
from shared.errors import StyleNotFound
from shared.uploaded_pictures import UploadedPicture

router = APIRouter(prefix="/styles", tags=["styles"])

_MAX_NAMED_PICTURES = 100
_MAX_READ_PICTURES = 1000
"""How many uploaded pictures are read for those with a name."""


class StyleLinks(BaseModel):
    """Links to what belongs to the style."""

    thumbnail: str


class Style(BaseModel):
    """A style that a job can name."""

    reference: str = Field(
        description="The value of a picture field of a job: `example:<name>` for a built-in style, "
        "`style:<name>` for one of the operator's, `picture:<id>` for an uploaded picture."
    )
    name: str
    title: str = Field(description="The name for people.")
    width: int
    height: int
    links: StyleLinks


class StyleList(BaseModel):
    """All styles: the built-in ones, the operator's, and the caller's uploaded pictures that have a
    name."""

    styles: list[Style]


@router.get("", summary="List styles", responses=caller_problems(507))
async def list_styles(access: CurrentAccess) -> StyleList:
    """The styles that a job can name, as `style=example:wave`: the built-in ones, the operator's,
    and the newest of the caller's uploaded pictures that have a name."""
    on_disk = await access.service.styles.list_styles()
    return StyleList(
        styles=[
            *(_describe_style(style) for style in on_disk),
            *(_describe_picture(picture) for picture in await _list_named_pictures(access)),
        ]
    )


@router.get(
    "/{reference}/thumbnail",
    summary="Get the thumbnail of a style",
    response_class=Response,
    responses=caller_problems(404, 507)
    | {
        200: {"content": {"image/webp": {}}},
        304: {"description": "The client has it already"},
    },
)
async def get_style_thumbnail(request: Request, reference: str, access: CurrentAccess) -> Response:
    """A small picture of a built-in style or one of the operator's, a WebP file."""
    styles = {each.reference: each for each in await access.service.styles.list_styles()}
    style = styles.get(reference)
    if style is None:
        raise StyleNotFound(f"There is no style {reference!r}: `GET /styles` lists them.")
    headers = {"ETag": style.etag, "Cache-Control": "private, no-cache"}
    if is_unchanged(request, style.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(style.thumbnail, media_type="image/webp", headers=headers)


async def _list_named_pictures(access: Access) -> list[UploadedPicture]:
    listing = uploaded_pictures.list_pictures(
        access.owner,
        before="",
        limit=_MAX_NAMED_PICTURES,
        most=_MAX_READ_PICTURES,
        only_named=True,
    )
    return (await access.service.jobs.run(listing)).pictures


def _describe_style(style: StyleRecord) -> Style:
    return Style(
        reference=style.reference,
        name=style.name,
        title=style.title,
        width=style.width,
        height=style.height,
        links=StyleLinks(thumbnail=f"/styles/{style.reference}/thumbnail"),
    )


def _describe_picture(picture: UploadedPicture) -> Style:
    return Style(
        reference=f"picture:{picture.id}",
        name=picture.name,
        title=picture.name,
        width=picture.width,
        height=picture.height,
        links=StyleLinks(thumbnail=f"/pictures/{picture.id}/thumbnail"),
    )
