"""Which files of a folder are painted, and what the pictures are called."""

from pathlib import Path

import pytest

from pastiche.cli.contents import find_contents


def test_hidden_files_of_a_folder_are_skipped(tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for name in ("IMG_1.jpg", "._IMG_1.jpg", ".cover.png"):
        (album / name).write_bytes(b"")
    contents = find_contents([str(album)], [], str(tmp_path / "painted"), None)
    assert [Path(each.name).name for each in contents] == ["IMG_1.jpg"]


def test_folders_in_a_folder_are_skipped_whatever_their_names(tmp_path: Path) -> None:
    album = tmp_path / "album"
    (album / "scans.tif").mkdir(parents=True)
    (album / "me.JPG").write_bytes(b"")
    contents = find_contents([str(album)], [], str(tmp_path / "painted"), None)
    assert [Path(each.name).name for each in contents] == ["me.JPG"]


def test_hidden_files_do_not_fit_a_pattern(tmp_path: Path) -> None:
    for name in ("IMG_1.jpg", "._IMG_1.jpg"):
        (tmp_path / name).write_bytes(b"")
    contents = find_contents([str(tmp_path / "*.jpg")], [], str(tmp_path / "painted"), None)
    assert [Path(each.name).name for each in contents] == ["IMG_1.jpg"]


def test_a_hidden_file_that_is_named_is_painted(tmp_path: Path) -> None:
    (tmp_path / ".me.jpg").write_bytes(b"")
    (content,) = find_contents([str(tmp_path / ".me.jpg")], [], str(tmp_path / "out.png"), None)
    assert content.picture == str(tmp_path / ".me.jpg")


def test_a_url_is_one_picture_and_no_pattern(tmp_path: Path) -> None:
    url = "https://example.org/me.jpg?size=[1]*"
    (content,) = find_contents([url], [], str(tmp_path / "out.png"), None)
    assert content.picture == url


@pytest.mark.parametrize(
    ("photograph", "styles", "name"),
    [
        ("album/harbour.jpg", ["wave.png"], "harbour-in-the-style-of-wave.png"),
        ("-", ["wave.png", "a/fire.jpg"], "picture-in-the-style-of-wave-and-fire.png"),
        (
            "https://example.org/a/my%20cat.jpg?size=2",
            ["example:wave"],
            "my-cat-in-the-style-of-wave.png",
        ),
        ("https://example.org/", [f"picture:{'0' * 32}"], "picture-in-the-style-of-picture.png"),
        (
            "data:image/png;base64,AAAA",
            ["https://a.org/%2F..%2F"],
            "picture-in-the-style-of-picture.png",
        ),
    ],
)
def test_a_picture_without_an_output_is_named_after_what_it_shows(
    photograph: str, styles: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pastiche.cli.contents.open_argument", lambda argument: argument)
    (content,) = find_contents([photograph], styles, None, None)
    assert content.target.path == Path(name)


def test_names_are_cut_to_what_a_file_system_takes(tmp_path: Path) -> None:
    (content,) = find_contents(["海" * 80 + ".jpg"], ["浪" * 80 + ".jpg"], None, "jpeg")
    assert content.target.path is not None
    (tmp_path / content.target.path).touch()
    assert content.target.path.name.endswith("浪.jpg")


def test_photographs_of_one_name_get_pictures_of_their_own() -> None:
    found = find_contents(["a/me.jpg", "b/me.jpg"], ["wave.png"], None, None)
    assert [str(each.target.path) for each in found] == [
        "me-in-the-style-of-wave.png",
        "me-in-the-style-of-wave-2.png",
    ]
