"""`make chaos`: faults at random moments, and what came of them.

python -m tests.chaos [--rounds 20] [--seed 1] [--workers 2] [--only WORDS]

Starts a real Redis, API, reconciler and workers. A round submits some small jobs, lets one fault
happen at a random moment, waits until all jobs are over, and checks every promise. A round that
breaks one is told with the seed that it can be had again with.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from time import monotonic

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.house import House, house
from tests.chaos.promises import Witness, all_over, nothing_left, painted_once
from tests.waiting import pause

JOBS = 3
LATEST_SECONDS = 3.0
"""How long after the submission a fault strikes at the latest."""

PATIENCE_SECONDS = 90.0


@dataclass
class Tally:
    """What came of one fault's rounds."""

    fault: Fault
    seconds: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def line(self) -> str:
        """As a row of the table: recovered is the time from the fault to the end of all jobs."""
        rounds = len(self.seconds) + len(self.broken)
        times = f"{median(self.seconds):.1f} | {max(self.seconds):.1f}" if self.seconds else "– | –"
        kinds = [sum(word in each for each in self.broken) for word in ("lost", "times", "left")]
        counts = " | ".join(str(count) for count in (*kinds, len(self.broken) - sum(kinds)))
        return f"| {self.fault.name} | {rounds} | {times} | {counts} |"


HEAD = (
    "| fault | rounds | all over after (s) | at most (s) | lost | doubled | left behind | else |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


def round_(service: House, fault: Fault, picture: bytes, seed: str) -> float:
    """One round; the seconds from the fault to the end of all jobs.

    Raises:
        Broken: a promise was not kept.
    """
    chance = Random(seed)
    jobs = [service.submit() for _ in range(JOBS)]
    with Witness(service, jobs).watching():
        pause(chance.uniform(0, LATEST_SECONDS))
        struck = monotonic()
        fault.strike(service, jobs, chance)
        all_over(service, jobs, PATIENCE_SECONDS)
        seconds = monotonic() - struck
        painted_once(service, jobs, fault.ends, picture)
    service.start()
    nothing_left(service, jobs, PATIENCE_SECONDS)
    return seconds


def undisturbed(service: House) -> bytes:
    """The picture that every job is to have."""
    job_id = service.submit()
    service.when(job_id, "succeeded")
    picture = service.picture(job_id)
    service.http.delete(f"/jobs/{job_id}").raise_for_status()
    return picture


def main(arguments: Sequence[str]) -> int:
    """Prints a table; 0 where every promise was kept."""
    parser = ArgumentParser(prog="python -m tests.chaos", description="Faults at random moments.")
    parser.add_argument("--rounds", type=int, default=20, help="of each fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="faults whose name has these words in it")
    chosen = parser.parse_args(arguments)
    faults = [fault for fault in FAULTS if chosen.only in fault.name]
    tallies = [Tally(fault) for fault in faults]
    with house(workers=chosen.workers) as service:
        picture = undisturbed(service)
        for number in range(chosen.rounds):
            for tally in tallies:
                seed = f"{chosen.seed}, {tally.fault.name}, {number}"
                try:
                    tally.seconds.append(round_(service, tally.fault, picture, seed))
                except Exception as broken:  # whatever it is, the other faults have their turn
                    tally.broken.append(f"{type(broken).__name__}: {broken}")
                    sys.stdout.write(f"Broken, with the seed “{seed}”: {tally.broken[-1]}\n")
                    service.clean()
                sys.stderr.write(f"\rround {number + 1}: {tally.fault.name:60}")
    sys.stdout.write("\n" + HEAD + "\n".join(tally.line() for tally in tallies) + "\n")
    return int(any(tally.broken for tally in tallies))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
