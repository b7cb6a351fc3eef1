"""A job's life in a worker, on one screen."""

from shared.jobs import BackboneUsed, read_options
from worker.claims import next_attempt
from worker.studio import Studio


def paint(studio: Studio) -> None:
    """Claims the job that is next, loads its images, paints them and commits the picture.

    Whatever comes in between, the record says how it ended: `worker.claims` sees to that.
    """
    # torch comes with it; only a painting process ever loads that.
    from worker.painting import choose, paint_picture

    with next_attempt(studio) as attempt:
        if attempt is None:
            return
        pictures = attempt.load()
        options = read_options(attempt.job.id, attempt.options)
        backbone = choose(options, studio.settings)
        attempt.tell_backbone(BackboneUsed(backbone.name, backbone.sha256))
        picture = paint_picture(pictures, options, backbone, attempt)
        attempt.commit(picture)
