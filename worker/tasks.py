"""A job's life in a worker, on one screen."""

from pastiche.options import Options
from shared.jobs import BackboneUsed
from worker.attempt import attempt_at
from worker.studio import Studio


def paint(job_id: str, studio: Studio) -> None:
    """Claims a job, loads its images, paints them and commits the picture.

    Whatever comes in between, the record says how it ended: `worker.attempt` sees to that.
    """
    # torch comes with it; only a painting process ever loads that.
    from worker.painting import choose, paint_picture

    with attempt_at(job_id, studio) as attempt:
        if attempt is None:
            return
        pictures = attempt.load()
        options = Options(**attempt.job.options)
        backbone = choose(options, studio.settings)
        attempt.tell_backbone(BackboneUsed(backbone.name, backbone.sha256))
        picture = paint_picture(pictures, options, backbone, watch=attempt)
        attempt.commit(picture)
