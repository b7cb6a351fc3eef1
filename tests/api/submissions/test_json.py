"""Submissions in JSON: the same jobs as forms make, and errors that name the field."""

import json
from base64 import b64encode
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from shared.job_store import JobStore
from tests import pictures
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.conftest import RunningApi


def data_uri(picture: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64encode(picture).decode()}"


def noise(side: int) -> bytes:
    """A picture that cannot be compressed: three bytes for each pixel."""
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return pictures.encoded(Image.fromarray(pixels), "PNG")


CONTENT, STYLE = data_uri(pictures.jpeg(), "image/jpeg"), data_uri(pictures.png())
PAIR = {"content": CONTENT, "style": STYLE}


def submit(api: RunningApi, path: str = "/jobs", **values: Any) -> httpx.Response:
    return api.http.post(path, json=PAIR | values)


def send(api: RunningApi, body: str | bytes, path: str = "/jobs?dry_run=1") -> httpx.Response:
    return api.http.post(path, content=body, headers={"Content-Type": "application/json"})


def test_json_makes_the_same_job_as_a_form(api: RunningApi) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    form = {"size": 256, "style_weight": 0.7, "keep_transparency": "true", "preset": "draft"}
    by_form = api.http.post("/jobs", files=files, data=form).json()
    stored = sorted(path.read_bytes() for path in api.blobs)
    by_json = submit(api, size=256, style_weight=0.7, keep_transparency=True, preset="draft")
    assert by_json.status_code == 202
    assert by_json.json()["options"] == by_form["options"]
    assert sorted(path.read_bytes() for path in api.blobs) == sorted(stored * 2)


def test_several_styles_are_a_list(api: RunningApi) -> None:
    response = submit(api, style=[STYLE, CONTENT], style_weights=[0.75, 0.25])
    assert response.json()["options"]["style_weights"] == [0.75, 0.25]
    assert sum(path.name.startswith("style") for path in api.blobs) == 2


def test_layers_are_an_object(api: RunningApi) -> None:
    response = submit(api, style_layers={"relu1_1": 2, "relu3_1": 0.5})
    assert response.json()["options"]["style_layers"] == {"relu1_1": 2, "relu3_1": 0.5}


def test_a_list_may_be_the_text_of_a_form(api: RunningApi) -> None:
    options = submit(api, style_layers="relu1_1:2", scale_iterations="30,20").json()["options"]
    assert (options["style_layers"], options["scale_iterations"]) == ({"relu1_1": 2}, [30, 20])


@pytest.mark.parametrize("keep", [86400, "until_fetched"])
def test_what_is_a_number_or_a_word_may_be_either(api: RunningApi, keep: int | str) -> None:
    assert submit(api, keep=keep).json()["keep"] == keep


def test_a_list_may_have_words(api: RunningApi) -> None:
    events = ["started", "finished"]
    response = submit(api, webhook_url="https://example.com/hook", webhook_events=events)
    assert response.json()["webhook"]["events"] == events


@pytest.mark.parametrize("number", ["256", "256.0", "2.56e2"])
def test_a_whole_number_may_be_written_in_any_way(api: RunningApi, number: str) -> None:
    body = json.dumps(PAIR)[:-1] + f', "size": {number}}}'
    assert send(api, body).json()["options"]["size"] == 256


def test_null_counts_as_not_given(api: RunningApi) -> None:
    response = submit(api, "/jobs?dry_run=1", size=None, mask=None, webhook_url=None)
    assert response.json()["options"] == submit(api, "/jobs?dry_run=1").json()["options"]


def test_a_sweep_has_lists_of_values(api: RunningApi) -> None:
    sweep = submit(api, "/sweeps", style_weight=[0.2, 0.8], seed=[1, 2]).json()
    assert [job["values"] for job in sweep["jobs"]] == [
        {"style_weight": weight, "seed": seed} for weight in (0.2, 0.8) for seed in (1, 2)
    ]


def test_a_list_outside_a_sweep_is_refused_by_name(api: RunningApi) -> None:
    assert errors_of(submit(api, style_weight=[0.2, 0.8])) == {"style_weight": "invalid_value"}


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_json_is_recognised_by_its_media_type(api: RunningApi, kind: str) -> None:
    headers = {"Content-Type": kind}
    response = api.http.post("/jobs?dry_run=1", content=json.dumps(PAIR), headers=headers)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    "body",
    [json.dumps(PAIR, indent=4), "\ufeff" + json.dumps(PAIR)],
    ids=["indented", "with a BOM"],
)
def test_json_may_be_written_in_any_way(api: RunningApi, body: str) -> None:
    assert send(api, body.encode()).status_code == 200


@pytest.mark.parametrize("escape", ["\\/", "\\u002f"], ids=["PHP", "hexadecimal"])
@pytest.mark.parametrize("side", [16, 400], ids=["short", "long"])
def test_a_data_uri_may_have_escapes(api: RunningApi, escape: str, side: int) -> None:
    body = json.dumps({"content": data_uri(noise(side)), "style": STYLE}).replace("/", escape)
    assert send(api, body, "/jobs").status_code == 202
    (content,) = [path for path in api.blobs if path.name.startswith("content")]
    with Image.open(content) as picture:
        assert picture.size == (side, side)


