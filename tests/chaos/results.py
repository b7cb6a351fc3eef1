"""The results of the rounds, as JSON lines and as a table.

python -m tests.chaos.results FILE…     one table of the results in several files
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
    """How long a service took to recover, in seconds from the fault on.

    Attributes:
        requeued: until the last job of a lost worker was queued again; None if there was none.
        resumed: until another worker painted it; None if there was none.
        over: until all jobs were over.
    """

    requeued: float | None
    resumed: float | None
    over: float


@dataclass(frozen=True)
class Round:
    """The result of one fault.

    Attributes:
        recovery: None if a guarantee was violated.
        violation: the guarantee that was violated, in words.
    """

    fault: str
    seed: str
    recovery: Recovery | None = None
    violation: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Round":
        fields = json.loads(line)
        recovery = fields.pop("recovery")
        return cls(**fields, recovery=None if recovery is None else Recovery(**recovery))


def table(rounds: Iterable[Round]) -> str:
    """A table with a row for each fault, in the order of their first rounds."""
    by_fault: dict[str, list[Round]] = {}
    for each in rounds:
        by_fault.setdefault(each.fault, []).append(each)
    return HEAD + "\n".join(_row(fault, of_fault) for fault, of_fault in by_fault.items())


def _row(fault: str, rounds: Sequence[Round]) -> str:
    recoveries = [each.recovery for each in rounds if each.recovery is not None]
    violations = [each.violation for each in rounds if each.violation is not None]
    requeued = _seconds([each.requeued for each in recoveries if each.requeued is not None])
    resumed = _seconds([each.resumed for each in recoveries if each.resumed is not None])
    over = _seconds([each.over for each in recoveries])
    kinds = [sum(word in each for each in violations) for word in ("lost", "times", "left")]
    counts = " | ".join(str(count) for count in (*kinds, len(violations) - sum(kinds)))
    return f"| {fault} | {len(rounds)} | {requeued} | {resumed} | {over} | {counts} |"


def _seconds(times: Sequence[float]) -> str:
    """The median and the maximum."""
    return f"{median(times):.1f}, max {max(times):.1f}" if times else "–"


if __name__ == "__main__":
    lines = [line for name in sys.argv[1:] for line in Path(name).read_text().splitlines()]
    sys.stdout.write(table(map(Round.from_json, lines)) + "\n")
