"""Which files of a folder are painted."""

from pathlib import Path

from pastiche.cli.contents import find_contents


def test_hidden_files_of_a_folder_are_skipped(tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for name in ("IMG_1.jpg", "._IMG_1.jpg", ".cover.png"):
        (album / name).write_bytes(b"")
    contents = find_contents(str(album), str(tmp_path / "painted"), None)
    assert [Path(each.name).name for each in contents] == ["IMG_1.jpg"]


def test_folders_in_a_folder_are_skipped_whatever_their_names(tmp_path: Path) -> None:
    album = tmp_path / "album"
    (album / "scans.tif").mkdir(parents=True)
    (album / "me.JPG").write_bytes(b"")
    contents = find_contents(str(album), str(tmp_path / "painted"), None)
    assert [Path(each.name).name for each in contents] == ["me.JPG"]


def test_hidden_files_do_not_fit_a_pattern(tmp_path: Path) -> None:
    for name in ("IMG_1.jpg", "._IMG_1.jpg"):
        (tmp_path / name).write_bytes(b"")
    contents = find_contents(str(tmp_path / "*.jpg"), str(tmp_path / "painted"), None)
    assert [Path(each.name).name for each in contents] == ["IMG_1.jpg"]


def test_a_hidden_file_that_is_named_is_painted(tmp_path: Path) -> None:
    (tmp_path / ".me.jpg").write_bytes(b"")
    (content,) = find_contents(str(tmp_path / ".me.jpg"), str(tmp_path / "out.png"), None)
    assert content.picture == str(tmp_path / ".me.jpg")


def test_a_url_is_one_picture_and_no_pattern(tmp_path: Path) -> None:
    url = "https://example.org/me.jpg?size=[1]*"
    (content,) = find_contents(url, str(tmp_path / "out.png"), None)
    assert content.picture == url
