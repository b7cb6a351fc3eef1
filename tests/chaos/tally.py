"""What came of the rounds: counted, written down, and printed as a table.

python -m tests.chaos.tally FILE…     one table of what several runs have written down
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

HEAD = (
    "| fault | rounds | found after (s) | resumed after (s) | all finished after (s) "
    "| lost | duplicated | leftovers | other |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


@dataclass(frozen=True)
class Recovery:
    """How long one round took, from the fault on.

    Attributes:
        found: until the last job was taken from a worker that did not finish it, and waited again;
            None where every worker finished its own, or where that was not written down.
        taken: until another worker painted it, as soon as one had done what it was at; None alike.
        over: until all jobs were over.
    """

    found: float | None
    taken: float | None
    over: float


@dataclass(frozen=True)
class Round:
    """One fault, once.

    Attributes:
        recovery: None where a promise was broken.
        broken: what was broken, in words.
    """

    fault: str
    seed: str
    recovery: Recovery | None = None
    broken: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Round":
        fields = json.loads(line)
        recovery = fields.pop("recovery")
        return cls(**fields, recovery=None if recovery is None else Recovery(**recovery))


def table(rounds: Iterable[Round]) -> str:
    """A row for each fault, in the order in which they came."""
    by_fault: dict[str, list[Round]] = {}
    for each in rounds:
        by_fault.setdefault(each.fault, []).append(each)
    return HEAD + "\n".join(_row(fault, found) for fault, found in by_fault.items())


def _row(fault: str, rounds: Sequence[Round]) -> str:
    recoveries = [each.recovery for each in rounds if each.recovery is not None]
    broken = [each.broken for each in rounds if each.broken is not None]
    found = _seconds([each.found for each in recoveries if each.found is not None])
    taken = _seconds([each.taken for each in recoveries if each.taken is not None])
    over = _seconds([each.over for each in recoveries])
    kinds = [sum(word in each for each in broken) for word in ("lost", "times", "left")]
    counts = " | ".join(str(count) for count in (*kinds, len(broken) - sum(kinds)))
    return f"| {fault} | {len(rounds)} | {found} | {taken} | {over} | {counts} |"


def _seconds(times: Sequence[float]) -> str:
    """The median, and the longest."""
    return f"{median(times):.1f}, max {max(times):.1f}" if times else "–"


if __name__ == "__main__":
    lines = [line for name in sys.argv[1:] for line in Path(name).read_text().splitlines()]
    sys.stdout.write(table(map(Round.from_json, lines)) + "\n")
