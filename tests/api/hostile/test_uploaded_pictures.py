"""The hostile pictures and forms against `POST /pictures`: refused by name, or stored."""

from collections import Counter
from collections.abc import Callable
from itertools import islice

import httpx
import pytest

from tests.api.hostile.forms import END, part
from tests.api.hostile.mutations import mutants
from tests.api.hostile.sockets import head, receive_for, status_of
from tests.api.hostile.target import Target
from tests.api.hostile.test_bombs import FILES

pytestmark = pytest.mark.slow

PICTURES = 300


def upload(target: Target, picture: bytes) -> httpx.Response:
    """The response to an upload, whose picture is deleted afterwards."""
    response = target.api.http.post("/pictures", files={"picture": picture})
    if response.is_success:
        deleted = target.api.http.delete(response.json()["links"]["self"])
        assert deleted.status_code == 204
    return response


@pytest.mark.parametrize(("picture", "code"), FILES.values(), ids=FILES)
def test_a_picture_is_stored_by_its_content_or_refused_by_name(
    picture: Callable[[], bytes], code: str | None, target: Target
) -> None:
    response = upload(target, picture())
    if code is None:
        assert response.status_code == 201, response.text
    else:
        assert [error["code"] for error in response.json()["errors"]] == [code]
        assert [error["field"] for error in response.json()["errors"]] == ["picture"]


def test_damaged_pictures_are_stored_or_refused(target: Target) -> None:
    statuses = Counter(
        upload(target, picture).status_code for picture in islice(mutants(seed=3), PICTURES)
    )
    assert statuses.total() == PICTURES
    assert statuses.keys() <= {201, 413, 415, 422}
    assert {201, 415, 422} <= statuses.keys()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="nothing"),
        pytest.param(part(b"picture", b"1", file_name=b"a"), 400, id="no end"),
        pytest.param(part(b"picture", b"1", file_name=b"a") * 2 + END, 422, id="twice"),
        pytest.param(part(b"picture", b"1", file_name=b"a") * 10_000 + END, 400, id="10,000 files"),
        pytest.param(part(b"name", b"n" * 1_000_000) + END, 422, id="endless name"),
        pytest.param(part(b"name", b"\xed\xa0\x80") + END, 422, id="name of half a character"),
    ],
)
def test_a_form_that_no_browser_sends_is_refused(body: bytes, status: int, target: Target) -> None:
    lines = ("Content-Type: multipart/form-data; boundary=x", f"Content-Length: {len(body)}")
    assert status_of(receive_for(target, head(*lines, path="/pictures") + body)) == status
