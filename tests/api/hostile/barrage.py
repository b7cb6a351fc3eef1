"""Mutated pictures, many in one submission, through the whole way that an upload takes."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import httpx

from pastiche.options import MAX_STYLES
from tests.api.hostile.siege import Files, Siege

_AT_ONCE = 1 + MAX_STYLES


@dataclass
class Tally:
    """What became of the pictures.

    Attributes:
        submissions: how many there were, by their status.
        faults: the codes that pictures were refused with.
        decoders_lost: how many pictures ended the process that decoded them.
        memory_bytes: what the API process held at most.
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


def thrown(
    mutants: Iterable[bytes], siege: Siege, send: Callable[[Files], httpx.Response] | None = None
) -> Iterator[Tally]:
    """Submits them all; the tally so far after each submission.

    Args:
        send: submits several pictures; as files by default.

    Raises:
        AssertionError: an answer that no picture deserves.
    """
    tally = Tally()
    rest = iter(mutants)
    while several := tuple(islice(rest, _AT_ONCE)):
        response = (send or siege.try_out)(_as_files(several))
        _note(response, tally)
        tally.pictures += len(several)
        tally.memory_bytes = max(tally.memory_bytes, siege.memory_bytes)
        yield tally


def _as_files(several: tuple[bytes, ...]) -> Files:
    content, *styles = several
    return [("content", content), *(("style", style) for style in styles)]


def _note(response: httpx.Response, tally: Tally) -> None:
    assert response.status_code in (200, 413, 415, 422), response.text
    tally.submissions[response.status_code] += 1
    if response.status_code == 200:
        return
    assert response.headers["content-type"] == "application/problem+json"
    for error in response.json()["errors"]:
        assert error["field"] in ("content", "style"), error
        tally.faults[error["code"]] += 1
        tally.decoders_lost += "crashed the decoder" in error["detail"]
