"""`make chaos`: faults at random moments, and what came of them.

python -m tests.chaos [--rounds 20] [--seed 1] [--workers 2] [--reconcilers 1] [--only WORDS]
                      [--folder FOLDER]

Starts a real Redis, API, reconciler and workers. A round submits some small jobs, lets one fault
happen at a random moment, waits until all jobs are over, and checks every promise. A round that
breaks one is told with the seed that it can be had again with. A FOLDER that is a small disk of its
own is filled up, too.
"""

import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from time import monotonic

from tests.chaos.faults import FAULTS, ON_A_SMALL_DISK, Fault
from tests.chaos.house import House, house
from tests.chaos.promises import Witness, all_over, nothing_left, painted_once
from tests.waiting import pause

JOBS = 3
LATEST_SECONDS = 3.0
"""How long after the submission a fault strikes at the latest."""

PATIENCE_SECONDS = 90.0

SMALL_DISK_BYTES = 1_000_000_000
"""What is filled up has at most so much."""


@dataclass(frozen=True)
class Recovery:
    """How long one round took, from the fault on.

    Attributes:
        found: until the last job was taken from a worker that did not finish it; None where every
            worker finished its own.
        over: until all jobs were over.
    """

    found: float | None
    over: float


@dataclass
class Tally:
    """What came of one fault's rounds."""

    fault: Fault
    kept: list[Recovery] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def line(self) -> str:
        """As a row of the table."""
        rounds = len(self.kept) + len(self.broken)
        found = _seconds([each.found for each in self.kept if each.found is not None])
        over = _seconds([each.over for each in self.kept])
        kinds = [sum(word in each for each in self.broken) for word in ("lost", "times", "left")]
        counts = " | ".join(str(count) for count in (*kinds, len(self.broken) - sum(kinds)))
        return f"| {self.fault.name} | {rounds} | {found} | {over} | {counts} |"


HEAD = (
    "| fault | rounds | found again after (s) | all over after (s) "
    "| lost | doubled | left behind | else |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


def _seconds(times: Sequence[float]) -> str:
    """The median, and the longest."""
    return f"{median(times):.1f}, at most {max(times):.1f}" if times else "–"


def round_(service: House, fault: Fault, picture: bytes, seed: str) -> Recovery:
    """One round.

    Raises:
        Broken: a promise was not kept.
    """
    chance = Random(seed)
    jobs = [service.submit() for _ in range(JOBS)]
    witness = Witness(service, jobs)
    with witness.watching():
        pause(chance.uniform(0, LATEST_SECONDS))
        struck = monotonic()
        fault.strike(service, jobs, chance)
        all_over(service, jobs, PATIENCE_SECONDS)
        over = monotonic() - struck
        painted_once(service, jobs, fault.ends, picture)
    service.start()
    nothing_left(service, jobs, PATIENCE_SECONDS)
    found = [moment - struck for moment in witness.found if moment > struck]
    return Recovery(max(found, default=None), over)


def undisturbed(service: House) -> bytes:
    """The picture that every job is to have."""
    job_id = service.submit()
    service.when(job_id, "succeeded")
    picture = service.picture(job_id)
    service.http.delete(f"/jobs/{job_id}").raise_for_status()
    return picture


def _is_small_disk(folder: Path | None) -> bool:
    """Whether there is a disk that may be filled up without harm to others."""
    return (
        folder is not None
        and folder.is_mount()
        and shutil.disk_usage(folder).total <= SMALL_DISK_BYTES
    )


def main(arguments: Sequence[str]) -> int:
    """Prints a table; 0 where every promise was kept."""
    parser = ArgumentParser(prog="python -m tests.chaos", description="Faults at random moments.")
    parser.add_argument("--rounds", type=int, default=20, help="of each fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--reconcilers", type=int, default=1)
    parser.add_argument("--only", default="", help="faults whose name has these words in it")
    parser.add_argument("--folder", type=Path, help="where the service keeps its data")
    chosen = parser.parse_args(arguments)
    faults = (*FAULTS, *(ON_A_SMALL_DISK if _is_small_disk(chosen.folder) else ()))
    tallies = [Tally(fault) for fault in faults if chosen.only in fault.name]
    with house(chosen.workers, chosen.reconcilers, inside=chosen.folder) as service:
        picture = undisturbed(service)
        for number in range(chosen.rounds):
            for tally in tallies:
                seed = f"{chosen.seed}, {tally.fault.name}, {number}"
                try:
                    tally.kept.append(round_(service, tally.fault, picture, seed))
                except Exception as broken:  # whatever it is, the other faults have their turn
                    tally.broken.append(f"{type(broken).__name__}: {broken}")
                    sys.stdout.write(f"Broken, with the seed “{seed}”: {tally.broken[-1]}\n")
                    service.clean()
                sys.stderr.write(f"\rround {number + 1}: {tally.fault.name:60}")
    sys.stdout.write("\n" + HEAD + "\n".join(tally.line() for tally in tallies) + "\n")
    return int(any(tally.broken for tally in tallies))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
