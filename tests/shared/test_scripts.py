"""Each Lua script documents the keys and arguments that its call passes to it, and no others."""

import re
from importlib.resources import files
from typing import Any

import pytest

from shared import direct_uploads, job_records, transitions, uploaded_pictures
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, Transition
from shared.jobs import QueueEntry
from shared.transitions import Retention
from shared.uploaded_pictures import PictureContent, PictureLimits
from shared.webhook_keys import get_secret
from shared.workers import Worker, list_recent_workers, list_workers, register_worker
from worker import cleanup
from worker.list_repair import repair
from worker.reconciler import find_due, lead
from worker.retention_limits import find_beyond_limits
from worker.webhook_messages import Delivery
from worker.webhooks import list_due, note_delivery, take_delivery

SCRIPTS = files("shared") / "scripts"

RETENTION = Retention(retention_hours=1, grace_seconds=40)
ENTRY = QueueEntry("ada", 100)
DELIVERY = Delivery("job", "finished", "https://example.org", "ada", "succeeded", 1)
LIMITS = PictureLimits(retention_hours=1, per_owner=9, in_all=9)
CONTENT = PictureContent("digest", 96, 64, 5, is_transparent=False)

CALLS: list[Transition[Any]] = [
    transitions.begin_submission("job"),
    transitions.submit("job", 0, {}, Inputs("c", ("s",)), ENTRY, queue_limit=9),
    transitions.read("job"),
    transitions.claim("job", lease_seconds=1),
    transitions.heartbeat("job", "1-a", lease_seconds=1, fields={"progress": "{}"}),
    transitions.succeed("job", "1-a", result_key="r", fields={}, retention=RETENTION),
    transitions.release("job", "1-a", retention=RETENTION),
    transitions.hand_over("job", "1-a", code="out_of_memory", lost_limit=3, fields={}),
    transitions.recover("job", lost_limit=3, lease_limit_seconds=1, retention=RETENTION),
    transitions.cancel("job", retention=RETENTION),
    transitions.request_finish("job"),
    transitions.promote_preview("job", "r"),
    transitions.update_weights("job", 0, {}),
    transitions.expire("job", retention=RETENTION),
    transitions.end_retention("job"),
    transitions.delete("job", retention=RETENTION),
    transitions.delete_past_retention("job"),
    transitions.delete_damaged("job"),
    transitions.delete_beyond_limit("job", "jobs:retained:ada", RETENTION),
    transitions.mark_cleaned("job", 0),
    transitions.postpone_cleanup("job", 0, delay_seconds=1),
    take_delivery("job", hold_seconds=1),
    note_delivery(DELIVERY, error=None, again_seconds=None),
    list_due(limit=1),
    cleanup.list_due(limit=1),
    find_due(limit=1),
    job_records.estimate(ENTRY),
    job_records.read_queue(after=None, limit=1),
    job_records.list_jobs("ada", before="", limit=1, status=None, most=1),
    lead("one", lease_seconds=1),
    repair("", "", limit=1),
    find_beyond_limits("", RETENTION, owners=1, limit=1),
    get_secret("ada"),
    register_worker(Worker("one", "vgg16", "CPU", 1), ttl_seconds=1),
    list_workers(),
    list_recent_workers(),
    uploaded_pictures.begin_upload("id", "ada", "blob"),
    uploaded_pictures.store("id", "ada", name="", content=CONTENT, blob="blob", limits=LIMITS),
    uploaded_pictures.read("id", "ada"),
    uploaded_pictures.renew("id", "ada", LIMITS),
    uploaded_pictures.delete("id", "ada", "blob"),
    uploaded_pictures.list_pictures("ada", before="", limit=1, most=1),
    uploaded_pictures.expire(limit=1),
    uploaded_pictures.note_deletions(["blob"], [], retry_seconds=1),
    direct_uploads.begin("id", "ada", name="", limit=9),
    direct_uploads.read("id", "ada"),
    direct_uploads.complete("id", "ada", "picture"),
]
IDS = [call.script for call in CALLS]


def read(script: str) -> tuple[str, str, str]:
    """The keys in its header, the arguments in its header, and its code."""
    text = (SCRIPTS / f"{script}.lua").read_text("utf-8")
    match = re.search(r"^-- Keys:(.*?)^-- Arguments:(.*?)^-- Returns(.*)", text, re.M | re.S)
    assert match is not None
    keys, arguments, rest = match.groups()
    code = "\n".join(line for line in rest.splitlines()[1:] if not line.startswith("--"))
    return keys, arguments, code


def entries(section: str) -> set[str]:
    """The names at the beginning of a header's indented lines."""
    return set(re.findall(r"^--   (\w+)  ", section, re.M))


def documented_keys(section: str) -> set[str]:
    first_line = re.sub(r"\(.*?\)", "", section.splitlines()[0])
    return set(re.findall(r"\w+", first_line)) | entries(section)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_a_script_documents_its_arguments(call: Transition[Any]) -> None:
    _, section, _ = read(call.script)
    documented = entries(section) - {"fields"}
    if "`Retention`" in section:
        documented |= set(RETENTION.arguments)
    assert documented - {"id"} == set(call.arguments) - {"id"}
    assert not call.fields or "fields" in entries(section)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_a_script_documents_the_keys_that_it_touches(call: Transition[Any]) -> None:
    section, _, code = read(call.script)
    touched = {name for name in call.keys if re.search(rf"(?<!')\b{name}\b(?!')", code)}
    assert documented_keys(section) == touched


@pytest.mark.parametrize("folder", ["job", "picture", "upload"])
def test_every_script_on_a_job_a_picture_or_an_upload_has_a_call(folder: str) -> None:
    scripts = {path.name for path in (SCRIPTS / folder).iterdir()} - {"prelude.lua"}
    called = {call.script for call in CALLS if call.script.startswith(f"{folder}/")}
    assert {f"{folder}/{name.removesuffix('.lua')}" for name in scripts} == called


def test_the_prelude_documents_every_key_of_a_job() -> None:
    header, _, _ = (SCRIPTS / "job/prelude.lua").read_text("utf-8").partition("-- A script that")
    assert entries(header) == {"record", *JOB_KEYS}


def test_the_prelude_documents_every_key_of_a_picture() -> None:
    header, _, _ = (SCRIPTS / "picture/prelude.lua").read_text("utf-8").partition("\n\n")
    assert entries(header) == set(uploaded_pictures.read("id", "ada").keys)
