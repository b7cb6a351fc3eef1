"""The pictures that a client returns."""

import pickle
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from pastiche import Client, OptionError
from pastiche.client import PaintedPicture
from pastiche.client.models import Format
from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, png, submitted
from tests.conftest import RunningApi


@pytest.fixture
def painted(client: Client, api: RunningApi, jobs: JobStore) -> str:
    """The id of a job with a picture."""
    job = submitted(api)
    PlayedWorker.of(job, jobs, api).commit(png(40, 30))
    return str(job["id"])


FORMATS: list[tuple[Format, str]] = [("png", "a.PNG"), ("jpeg", "a.jpg"), ("webp", "a.webp")]


@pytest.mark.parametrize(("format", "name"), FORMATS)
def test_a_picture_saves_itself_in_its_format(
    client: Client, painted: str, tmp_path: Path, format: Format, name: str
) -> None:
    picture = client.result(painted, format)
    assert picture.format == format
    picture.save(tmp_path / name)
    assert (tmp_path / name).read_bytes() == picture


def test_a_picture_is_not_saved_with_the_name_of_another_format(
    client: Client, painted: str, tmp_path: Path
) -> None:
    picture = client.result(painted)
    with pytest.raises(ValueError, match=r"does not fit the format PNG: ask for format='jpeg'"):
        picture.save(tmp_path / "a.jpg")
    picture.save(tmp_path / "a.backup")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("a")] == ["a.backup"]


@pytest.mark.parametrize(("format", "name"), FORMATS)
def test_a_notebook_shows_the_picture(
    client: Client, painted: str, format: Format, name: str
) -> None:
    picture = client.result(painted, format)
    bundle = picture._repr_mimebundle_()
    assert b64decode(bundle[f"image/{format}"]) == picture
    assert repr(picture) == f"<PaintedPicture: {format}, {len(picture)} bytes>"


def test_a_picture_can_be_sent_again(client: Client, painted: str) -> None:
    job = client.submit(client.result(painted), pictures.png())
    assert job.status == "queued"


def test_a_picture_can_be_pickled() -> None:
    picture = pickle.loads(pickle.dumps(PaintedPicture(pictures.png())))  # noqa: S301
    assert (type(picture), picture.format) == (PaintedPicture, "png")


def test_an_unknown_option_is_refused_before_anything_is_sent(
    client: Client, api: RunningApi
) -> None:
    mistyped: dict[str, Any] = {"style_wieght": 0.7}
    calls: list[Any] = [client.paint, client.submit, client.estimate, client.submit_sweep]
    for call in calls:
        with pytest.raises(OptionError, match=r"does not exist\. Did you mean style_weight\?"):
            call("nothing.jpg", "nothing.png", **mistyped)
    assert api.http.get("/jobs").json()["jobs"] == []
