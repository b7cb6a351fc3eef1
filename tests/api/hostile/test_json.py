"""JSON that no client sends."""

import json
import os
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.submissions.form import TEXT_FIELDS
from shared.inputs import PICTURE_FIELDS
from tests import pictures
from tests.api.hostile.target import Target
from tests.api.submissions.test_submit import errors_of
from tests.processes import needs_proc

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("PASTICHE_FUZZ_EXAMPLES", "30"))

PICTURE = f"data:image/png;base64,{b64encode(pictures.png()).decode()}"

texts = st.text(max_size=50) | st.sampled_from(
    [PICTURE, "data:", "https://", "http://[", "a" * 20_000]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


def test_values_of_any_type_are_accepted_or_refused_by_name(target: Target) -> None:
    names = (*PICTURE_FIELDS, *TEXT_FIELDS)

    @given(st.dictionaries(st.sampled_from(names), values, min_size=1, max_size=4))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answered(given: dict[str, Any]) -> None:
        body = json.dumps({"content": PICTURE, "style": PICTURE} | given)
        response = target.try_out_json(body.encode())
        if response.status_code != 200:
            assert response.status_code in (413, 415, 422), response.text
            assert errors_of(response).keys() <= {*given, "content", "style"}

    answered()


@pytest.mark.parametrize("piece", [b"[", b'{"a":', b'"a",', b"1,", b"\\", b"{}", b" ", b"\x00"])
def test_a_body_of_one_repeated_piece_is_malformed(target: Target, piece: bytes) -> None:
    for start in (b"", b'{"content": ', b'{"content": "', b'{"content": ['):
        response = target.try_out_json(start + piece * (4_000_000 // len(piece)))
        assert response.json()["code"] == "malformed_request", response.text


@needs_proc
@pytest.mark.parametrize("start", [b"data:image/png;base64,", b""], ids=["data URI", "text"])
def test_a_text_of_many_megabytes_is_not_held_in_memory(target: Target, start: bytes) -> None:
    before = target.memory_bytes
    response = target.try_out_json(b'{"content": "' + start + b"A" * 60_000_000 + b'"}')
    assert response.status_code in (413, 422)
    assert target.memory_bytes - before < 30_000_000
