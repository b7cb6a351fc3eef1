"""What browsers and scripts send in forms and queries that is not an error."""

import gzip
from typing import Any

import httpx
import pytest

from local.supervisor import free_port
from shared.settings import Settings
from tests import pictures
from tests.api.submissions.test_submit import errors_of
from tests.api.worker import submitted
from tests.conftest import RunningApi, running_api

PAIR = [("content", ("a.jpg", pictures.jpeg())), ("style", ("b.png", pictures.png()))]


def try_out(api: RunningApi, path: str = "/jobs?dry_run=1", **fields: Any) -> httpx.Response:
    return api.http.post(path, files=PAIR, data=fields)


def options_of(response: httpx.Response) -> dict[str, Any]:
    assert response.is_success, response.text
    options = response.json()["options"]
    assert isinstance(options, dict)
    return options


def test_a_blank_text_field_counts_as_not_given(api: RunningApi) -> None:
    blank = dict.fromkeys(("size", "seed", "preset", "start", "deadline", "webhook_url"), "")
    options = options_of(try_out(api, **blank, pictures_of="", colour=" "))
    assert options == options_of(try_out(api))


def test_a_file_input_that_was_left_empty_counts_as_not_given(api: RunningApi) -> None:
    boundary = b"--x\r\nContent-Disposition: form-data; "
    parts = [
        (b"content", b"a.jpg", pictures.jpeg()),
        (b"style", b"b.png", pictures.png()),
        (b"mask", b"", b""),
        (b"start_image", b"", b""),
    ]
    body = b"".join(boundary + b'name="%s"; filename="%s"\r\n\r\n%s\r\n' % part for part in parts)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = api.http.post("/jobs?dry_run=1", content=body + b"--x--\r\n", headers=headers)
    assert answer.is_success, answer.text


def test_a_missing_file_is_still_missing_where_its_input_was_left_empty(api: RunningApi) -> None:
    boundary = b"--x\r\nContent-Disposition: form-data; "
    body = boundary + b'name="content"; filename=""\r\n\r\n\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = api.http.post("/jobs", content=body, headers=headers)
    assert errors_of(answer) == {"content": "missing_file", "style": "missing_file"}


def test_a_checkbox_sets_a_flag(api: RunningApi) -> None:
    assert options_of(try_out(api, gradient_normalisation="on"))["gradient_normalisation"] is True


def test_a_whole_number_may_have_a_point(api: RunningApi) -> None:
    assert options_of(try_out(api, size="256.0"))["size"] == 256


@pytest.mark.parametrize(
    "number", ["٣٠٠", "\uff13\uff10\uff10", "3_00", "0x100", "1e", "+-3", "²", "300 0"]
)
@pytest.mark.parametrize("field", ["size", "content_weight", "deadline", "style_weights"])
def test_a_number_is_written_in_ascii_digits(field: str, number: str, api: RunningApi) -> None:
    assert errors_of(try_out(api, **{field: number})) == {field: "invalid_value"}


def test_a_list_may_be_sent_as_several_fields(api: RunningApi) -> None:
    two_styles = [*PAIR, PAIR[1]]
    answer = api.http.post(
        "/jobs?dry_run=1", files=two_styles, data={"style_weights": ["0.3", "0.7"]}
    )
    assert options_of(answer)["style_weights"] == [0.3, 0.7]


def test_the_values_of_a_sweep_may_be_sent_as_several_fields(api: RunningApi) -> None:
    answer = api.http.post(
        "/sweeps?dry_run=1", files=PAIR, data={"style_weight": ["0.3", "0.7", "0.9"]}
    )
    assert answer.json()["jobs"] == 3


def test_a_single_option_given_twice_is_refused(api: RunningApi) -> None:
    answer = api.http.post("/jobs", files=PAIR, data={"size": ["64", "128"]})
    assert errors_of(answer) == {"size": "repeated_field"}


