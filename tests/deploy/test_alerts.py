"""The alerts: they fire when they should, use metrics that exist, and each is in the runbook."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from api.ops.metrics import METRICS
from shared.errors import FAILURES
from tests.deploy.conftest import ROOT, RunProgram

RULES_FILE = ROOT / "deploy/prometheus/rules.yml"
RUNBOOK = ROOT / "docs/runbook.md"


def load(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


RULES: list[dict[str, Any]] = [
    rule for group in load(RULES_FILE)["groups"] for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in RULES]


def test_the_alerts_fire_when_they_should(run_program: RunProgram) -> None:
    assert "SUCCESS" in run_program("promtool", "test", "rules", "tests/deploy/alerts.yml")


def test_every_alert_is_tested() -> None:
    text = (ROOT / "tests/deploy/alerts.yml").read_text("utf-8")
    assert set(re.findall(r'alertname="(\w+)"', text)) == set(NAMES)


def test_prometheus_accepts_its_configuration_and_the_rules(run_program: RunProgram) -> None:
    run_program("promtool", "check", "rules", "--lint=all", "--lint-fatal", str(RULES_FILE))
    run_program("promtool", "check", "config", "deploy/prometheus/prometheus.yml")


def test_alertmanager_accepts_its_configuration(run_program: RunProgram) -> None:
    run_program("amtool", "check-config", "deploy/prometheus/alertmanager.yml")


def test_alertmanager_names_alerts_that_exist() -> None:
    text = (ROOT / "deploy/prometheus/alertmanager.yml").read_text("utf-8")
    named = set(re.findall(r'alertname="(\w+)"', text))
    assert named
    assert named <= set(NAMES)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_uses_metrics_that_exist(rule: dict[str, Any]) -> None:
    used = set(re.findall(r"\b(?:pastiche_\w+|up)\b", rule["expr"]))
    assert used
    assert used <= {"up", *exposed_names()}


def exposed_names() -> set[str]:
    """The names of all samples in `/metrics`."""
    suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
    return {f"{each.name}{suffix}" for each in METRICS for suffix in suffixes[each.kind]}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_uses_labels_that_exist(rule: dict[str, Any]) -> None:
    labels = {each.label for each in METRICS} | {"method", "route", "status"}
    used = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", rule["expr"])
    grouped = re.findall(r"by \((\w+)\)", rule["expr"])
    assert {*used, *grouped} <= labels | {"job"}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_how_severe_it_is_and_where_its_section_is(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"].endswith(f"/runbook.md#{rule['alert'].lower()}")


def test_the_runbook_has_a_section_for_each_alert_and_for_no_other() -> None:
    sections = re.findall(r"^### (Pastiche\w+)$", RUNBOOK.read_text("utf-8"), re.MULTILINE)
    assert sections == NAMES


def test_the_runbook_says_what_to_do_about_every_failure_except_those_that_do_not_count() -> None:
    _, _, rest = RUNBOOK.read_text("utf-8").partition("| code | do |")
    rows = re.findall(r"^\| (`.*?`) \| (.*) \|$", rest.partition("\n\n")[0], re.MULTILINE)
    todo = {code: what for codes, what in rows for code in re.findall(r"`(\w+)`", codes)}
    assert set(todo) == set(FAILURES)
    (rule,) = (each for each in RULES if each["alert"] == "PasticheJobsFail")
    (ignored,) = re.findall(r'code!~"([\w|]+)"', rule["expr"])
    nothing = {code for code, what in todo.items() if what.startswith("nothing")}
    assert set(ignored.split("|")) == nothing


@pytest.mark.parametrize("name", NAMES)
def test_a_section_of_the_runbook_says_what_to_look_at_and_what_to_do(name: str) -> None:
    _, _, rest = RUNBOOK.read_text("utf-8").partition(f"\n### {name}\n")
    section, _, _ = rest.partition("\n#")
    for part in ("**Meaning.**", "**Look at.**", "**Do.**"):
        assert part in section
