"""The generated modules of the client are those that `make client` writes."""

from collections.abc import Callable

import pytest

from tools.generate_client import FOLDER, generate_client, generate_options


@pytest.mark.parametrize(
    ("name", "generate"), [("client.py", generate_client), ("job_options.py", generate_options)]
)
def test_a_generated_module_is_up_to_date(name: str, generate: Callable[[], str]) -> None:
    assert (FOLDER / name).read_text("utf-8") == generate()