@pytest.mark.parametrize(
    ("given", "meant"), [("color", "colour"), ("style-weight", "style_weight"), ("Seed", "seed")]
)
def test_an_unknown_field_is_refused_with_the_nearest_name(
    given: str, meant: str, api: RunningApi
) -> None:
    detail = try_out(api, **{given: "1"}).json()["errors"][0]["detail"]
    assert detail == f"This field does not exist. Did you mean `{meant}`?"


def test_a_slash_at_the_end_of_the_path_changes_nothing(api: RunningApi) -> None:
    answer = api.http.post("/jobs/", files=PAIR)
    assert answer.status_code == 202
    assert api.http.get(f"/jobs/{answer.json()['id']}/").json()["id"] == answer.json()["id"]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_compressed_body_is_refused_as_such(method: str, api: RunningApi) -> None:
    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Encoding": "gzip",
    }
    path = "/jobs" if method == "POST" else f"/jobs/{'0' * 32}"
    answer = api.http.request(method, path, content=gzip.compress(b"--x--"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_encoding")
    assert answer.headers["accept-encoding"] == "identity"


def test_the_error_about_the_size_names_the_operator_s_limit(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("data")
    settings = Settings(redis_url=redis_url, data_folder=folder, port=free_port("127.0.0.1", 0))
    with running_api(settings, PASTICHE_MAX_SIZE_PIXELS="512") as api:
        detail = try_out(api, size="large").json()["detail"]
    assert detail == "size: This must be a whole number between 16 and 512 pixels, not “large”."


@pytest.mark.parametrize("query", ["limit=", "status=", "cursor=", "limit=%20", "limit=&status="])
def test_a_blank_query_parameter_counts_as_not_given(query: str, api: RunningApi) -> None:
    submitted(api)
    assert len(api.http.get(f"/jobs?{query}").json()["jobs"]) == 1


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=٣", "limit: This must be a whole number, not “٣”."),
        ("limit=1_0", "limit: This must be a whole number, not “1_0”."),
        ("limit=0", "limit: This must be at least 1, not “0”."),
        ("limit=101", "limit: This must be at most 100, not “101”."),
        ("cursor=x", "cursor: This has the wrong form: “x”."),
        (
            "status=lost",
            "status: This must be queued, running, succeeded, failed, canceled or expired, "
            "not “lost”.",
        ),
    ],
)
def test_an_invalid_query_is_refused_with_the_service_s_own_messages(
    query: str, detail: str, api: RunningApi
) -> None:
    answer = api.http.get(f"/jobs?{query}")
    assert (answer.status_code, answer.json()["detail"]) == (422, detail)
    assert [each["code"] for each in answer.json()["errors"]] == ["invalid_value"]


@pytest.mark.parametrize("value", ['"0.3"', "true", '"٣"', "[1]", "NaN"])
def test_a_weight_is_a_number_in_json(value: str, api: RunningApi) -> None:
    answer = patch(api, f'{{"style_weight": {value}}}')
    assert errors_of(answer) == {"style_weight": "invalid_value"}


def test_an_unknown_weight_is_refused_with_the_nearest_name(api: RunningApi) -> None:
    answer = patch(api, '{"style-weight": 1}')
    assert errors_of(answer) == {"style-weight": "unknown_field"}
    assert "Did you mean `style_weight`?" in answer.json()["detail"]


@pytest.mark.parametrize("body", ["{", "[]", "3", "", b"\xff", 100_000 * "["])
def test_a_body_that_is_no_json_object_is_refused(body: str | bytes, api: RunningApi) -> None:
    assert errors_of(patch(api, body)) == {"body": "not_json"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_that_is_not_declared_as_json_is_refused(
    content_type: str | None, api: RunningApi
) -> None:
    answer = patch(api, '{"style_weight": 1}', content_type)
    assert errors_of(answer) == {"body": "not_json"}
    assert "`Content-Type: application/json`" in answer.json()["detail"]


def patch(
    api: RunningApi, body: str | bytes, content_type: str | None = "application/json"
) -> httpx.Response:
    path = submitted(api)["links"]["self"]
    headers = {} if content_type is None else {"Content-Type": content_type}
    return api.http.patch(path, content=body, headers=headers)
