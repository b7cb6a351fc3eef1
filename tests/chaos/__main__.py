"""`make chaos`: faults at random moments, and what came of them.

python -m tests.chaos [--rounds 20] [--seed 1] [--workers 2] [--reconcilers 1] [--only WORDS]
                      [--iterations 40] [--folder FOLDER] [--record FILE]

Starts a real Redis, API, reconciler and workers. A round submits some small jobs, lets one fault
happen at a random moment, waits until all jobs are over, and checks every promise. A round that
breaks one is printed with the seed that repeats it. Each round is written down as a line
of FILE: several runs beside one another, or one after another, make one table
(`python -m tests.chaos.tally FILE…`). The loss of a Redis primary strikes a second service, whose
Redis is a group under Sentinels. A FOLDER that is a small disk of its own is filled up, too.
"""

import shutil
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from time import monotonic

from tests.chaos.faults import FAULTS, ON_A_SMALL_DISK, Fault
from tests.chaos.house import House, house
from tests.chaos.promises import Witness, all_over, nothing_left, painted_once
from tests.chaos.sentinel_house import ON_SENTINELS, sentinel_house
from tests.chaos.tally import Recovery, Round, table
from tests.waiting import pause

JOBS = 3
LATEST_SECONDS = 3.0
"""How long after the submission a fault strikes at the latest."""

PATIENCE_SECONDS = 90.0

SMALL_DISK_BYTES = 1_000_000_000
"""What is filled up has at most so much."""


def round_(service: House, fault: Fault, picture: bytes, seed: str) -> Recovery:
    """One round.

    Raises:
        Broken: a promise was broken.
    """
    chance = Random(seed)
    jobs = [service.submit() for _ in range(JOBS)]
    witness = Witness(service, jobs, forgets=fault.forgets)
    with witness.watching():
        pause(chance.uniform(0, LATEST_SECONDS))
        struck = monotonic()
        fault.strike(service, jobs, chance)
        all_over(service, jobs, PATIENCE_SECONDS)
        over = monotonic() - struck
        painted_once(service, jobs, fault.ends, picture, may_repeat=fault.forgets)
    service.start()
    nothing_left(service, jobs, PATIENCE_SECONDS)
    found, taken = (
        max((moment - struck for moment in moments if moment > struck), default=None)
        for moments in (witness.found, witness.taken)
    )
    return Recovery(found, taken, over)


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
    """Prints a table; 0 if every promise held."""
    parser = ArgumentParser(prog="python -m tests.chaos", description="Faults at random moments.")
    parser.add_argument("--rounds", type=int, default=20, help="of each fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--reconcilers", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=House.iterations, help="of each job")
    parser.add_argument("--only", default="", help="faults whose name has these words in it")
    parser.add_argument("--folder", type=Path, help="where the service keeps its data")
    parser.add_argument("--record", type=Path, help="where each round is written down")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the house goes with it
    faults = (*FAULTS, *(ON_A_SMALL_DISK if _is_small_disk(chosen.folder) else ()))
    rounds: list[Round] = []
    for make_house, suffered in ((house, faults), (sentinel_house, ON_SENTINELS)):
        chosen_faults = [fault for fault in suffered if chosen.only in fault.name]
        if chosen_faults:
            with make_house(chosen.workers, chosen.reconcilers, inside=chosen.folder) as service:
                rounds += _try_all(service, chosen_faults, chosen)
    sys.stdout.write("\n" + table(rounds) + "\n")
    return int(any(each.broken for each in rounds))


def _try_all(service: House, faults: Sequence[Fault], chosen: Namespace) -> Iterator[Round]:
    """As many rounds of each fault as were chosen."""
    service.iterations = chosen.iterations
    picture = undisturbed(service)
    for number in range(chosen.rounds):
        for fault in faults:
            tried = _tried(service, fault, picture, f"{chosen.seed}, {fault.name}, {number}")
            if chosen.record is not None:
                with chosen.record.open("a") as record:
                    record.write(tried.to_json() + "\n")
            sys.stderr.write(f"\rround {number + 1}: {fault.name:60}")
            yield tried


def _tried(service: House, fault: Fault, picture: bytes, seed: str) -> Round:
    """One round; what it broke is printed at once."""
    try:
        return Round(fault.name, seed, recovery=round_(service, fault, picture, seed))
    except Exception as error:  # whatever it is, the other faults have their turn
        broken = f"{type(error).__name__}: {error}"
        sys.stdout.write(f"Broken, with the seed “{seed}”: {broken}\n")
        service.clean()
        return Round(fault.name, seed, broken=broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
