"""A client that was generated from the OpenAPI document works."""

import json
import os
import re
import shlex
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from api.app import create_app
from shared.settings import Settings
from tests import pictures
from tests.conftest import RunningApi
from tests.docs.test_pages import ROOT
from tests.stack import Stack

PACKAGE = "pastiche_api"
GUIDE = (ROOT / "docs" / "api.md").read_text("utf-8")


def block(language: str, containing: str) -> str:
    """The example in the API's documentation that has these words."""
    found = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    (one,) = [each for each in found if containing in each]
    return str(one)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the client, and the output of the generator."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(create_app(Settings()).openapi()))
    (folder / "config.yaml").write_text(block("yaml", "content_type_overrides"))
    programs = Path(sys.executable).parent
    command = shlex.split(block("sh", "openapi-python-client").replace("\\\n", " "))
    url = command.index("--url")
    command[url : url + 2] = ["--path", "openapi.json"]
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    (folder / "output").write_text(f"{result.returncode}\n{result.stdout}{result.stderr}")
    return folder


@pytest.fixture
def client(generated: Path, api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(generated)
    with import_module(PACKAGE).Client(base_url=str(api.http.base_url)) as client:
        yield client


def call(name: str) -> ModuleType:
    return import_module(f"{PACKAGE}.api.jobs.{name}")


def submission(**options: Any) -> Any:
    file = import_module(f"{PACKAGE}.types").File
    kind = import_module(f"{PACKAGE}.models").SubmitJobForm
    content = file(BytesIO(pictures.jpeg()), "content.jpg", "image/jpeg")
    style = file(BytesIO(pictures.png()), "style.png", "image/png")
    return kind(content=content, style=[style], **options)


def test_the_generator_understands_all_of_the_document(generated: Path) -> None:
    result = (generated / "output").read_text()
    assert result.startswith("0\n")
    assert "WARNING" not in result
    assert "Unable" not in result


def test_it_submits_a_job_and_finds_it_again(client: Any) -> None:
    job = call("submit_job").sync(client=client, body=submission(size=128, style_weight=0.7))
    assert (job.status, job.options.size, job.options.style_weight) == ("queued", 128, 0.7)
    assert call("get_job").sync(job.id, client=client).to_dict() == job.to_dict()
    (listed,) = call("list_jobs").sync(client=client).jobs
    assert listed.id == job.id


def test_it_submits_json(client: Any) -> None:
    kind = import_module(f"{PACKAGE}.models").SubmitJobBody
    uri = f"data:;base64,{b64encode(pictures.jpeg()).decode()}"
    body = kind(content=uri, style=[uri], size=128, style_weights=[1.0])
    job = call("submit_job").sync(client=client, body=body)
    assert (job.options.size, job.options.style_weights) == (128, [1.0])


def test_it_changes_cancels_and_deletes_a_job(client: Any) -> None:
    job = call("submit_job").sync(client=client, body=submission())
    changes = import_module(f"{PACKAGE}.models").WeightUpdate(style_weight=0.9)
    changed = call("update_weights").sync(job.id, client=client, body=changes)
    assert changed.options.style_weight == 0.9
    assert call("cancel_job").sync(job.id, client=client).status == "canceled"
    assert call("delete_job").sync_detailed(job.id, client=client).status_code == 204
    assert call("get_job").sync(job.id, client=client).code == "job_not_found"


def test_it_reads_what_is_wrong_with_a_field(client: Any) -> None:
    problem = call("submit_job").sync(client=client, body=submission(size=1))
    assert problem.status == 422
    assert [error.field for error in problem.errors] == ["size"]


def test_it_reads_the_loss_curves(client: Any) -> None:
    job = call("submit_job").sync(client=client, body=submission())
    assert call("get_losses").sync(job.id, client=client).total == []


def test_it_leaves_to_the_preset_what_is_not_given(client: Any) -> None:
    draft = import_module(f"{PACKAGE}.models").Preset.DRAFT
    job = call("submit_job").sync(client=client, body=submission(preset=draft))
    assert (job.options.size, job.options.iterations) == (256, 90)


@pytest.mark.slow
def test_the_program_of_the_documentation_paints(
    generated: Path, stack: Stack, tmp_path: Path
) -> None:
    program = block("python", "submit_job").replace("size=256", "size=64, iterations=20")
    program = program.replace("http://127.0.0.1:8000", str(stack.http.base_url))
    program = program.replace("examples/", f"{ROOT}/examples/")
    environment = os.environ | {"PYTHONPATH": str(generated)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    with Image.open(tmp_path / "picture.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 48))
