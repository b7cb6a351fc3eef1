"""The service and its client read every kind of picture alike, in every field."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pastiche.client import Client
from pastiche.pictures import on_white
from tests import pictures
from tests.api.test_submit import errors_of
from tests.conftest import RunningApi
from tests.library.test_pictures import OPENED_BY_PILLOW, assert_alike
from tests.picture_cases import CASES, CUT_OFF, Case

pytestmark = pytest.mark.slow

IMAGES = ("content", "style", "start_image")
MASKS = ("mask", "style_mask", "content_map")


def in_every_field(picture: Any) -> dict[str, Any]:
    return dict.fromkeys((*IMAGES, *MASKS), picture)


def submit(api: RunningApi, picture: bytes) -> int:
    return api.http.post("/jobs", files=in_every_field(picture)).status_code


def submit_by_client(api: RunningApi, **fields: Any) -> None:
    with Client(str(api.http.base_url)) as client:
        client.submit(**fields)


def assert_stored(api: RunningApi, case: Case) -> None:
    """What a worker gets is what is right, in each of the six fields."""
    stored = {path.name.partition("-")[0]: path for path in api.blobs}
    assert stored.keys() == {*IMAGES, *MASKS}
    for field, path in stored.items():
        with Image.open(path) as picture:
            if field in MASKS:
                assert_alike(picture.convert("L"), case.expected_mask())
            else:
                assert_alike(on_white(picture), case.expected_colours())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_upload_is_read_alike_in_every_field(case: Case, api: RunningApi) -> None:
    assert submit(api, case.make()) == 202
    assert_stored(api, case)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's own, when it opens one
@pytest.mark.parametrize("case", OPENED_BY_PILLOW.values(), ids=OPENED_BY_PILLOW)
def test_a_pillow_picture_given_to_the_client_is_read_as_its_file(
    case: Case, api: RunningApi
) -> None:
    with Image.open(BytesIO(case.make())) as opened:
        submit_by_client(api, **in_every_field(opened))
    assert_stored(api, case)


@pytest.mark.parametrize(
    "name", ["JPEG turned by EXIF", "white on nothing", "PNG with a long text"]
)
def test_paths_bytes_and_files_given_to_the_client_are_read_alike(
    name: str, api: RunningApi, tmp_path: Path
) -> None:
    data = CASES[name].make()
    path = tmp_path / "picture"
    path.write_bytes(data)
    with path.open("rb") as file:
        submit_by_client(
            api,
            content=path,
            style=str(path),
            start_image=data,
            mask=bytearray(data),
            style_mask=memoryview(data),
            content_map=file,
        )
    assert_stored(api, CASES[name])


def test_arrays_given_to_the_client_are_read_as_what_they_show(api: RunningApi) -> None:
    case = CASES["half transparent"]
    submit_by_client(api, **in_every_field(np.asarray(case.expected())))
    assert_stored(api, case)


@pytest.mark.parametrize("make", CUT_OFF.values(), ids=CUT_OFF)
def test_an_upload_whose_last_pixels_are_missing_is_refused(make: Any, api: RunningApi) -> None:
    response = api.http.post("/jobs", files={"content": pictures.jpeg(), "style": make()})
    assert errors_of(response) == {"style": "picture_broken"}


def test_the_content_alone_keeps_its_transparency(api: RunningApi) -> None:
    assert submit(api, CASES["half transparent"].make()) == 202
    for path in api.blobs:
        with Image.open(path) as picture:
            assert (picture.mode == "RGBA") == (path.name == "content-0")


@pytest.mark.parametrize("field", MASKS)
def test_a_mask_that_is_transparent_everywhere_is_refused(field: str, api: RunningApi) -> None:
    clear = pictures.encoded(Image.new("RGBA", (96, 64), (255, 255, 255, 0)), "PNG")
    files = {"content": pictures.jpeg(), "style": pictures.png(), field: clear}
    assert errors_of(api.http.post("/jobs", files=files)) == {field: "mask_empty"}
