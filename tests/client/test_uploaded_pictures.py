"""Pictures that are uploaded once, and styles by name, through the client."""

from pathlib import Path

import pytest
from PIL import Image

from pastiche.client import ApiError, Client, InvalidPicture
from tests import pictures
from tests.api.pictures.uploading import coloured
from tests.conftest import RunningApi


def test_an_uploaded_picture_is_used_in_jobs(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "harbour.jpg"
    path.write_bytes(pictures.jpeg(96, 64))
    picture = client.upload_picture(path)
    assert (picture.width, picture.height, picture.name) == (96, 64, None)
    assert client.submit(picture, "example:wave").id != client.submit(picture.reference, picture).id


def test_the_same_picture_is_uploaded_once(client: Client) -> None:
    first = client.upload_picture(pictures.png())
    assert client.upload_picture(pictures.png(), name="Blue").id == first.id


def test_without_an_object_store_a_picture_is_not_sent_to_one(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        client.upload_picture(pictures.png(), direct=True)
    assert refused.value.code == "no_direct_uploads"


def test_references_and_files_keep_their_order(client: Client, api: RunningApi) -> None:
    red = client.upload_picture(coloured("red"))
    job = client.submit(
        pictures.jpeg(), [coloured("blue"), red, "example:wave"], style_weights=[0.2, 0.3, 0.5]
    )
    folder = api.settings.data_folder / "blobs" / "jobs" / job.id / "inputs"
    with Image.open(folder / "style-1") as second:
        assert second.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_all_pages_of_pictures_are_listed(client: Client) -> None:
    ids = [client.upload_picture(coloured(each)).id for each in ("red", "lime", "blue")]
    assert [each.id for each in client.list_pictures(page_size=2)] == ids[::-1]


def test_a_deleted_picture_cannot_be_used(client: Client) -> None:
    picture = client.upload_picture(pictures.png())
    client.delete_picture(picture)
    with pytest.raises(ApiError) as refused:
        client.submit(picture, picture)
    assert {each.code for each in refused.value.field_errors} == {"picture_not_found"}


def test_styles_are_listed_and_used(client: Client) -> None:
    client.upload_picture(pictures.png(), name="Mine")
    styles = {style.title: style for style in client.list_styles()}
    assert styles["Wave"].reference == "example:wave"
    assert client.submit(pictures.jpeg(), [styles["Wave"], styles["Mine"]]).id


def test_a_picture_that_would_not_be_accepted_is_not_uploaded(tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_bytes(b"Dear sir or madam")
    with pytest.raises(InvalidPicture, match=r"notes.jpg is not a picture"):
        Client("http://127.0.0.1:9").upload_picture(path)
