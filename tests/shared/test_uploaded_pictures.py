"""The scripts on uploaded pictures and direct uploads, on a real Redis."""

from shared import direct_uploads, uploaded_pictures
from shared.job_store import JobStore
from shared.uploaded_pictures import PictureContent, PictureLimits

LIMITS = PictureLimits(retention_hours=1, per_owner=9, in_all=9)
CONTENT = PictureContent("digest", 96, 64, 5, is_transparent=False)


def test_storing_a_picture_whose_reply_was_lost_can_be_repeated(jobs: JobStore) -> None:
    jobs.run(uploaded_pictures.begin_upload("id", "ada", "blob"))
    storing = uploaded_pictures.store(
        "id", "ada", name="", content=CONTENT, blob="blob", limits=LIMITS
    )
    stored = jobs.run(storing)
    assert stored is not None
    assert stored.is_new
    assert jobs.run(storing) == stored


def test_the_last_possible_upload_whose_reply_was_lost_can_be_repeated(jobs: JobStore) -> None:
    beginning = direct_uploads.begin("id", "ada", name="", limit=1)
    assert [jobs.run(beginning) for _ in range(2)] == [0, 0]
    assert jobs.run(direct_uploads.begin("other", "ada", name="", limit=1)) > 0
