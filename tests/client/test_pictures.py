"""Pictures that the service would not accept are rejected before they are sent, with advice."""

import os
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pastiche.client import ApiError, Client, InvalidPicture
from tests import pictures
from tests.conftest import RunningApi

WRONG = {
    "a PDF": b"%PDF-1.7\n",
    "an HEIC picture": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "a GIF": b"GIF89a",
    "a TIFF": b"II*\0",
    "an SVG": b'<?xml version="1.0"?><svg/>',
    "a video": b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
    "not a picture": b"Dear Sir or Madam",
    "empty": b"",
}


@pytest.fixture
def nowhere() -> Client:
    """A client whose service does not exist: no request is sent."""
    return Client("http://127.0.0.1:9")


@pytest.mark.parametrize(("kind", "data"), WRONG.items(), ids=WRONG.keys())
def test_a_file_of_another_format_is_rejected_by_name(
    nowhere: Client, tmp_path: Path, kind: str, data: bytes
) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    with pytest.raises(InvalidPicture, match=f"picture.jpg is {kind}") as caught:
        nowhere.submit(pictures.jpeg(), path)
    assert caught.value.field == "style"


def test_the_error_says_what_would_work(nowhere: Client) -> None:
    with pytest.raises(InvalidPicture, match="AVIF are accepted: save it as a JPEG"):
        nowhere.submit(WRONG["an HEIC picture"], pictures.png())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_accepted_formats_are_sent(client: Client, kind: str) -> None:
    assert client.submit(pictures.encoded(pictures.photograph(), kind), pictures.png()).id


def test_a_folder_and_a_missing_file_are_rejected(nowhere: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidPicture, match="is a folder"):
        nowhere.submit(tmp_path, pictures.png())
    with pytest.raises(InvalidPicture, match="There is no file"):
        nowhere.submit(tmp_path / "nothing.jpg", pictures.png())


def test_a_picture_that_is_too_large_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(pictures.jpeg() + bytes(1_000_000))
    client = Client("http://127.0.0.1:9", upload_limit_megabytes=1)
    with pytest.raises(InvalidPicture, match=r"is 1.0 MB, and the limit is 1 MB"):
        client.submit(path, pictures.png())
    with pytest.raises(InvalidPicture, match="the limit is 1 MB"):
        client.submit(BytesIO(path.read_bytes()), pictures.png())


def test_a_picture_of_pillow_s_in_any_mode_is_sent(client: Client) -> None:
    for mode in ("CMYK", "F", "YCbCr", "RGBA"):
        assert client.submit(pictures.photograph().convert(mode), pictures.png()).id


def test_a_buffer_at_its_end_is_sent_whole(client: Client) -> None:
    buffer = BytesIO()
    pictures.photograph().save(buffer, "PNG")
    assert buffer.read() == b""
    assert client.submit(buffer, pictures.png()).id


def test_a_data_uri_is_sent_as_it_is_among_files(
    client: Client, api: RunningApi, tmp_path: Path
) -> None:
    path = tmp_path / "tall.png"
    path.write_bytes(pictures.png(32, 64))
    wide = f"data:image/png;base64,{b64encode(pictures.png(64, 32)).decode()}"
    client.submit(str(path), [wide, path, wide])
    styles = sorted(each for each in api.blobs if each.name.startswith("style"))
    sizes = []
    for style in styles:
        with Image.open(style) as picture:
            sizes.append(picture.size)
    assert sizes == [(64, 32), (32, 64), (64, 32)]


