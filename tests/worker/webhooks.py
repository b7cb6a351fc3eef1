"""Helpers of the webhook tests: a server that receives webhooks, and access to stored ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from shared import transitions
from shared.job_store import JOB_KEYS, JobStore
from shared.jobs import Job, Webhook
from worker.webhooks import Deliveries


@dataclass
class Receiver:
    """A server that receives webhooks, and responds as configured while `answering` is set."""

    url: str
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    answering: Event = field(default_factory=Event)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A running server."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.at_once += 1
            made.most_at_once = max(made.most_at_once, made.at_once)
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append((dict(self.headers), body))
            made.answering.wait()
            self.send_response(made.answers.pop(0) if made.answers else 204)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            made.at_once -= 1
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
        made.answering.set()
        Thread(target=server.serve_forever, daemon=True).start()
        yield made
        made.answering.set()
        server.shutdown()


def delivered(deliveries: Deliveries) -> bool:
    """Runs a round and all its deliveries; whether there was any."""
    found = deliveries.round()
    deliveries.join()
    return found


def stored_webhook(jobs: JobStore, job_id: str) -> Webhook:
    job = jobs.run(transitions.read(job_id))
    assert isinstance(job, Job)
    assert job.webhook is not None
    return job.webhook


def bring_forward(jobs: JobStore) -> None:
    """Makes every webhook due now."""
    for job_id in jobs.client.zrange(JOB_KEYS["webhooks"], 0, -1):
        jobs.client.zadd(JOB_KEYS["webhooks"], {str(job_id): 0})
