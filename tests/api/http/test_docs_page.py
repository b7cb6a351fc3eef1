"""`/docs`: the page, and all that it loads, comes from this service."""

import re

from tests.conftest import RunningApi


def test_everything_that_the_page_loads_is_served_here(api: RunningApi) -> None:
    page = api.http.get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) == 3
    for path in loaded:
        assert path.startswith("/docs/assets/")
        assert api.http.get(path).status_code == 200


def test_the_page_s_script_can_show_the_version_that_the_document_has(api: RunningApi) -> None:
    assert api.http.get("/openapi.json").json()["openapi"].startswith("3.1")
    script = api.http.get("/docs/assets/swagger-ui-bundle.js").text
    assert "isOAS31" in script


def test_the_document_names_every_field_of_a_submission(api: RunningApi) -> None:
    schema = api.http.get("/openapi.json").json()["components"]["schemas"]["SubmitJobForm"]
    assert {"content", "style", "style_weight", "size", "seed"} <= schema["properties"].keys()
    assert schema["required"] == ["content", "style"]


def test_every_schema_that_the_document_refers_to_is_in_it(api: RunningApi) -> None:
    response = api.http.get("/openapi.json")
    schemas = response.json()["components"]["schemas"]
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', response.text))
    assert "Problem" in referred
    assert referred <= schemas.keys()
