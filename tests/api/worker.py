"""Plays the worker for a job in the API's records: claims it, reports progress, and commits."""

from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from PIL import Image

from shared import transitions
from shared.blob_store import BlobStore, losses_key, preview_key, result_key
from shared.errors import FailureCode
from shared.job_store import JobStore
from shared.progress import Losses, Progress
from shared.transitions import Retention
from tests import pictures
from tests.conftest import RunningApi

PROGRESS = Progress(
    iteration=126,
    iterations=300,
    scale=2,
    scales=3,
    work=0.3,
    eta_seconds=9.5,
    losses={"content": 1.0, "style": 2.0, "tv": 0.5, "gamut": 0.25, "total": 3.75},
)

RETENTION = Retention(retention_hours=1, grace_seconds=40)


def submitted(api: RunningApi, **fields: Any) -> dict[str, Any]:
    """Submits a job; the response."""
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    response = api.http.post("/jobs", files=files, data=fields)
    assert response.status_code == 202, response.text
    job = response.json()
    assert isinstance(job, dict)
    return job


def png(width: int = 40, height: int = 30) -> bytes:
    """A picture to commit as the result."""
    out = BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class PlayedWorker:
    """A played worker that has claimed a job."""

    job_id: str
    fence: str
    jobs: JobStore
    blobs: BlobStore

    @classmethod
    def of(cls, job: dict[str, Any], jobs: JobStore, api: RunningApi) -> "PlayedWorker":
        """Claims the job."""
        claim = jobs.run(transitions.claim(job["id"], lease_seconds=20))
        assert claim is not None
        blobs = BlobStore.open(api.settings.blob_store_location)
        return cls(job["id"], claim.fence, jobs, blobs)

    def report_progress(self, iteration: int = PROGRESS.iteration, **more: str) -> None:
        """Sends a heartbeat with the progress at this iteration."""
        progress = replace(PROGRESS, iteration=iteration)
        self._beat({"progress": progress.to_json(), **more})

    def show(
        self, iteration: int, preview: bytes = b"", *, changed_weights_at: int | None = None
    ) -> None:
        """Stores a preview and the losses so far.

        Args:
            changed_weights_at: the iteration from which on the style has a larger weight.
        """
        losses = Losses()
        for each in range(1, iteration + 1):
            is_changed = changed_weights_at is not None and each >= changed_weights_at
            weights = {"content_weight": 0.5, "style_weight": 0.9 if is_changed else 0.5}
            losses.add(replace(PROGRESS, iteration=each), weights | {"tv_weight": 0.001})
        picture = preview or b"preview %d" % iteration
        self.blobs.put(preview_key(self.job_id, self.fence), picture)
        self.blobs.put(losses_key(self.job_id, self.fence), losses.to_json())
        self._beat(
            {
                "preview_key": preview_key(self.job_id, self.fence),
                "preview_iteration": str(iteration),
                "losses_key": losses_key(self.job_id, self.fence),
            }
        )

    def commit(self, picture: bytes | None = None) -> None:
        """Stores a picture, and commits it as the result."""
        self.blobs.put(result_key(self.job_id, self.fence), picture or png())
        self.commit_stored()

    def commit_stored(self) -> None:
        """Commits the picture that is already in the store."""
        key = result_key(self.job_id, self.fence)
        succeeded = transitions.succeed(
            self.job_id, self.fence, result_key=key, fields={}, retention=RETENTION
        )
        assert self.jobs.run(succeeded) == "ok"

    def fail(self, code: FailureCode = "out_of_memory") -> None:
        """Reports that the attempt failed, by default because there was too little memory."""
        failed = transitions.fail(
            self.job_id, self.fence, code=code, fields={}, retention=RETENTION
        )
        assert self.jobs.run(failed) == "ok"

    def stop(self) -> None:
        """Confirms that the job stopped because its client canceled it."""
        stopped = transitions.confirm_cancel(
            self.job_id, self.fence, fields={}, retention=RETENTION
        )
        assert self.jobs.run(stopped) == "ok"

    def _beat(self, fields: dict[str, str]) -> None:
        self.jobs.run(
            transitions.heartbeat(self.job_id, self.fence, lease_seconds=20, fields=fields)
        )
