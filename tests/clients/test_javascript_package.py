"""The package of the JavaScript client: its types, and its modules as the service serves them."""

import json

import pytest

from pastiche.version import __version__
from tests.conftest import RunningApi
from tests.node import CLIENTS
from tools.generate_javascript import generate_types

FOLDER = CLIENTS / "js"
PACKAGE = json.loads((FOLDER / "package.json").read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.usefixtures("node_packages")
def test_the_types_are_up_to_date() -> None:
    committed = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.d.ts")}
    assert generate_types() == committed, "run: make javascript"


def test_the_package_has_the_version_of_the_service() -> None:
    assert PACKAGE["version"] == __version__


def test_every_export_of_the_package_exists() -> None:
    files = [file for conditions in PACKAGE["exports"].values() for file in conditions.values()]
    assert [each for each in files if not (FOLDER / each).exists()] == []


def test_the_package_lock_names_no_registry() -> None:
    lock = json.loads((CLIENTS / "package-lock.json").read_text("utf-8"))
    packages = [package for name, package in lock["packages"].items() if name]
    assert all("integrity" in package and "resolved" not in package for package in packages)


def test_the_service_serves_the_modules(api: RunningApi) -> None:
    response = api.http.get("/clients/pastiche.js")
    assert response.text == (FOLDER / "pastiche.js").read_text("utf-8")
    assert response.headers["content-type"].startswith("text/javascript")


def test_a_browser_loads_a_module_again_only_if_it_has_changed(api: RunningApi) -> None:
    response = api.http.get("/clients/pastiche.js")
    assert response.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": response.headers["etag"]}
    assert api.http.get("/clients/pastiche.js", headers=known).status_code == 304