def test_the_same_json_with_the_same_key_is_one_job(api: RunningApi) -> None:
    headers = {"Idempotency-Key": "k"}
    body, reordered = PAIR | {"size": 256}, {"size": 256} | PAIR
    first, second = (
        api.http.post("/jobs", json=each, headers=headers).json() for each in (body, reordered)
    )
    assert first["id"] == second["id"]
    other = api.http.post("/jobs", json=PAIR | {"size": 257}, headers=headers)
    assert other.json()["code"] == "another_submission"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", "256"),
        ("style_weight", True),
        ("keep_transparency", "true"),
        ("keep_transparency", 1),
        ("preset", 1),
        ("seed", [1]),
        ("style_weights", {"a": 1}),
        ("style_weights", ["1"]),
        ("style_layers", ["relu1_1"]),
        ("style_layers", {"relu1_1": "1"}),
        ("style_layers", {"relu1_1:1,relu2_1": 1}),
        ("scale_iterations", [[30]]),
        ("deadline", "60"),
        ("keep", True),
        ("webhook_events", [1]),
        ("webhook_events", ["started,finished"]),
        ("webhook_url", {}),
        ("content", 1),
        ("content", [CONTENT]),
        ("content", {"url": CONTENT}),
        ("mask", [STYLE, None]),
        ("style", [[STYLE]]),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(
    api: RunningApi, field: str, value: Any
) -> None:
    response = submit(api, **{field: value})
    assert response.status_code == 422
    assert errors_of(response) == {field: "invalid_value"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_a_number_that_is_not_finite_is_refused_by_name(api: RunningApi, number: str) -> None:
    response = send(api, json.dumps(PAIR)[:-1] + f', "style_weight": {number}}}')
    assert errors_of(response) == {"style_weight": "invalid_value"}


def test_a_field_that_comes_twice_is_refused_by_name(api: RunningApi) -> None:
    response = send(api, json.dumps(PAIR)[:-1] + ', "size": 256, "size": 512}')
    assert errors_of(response) == {"size": "repeated_field"}


def test_a_layer_that_comes_twice_is_refused_by_name(api: RunningApi) -> None:
    body = json.dumps(PAIR)[:-1] + ', "style_layers": {"relu1_1": 1, "relu1_1": 2}}'
    assert errors_of(send(api, body)) == {"style_layers": "invalid_value"}


def test_a_field_that_does_not_exist_is_refused_by_name(api: RunningApi) -> None:
    response = submit(api, styleweight=0.5)
    assert errors_of(response) == {"styleweight": "unknown_field"}
    assert "`style_weight`" in response.text


def test_a_text_that_is_too_long_is_refused_by_name(api: RunningApi) -> None:
    response = submit(api, webhook_url="https://example.org/" + 20_000 * "a", style=20_000 * "b")
    assert errors_of(response) == {"webhook_url": "text_too_long", "style": "text_too_long"}


@pytest.mark.parametrize("name", ["preset", "content"])
def test_half_a_surrogate_pair_is_refused_by_name(api: RunningApi, name: str) -> None:
    response = send(api, json.dumps(PAIR | {name: "\ud800"}))
    assert errors_of(response) == {name: "invalid_value"}


MALFORMED = {
    "nothing": b"",
    "not JSON": b"size=256",
    "a list": b"[]",
    "a text": b'"content"',
    "null": b"null",
    "cut off": json.dumps(PAIR).encode()[:-1],
    "cut off in a text": json.dumps(PAIR).encode()[:-9],
    "cut off in an escape": b'{"content": "\\u00',
    "two objects": b"{} {}",
    "a trailing comma": b'{"size": 256,}',
    "a comment": b"{} // size",
    "an invalid escape": b'{"preset": "\\x41"}',
    "an invalid escape in a long text": b'{"content": "data:' + 20_000 * b"A" + b'\\x41"}',
    "half an escape in a long text": b'{"content": "data:' + 20_000 * b"A" + b'\\u00zz"}',
    "a line break in a text": b'{"preset": "a\nb"}',
    "Latin-1": '{"preset": "é"}'.encode("latin-1"),
    "UTF-16": json.dumps(PAIR).encode("utf-16"),
    "nested deeply": b'{"size": ' + 100_000 * b"[",
    "nothing but space": 1_000_000 * b" ",
    "a name that is too long": b'{"' + 20_000 * b"a" + b'": 1}',
    "a name that is not Unicode": b'{"\\ud800": 1}',
    "a thousand fields": json.dumps(dict.fromkeys(map(str, range(1000)), 1)).encode(),
    "a thousand long texts": json.dumps({"style": 1000 * [20_000 * "a"]}).encode(),
    "more than a submission has": json.dumps({"style": 100_000 * ["abc"]}).encode(),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_is_not_a_json_object_is_malformed(api: RunningApi, body: bytes) -> None:
    response = send(api, body)
    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")


def test_a_body_larger_than_any_submission_is_refused(api: RunningApi, jobs: JobStore) -> None:
    start = b'{"content": "data:image/png;base64,'
    pieces = iter([start, *[b"A" * 1_000_000] * 80])
    headers = {"Content-Type": "application/json"}
    response = api.http.post("/jobs", content=pieces, headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert_nothing_left(api, jobs)


def test_other_types_are_refused_with_those_that_are_accepted(api: RunningApi) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = api.http.post("/jobs", content=b"size=256", headers=headers)
    assert response.status_code == 415
    assert "multipart/form-data or application/json" in response.json()["detail"]


@pytest.mark.parametrize("operation", ["SubmitJob", "SubmitSweep", "SubmitBatch"])
def test_openapi_has_the_same_fields_for_both_bodies(api: RunningApi, operation: str) -> None:
    schemas = api.http.get("/openapi.json").json()["components"]["schemas"]
    form, as_json = (schemas[f"{operation}{kind}"]["properties"] for kind in ("Form", "Body"))
    assert list(form) == list(as_json)
