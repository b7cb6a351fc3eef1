"""A client of the soak: it uses all of the service at random, and knows what has to come of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Event
from time import monotonic
from typing import Any

from tests.chaos.guarantees import OVER, PollingClient
from tests.chaos.service import ChaosService
from tests.soak.checked_client import UNAVAILABLE, CheckedClient
from tests.soak.invalid import InvalidRequests
from tests.soak.submitting import Submitter
from tests.waiting import until

MOST_OPEN = 4
"""How many jobs of a visitor are not over at most: two workers on a shared processor paint them."""

MOST_FINISHED = 6
"""How many finished submissions a visitor leaves to be read; the oldest are deleted."""

PAUSE_SECONDS = (0.1, 0.8)

_READ_PATHS = (
    "/jobs?limit=5",
    "/jobs?status=succeeded",
    "/pictures",
    "/options",
    "/presets",
    "/styles",
    "/workers",
    "/metrics",
    "/readyz",
    "/openapi.json",
    "/",
)

_FORMATS = ("png", "jpeg", "webp")


@dataclass
class Submission:
    """A job, or a sweep.

    Attributes:
        path: where it is deleted.
        jobs: the ids of its jobs.
        ends: the statuses of those that were seen to be over.
        may_end_canceled: a request to cancel was sent, whether it was answered or not.
        may_be_deleted: a request to delete was sent.
    """

    path: str
    jobs: list[str]
    ends: dict[str, str] = field(default_factory=dict)
    may_end_canceled: bool = False
    may_be_deleted: bool = False

    @property
    def is_over(self) -> bool:
        return len(self.ends) == len(self.jobs)

    @property
    def missing(self) -> tuple[int, ...]:
        """The status of an answer that it does not exist, if that may be the answer."""
        return (404,) if self.may_be_deleted else ()


class Visitor:
    """Sends one request after another.

    Attributes:
        ends: how many jobs ended in each status.
    """

    def __init__(self, service: ChaosService, chance: Random, webhook_url: str) -> None:
        self.client = CheckedClient(service.http.base_url)
        self.ends: Counter[str] = Counter()
        self._chance = chance
        self._submitter = Submitter(self.client, chance, webhook_url)
        self._invalid = InvalidRequests(self.client, chance)
        self._polling = PollingClient(service, [])
        self._submissions: list[Submission] = []
        self._etags: dict[str, str] = {}

    @property
    def jobs(self) -> list[str]:
        """The jobs that it has not deleted."""
        return [each for submission in list(self._submissions) for each in submission.jobs]

    def run(self, ended: Event) -> None:
        """Visits until the event is set."""
        actions: dict[Callable[[], object], int] = {
            self._submit: 12,
            self._poll: 30,
            self._stream: 8,
            self._read: 14,
            self._change: 6,
            self._delete: 5,
            self._browse: 8,
            self._submitter.upload: 4,
            self._invalid.send: 12,
        }
        while not ended.wait(self._chance.uniform(*PAUSE_SECONDS)):
            (action,) = self._chance.choices(list(actions), list(actions.values()))
            try:
                action()
            except Exception as error:
                self.client.broken.append(f"{action.__name__}: {type(error).__name__}: {error}")

    def settle(self, timeout_seconds: float) -> None:
        """Waits until all its jobs are over, and reads every result.

        Raises:
            AssertionError: a job was lost.
        """

        def are_over() -> bool:
            for each in self._submissions:
                self._look(each)
            return all(each.is_over or each.may_be_deleted for each in self._submissions)

        until(are_over, timeout_seconds=timeout_seconds)
        for each in self._submissions:
            for job_id, status in each.ends.items():
                if status == "succeeded":
                    path = f"/jobs/{job_id}/result"
                    self.client.send("result", "GET", path, 200, *each.missing)
        self.client.broken += self._polling.violations

    def leave(self) -> None:
        """Deletes all that it has, and closes its connections."""
        for each in self._submissions:
            self.client.send("delete", "DELETE", each.path, 204, 404)
        self._submitter.delete_pictures()
        self.client.http.close()

    def _some(self) -> Submission | None:
        return self._chance.choice(self._submissions) if self._submissions else None

    def _submit(self) -> None:
        if sum(len(each.jobs) - len(each.ends) for each in self._submissions) >= MOST_OPEN:
            return
        response = self._submitter.submit()
        if response.is_success:
            made = response.json()
            jobs = [each["id"] for each in made.get("jobs", [made])]
            self._submissions.append(Submission(made["links"]["self"], jobs))

    def _poll(self) -> None:
        submission = self._some()
        if submission is not None:
            self._look(submission)

    def _look(self, submission: Submission) -> None:
        """Polls its jobs, as a client that has an ETag of each."""
        for job_id in submission.jobs:
            headers = {"If-None-Match": self._etags[job_id]} if job_id in self._etags else {}
            allowed = (200, 304, *submission.missing)
            response = self.client.send("poll", "GET", f"/jobs/{job_id}", *allowed, headers=headers)
            if response.status_code == 200:
                self._etags[job_id] = response.headers["etag"]
                self._compare(submission, response.json())

    def _compare(self, submission: Submission, job: dict[str, Any]) -> None:
        self._polling.compare(job["id"], job)
        if job["status"] not in OVER or job["id"] in submission.ends:
            return
        submission.ends[job["id"]] = job["status"]
        self.ends[job["status"]] += 1
        allowed = {"succeeded", "canceled"} if submission.may_end_canceled else {"succeeded"}
        if job["status"] not in allowed:
            self.client.broken.append(f"{job['id']} is {job['status']}: {job['error']}")

    def _stream(self) -> None:
        """Reads events for a while, and hangs up."""
        submission = self._some()
        if submission is None:
            return
        path = f"/jobs/{self._chance.choice(submission.jobs)}/events"
        late = monotonic() + self._chance.uniform(0.1, 5)
        with self.client.stream("events", path, 200, *submission.missing) as response:
            for _ in response.iter_lines():
                if monotonic() > late:
                    return

    def _read(self) -> None:
        """Reads what there is of a job or of a sweep, which may be nothing yet."""
        submission = self._some()
        if submission is None:
            return
        missing = submission.missing
        path = f"/jobs/{self._chance.choice(submission.jobs)}"
        query = f"format={self._chance.choice(_FORMATS)}"
        # Over without a picture: 410.
        self.client.send("result", "GET", f"{path}/result?{query}", 200, 409, 410, *missing)
        self.client.send("preview", "GET", f"{path}/preview", 200, 204, *missing)
        self.client.send("losses", "GET", f"{path}/losses", 200, *missing)
        if len(submission.jobs) > 1:
            sheet = f"{submission.path}/sheet?{query}&cell=64"
            self.client.send("sheet", "GET", sheet, 200, *missing)

    def _change(self) -> None:
        """New weights, the picture as it is, or a cancel."""
        submission = self._some()
        if submission is None or submission.may_be_deleted or submission.may_end_canceled:
            return
        path = f"/jobs/{self._chance.choice(submission.jobs)}"
        change = self._chance.choice(("weights", "weights", "finish", "cancel"))
        if change == "weights":
            weights = {"style_weight": round(self._chance.uniform(0.1, 2), 3)}
            self.client.send(change, "PATCH", path, 200, 409, json=weights)
        elif change == "finish":
            self.client.send(change, "POST", f"{path}/finish", 200, 202, 409)
        else:
            submission.may_end_canceled = True
            self.client.send(change, "POST", f"{submission.path}/cancel", 200, 202, 409)

    def _delete(self) -> None:
        """One that is over, if there are many; now and then any."""
        over = [each for each in self._submissions if each.is_over]
        submission = over[0] if len(over) > MOST_FINISHED else None
        if submission is None and self._chance.random() < 0.1:
            submission = self._some()
        if submission is None:
            return
        submission.may_be_deleted = True
        answer = self.client.send("delete", "DELETE", submission.path, 204, 404)
        if answer.status_code != UNAVAILABLE:
            self._submissions.remove(submission)
            self.ends["deleted before its end"] += len(submission.jobs) - len(submission.ends)
            for job_id in submission.jobs:
                self._etags.pop(job_id, None)
                self._polling.last_seen.pop(job_id, None)

    def _browse(self) -> None:
        self.client.send("browse", "GET", self._chance.choice(_READ_PATHS), 200)
