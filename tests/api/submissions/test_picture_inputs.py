"""The service and its client read every kind of picture alike, in every field."""

from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pastiche.client import ApiError, Client, InvalidPicture
from tests import pictures
from tests.api.submissions.test_submit import errors_of
from tests.conftest import RunningApi
from tests.picture_cases import CASES, CUT_OFF, Case
from tests.picture_inputs import (
    FIELDS,
    INPUT_METHODS,
    MASKS,
    assert_stored,
    cases_of,
    cases_without,
    fields_of,
    opened_inputs,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Corrupt EXIF data"),  # Pillow's own, when it opens one
]

ALONE = ("path", "bytes", "Pillow picture", "array")
"""Each of these methods has a submission of its own for each case."""

IN_TURN = tuple(name for name in INPUT_METHODS if name not in ALONE)
"""The fields of a submission are given in these methods, each case beginning with another one."""

FILES = cases_of("file")


@pytest.fixture(scope="module")
def client(api_process: RunningApi) -> Iterator[Client]:
    with Client(str(api_process.http.base_url)) as client:
        yield client


def refused_by_client(client: Client, **given: Any) -> dict[str, str]:
    """The faults of a submission, by their fields."""
    with pytest.raises(ApiError) as caught:
        client.submit(**given)
    return {each.field: each.code for each in caught.value.field_errors}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_an_upload_is_read_alike_in_every_field(case: Case, api: RunningApi) -> None:
    response = api.http.post("/jobs", files=dict.fromkeys(fields_of(case), case.data))
    assert response.status_code == 202
    assert_stored(api, case)


@pytest.mark.parametrize(
    ("method", "case"),
    [
        pytest.param(method, case, id=f"{name}-{method}")
        for method in ALONE
        for name, case in cases_of(INPUT_METHODS[method].carrier).items()
    ],
)
def test_a_picture_given_to_the_client_is_read_as_its_file(
    method: str, case: Case, client: Client, api: RunningApi, tmp_path: Path
) -> None:
    with opened_inputs(tmp_path) as give:
        client.submit(**dict.fromkeys(fields_of(case), give(INPUT_METHODS[method], case.data)))
    assert_stored(api, case)


@pytest.mark.parametrize("name", FILES | cases_of("array"))
def test_every_other_way_to_give_a_picture_to_the_client_is_read_alike(
    name: str, client: Client, api: RunningApi, tmp_path: Path
) -> None:
    case, turn = CASES[name], list(CASES).index(name)
    methods = [
        method
        for method in map(INPUT_METHODS.__getitem__, IN_TURN)
        if method.carrier in case.carriers
    ]
    with opened_inputs(tmp_path) as give:
        in_turn = islice(cycle(methods), turn % len(methods), None)
        client.submit(**{field: give(next(in_turn), case.data) for field in fields_of(case)})
    assert_stored(api, case)


@pytest.mark.parametrize("case", cases_without("file").values(), ids=cases_without("file"))
def test_a_file_of_another_format_is_refused_in_every_field(
    case: Case, client: Client, api: RunningApi
) -> None:
    response = api.http.post("/jobs", files=dict.fromkeys(FIELDS, case.data))
    assert errors_of(response) == dict.fromkeys(FIELDS, "picture_unknown")
    usable: dict[str, Any] = {"content": pictures.jpeg(), "style": pictures.png()}
    for field in FIELDS:
        with pytest.raises(InvalidPicture) as caught:
            client.submit(**usable | {field: case.data})
        assert caught.value.field == field


@pytest.mark.parametrize("make", CUT_OFF.values(), ids=CUT_OFF)
def test_a_file_whose_last_pixels_are_missing_is_refused_in_every_field(
    make: Callable[[], bytes], client: Client, api: RunningApi, tmp_path: Path
) -> None:
    faults = dict.fromkeys(FIELDS, "picture_broken")
    assert errors_of(api.http.post("/jobs", files=dict.fromkeys(FIELDS, make()))) == faults
    with opened_inputs(tmp_path) as give:
        given = (
            give(method, make()) for method in INPUT_METHODS.values() if method.carrier == "file"
        )
        assert refused_by_client(client, **dict(zip(FIELDS, given, strict=False))) == faults


@pytest.mark.parametrize("name", ["JPEG", "progressive JPEG", "PNG"])
@pytest.mark.parametrize("field", FIELDS)
def test_a_pillow_picture_whose_last_pixels_are_missing_is_refused(
    field: str, name: str, client: Client
) -> None:
    usable: dict[str, Any] = {"content": pictures.jpeg(), "style": pictures.png()}
    with (
        Image.open(BytesIO(CUT_OFF[name]())) as opened,
        pytest.raises(InvalidPicture, match="cannot be read") as caught,
    ):
        client.submit(**usable | {field: opened})
    assert caught.value.field == field


def test_the_content_alone_keeps_its_transparency(api: RunningApi) -> None:
    files = dict.fromkeys(FIELDS, CASES["half transparent"].data)
    assert api.http.post("/jobs", files=files).status_code == 202
    for path in api.blobs:
        with Image.open(path) as picture:
            assert (picture.mode == "RGBA") == (path.name == "content-0")


EMPTY = {name: case for name, case in CASES.items() if not case.is_a_mask}


@pytest.mark.parametrize("case", EMPTY.values(), ids=EMPTY)
def test_a_mask_that_is_too_dark_is_refused(
    case: Case, client: Client, api: RunningApi, tmp_path: Path
) -> None:
    faults = dict.fromkeys((field for field in MASKS if field not in fields_of(case)), "mask_empty")
    assert errors_of(api.http.post("/jobs", files=dict.fromkeys(FIELDS, case.data))) == faults
    for name in ALONE:
        if INPUT_METHODS[name].carrier in case.carriers:
            with opened_inputs(tmp_path) as give:
                given = dict.fromkeys(FIELDS, give(INPUT_METHODS[name], case.data))
                assert refused_by_client(client, **given) == faults
