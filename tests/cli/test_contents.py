"""The files of a folder that are painted, and the names of the pictures."""

from pathlib import Path

import pytest
import typer

from pastiche.cli.console import InvalidFile
from pastiche.cli.contents import Target, check_target, find_contents, further_pictures, save


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


def test_a_url_is_one_picture_not_a_pattern(tmp_path: Path) -> None:
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


def test_long_names_are_cut_to_the_limit_of_file_systems(tmp_path: Path) -> None:
    (content,) = find_contents(["海" * 80 + ".jpg"], ["浪" * 80 + ".jpg"], None, "jpeg")
    assert content.target.path is not None
    (tmp_path / content.target.path).touch()
    assert content.target.path.name.endswith("浪.jpg")


def test_photographs_of_the_same_name_get_different_pictures() -> None:
    found = find_contents(["a/me.jpg", "b/me.jpg"], ["wave.png"], None, None)
    assert [str(each.target.path) for each in found] == [
        "me-in-the-style-of-wave.png",
        "me-in-the-style-of-wave-2.png",
    ]


def test_no_picture_that_is_read_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("me.jpg", "wave.png", "me.png", "me-2.png", "me-3.png"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    options = {"mask": ["me.png"], "style_mask": ["me-2.png"], "size": 64, "content_map": None}
    further = further_pictures(options | {"start_image": "me-3.png"})
    (content,) = find_contents(["me.jpg"], ["wave.png"], "./", None, further)
    assert content.target.path == Path("me-4.png")
    further = further_pictures({"content_map": "me.png"})
    with pytest.raises(typer.BadParameter, match="one of the pictures to paint from"):
        find_contents(["me.jpg"], ["wave.png"], "me.png", None, further)


def test_a_picture_that_is_read_has_several_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hard link simulates the other names of a file on a disk that ignores case."""
    (tmp_path / "me.PNG").touch()
    (tmp_path / "me.png").hardlink_to(tmp_path / "me.PNG")
    monkeypatch.chdir(tmp_path)
    (content,) = find_contents(["me.PNG"], ["wave.png"], "./", None)
    assert content.target.path == Path("me-2.png")
    with pytest.raises(typer.BadParameter, match="one of the pictures to paint from"):
        find_contents(["me.PNG"], ["wave.png"], "me.png", None)


def test_pictures_get_names_that_are_different_on_every_disk() -> None:
    photographs = ["a/Me.jpg", "b/me.jpg", "a/caf\u00e9.jpg", "b/cafe\u0301.jpg"]
    found = find_contents(photographs, ["wave.png"], "painted", None)
    assert [str(each.target.path) for each in found] == [
        "painted/Me.png",
        "painted/me-2.png",
        "painted/caf\u00e9.png",
        "painted/cafe\u0301-2.png",
    ]


def test_results_of_an_earlier_run_are_not_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    end = "-in-the-style-of-"
    for name in ("me", f"me{end}wave", f"me{end}wave-2", f"me{end}wave-and-fire", f"me{end}fire"):
        (tmp_path / f"{name}.png").touch()
    for photographs in (".", "*.png"):
        contents = find_contents([photographs], ["wave.jpg"], None, None)
        assert {each.name: str(each.target.path) for each in contents} == {
            "me.png": f"me{end}wave.png",
            f"me{end}fire.png": f"me{end}fire{end}wave.png",
            f"me{end}wave-and-fire.png": f"me{end}wave-and-fire{end}wave.png",
        }


def test_a_result_that_is_named_is_painted(tmp_path: Path) -> None:
    result = tmp_path / "me-in-the-style-of-wave.png"
    result.touch()
    (content,) = find_contents([str(result)], ["wave.jpg"], None, None)
    assert content.picture == str(result)


def test_a_folder_that_cannot_be_created_is_reported_before_anything_is_painted(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidFile, match="cannot be created in"):
        find_contents(["a.jpg", "b.jpg"], ["wave.jpg"], str(tmp_path / "file" / "painted"), None)


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"earlier")
    path.chmod(mode)
    save(b"picture", path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"picture", mode)


def test_a_link_into_a_missing_folder_is_reported_before_anything_is_painted(
    tmp_path: Path,
) -> None:
    link = tmp_path / "out.png"
    link.symlink_to("missing/out.png")
    target = Target(link, "png")
    with pytest.raises(
        InvalidFile, match=r"out.png cannot be saved: there is no folder .*missing\."
    ):
        check_target(target)
    check_target(target, makes_folder=True)
