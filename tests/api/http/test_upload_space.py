"""The space for uploads: what an upload takes of it, and when the space is free again."""

from pathlib import Path

import pytest

from api.http.upload_space import UploadFolder, UploadSpace
from shared.errors import UploadsBusy


@pytest.fixture
def space(tmp_path: Path) -> UploadSpace:
    return UploadSpace(tmp_path, limit_bytes=100)


def test_fetched_and_decoded_pictures_take_space(space: UploadSpace) -> None:
    with space.open() as first, space.open() as second:
        (first.path / "0.fetched").write_bytes(bytes(60))
        first.count_files()
        second.take(40)
        with pytest.raises(UploadsBusy):
            second.take(1)
        (second.path / "content-0").write_bytes(bytes(50))
        with pytest.raises(UploadsBusy):
            second.count_files()


def test_a_deleted_upload_frees_its_space(space: UploadSpace) -> None:
    with space.open() as first, space.open() as second:
        first.take(90)
        (first.path / "content-0").write_bytes(bytes(10))
        first.count_files()
        second.take(90)


def test_an_upload_that_is_over_or_refused_frees_its_space_and_leaves_nothing(
    space: UploadSpace, tmp_path: Path
) -> None:
    def fill(folder: UploadFolder) -> None:
        with space.open() as other:
            other.take(60)
            (other.path / "content-0").write_bytes(bytes(60))
            folder.take(60)

    with space.open() as folder:
        with pytest.raises(UploadsBusy):
            fill(folder)
        folder.take(60)
    with space.open() as folder:
        folder.take(30)
        with pytest.raises(UploadsBusy):
            fill(folder)
    assert list(tmp_path.iterdir()) == []
