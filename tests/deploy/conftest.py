"""Runs the programs that operators run."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.programs import find_program, missing_program

ROOT = Path(__file__).parents[2]

RunProgram = Callable[..., str]
"""Runs a program of that name with these arguments, in the root of the project; its output."""


@pytest.fixture
def run_program() -> RunProgram:
    def run(name: str, *arguments: str) -> str:
        program = find_program(name)
        if program is None:
            pytest.skip(missing_program(name))
        done = subprocess.run(
            [program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run
