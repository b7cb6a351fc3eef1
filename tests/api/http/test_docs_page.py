"""`/docs`: the page, and all that it loads, comes from this service."""

import re

from tests.conftest import RunningApi

SUMMARIES = {
    "GET /jobs": "List jobs",
    "POST /jobs": "Submit a job",
    "GET /jobs/{job_id}": "Get a job",
    "PATCH /jobs/{job_id}": "Update weights",
    "DELETE /jobs/{job_id}": "Delete a job",
    "POST /jobs/{job_id}/cancel": "Cancel a job",
    "POST /jobs/{job_id}/finish": "Finish a job",
    "POST /jobs/{job_id}/retry": "Retry a job",
    "GET /jobs/{job_id}/events": "Stream a job's events",
    "GET /jobs/{job_id}/preview": "Get the newest preview",
    "GET /jobs/{job_id}/losses": "Get the loss curves",
    "GET /jobs/{job_id}/result": "Get the painted picture",
    "POST /sweeps": "Submit a sweep",
    "POST /batches": "Submit a batch",
    "GET /sweeps/{sweep_id}": "Get a sweep",
    "DELETE /sweeps/{sweep_id}": "Delete a sweep",
    "POST /sweeps/{sweep_id}/cancel": "Cancel a sweep",
    "GET /sweeps/{sweep_id}/sheet": "Get a contact sheet",
    "POST /pictures": "Upload a picture",
    "GET /pictures": "List uploaded pictures",
    "GET /pictures/{picture_id}": "Get an uploaded picture",
    "DELETE /pictures/{picture_id}": "Delete an uploaded picture",
    "GET /pictures/{picture_id}/file": "Get the file of an uploaded picture",
    "GET /pictures/{picture_id}/thumbnail": "Get the thumbnail of an uploaded picture",
    "POST /pictures/uploads": "Begin a direct upload",
    "POST /pictures/uploads/{upload_id}/complete": "Complete a direct upload",
    "GET /styles": "List styles",
    "GET /styles/{reference}/thumbnail": "Get the thumbnail of a style",
    "GET /options": "List options",
    "GET /presets": "List presets",
    "GET /workers": "List workers",
    "GET /webhooks/public-key": "Get the public key of webhooks",
    "POST /tokens": "Create a token",
    "GET /livez": "Get the API's liveness",
    "GET /readyz": "Get the service's readiness",
    "GET /metrics": "Get metrics",
}

TAGS = [
    "jobs",
    "sweeps",
    "pictures",
    "styles",
    "options",
    "workers",
    "webhooks",
    "access",
    "operations",
]
"""In the order of the page."""


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


def test_every_operation_has_a_summary_in_plain_words(api: RunningApi) -> None:
    paths = api.http.get("/openapi.json").json()["paths"]
    summaries = {
        f"{method.upper()} {path}": operation["summary"]
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    assert summaries == SUMMARIES


def test_the_document_has_servers_a_contact_a_licence_and_tags(api: RunningApi) -> None:
    document = api.http.get("/openapi.json").json()
    assert [server["url"] for server in document["servers"]] == ["/"]
    assert document["info"]["contact"]["url"].endswith("/pastiche/issues")
    assert document["info"]["license"] == {"name": "Apache 2.0", "identifier": "Apache-2.0"}
    assert [tag["name"] for tag in document["tags"]] == TAGS


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
