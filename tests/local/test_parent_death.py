"""Commands that end with the process that started them, even where that is killed."""

import subprocess
import sys

import pytest

from local import parent_death

pytestmark = pytest.mark.skipif(
    not parent_death.is_supported(), reason="This system tells no child of it."
)

PARENT = """
import subprocess, sys
from local.parent_death import bound
subprocess.Popen(bound(["sh", "-c", "echo begun; exec sleep 600"]))
input()
"""


def test_a_bound_command_ends_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "begun\n"
        parent.kill()
        assert parent.stdout.read() == ""  # at its end once the child, which shares it, is gone


def test_a_bound_command_runs_unchanged() -> None:
    command = [sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(3)", "a b", "-c"]
    ended = subprocess.run(parent_death.bound(command), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (3, "['a b', '-c']\n")


def test_a_command_whose_parent_has_ended_is_not_run() -> None:
    *bound, _ = parent_death.bound(["true"])
    program, isolated, no_site, script, _ = bound
    ended = subprocess.run(
        [program, isolated, no_site, script, "1", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "The parent process has already ended.\n")
