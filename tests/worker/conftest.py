"""A server that receives webhooks, and what delivers them."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from shared.job_store import JobStore
from tests.worker.webhooks import Receiver
from worker.webhooks import Deliveries


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.at_once += 1
            made.most_at_once = max(made.most_at_once, made.at_once)
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append((dict(self.headers), body))
            self.send_response(made.answers.pop(0) if made.answers else 204)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            made.at_once -= 1
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
        Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def deliveries(jobs: JobStore) -> Deliveries:
    return Deliveries(jobs, allow_private=True)
