"""The snippets of the page about JavaScript do what they say, word for word but for size and
address."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from api.app import create_app
from shared.job_store import JobStore
from shared.settings import Settings
from tests import pictures
from tests.api.access.test_cross_origin import allowing, serving
from tests.api.worker import PlayedWorker
from tests.conftest import RunningApi
from tests.docs.test_pages import ROOT
from tests.node import CLIENTS, compile_typescript
from tests.page.conftest import opened
from tests.stack import Stack
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("node_packages")]

PAGE = (ROOT / "docs" / "javascript.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8000"


def snippet(language: str, containing: str, page: str = PAGE) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    (one,) = [each for each in found if containing in each]
    return str(one).replace("size: 256", "size: 64, iterations: 20")


def node(source: str, folder: Path, url: str) -> str:
    """What a program prints that imports `pastiche-art` or a package of the tests; its files go
    into the folder."""
    modules = folder / "node_modules"
    modules.mkdir()
    (modules / "pastiche-art").symlink_to(CLIENTS / "js")
    (modules / "typescript").symlink_to(CLIENTS / "node_modules" / "typescript")
    program = folder / "program.mjs"
    source = source.replace("examples/", f"{ROOT}/examples/").replace(ADDRESS, url)
    program.write_text(source)
    ended = subprocess.run(
        ["node", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_an_error_names_the_invalid_fields(api: RunningApi, tmp_path: Path) -> None:
    output = node(snippet("js", "instanceof"), tmp_path, str(api.http.base_url))
    assert output == "style: This file is empty.\n"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A photograph and a painting."""
    photograph, painting = tmp_path / "photograph.jpg", tmp_path / "painting.png"
    photograph.write_bytes(pictures.jpeg(160, 120))
    painting.write_bytes(pictures.png(120, 120))
    return photograph, painting


@contextmanager
def shown(
    html: str, browser: Browser, redis_url: str, folder: Path
) -> Iterator[tuple[Page, RunningApi]]:
    """A page of another origin, in which the address of the service is replaced."""
    with (
        serving(folder) as origin,
        allowing(origin, redis_url, folder / "data") as api,
    ):
        (folder / "paint.html").write_text(html.replace(ADDRESS, str(api.http.base_url)))
        with opened(browser, f"{origin}/paint.html") as page:
            yield page, api


def test_the_example_of_the_package_paints_in_a_browser(
    browser: Browser, redis_url: str, jobs: JobStore, tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    readme = (CLIENTS / "js" / "README.md").read_text("utf-8")
    first, _, example = readme.partition("```js\n")[2].partition("```")[0].partition("\n")
    assert first.startswith('import { Pastiche } from "pastiche-art";')
    html = f"""
        <input type="file" id="photograph"><input type="file" id="painting">
        <button>Paint</button><img alt="">
        <script type="module">
            import {{ Pastiche }} from "{ADDRESS}/clients/pastiche.js";
            document.querySelector("button").addEventListener("click", async () => {{
                {example}
            }});
        </script>
    """
    with shown(html, browser, redis_url, tmp_path) as (page, api):
        page.locator("#photograph").set_input_files(pair[0])
        page.locator("#painting").set_input_files(pair[1])
        page.locator("button").click()
        (job,) = until(lambda: api.http.get("/jobs").json()["jobs"])
        PlayedWorker.of(job, jobs, api).commit()
        until(lambda: page.locator("img").evaluate("image => image.naturalWidth") > 0)


def test_the_types_of_the_client_tell_events_apart(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    head = f"""
        import type {{ Job, Pastiche }} from "{CLIENTS}/js/pastiche.js";
        declare const pastiche: Pastiche, job: Job;
    """
    tail = """
        for await (const { data } of pastiche.watch(job)) {
            // @ts-expect-error  only some events have it
            console.log(data.losses);
        }
    """
    program = head + snippet("ts", "pastiche.watch") + tail
    assert compile_typescript(program, tmp_path) == ""


def test_the_types_of_a_submission_have_lists_as_arrays_and_layers_as_objects(
    tmp_path: Path,
) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    program = f"""
        import type {{ Job, Submission }} from "{CLIENTS}/js/pastiche.js";
        export const lists: Submission = {{
            style: [new Blob(), "example:wave"],
            style_weights: [0.7, 0.3],
            style_layers: {{ relu1_1: 1, relu3_1: 0.5 }},
            webhook_events: ["started", "finished"],
        }};
        export const again = (job: Job): Submission => ({{ ...job.options, start: job.id }});
        // @ts-expect-error  not an event
        export const misspelt: Submission = {{ webhook_events: ["begun"] }};
    """
    assert compile_typescript(program, tmp_path) == ""


def test_a_generated_client_compiles_and_paints(
    stack: Stack, node_packages: Path, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(node_packages)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(create_app(Settings()).openapi()))
    generator = snippet("js", "openapi-typescript")
    (tmp_path / "generate.js").write_text(
        generator.replace(f"{ADDRESS}/openapi.json", document.as_uri())
    )
    subprocess.run(["node", "generate.js"], cwd=tmp_path, check=True)
    program = snippet("ts", "openapi-fetch").replace(ADDRESS, str(stack.http.base_url))
    program = program.replace("examples/", f"{ROOT}/examples/")
    assert compile_typescript(program, tmp_path) == ""
    subprocess.run(["node", "program.js"], cwd=tmp_path, check=True)
    with Image.open(tmp_path / "picture.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 48))
