"""Pictures that the service would not take are told before they are sent, with what would work."""

from io import BytesIO
from pathlib import Path

import pytest

from pastiche.client import Client, UnusablePicture
from tests import pictures

WRONG = {
    "a PDF": b"%PDF-1.7\n",
    "an HEIC picture": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "a GIF": b"GIF89a",
    "a TIFF": b"II*\0",
    "an SVG": b'<?xml version="1.0"?><svg/>',
    "a video": b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
    "no picture": b"Dear Sir or Madam",
    "empty": b"",
}


@pytest.fixture
def nowhere() -> Client:
    """A client whose service is never asked."""
    return Client("http://127.0.0.1:9")


@pytest.mark.parametrize(("kind", "data"), WRONG.items(), ids=WRONG.keys())
def test_a_file_of_another_kind_is_told_with_its_name(
    nowhere: Client, tmp_path: Path, kind: str, data: bytes
) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    with pytest.raises(UnusablePicture, match=f"picture.jpg is {kind}") as caught:
        nowhere.submit(pictures.jpeg(), path)
    assert caught.value.field == "style"


def test_what_would_work_is_told(nowhere: Client) -> None:
    with pytest.raises(UnusablePicture, match="AVIF are taken: save it as a JPEG"):
        nowhere.submit(WRONG["an HEIC picture"], pictures.png())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_what_the_service_takes_is_sent(client: Client, kind: str) -> None:
    assert client.submit(pictures.encoded(pictures.photograph(), kind), pictures.png()).id


def test_a_folder_and_a_file_that_is_not_there_are_told(nowhere: Client, tmp_path: Path) -> None:
    with pytest.raises(UnusablePicture, match="is a folder"):
        nowhere.submit(tmp_path, pictures.png())
    with pytest.raises(UnusablePicture, match="There is no file"):
        nowhere.submit(tmp_path / "nothing.jpg", pictures.png())


def test_a_picture_that_is_too_large_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(pictures.jpeg() + bytes(1_000_000))
    client = Client("http://127.0.0.1:9", upload_limit_megabytes=1)
    with pytest.raises(UnusablePicture, match=r"is 1.0 MB; 1 MB are taken at most"):
        client.submit(path, pictures.png())
    with pytest.raises(UnusablePicture, match="1 MB are taken at most"):
        client.submit(BytesIO(path.read_bytes()), pictures.png())


def test_a_picture_of_pillow_s_in_any_mode_is_sent(client: Client) -> None:
    for mode in ("CMYK", "F", "YCbCr", "RGBA"):
        assert client.submit(pictures.photograph().convert(mode), pictures.png()).id
