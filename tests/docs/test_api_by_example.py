"""The examples of the API's page do what they say, word for word but for size and port."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from local.supervisor import free_port
from shared.settings import Settings
from tests.conftest import running_api
from tests.docs.test_pages import ROOT
from tests.docs.test_readme import shell
from tests.remote import answer, serving
from tests.stack import Stack
from tests.waiting import until

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "api-by-example.md").read_text("utf-8")
PAGE = PAGE.replace("size=256", "size=64").replace('"size": 256', '"size": 64')


def block(language: str, containing: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    (one,) = [each for each in found if containing in each]
    return str(one)


def test_curl_submits_waits_and_fetches(stack: Stack, tmp_path: Path) -> None:
    script = block("sh", "events.txt").replace("events.txt", f"{tmp_path}/events.txt")
    shell(script.replace("-o picture.jpg", f"-o {tmp_path}/picture.jpg"), stack)
    assert "event: done" in (tmp_path / "events.txt").read_text()
    with Image.open(tmp_path / "picture.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))


def test_python_submits_waits_and_fetches(stack: Stack, tmp_path: Path) -> None:
    script = block("python", "httpx").replace("picture.png", str(tmp_path / "picture.png"))
    script = script.replace("http://127.0.0.1:8000", str(stack.http.base_url))
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    with Image.open(tmp_path / "picture.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 48))


def test_several_paintings_are_blended(stack: Stack) -> None:
    job = json.loads(shell(block("sh", "style_weights"), stack))
    assert job["options"]["style_weights"] == [0.7, 0.3]
    stack.http.delete(job["links"]["self"]).raise_for_status()


def test_a_picture_is_sent_once_and_styles_are_named(stack: Stack) -> None:
    jobs = [json.loads(line) for line in shell(block("sh", "example:$style"), stack).splitlines()]
    assert [job["status"] in ("queued", "running") for job in jobs] == [True, True]
    for job in jobs:
        stack.http.delete(job["links"]["self"]).raise_for_status()
    (picture,) = stack.http.get("/pictures").json()["pictures"]
    stack.http.delete(picture["links"]["self"]).raise_for_status()


def test_json_with_data_uris_is_a_job(stack: Stack) -> None:
    job = json.loads(shell(block("sh", "data_uri"), stack))
    assert (job["options"]["size"], job["options"]["style_weight"]) == (64, 0.7)
    stack.http.delete(job["links"]["self"]).raise_for_status()


def test_json_with_urls_is_a_job(redis_url: str, tmp_path: Path) -> None:
    script = block("sh", "https://example.org/harbour.jpg")
    settings = Settings(redis_url=redis_url, data_folder=tmp_path, port=free_port("127.0.0.1", 0))
    with serving() as remote, running_api(settings, PASTICHE_PICTURE_URLS_ANYWHERE="true") as api:
        for name in ("content/harbour.jpg", "style/wave.jpg"):
            picture = (ROOT / "examples" / "images" / name).read_bytes()
            remote.serve(f"/{Path(name).name}", answer(picture))
        script = script.replace("https://example.org", remote.url)
        script = script.replace("http://127.0.0.1:8000", str(api.http.base_url))
        printed = subprocess.run(["sh", "-c", script], check=True, capture_output=True)
        assert json.loads(printed.stdout)["options"]["style_layers"] == {"relu1_1": 1, "relu3_1": 2}


def test_a_sweep_is_looked_at_and_shown(stack: Stack, tmp_path: Path) -> None:
    script = block("sh", "$sweep").replace("-o sheet.png", f"-o {tmp_path}/sheet.png")
    sweep = json.loads(shell(script, stack))
    assert len(sweep["jobs"]) == 2
    stack.http.delete(sweep["links"]["self"]).raise_for_status()
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"


def test_a_job_is_limited_and_deleted_once_it_is_fetched(stack: Stack) -> None:
    job = json.loads(shell(block("sh", "keep=until_fetched"), stack))
    assert job["timeout_at"] is not None
    done = stack.wait_for_status(job, "succeeded")
    stack.http.get(job["links"]["result"]).raise_for_status()
    until(lambda: stack.get_job(job)["expires_at"] < done["expires_at"])


def test_a_batch_is_painted_and_shown(stack: Stack, tmp_path: Path) -> None:
    script = block("sh", "batches").replace("-o batch.png", f"-o {tmp_path}/batch.png")
    batch = json.loads(shell(script, stack))
    assert [(member["content"], member["style"]) for member in batch["jobs"]] == [
        (content, style)
        for content in ("harbour.jpg", "still_life.jpg")
        for style in ("wave.jpg", "swirls.jpg")
    ]
    stack.http.delete(batch["links"]["self"]).raise_for_status()
    with Image.open(tmp_path / "batch.png") as sheet:
        assert sheet.format == "PNG"


def test_curl_saves_each_preview_of_a_stream(stack: Stack, tmp_path: Path) -> None:
    job, path = stack.submit(size=64, iterations=5000), tmp_path / "preview.jpg"
    script = block("sh", "previews=inline").replace("preview.jpg", str(path))
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(shell, script, stack, id=job["id"])
        until(lambda: path.exists() and path.stat().st_size > 0)
        stack.http.post(job["links"]["cancel"]).raise_for_status()
        ended.result()
    with Image.open(path) as preview:
        assert (preview.format, preview.size) == ("JPEG", (64, 48))


def test_a_page_shows_previews_without_requests_for_them(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(bypass_csp=True)  # our own page may not show data URIs
    page.goto(str(stack.http.base_url))
    job = stack.submit(size=64, iterations=5000)
    width = page.evaluate(f"""async () => {{
        const job = {{ links: {{ events: "{job["links"]["events"]}" }} }};
        document.body.innerHTML = "<img>";
        {block("js", "previews=inline")}
        await new Promise((resolve) => events.addEventListener("preview", resolve));
        const image = document.querySelector("img");
        await image.decode();
        return image.naturalWidth;
    }}""")
    assert width == 64
    stack.http.delete(job["links"]["self"]).raise_for_status()
    page.close()


def test_a_picture_is_gone_on_from(stack: Stack) -> None:
    job = stack.wait_for_status(stack.submit(size=64, iterations=2), "succeeded")
    script = block("sh", "start=").replace("size=512", "size=96")
    larger = json.loads(shell(script, stack, id=job["id"]))
    assert larger["options"]["size"] == 96
    stack.http.delete(larger["links"]["self"]).raise_for_status()


def test_a_submission_with_a_key_is_one_job_and_its_dial_can_be_turned(stack: Stack) -> None:
    once = block("sh", "Idempotency-Key")
    first, second = (re.findall(r'"id":"(\w+)"', shell(once, stack)) for _ in range(2))
    assert first == second
    turned = shell(block("sh", "PATCH"), stack, id=first[0])
    assert '"style_weight":0.8' in turned
