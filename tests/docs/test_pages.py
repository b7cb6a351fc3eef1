"""The documentation says what the code says, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from shared.documents import PAGES

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_the_code_knows_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == PAGES[name](), "run: make docs"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8"))
    assert [each for each in targets if not (document.parent / each).exists()] == []


def test_the_readme_s_commands_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for document in DOCUMENTS:
        for target in re.findall(r"`make (\w+)", document.read_text("utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{document.name}: {target}"
