"""The generated modules of the client are those that `make client` writes."""

from collections.abc import Callable
from functools import partial

import pytest

from tools.generate_client import (
    FOLDER,
    SYNCHRONOUS_MODULES,
    generate_options,
    generate_synchronous,
)


@pytest.mark.parametrize(
    ("name", "generate"),
    [
        *((name, partial(generate_synchronous, name)) for name in SYNCHRONOUS_MODULES),
        ("job_options.py", generate_options),
    ],
)
def test_a_generated_module_is_up_to_date(name: str, generate: Callable[[], str]) -> None:
    assert (FOLDER / name).read_text("utf-8") == generate()
