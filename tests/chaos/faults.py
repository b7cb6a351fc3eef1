"""Faults that strike a running service while it paints some jobs."""

import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from random import Random

import httpx

from shared.celery_app import create_queue, publish
from shared.job_store import JOB_KEYS
from tests.chaos.service import ChaosService, ServiceProcess
from tests.waiting import pause

Action = Callable[[ChaosService, list[str], Random], None]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: its name in the table.
        strike: injects the fault, and ends it.
        ends: the statuses that a job may end with, beside `succeeded`.
        may_lose_writes: Redis may lose its last acknowledged writes: a job may be painted again.
    """

    name: str
    strike: Action
    ends: frozenset[str] = frozenset()
    may_lose_writes: bool = False


def _choose_worker(service: ChaosService, chance: Random) -> ServiceProcess:
    return chance.choice(service.targets)


def kill_child(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Kills a painting process; its parent starts another one."""
    _choose_worker(service, chance).signal_children(signal.SIGKILL)


def kill_parent(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Kills a worker's parent; its child becomes an orphan."""
    worker = _choose_worker(service, chance)
    worker.send_signal(signal.SIGKILL)
    worker.popen.wait()
    service.start()


def kill_whole_worker(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Kills a worker and its child, as when a machine fails."""
    _choose_worker(service, chance).kill()
    service.start()


def kill_api(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Kills the API during a submission, which the client then repeats with the same idempotency
    key: it gets the same job, or the response that the first submission is still processed."""
    key = f"chaos-{chance.getrandbits(64)}"
    with ThreadPoolExecutor() as pool:
        submission = pool.submit(service.post, key)
        pause(chance.uniform(0, 0.15))
        service.api.send_signal(signal.SIGKILL)
        service.api.popen.wait()
        service.start()
    with suppress(httpx.TransportError):
        submission.result()
    again = service.post(key)
    if again.status_code != HTTPStatus.CONFLICT:
        jobs.append(again.raise_for_status().json()["id"])


def kill_reconciler(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Kills a reconciler and a painting process."""
    chance.choice(service.reconcilers).kill()
    kill_child(service, jobs, chance)
    service.start()


def stop_child(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Stops a painting process for longer than its lease; then it continues without a claim."""
    worker = _choose_worker(service, chance)
    worker.signal_children(signal.SIGSTOP)
    pause(service.lease_seconds * chance.uniform(1.2, 2))
    worker.signal_children(signal.SIGCONT)


def replace_worker(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Ends a worker by SIGTERM, and starts another one."""
    worker = _choose_worker(service, chance)
    worker.send_signal(signal.SIGTERM)
    worker.popen.wait(60)
    service.start()


def kill_redis(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Kills Redis, and starts it from its file."""
    service.redis.kill()
    pause(chance.uniform(0, 1))
    service.start()


def stop_redis(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Stops Redis for 10 s."""
    service.redis.send_signal(signal.SIGSTOP)
    pause(10)
    service.redis.send_signal(signal.SIGCONT)


def deliver_repeatedly(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Publishes every message three times."""
    queue = create_queue(service.settings)
    for job_id in 2 * jobs:
        publish(queue, job_id)
    queue.close()


def lose_messages(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Deletes every message that no worker has received yet."""
    service.jobs.client.delete("paint")


def refuse_writes(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Stops the workers from writing files for a while, as on a full disk."""
    if sys.platform != "linux":
        raise NotImplementedError("Only Linux sets the limits of another process.")
    children = [each for worker in service.targets for each in worker.children]
    limits = {each: resource.prlimit(each, resource.RLIMIT_FSIZE) for each in children}
    for each, (_, hard) in limits.items():
        resource.prlimit(each, resource.RLIMIT_FSIZE, (64, hard))
    pause(chance.uniform(0.5, 6))
    for each, before in limits.items():
        resource.prlimit(each, resource.RLIMIT_FSIZE, before)


def fill_disk(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Fills up the disk of Redis, the API and the workers for a while."""
    filler = service.folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1_000_000)):
            pass
    pause(chance.uniform(0.5, 6))
    filler.unlink()


def jump_clock(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Makes Redis's clock jump, and kills a painting process: its lease ends early or late.

    The scripts only compare stored times with the current time, so the stored times are changed
    instead of the clock.
    """
    seconds = chance.uniform(-8, 8)
    for name in ("running", "deadlines", "finished", "cleanup"):
        for member in service.jobs.client.zrange(JOB_KEYS[name], 0, -1):
            service.jobs.client.zincrby(JOB_KEYS[name], -1000 * seconds, str(member))
    kill_child(service, jobs, chance)


def kill_workers_of_job(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Submits a job that kills each worker that paints it; the other jobs are painted."""
    job_id = service.submit(priority="high", iterations=400)
    service.kill_each_worker_of(job_id)
    assert service.get_job(job_id)["error"]["code"] == "worker_lost"
    service.http.delete(f"/jobs/{job_id}").raise_for_status()


def cancel_and_delete(service: ChaosService, jobs: list[str], chance: Random) -> None:
    """Cancels one job and deletes another."""
    canceled, *others = chance.sample(jobs, 2)
    service.http.post(f"/jobs/{canceled}/cancel").raise_for_status()
    for each in others:
        service.http.delete(f"/jobs/{each}").raise_for_status()
        jobs.remove(each)


_ON_LINUX = (Fault("writes are refused, as with a full disk", refuse_writes),)
"""For a service on Linux alone."""

FAULTS = (
    Fault("a painting process is killed", kill_child),
    Fault("a worker's parent is killed", kill_parent),
    Fault("a worker with all its processes is killed", kill_whole_worker),
    Fault("the API is killed", kill_api),
    Fault("the reconciler is killed, and a painting process", kill_reconciler),
    Fault("a painting process hangs, and wakes up", stop_child),
    Fault("a worker is replaced (SIGTERM)", replace_worker),
    Fault("Redis is killed", kill_redis),
    Fault("Redis hangs for 10 s", stop_redis),
    Fault("messages are delivered three times", deliver_repeatedly),
    Fault("messages are lost", lose_messages),
    *(_ON_LINUX if sys.platform == "linux" else ()),
    Fault("Redis's clock jumps, and a painting process is killed", jump_clock),
    Fault("a job kills each of its workers", kill_workers_of_job),
    Fault("jobs are canceled and deleted", cancel_and_delete, frozenset({"canceled"})),
)

ON_A_SMALL_DISK = (Fault("the disk is full", fill_disk),)
"""For a service whose folder is on a small disk of its own."""
