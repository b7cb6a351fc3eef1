"""The workflows: pinned actions, and a release with what the manifests refer to."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.deploy.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def load(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_rights_are_few(path: Path) -> None:
    assert load(path)["permissions"] == {"contents": "read"}
    used = re.findall(r"uses: \S+?@(\S+)", path.read_text("utf-8"))
    assert [version for version in used if not re.fullmatch(r"v\d+\.\d+\.\d+", version)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_programs_of_the_package_index_are_pinned(path: Path) -> None:
    for specification in re.findall(r"--spec (\S+)", path.read_text("utf-8")):
        assert re.fullmatch(r"[a-z-]+==[\d.]+", specification)


def test_a_release_has_the_images_that_the_manifests_refer_to() -> None:
    base = load(ROOT / "deploy/kubernetes/base/kustomization.yaml")
    images = load(ROOT / ".github/workflows/release.yml")["jobs"]["images"]
    names = images["strategy"]["matrix"]["name"]
    image = images["env"]["IMAGE"].replace("${{ github.repository }}", "pastiche-art/pastiche")
    published = {image.replace("${{ matrix.name }}", name) for name in names}
    assert {each["newName"] for each in base["images"]} == published
    for name in names:
        assert (ROOT / f"Dockerfile.{name}").exists()
