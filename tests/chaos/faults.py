"""What can go wrong with a running service, each at a random moment of some jobs' lives."""

import resource
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from random import Random

import httpx

from shared.celery_app import create_queue, publish
from shared.job_store import JOB_KEYS
from tests.chaos.house import House, Part
from tests.waiting import pause

Action = Callable[[House, list[str], Random], None]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: as the table has it.
        strike: lets it happen, and be over.
        ends: which states a job may end in under it, beside `succeeded`.
        forgets: Redis may lose what it acknowledged last: a job that ended then is painted again.
    """

    name: str
    strike: Action
    ends: frozenset[str] = frozenset()
    forgets: bool = False


def _some_worker(house: House, chance: Random) -> Part:
    return chance.choice(house.exposed)


def kill_child(house: House, jobs: list[str], chance: Random) -> None:
    """SIGKILL to a process that paints; its parent starts another."""
    _some_worker(house, chance).send_children(signal.SIGKILL)


def kill_parent(house: House, jobs: list[str], chance: Random) -> None:
    """SIGKILL to a worker's parent; the child is left to itself."""
    worker = _some_worker(house, chance)
    worker.send(signal.SIGKILL)
    worker.process.wait()
    house.start()


def kill_whole_worker(house: House, jobs: list[str], chance: Random) -> None:
    """SIGKILL to a worker and its child, as when a machine is lost."""
    _some_worker(house, chance).end()
    house.start()


def kill_api(house: House, jobs: list[str], chance: Random) -> None:
    """SIGKILL to the API in the middle of a submission, which the client then sends again under the
    same key: it is the same job, or the response says that the first one is not over yet."""
    key = f"chaos-{chance.getrandbits(64)}"
    with ThreadPoolExecutor() as pool:
        submission = pool.submit(house.post, key)
        pause(chance.uniform(0, 0.15))
        house.api.send(signal.SIGKILL)
        house.api.process.wait()
        house.start()
    with suppress(httpx.TransportError):
        submission.result()
    again = house.post(key)
    if again.status_code != HTTPStatus.CONFLICT:
        jobs.append(again.raise_for_status().json()["id"])


def kill_reconciler(house: House, jobs: list[str], chance: Random) -> None:
    """SIGKILL to a reconciler, together with a process that paints."""
    chance.choice(house.reconcilers).end()
    kill_child(house, jobs, chance)
    house.start()


def stop_child(house: House, jobs: list[str], chance: Random) -> None:
    """SIGSTOP to a process that paints for longer than its lease, then SIGCONT: a zombie writes."""
    worker = _some_worker(house, chance)
    worker.send_children(signal.SIGSTOP)
    pause(house.lease_seconds * chance.uniform(1.2, 2))
    worker.send_children(signal.SIGCONT)


def deploy(house: House, jobs: list[str], chance: Random) -> None:
    """SIGTERM to a worker, and another one in its place."""
    worker = _some_worker(house, chance)
    worker.send(signal.SIGTERM)
    worker.process.wait(60)
    house.start()


def kill_redis(house: House, jobs: list[str], chance: Random) -> None:
    """SIGKILL to Redis, and its start from its file."""
    house.redis.end()
    pause(chance.uniform(0, 1))
    house.start()


def lose_redis(house: House, jobs: list[str], chance: Random) -> None:
    """Redis hangs for 10 s."""
    house.redis.send(signal.SIGSTOP)
    pause(10)
    house.redis.send(signal.SIGCONT)


def deliver_twice(house: House, jobs: list[str], chance: Random) -> None:
    """Every message comes three times."""
    queue = create_queue(house.settings)
    for job_id in 2 * jobs:
        publish(queue, job_id)
    queue.close()


def lose_messages(house: House, jobs: list[str], chance: Random) -> None:
    """Every message that no worker has taken yet is gone."""
    house.jobs.client.delete("paint")


def refuse_writes(house: House, jobs: list[str], chance: Random) -> None:
    """For a while no worker can write a file of more than a few bytes, as on a full disk."""
    children = [each for worker in house.exposed for each in worker.children]
    limits = {each: resource.prlimit(each, resource.RLIMIT_FSIZE) for each in children}
    for each, (_, hard) in limits.items():
        resource.prlimit(each, resource.RLIMIT_FSIZE, (64, hard))
    pause(chance.uniform(0.5, 6))
    for each, before in limits.items():
        resource.prlimit(each, resource.RLIMIT_FSIZE, before)


def fill_disk(house: House, jobs: list[str], chance: Random) -> None:
    """The disk is full for a while, for Redis, the API and the workers alike."""
    filler = house.folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1_000_000)):
            pass
    pause(chance.uniform(0.5, 6))
    filler.unlink()


def jump_clock(house: House, jobs: list[str], chance: Random) -> None:
    """Redis's clock jumps, and a process that paints is killed: its lease ends early, or late.

    All that the scripts ever do with a moment is to compare it with now, so the moments that are
    written down are moved in place of the clock.
    """
    seconds = chance.uniform(-8, 8)
    for name in ("running", "deadlines", "finished", "cleanup"):
        for member in house.jobs.client.zrange(JOB_KEYS[name], 0, -1):
            house.jobs.client.zincrby(JOB_KEYS[name], -1000 * seconds, str(member))
    kill_child(house, jobs, chance)


def poison(house: House, jobs: list[str], chance: Random) -> None:
    """One job kills each worker that paints it; the others are painted all the same."""
    job_id = house.submit(priority="high", iterations=400)
    house.kill_whoever_paints(job_id)
    assert house.look(job_id)["error"]["code"] == "worker_lost"
    house.http.delete(f"/jobs/{job_id}").raise_for_status()


def cancel_some(house: House, jobs: list[str], chance: Random) -> None:
    """The client cancels one job and erases another."""
    canceled, *others = chance.sample(jobs, 2)
    house.http.post(f"/jobs/{canceled}/cancel").raise_for_status()
    for each in others:
        house.http.delete(f"/jobs/{each}").raise_for_status()
        jobs.remove(each)


FAULTS = (
    Fault("a painting process is killed", kill_child),
    Fault("a worker's parent is killed", kill_parent),
    Fault("a worker with all its processes is killed", kill_whole_worker),
    Fault("the API is killed", kill_api),
    Fault("the reconciler is killed, and a painting process", kill_reconciler),
    Fault("a painting process hangs, and wakes up", stop_child),
    Fault("a worker is replaced (SIGTERM)", deploy),
    Fault("Redis is killed", kill_redis),
    Fault("Redis hangs for 10 s", lose_redis),
    Fault("messages are delivered three times", deliver_twice),
    Fault("messages are lost", lose_messages),
    Fault("writes are refused, as with a full disk", refuse_writes),
    Fault("Redis's clock jumps, and a painting process is killed", jump_clock),
    Fault("a job kills each of its workers", poison),
    Fault("jobs are canceled and deleted", cancel_some, frozenset({"canceled"})),
)

ON_A_SMALL_DISK = (Fault("the disk is full", fill_disk),)
"""Only for a service whose folder has a disk of its own."""
