"""Submits mutated pictures, many in one submission, to a real API."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import httpx

from pastiche.options import MAX_STYLES
from tests.api.hostile.target import Files, Target

_PICTURES_EACH = 1 + MAX_STYLES


@dataclass
class Outcomes:
    """Counts of the responses.

    Attributes:
        submissions: how many there were, by their status.
        faults: the codes that pictures were refused with.
        decoders_lost: how many pictures ended the process that decoded them.
        memory_bytes: the maximum of the API process.
    """

    pictures: int = 0
    submissions: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    decoders_lost: int = 0
    memory_bytes: int = 0

    def __str__(self) -> str:
        statuses = ", ".join(f"{n} × {status}" for status, n in sorted(self.submissions.items()))
        taken = self.pictures - self.faults.total()
        faults = ", ".join(f"{n} {code}" for code, n in self.faults.most_common())
        return (
            f"{self.pictures} pictures in {self.submissions.total()} submissions ({statuses}): "
            f"{taken} taken, {faults}; {self.decoders_lost} ended their decoder; "
            f"the API held {self.memory_bytes / 1e6:.0f} MB at most"
        )


def submit_mutants(
    mutants: Iterable[bytes], target: Target, send: Callable[[Files], httpx.Response] | None = None
) -> Iterator[Outcomes]:
    """Submits all pictures; yields the counts so far after each submission.

    Args:
        send: submits several pictures; as files by default.

    Raises:
        AssertionError: a response that no picture should get.
    """
    outcomes = Outcomes()
    rest = iter(mutants)
    while several := tuple(islice(rest, _PICTURES_EACH)):
        response = (send or target.try_out)(_as_files(several))
        _count_outcome(response, outcomes)
        outcomes.pictures += len(several)
        outcomes.memory_bytes = max(outcomes.memory_bytes, target.memory_bytes)
        yield outcomes


def _as_files(several: tuple[bytes, ...]) -> Files:
    content, *styles = several
    return [("content", content), *(("style", style) for style in styles)]


def _count_outcome(response: httpx.Response, outcomes: Outcomes) -> None:
    assert response.status_code in (200, 413, 415, 422), response.text
    outcomes.submissions[response.status_code] += 1
    if response.status_code == 200:
        return
    assert response.headers["content-type"] == "application/problem+json"
    for error in response.json()["errors"]:
        assert error["field"] in ("content", "style"), error
        outcomes.faults[error["code"]] += 1
        outcomes.decoders_lost += "crashed the decoder" in error["detail"]
