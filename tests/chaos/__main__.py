"""`make chaos`: injects faults at random moments and checks the guarantees of the service.

python -m tests.chaos [--rounds 20] [--seed 1] [--workers 2] [--reconcilers 1] [--only WORDS]
                      [--iterations 40] [--folder FOLDER] [--record FILE]

Starts a real Redis, API, reconciler and workers. A round submits some small jobs, injects one fault
at a random moment, waits until all jobs are over, and checks every guarantee. A round that violates
one is printed with the seed that repeats it. Each round is appended to FILE as a line of JSON;
`python -m tests.chaos.results FILE…` makes one table of several files. The loss of a Redis primary
is tried on a second service, whose Redis is a group under Sentinels. If FOLDER is on a small disk
of its own, the disk is filled up, too.
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
from tests.chaos.guarantees import (
    PollingClient,
    check_all_finished,
    check_nothing_left,
    check_painted_once,
)
from tests.chaos.results import Recovery, Round, table
from tests.chaos.sentinel_service import ON_SENTINELS, running_under_sentinels
from tests.chaos.service import ChaosService, running_service
from tests.waiting import pause

JOBS = 3
LATEST_SECONDS = 3.0
"""The latest time of a fault after the submission."""

TIMEOUT_SECONDS = 90.0

SMALL_DISK_BYTES = 1_000_000_000
"""Only a disk of at most this size is filled up."""


def run_round(service: ChaosService, fault: Fault, picture: bytes, seed: str) -> Recovery:
    """Runs one round.

    Raises:
        GuaranteeViolated: a guarantee does not hold.
    """
    chance = Random(seed)
    jobs = [service.submit() for _ in range(JOBS)]
    client = PollingClient(service, jobs, may_lose_writes=fault.may_lose_writes)
    with client.polling():
        pause(chance.uniform(0, LATEST_SECONDS))
        struck = monotonic()
        fault.strike(service, jobs, chance)
        check_all_finished(service, jobs, TIMEOUT_SECONDS)
        over = monotonic() - struck
        check_painted_once(
            service, jobs, fault.ends, picture, may_be_repeated=fault.may_lose_writes
        )
    service.start()
    check_nothing_left(service, jobs, TIMEOUT_SECONDS)
    requeued, resumed = (
        max((moment - struck for moment in moments if moment > struck), default=None)
        for moments in (client.requeued, client.resumed)
    )
    return Recovery(requeued, resumed, over)


def paint_undisturbed(service: ChaosService) -> bytes:
    """The pixels that every job should have."""
    job_id = service.submit()
    service.wait_for_status(job_id, "succeeded")
    picture = service.get_pixels(job_id)
    service.http.delete(f"/jobs/{job_id}").raise_for_status()
    return picture


def _is_small_disk(folder: Path | None) -> bool:
    """Whether the folder is on a small disk of its own."""
    return (
        folder is not None
        and folder.is_mount()
        and shutil.disk_usage(folder).total <= SMALL_DISK_BYTES
    )


def main(arguments: Sequence[str]) -> int:
    """Prints a table; 0 if every guarantee held."""
    parser = ArgumentParser(prog="python -m tests.chaos", description="Faults at random moments.")
    parser.add_argument("--rounds", type=int, default=20, help="of each fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--reconcilers", type=int, default=1)
    parser.add_argument(
        "--iterations", type=int, default=ChaosService.iterations, help="of each job"
    )
    parser.add_argument("--only", default="", help="faults whose name has these words in it")
    parser.add_argument("--folder", type=Path, help="where the service stores its data")
    parser.add_argument("--record", type=Path, help="the file that each round is appended to")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and the service is killed
    faults = (*FAULTS, *(ON_A_SMALL_DISK if _is_small_disk(chosen.folder) else ()))
    rounds: list[Round] = []
    for make_service, suffered in (
        (running_service, faults),
        (running_under_sentinels, ON_SENTINELS),
    ):
        chosen_faults = [fault for fault in suffered if chosen.only in fault.name]
        if chosen_faults:
            with make_service(chosen.workers, chosen.reconcilers, inside=chosen.folder) as service:
                rounds += _run_rounds(service, chosen_faults, chosen)
    sys.stdout.write("\n" + table(rounds) + "\n")
    return int(any(each.violation for each in rounds))


def _run_rounds(
    service: ChaosService, faults: Sequence[Fault], chosen: Namespace
) -> Iterator[Round]:
    """Runs the chosen number of rounds of each fault."""
    service.iterations = chosen.iterations
    picture = paint_undisturbed(service)
    for number in range(chosen.rounds):
        for fault in faults:
            result = _try_round(service, fault, picture, f"{chosen.seed}, {fault.name}, {number}")
            if chosen.record is not None:
                with chosen.record.open("a") as record:
                    record.write(result.to_json() + "\n")
            sys.stderr.write(f"\rround {number + 1}: {fault.name:60}")
            yield result


def _try_round(service: ChaosService, fault: Fault, picture: bytes, seed: str) -> Round:
    """Runs one round; a violation is printed at once."""
    try:
        return Round(fault.name, seed, recovery=run_round(service, fault, picture, seed))
    except Exception as error:  # the other faults are still tried
        violation = f"{type(error).__name__}: {error}"
        sys.stdout.write(f"Violated, with the seed “{seed}”: {violation}\n")
        service.clean()
        return Round(fault.name, seed, violation=violation)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
