"""The folder for pictures that are being uploaded, and the folders that killed processes left."""

import asyncio
import os
import tempfile
from pathlib import Path
from time import time

import pytest

from api.decoding.scratch import PREFIX, YOUNG_SECONDS, remove_abandoned_later, scratch_folder
from tests.waiting import until


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def make_old(folder: Path) -> None:
    moment = time() - 2 * YOUNG_SECONDS
    os.utime(folder, (moment, moment))


def test_the_folder_is_deleted_at_its_end(temporary: Path) -> None:
    with scratch_folder() as folder:
        (folder / "picture").write_bytes(b"picture")
    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_killed_process_is_deleted(temporary: Path) -> None:
    abandoned = temporary / f"{PREFIX}abandoned"
    abandoned.mkdir()
    (abandoned / "picture").write_bytes(b"picture")
    make_old(abandoned)
    with scratch_folder() as folder:
        assert list(temporary.iterdir()) == [folder]


def test_a_folder_that_another_process_uses_stays() -> None:
    with scratch_folder() as used:
        make_old(used)
        with scratch_folder():
            assert used.is_dir()


def test_a_folder_that_another_process_has_just_created_stays(temporary: Path) -> None:
    young = temporary / f"{PREFIX}young"
    young.mkdir()
    with scratch_folder():
        assert young.is_dir()


def test_a_folder_too_young_at_the_start_is_deleted_later(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.decoding.scratch.YOUNG_SECONDS", 0.1)
    abandoned = temporary / f"{PREFIX}abandoned"
    abandoned.mkdir()

    async def look_again() -> None:
        async with remove_abandoned_later():
            await asyncio.to_thread(until, lambda: not abandoned.exists())

    with scratch_folder() as folder:
        asyncio.run(look_again())
        assert list(temporary.iterdir()) == [folder]
