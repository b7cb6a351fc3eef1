"""`/llms.txt`: the page for language models agrees with the API."""

import re

from tests.conftest import RunningApi
from tests.docs.test_pages import ROOT


def read_page(api: RunningApi) -> str:
    response = api.http.get("/llms.txt")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    return response.text


def test_it_has_the_form_of_an_llms_page(api: RunningApi) -> None:
    lines = read_page(api).splitlines()
    assert lines[0] == "# Pastiche"
    assert lines[2].startswith("> ")
    assert [line for line in lines if line.startswith("## ")][-1] == "## Optional"


def test_every_request_in_it_is_an_operation(api: RunningApi) -> None:
    operations = {
        (method.upper(), re.sub("{[a-z]+_id}", "*", path))
        for path, methods in api.http.get("/openapi.json").json()["paths"].items()
        for method in methods
    }
    commands = re.findall(r"^curl (.*?)\$URL(\S*?)[?\"]*$", requests_of(read_page(api)), re.M)
    assert len(commands) == 10
    for arguments, rest in commands:
        path = re.sub(r"\$\w+", "*", rest.partition("?")[0])
        method = "POST" if "-F " in arguments or "-X POST" in arguments else "GET"
        assert (method, path) in operations


def requests_of(page: str) -> str:
    """The commands in its code blocks, each on one line."""
    return "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", "")


def test_every_field_in_it_is_a_field_of_the_form(api: RunningApi) -> None:
    schemas, page = api.http.get("/openapi.json").json()["components"]["schemas"], read_page(api)
    assert ("JSON body" in page) == ("SubmitJobBody" in schemas)
    named = set(re.findall(r"-F (\w+)=", page)) | {"size", "style_weight", "content_weight"}
    assert named | {"preset", "seed"} <= schemas["SubmitJobForm"]["properties"].keys()


def test_every_link_in_it_leads_somewhere(api: RunningApi) -> None:
    links = re.findall(r"\]\((\S+)\)", read_page(api))
    assert len(links) == 9
    for link in links:
        _, is_in_repository, path = link.partition("/blob/main/")
        found = (ROOT / path).exists() if is_in_repository else api.http.get(link).is_success
        assert found, link
