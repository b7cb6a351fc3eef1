"""The documentation says what the code says, and its links lead somewhere."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.jobs.schemas import Job
from pastiche.job_settings import JOB_SETTINGS
from pastiche.options import OPTIONS
from shared.errors import FIELD_ERRORS
from tools.documents import PAGES

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_the_code_knows_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == PAGES[name](), "run: make docs"


def test_the_values_on_the_page_of_the_options_are_written_as_in_a_form() -> None:
    declared = {**OPTIONS, **JOB_SETTINGS}
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGES["options.md"](), re.MULTILINE)
    values = [(name, text) for name, text in rows if name in declared]
    assert {("webhook_events", "finished"), ("gradient_normalisation", "false")} < set(values)
    assert {text for _, text in values} & {"False", "True", "None"} == set()
    for name, text in values:
        declared[name].parse(text)


def test_every_code_that_a_field_can_have_is_documented() -> None:
    from_a_job = {"job_not_found", "job_expired"}  # the codes of what the field names
    assert set(_codes_of_fields()) | from_a_job == set(FIELD_ERRORS)


def _codes_of_fields() -> Iterator[str]:
    """Each code that is written down where a field or a picture is found to be invalid."""
    place = {"FieldError": 1, "PictureFault": 0, "FetchFault": 0}
    for path in [*(ROOT / "api").rglob("*.py"), *(ROOT / "shared").rglob("*.py")]:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                code = call.args[place[call.func.id]] if call.func.id in place else None
                if isinstance(code, ast.Constant):
                    yield str(code.value)


def test_the_job_on_the_page_of_the_api_has_the_fields_of_every_job() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(\{\"id\": .*?)```", page, re.DOTALL)
    job = json.loads(example)
    assert Job.model_validate(job).model_dump(mode="json") == job
    assert set(job["options"]) < set(OPTIONS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8"))
    assert [each for each in targets if not (document.parent / each).exists()] == []


def test_the_readme_s_commands_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for document in DOCUMENTS:
        for target in re.findall(r"`make (\w+)", document.read_text("utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{document.name}: {target}"
