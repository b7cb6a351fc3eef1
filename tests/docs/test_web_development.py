"""The programs of the page for web developers do what they say, word for word but for size and
address. Those in Swift and Kotlin do not run here."""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Error, Page, expect

from api import keys
from local.supervisor import free_port
from shared.job_store import JobStore
from shared.settings import Settings
from tests.api.worker import PlayedWorker
from tests.client.fake_servers import responding
from tests.conftest import RunningApi, running, running_api
from tests.docs import test_javascript
from tests.docs.test_javascript import ADDRESS, node, shown
from tests.docs.test_pages import ROOT
from tests.node import CLIENTS, compile_typescript
from tests.stack import Stack
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("node_packages")]

PAGE = (ROOT / "docs" / "web-development.md").read_text("utf-8")

pair = test_javascript.pair
"""A photograph and a painting."""


def snippet(language: str, containing: str) -> str:
    return test_javascript.snippet(language, containing, PAGE)


def test_a_page_of_another_origin_imports_the_client_and_paints(
    browser: Browser, redis_url: str, jobs: JobStore, tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    html = snippet("html", "import { Pastiche }")
    with shown(html, browser, redis_url, tmp_path) as (page, api):
        page.get_by_label("Photograph").set_input_files(pair[0])
        page.get_by_label("Painting").set_input_files(pair[1])
        page.get_by_role("button", name="Paint", exact=True).click()
        (job,) = until(lambda: api.http.get("/jobs").json()["jobs"])
        worker = PlayedWorker.of(job, jobs, api)
        worker.report_progress(iteration=150)
        expect(page.locator("progress")).to_have_js_property("value", 0.5)
        worker.commit()
        expect(page.get_by_role("status")).to_have_text("Done.")
        until(lambda: page.locator("img").evaluate("image => image.naturalWidth") > 0)


def test_the_program_in_react_is_valid(tmp_path: Path) -> None:
    (tmp_path / "main.jsx").write_text(snippet("jsx", "useState"))
    program = """
        import { readFileSync } from "node:fs";
        import ts from "typescript";
        const source = readFileSync("main.jsx", "utf8");
        const options = { fileName: "main.jsx", reportDiagnostics: true };
        const { diagnostics } = ts.transpileModule(source, options);
        console.log(diagnostics.map(({ messageText }) => messageText).join());
    """
    assert node(program, tmp_path, ADDRESS) == "\n"


def test_the_program_in_react_is_mounted_in_its_page_with_what_is_installed() -> None:
    program, page = snippet("jsx", "useState"), snippet("html", "root")
    (mounted,) = re.findall(r'createRoot\(document.getElementById\("(\w+)"\)\).render', program)
    assert f'<div id="{mounted}">' in page
    (bundle,) = re.findall('script src="(.+?)"', page)
    commands = snippet("sh", "npm install")
    assert f"--outfile={bundle}" in commands
    imported = {name.partition("/")[0] for name in re.findall(' from "(.+?)"', program)}
    local = {"pastiche-art"}  # by its folder
    assert imported - local <= set(commands.split())
    assert "PASTICHE/clients/js" in commands


def test_the_program_in_typescript_compiles_and_paints(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    modules = tmp_path / "node_modules"
    modules.mkdir()
    (modules / "pastiche-art").symlink_to(CLIENTS / "js")
    (modules / "@types").symlink_to(CLIENTS / "node_modules" / "@types")
    program = snippet("ts", "pastiche.watch").replace(ADDRESS, str(stack.http.base_url))
    program = program.replace("examples/", f"{ROOT}/examples/")
    assert compile_typescript(program, tmp_path) == ""
    ended = subprocess.run(
        ["node", "program.js"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^\d+ of 20$", ended.stdout, re.MULTILINE)
    with Image.open(tmp_path / "picture.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))


@dataclass(frozen=True)
class KeyServer:
    """The program that adds the key, and its API, which requires one."""

    api: RunningApi
    port: int


@pytest.fixture
def key_server(redis_url: str, jobs: JobStore, tmp_path: Path) -> Iterator[KeyServer]:
    settings = Settings(
        redis_url=redis_url, data_folder=tmp_path / "data", port=free_port("127.0.0.1", 0)
    )
    key = keys.create(jobs.client, "app")
    with (
        running_api(settings, PASTICHE_KEYS_REQUIRED="true") as api,
        adding_the_key(str(api.http.base_url), key, tmp_path) as port,
    ):
        yield KeyServer(api, port)


@contextmanager
def adding_the_key(service: str, key: str, folder: Path) -> Iterator[int]:
    """Runs the program that adds the key; its port."""
    program, port = folder / "server.mjs", free_port("127.0.0.1", 0)
    program.write_text(snippet("js", "createServer"))
    environment = {"PASTICHE_URL": service, "PASTICHE_KEY": key, "PORT": str(port)}
    with running(["node", str(program)], environment):
        until(lambda: _listens(port))
        yield port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_server_that_adds_the_key_passes_on_what_painting_needs(
    key_server: KeyServer, jobs: JobStore, pair: tuple[Path, Path]
) -> None:
    address = f"http://127.0.0.1:{key_server.port}"
    with httpx.Client(base_url=f"{address}/pastiche", trust_env=False) as server:
        content, style = pair
        files = {"content": content.read_bytes(), "style": style.read_bytes()}
        submitted = server.post("/jobs", files=files, headers={"Origin": address})
        assert submitted.status_code == 202
        job = submitted.json()
        PlayedWorker.of(job, jobs, key_server.api).commit()
        events = server.get(f"/jobs/{job['id']}/events").text
        assert "event: done" in events
        result = server.get(f"/jobs/{job['id']}/result", params={"format": "webp"})
        assert result.headers["content-type"] == "image/webp"
        assert server.get("/jobs").status_code == 404
        assert server.delete(f"/jobs/{job['id']}").status_code == 404


@pytest.mark.parametrize(
    "target",
    ["/pastiche//{other}/jobs", "/pastiche/\\{other}/jobs", "http://{other}/jobs", "/pastiche//"],
)
def test_a_server_that_adds_the_key_sends_it_to_no_other_host(
    key_server: KeyServer, target: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        host = f"127.0.0.1:{other.getsockname()[1]}"
        with closing(HTTPConnection("127.0.0.1", key_server.port, timeout=30)) as connection:
            connection.putrequest("POST", target.format(other=host))
            connection.putheader("Content-Length", "0")
            connection.endheaders()
            assert connection.getresponse().status == 404
        with pytest.raises(BlockingIOError):  # nobody has connected
            other.accept()


@pytest.mark.parametrize("path", ["events", "result"])
def test_a_server_that_adds_the_key_closes_a_response_that_the_service_breaks_off(
    tmp_path: Path, path: str
) -> None:
    broken_off = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe beginning"
    with (
        responding(broken_off) as service,
        adding_the_key(service, "key", tmp_path) as port,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        httpx.get(f"http://127.0.0.1:{port}/pastiche/jobs/0/{path}", timeout=10, trust_env=False)


@pytest.fixture
def page_of_the_service(stack: Stack, browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(str(stack.http.base_url))
    yield page
    page.close()


def run_without_the_client(page: Page) -> None:
    script = snippet("js", "FormData").replace('"size", 256', '"size", 64')
    page.evaluate(f"""async () => {{
        const run = async () => {{
            const pick = async (path) => new File([await (await fetch(path)).blob()], "a.jpg");
            const content = await pick("/web/examples/content/harbour.jpg");
            const style = await pick("/web/examples/style/wave.jpg");
            {script}
        }};
        const late = (_, reject) => setTimeout(reject, 60_000, new Error("It waits forever."));
        await Promise.race([run(), new Promise(late)]);
    }}""")


def test_a_page_submits_watches_and_shows(page_of_the_service: Page) -> None:
    run_without_the_client(page_of_the_service)
    shown = page_of_the_service.evaluate("""async () => {
        const image = document.querySelector("img");
        await image.decode();
        return { width: image.naturalWidth, source: image.src };
    }""")
    assert shown["width"] == 64
    assert shown["source"].endswith("/result")


def test_a_page_without_the_client_reports_that_no_more_events_come(
    page_of_the_service: Page,
) -> None:
    page_of_the_service.route("**/events", lambda route: route.fulfill(status=502))
    with pytest.raises(Error, match="The stream of events is closed"):
        run_without_the_client(page_of_the_service)
