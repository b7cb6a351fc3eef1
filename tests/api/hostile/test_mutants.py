"""A few hundred damaged pictures; `make fuzz` submits many thousands."""

import json
from base64 import b64encode
from collections.abc import Iterator
from itertools import islice
from random import Random

import httpx
import pytest

from tests import pictures
from tests.api.hostile.mutant_submissions import Outcomes, submit_mutants
from tests.api.hostile.mutations import damaged, mutants
from tests.api.hostile.target import Files, Target
from tests.remote import Remote, answer, serving

pytestmark = pytest.mark.slow

PICTURES = 300
ACCEPTED_OR_REFUSED = (200, 400, 413, 415, 422)


@pytest.fixture
def remote() -> Iterator[Remote]:
    with serving() as remote:
        yield remote


def as_json(texts: list[tuple[str, str]]) -> bytes:
    (_, content), *styles = texts
    return json.dumps({"content": content, "style": [text for _, text in styles]}).encode()


@pytest.mark.parametrize("way", ["files", "data URIs", "URLs"])
def test_damaged_pictures_are_accepted_or_refused_by_name(
    target: Target, remote: Remote, way: str
) -> None:
    def send(files: Files) -> httpx.Response:
        if way == "files":
            return target.try_out(files)
        if way == "data URIs":
            texts = [(name, f"data:;base64,{b64encode(data).decode()}") for name, data in files]
        else:
            texts = [
                (name, remote.serve(f"/{number}", answer(data)))
                for number, (name, data) in enumerate(files)
            ]
        return target.try_out_json(as_json(texts))

    outcomes = Outcomes()
    for outcomes in submit_mutants(islice(mutants(seed=2), PICTURES), target, send):
        assert outcomes.decoders_lost == 0
    assert outcomes.pictures == PICTURES
    assert {"picture_broken", "picture_unknown"} <= outcomes.faults.keys()


def test_damaged_json_is_accepted_or_refused(target: Target) -> None:
    picture = f"data:image/png;base64,{b64encode(pictures.png(200, 200)).decode()}"
    values = {"content": picture, "style": [picture], "size": 256, "style_weights": [0.5]}
    body = json.dumps(values | {"style_layers": {"relu1_1": 2}, "webhook_url": "é\n\ud83c\udfa8"})
    statuses = set()
    for number in range(PICTURES):
        response = target.try_out_json(damaged(body.encode(), Random(number)))
        assert response.status_code in ACCEPTED_OR_REFUSED, response.text
        statuses.add(response.status_code)
    assert {400, 422} <= statuses


def test_damaged_responses_are_accepted_or_refused(target: Target, remote: Remote) -> None:
    body = answer(pictures.png(), "Content-Type: image/png", "Connection: close")
    statuses = set()
    for number in range(PICTURES // 3):
        url = remote.serve("/", damaged(body, Random(number)))
        response = target.try_out_json(as_json([("content", url), ("style", url)]))
        assert response.status_code in ACCEPTED_OR_REFUSED, response.text
        statuses.add(response.status_code)
    assert {200, 422} <= statuses
