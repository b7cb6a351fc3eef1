"""Which request and which job a line of the log names."""

import json
import logging
from collections.abc import Callable, Iterator
from contextvars import copy_context

import pytest

from shared import logs
from shared.settings import Settings

Lines = Callable[[], list[str]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """The lines that are logged. Afterwards, the handlers of the tests are restored."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield lambda: capsys.readouterr().err.splitlines()
    root.handlers[:], root.level = handlers, level


def test_a_log_line_names_its_request_and_job(lines: Lines) -> None:
    logs.configure(Settings())
    with logs.about(request_id="r1"):
        logging.getLogger("x").info("painted")
    logging.getLogger("x").info("idle")
    with_request, without = lines()
    assert with_request.endswith("INFO x: painted [r1]")
    assert without.endswith("INFO x: idle")


def test_a_name_in_the_message_is_not_repeated(lines: Lines) -> None:
    logs.configure(Settings())
    with logs.about(job_id="j1", request_id=None):
        logging.getLogger("x").info("Job j1: painted")
    assert lines()[0].endswith("x: Job j1: painted")


def test_a_malformed_call_of_a_library_is_reported_and_raises_nothing(lines: Lines) -> None:
    logs.configure(Settings())
    logging.getLogger("x").warning("%d pictures", "many")
    assert "--- Logging error ---" in lines()


def test_log_lines_are_json_where_configured(lines: Lines) -> None:
    logs.configure(Settings(log_format="json"))
    with logs.about(request_id="r1"), logs.about(job_id="j1"):
        logging.getLogger("x").warning("lost %d", 3)
    (line,) = lines()
    entry = json.loads(line)
    assert entry.pop("time").startswith("20")
    assert entry == {
        "level": "WARNING",
        "logger": "x",
        "message": "lost 3",
        "request_id": "r1",
        "job_id": "j1",
    }


def test_a_traceback_is_part_of_its_line(lines: Lines) -> None:
    logs.configure(Settings(log_format="json"))
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("x").exception("unforeseen")
    (line,) = lines()
    assert "ValueError: no" in json.loads(line)["exc_info"]


def test_a_context_can_be_passed_to_a_thread(lines: Lines) -> None:
    logs.configure(Settings())
    with logs.about(job_id="j1"):
        context = copy_context()
    context.run(logging.getLogger("x").info, "beat")
    assert lines()[0].endswith("beat [j1]")