def test_a_url_is_sent_as_it_is(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        client.submit("https://127.0.0.1/me.jpg", pictures.png())
    assert [(each.field, each.code) for each in refused.value.field_errors] == [
        ("content", "url_not_allowed")
    ]


class Closed(BytesIO):
    """A file that was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.close()


class Failing(BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError("the disk is gone")


class Strange:
    """A file of a library with a method of its own."""

    def read(self, count: int) -> bytes:
        return bytes(count)


class AwaitedRead:
    """A file of an asynchronous library."""

    async def read(self) -> bytes:
        return b""


class StrangeArray:
    """An array of a library of its own."""

    shape, dtype = (16, 16, 3), "uint8"

    def __array__(self) -> np.ndarray:
        raise RuntimeError("its device is gone")


def closed_picture() -> Image.Image:
    picture = pictures.photograph()
    picture.close()
    return picture


def damaged_picture() -> Image.Image:
    return Image.open(BytesIO(pictures.png()[:-200]))


UNUSABLE: dict[str, tuple[Callable[[], object], str]] = {
    "open as text": (lambda: StringIO("picture"), "The style image is open as text: open it in"),
    "closed": (Closed, "The style image cannot be read: I/O operation on closed file"),
    "strange": (Strange, r"The style image cannot be read: Strange.read\(\) missing 1 required"),
    "class": (lambda: BytesIO, "The style image cannot be read: descriptor 'seek'"),
    "failing": (Failing, "The style image cannot be read: the disk is gone"),
    "empty": (lambda: BytesIO(), "The style image is empty"),
    "no bytes": (lambda: bytearray(), "The style image is empty"),
    "closed Pillow picture": (closed_picture, "The style image, of mode RGB, cannot be read"),
    "Pillow picture without pixels": (
        lambda: Image.new("RGB", (0, 5)),
        "The style image has no pixels: it is 0×5.",
    ),
    "damaged Pillow picture": (damaged_picture, "The style image, of mode RGB, cannot be read"),
    "array of another shape": (
        lambda: np.zeros((16, 16, 7)),
        r"The style image is an array of the shape \(16, 16, 7\)",
    ),
    "array that cannot be read": (
        StrangeArray,
        "The style image is an array that cannot be read: its device is gone.",
    ),
    "array out of range": (
        lambda: np.full((16, 16), 255.0),
        "The style image is an array of float64 out of range",
    ),
    "number": (lambda: 7, "The style image is of the type int: it must be a path"),
    "dictionary": (lambda: {"path": "a.jpg"}, "The style image is of the type dict"),
    "nothing in a list": (lambda: [None], "The style image is of the type NoneType"),
    "folder of pictures as a generator": (lambda: (each for each in "ab"), "of the type generator"),
    "name with a zero byte": (lambda: "a\0.jpg", "cannot be read: .*embedded null"),
}


@pytest.mark.parametrize(("make", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_objects_that_are_not_pictures_are_rejected(
    make: Callable[[], object], sentence: str, nowhere: Client
) -> None:
    given: Any = make()
    with pytest.raises(InvalidPicture, match=sentence) as caught:
        nowhere.submit(pictures.jpeg(), given)
    assert caught.value.field == "style"


@pytest.mark.filterwarnings("ignore:coroutine")  # which nobody can await here
def test_an_asynchronous_file_is_rejected(nowhere: Client) -> None:
    given: Any = AwaitedRead()
    with pytest.raises(InvalidPicture, match="gives coroutine when read, not bytes"):
        nowhere.submit(given, pictures.png())


def test_a_file_open_as_text_is_rejected_by_name(nowhere: Client, tmp_path: Path) -> None:
    path = tmp_path / "me.jpg"
    path.write_bytes(pictures.jpeg())
    with path.open(encoding="utf-8") as file:
        given: Any = file
        with pytest.raises(InvalidPicture, match=r"me.jpg is open as text"):
            nowhere.submit(given, pictures.png())


def test_a_file_open_for_writing_is_rejected(nowhere: Client, tmp_path: Path) -> None:
    with (
        (tmp_path / "me.jpg").open("wb") as file,
        pytest.raises(InvalidPicture, match=r"me.jpg cannot be read: it is open for writing"),
    ):
        nowhere.submit(file, pictures.png())


def test_a_path_of_bytes_is_read(client: Client, tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_bytes(pictures.jpeg())
    with os.scandir(os.fsencode(tmp_path)) as entries:
        given: Any = next(entries)
        assert client.submit(given, pictures.png()).id


def test_a_pipe_is_read_to_its_end(client: Client) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        with os.fdopen(writing, "wb") as source:
            source.write(pictures.jpeg())
        assert client.submit(pipe, pictures.png()).id
