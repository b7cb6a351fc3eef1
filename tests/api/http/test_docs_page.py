"""`/docs`: the page, and all that it loads, comes from this service."""

import re

from tests.conftest import RunningApi


def test_everything_that_the_page_loads_is_served_here(api: RunningApi) -> None:
    page = api.http.get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) == 5
    for path in loaded:
        assert api.http.get(f"/{path}").status_code == 200


def test_the_page_s_script_can_show_the_version_that_the_document_has(api: RunningApi) -> None:
    assert api.http.get("/openapi.json").json()["openapi"].startswith("3.1")
    script = api.http.get("/docs/assets/swagger-ui-bundle.js").text
    assert "isOAS31" in script


def test_the_document_names_every_field_of_a_submission(api: RunningApi) -> None:
    schema = api.http.get("/openapi.json").json()["components"]["schemas"]["SubmitJobForm"]
    assert {"content", "style", "style_weight", "size", "seed"} <= schema["properties"].keys()


def test_no_picture_is_required_that_an_earlier_job_may_have(api: RunningApi) -> None:
    schemas = api.http.get("/openapi.json").json()["components"]["schemas"]
    assert "required" not in schemas["SubmitJobForm"]
    assert schemas["SubmitBatchForm"]["required"] == ["content", "style"]


def test_every_tag_is_described(api: RunningApi) -> None:
    document = api.http.get("/openapi.json").json()
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    operations = [each for methods in document["paths"].values() for each in methods.values()]
    assert {tag for operation in operations for tag in operation["tags"]} == described


def test_every_schema_that_the_document_refers_to_is_in_it(api: RunningApi) -> None:
    response = api.http.get("/openapi.json")
    schemas = response.json()["components"]["schemas"]
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', response.text))
    assert "Problem" in referred
    assert referred <= schemas.keys()
