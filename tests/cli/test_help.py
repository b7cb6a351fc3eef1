"""The output of `--help`, in a terminal with 80 columns and in a pipe."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from pastiche.cli.app import application
from pastiche.job_settings import JOB_SETTINGS
from pastiche.options import OPTIONS
from tests.cli.command import PLAIN

_GROUP = get_command(application)
assert isinstance(_GROUP, TyperGroup)
COMMANDS = tuple(_GROUP.commands)


ROOT = Path(__file__).parents[2]


def help_of(*arguments: str, **environment: str) -> str:
    """What a command prints, with nothing else on standard error."""
    ended = subprocess.run(
        [sys.executable, "-m", "pastiche", *arguments],
        env=os.environ
        | PLAIN
        | {"COLUMNS": "80", "PYTHONPATH": str(Path(__file__).parents[2])}
        | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    return ended.stdout


@pytest.mark.parametrize("command", ["paint", "sweep", "submit"])
def test_the_frequent_options_come_first_and_the_others_with_help_all(command: str) -> None:
    short, long = help_of(command, "--help"), help_of(command, "--help-all")
    assert "--size" in short
    assert "--lbfgs-history" not in short
    assert len(short.splitlines()) < 100
    for name in {**OPTIONS, **JOB_SETTINGS}.keys() - {"pictures_of"}:
        assert re.search(rf"--{name.replace('_', '-')}\b", long), name


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_80_columns_without_colour_where_it_is_piped(command: str) -> None:
    for environment in ({"TERM": "xterm-256color"}, {"NO_COLOR": "1"}):
        shown = help_of(*command.split(), "--help", **environment)
        assert max(map(len, shown.splitlines())) <= 80
        assert "\x1b" not in shown


@pytest.mark.parametrize("command", ["paint", "again", "sweep", "submit", "list"])
def test_defaults_are_shown_without_parentheses(command: str) -> None:
    option = "--limit" if command == "list" else "--help-all"
    shown = help_of(command, "--help" if command == "list" else "--help-all")
    assert option in shown
    assert "[default: " in shown
    assert "[default: (" not in shown


def test_the_help_names_the_documentation_and_the_issue_tracker() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    shown = help_of("--help")
    assert f"Documentation: {project['urls']['Documentation']}" in shown
    assert f"Report a problem: {project['urls']['Issues']}" in shown


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_ends_with_examples_that_can_be_copied(command: str) -> None:
    shown = help_of(*command.split(), "--help")
    _, _, end = shown.partition("Examples:")
    lines = [line.strip() for line in end.splitlines() if line.strip()]
    assert lines
    assert all(re.match(r"(id=\$\()?pastiche ", line) for line in lines)


def test_commands_are_listed_in_groups() -> None:
    shown = help_of("--help")
    groups = [shown.index(f"─ {group} ─") for group in ("Painting", "Jobs", "This machine")]
    assert groups == sorted(groups)
    assert all(re.search(rf"^│ {command} ", shown, re.MULTILINE) for command in COMMANDS)


def refused(*arguments: str) -> str:
    """What a command prints to standard error, and nothing else, for a usage error."""
    ended = subprocess.run(
        [sys.executable, "-m", "pastiche", *arguments],
        env=os.environ | PLAIN | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    return ended.stderr


def test_a_mistyped_command_or_flag_gets_a_suggestion() -> None:
    assert "paint" in refused("pain")
    assert "--size" in refused("paint", "me.jpg", "--sise", "64")


@pytest.mark.parametrize("command", ["paint", "again", "sweep", "submit", "watch", "delete"])
def test_a_command_without_its_arguments_shows_its_help(command: str) -> None:
    assert f"Usage: pastiche {command} " in refused(command)
    assert "Missing argument" not in refused(command)


def test_help_is_also_a_command() -> None:
    assert help_of("help", "watch") == help_of("watch", "--help")
    assert help_of("help") == help_of("--help")
    assert "Did you mean 'paint'" in refused("help", "pain")
