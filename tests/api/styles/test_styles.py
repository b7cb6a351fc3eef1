"""Built-in styles, the operator's styles, and uploaded pictures with names: how they are listed
and used in jobs."""

from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from shared.blob_store import BlobStore
from shared.job_store import JobStore
from tests import pictures
from tests.api.conftest import Start
from tests.api.pictures.uploading import coloured, uploaded
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.conftest import RunningApi

BUILT_IN = [f"example:{path.stem}" for path in sorted(Path("examples/images/style").glob("*.jpg"))]


def submit(api: RunningApi, style: str) -> httpx.Response:
    parts: list[Any] = [("content", pictures.jpeg()), ("style", (None, style))]
    return api.http.post("/jobs", files=parts)


def references(api: RunningApi) -> list[str]:
    return [style["reference"] for style in api.http.get("/styles").json()["styles"]]


def test_every_built_in_style_is_listed(api: RunningApi) -> None:
    styles = api.http.get("/styles").json()["styles"]
    assert [style["reference"] for style in styles] == BUILT_IN
    titles = {style["name"]: style["title"] for style in styles}
    assert (titles["wave"], titles["stained_glass"]) == ("Wave", "Stained glass")
    with Image.open("examples/images/style/wave.jpg") as wave:
        size = wave.size
    assert size in [(style["width"], style["height"]) for style in styles]


def test_every_style_has_a_small_thumbnail(api: RunningApi) -> None:
    for style in api.http.get("/styles").json()["styles"]:
        response = api.http.get(style["links"]["thumbnail"])
        assert response.headers["content-type"] == "image/webp"
        assert max(Image.open(BytesIO(response.content)).size) == 256
        known = {"If-None-Match": response.headers["etag"]}
        assert api.http.get(style["links"]["thumbnail"], headers=known).status_code == 304


def test_an_unknown_style_has_no_thumbnail(api: RunningApi) -> None:
    response = api.http.get("/styles/example:nothing/thumbnail")
    assert (response.status_code, response.json()["code"]) == (404, "style_not_found")


def test_a_job_names_a_built_in_style(api: RunningApi) -> None:
    job = submit(api, "example:wave").json()
    blobs = BlobStore.open((api.settings.data_folder / "blobs").as_uri())
    stored = Image.open(BytesIO(blobs.get(f"jobs/{job['id']}/inputs/style-0")))
    with Image.open("examples/images/style/wave.jpg") as wave:
        assert stored.convert("RGB").tobytes() == wave.convert("RGB").tobytes()


def test_a_job_names_an_example_photograph_which_is_no_style(api: RunningApi) -> None:
    parts: list[Any] = [("content", (None, "example:harbour")), ("style", (None, "example:wave"))]
    job = api.http.post("/jobs", files=parts).json()
    blobs = BlobStore.open((api.settings.data_folder / "blobs").as_uri())
    stored = Image.open(BytesIO(blobs.get(f"jobs/{job['id']}/inputs/content-0")))
    with Image.open("examples/images/content/harbour.jpg") as harbour:
        assert stored.convert("RGB").tobytes() == harbour.convert("RGB").tobytes()
    assert "example:harbour" not in references(api)


@pytest.mark.parametrize(
    ("style", "hint"),
    [
        ("example:harbor", "Did you mean `example:harbour`?"),
        ("example:waves", "Did you mean `example:wave`?"),
        ("example:", "`example:cubist`"),
        ("example:../content/harbour", "`example:cubist`"),
        ("style:monet", "`GET /styles`"),
    ],
)
def test_an_unknown_style_is_refused_by_name_with_others(
    style: str, hint: str, api: RunningApi, jobs: JobStore
) -> None:
    response = submit(api, style)
    assert response.status_code == 422
    assert errors_of(response) == {"style": "style_not_found"}
    assert hint in response.json()["errors"][0]["detail"]
    assert_nothing_left(api, jobs)


@pytest.mark.parametrize("style", ["wave", "exampel:wave", "file:///etc/passwd"])
def test_a_text_that_is_no_reference_is_refused_with_the_valid_forms(
    style: str, api: RunningApi
) -> None:
    response = submit(api, style)
    assert errors_of(response) == {"style": "not_a_file"}
    assert "example:wave" in response.json()["errors"][0]["detail"]


def test_uploaded_pictures_with_a_name_are_styles(api: RunningApi) -> None:
    uploaded(api, coloured("red"))
    picture = uploaded(api, coloured("blue"), name="My blue")
    styles = api.http.get("/styles").json()["styles"]
    assert [style["reference"] for style in styles] == [*BUILT_IN, picture["reference"]]
    assert styles[-1]["title"] == "My blue"
    assert api.http.get(styles[-1]["links"]["thumbnail"]).status_code == 200


@pytest.mark.slow
def test_an_operator_s_folder_is_read(start: Start, jobs: JobStore, tmp_path: Path) -> None:
    folder = tmp_path / "styles"
    folder.mkdir()
    (folder / "Monet.jpg").write_bytes(pictures.jpeg(200, 100))
    (folder / "blue-night.webp").write_bytes(pictures.encoded(pictures.photograph(), "WEBP"))
    (folder / "broken.png").write_bytes(pictures.png()[:-40])
    (folder / "tiny.png").write_bytes(pictures.png(8, 8))
    (folder / "notes.txt").write_bytes(b"notes")
    (folder / "a name with spaces.jpg").write_bytes(pictures.jpeg())
    (folder / "folder.jpg").mkdir()
    with start(PASTICHE_STYLES_FOLDER=str(folder)) as api:
        assert references(api) == [*BUILT_IN, "style:blue-night", "style:monet"]
        assert submit(api, "style:monet").status_code == 202
        (folder / "wave.png").write_bytes(pictures.png())
        (folder / "Monet.jpg").unlink()
        assert references(api) == [*BUILT_IN, "style:blue-night", "style:wave"]
        assert errors_of(submit(api, "style:monet")) == {"style": "style_not_found"}
        assert errors_of(submit(api, "style:broken")) == {"style": "picture_broken"}


@pytest.mark.slow
def test_a_folder_that_does_not_exist_leaves_the_built_in_styles(
    start: Start, jobs: JobStore, tmp_path: Path
) -> None:
    with start(PASTICHE_STYLES_FOLDER=str(tmp_path / "nowhere")) as api:
        assert references(api) == BUILT_IN
