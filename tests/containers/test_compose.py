"""The Compose file and the Dockerfiles agree with the code, and confine what they start."""

import re
from importlib.metadata import requires
from itertools import pairwise

import pytest
from packaging.requirements import Requirement

from shared.settings import Settings
from tests.containers.compose import COMPOSE_FILE, ROOT, services

DOCKERFILES = ("Dockerfile.api", "Dockerfile.worker")


def test_every_variable_in_the_compose_file_is_a_setting() -> None:
    named = set(re.findall(r"PASTICHE_[A-Z_]+", COMPOSE_FILE.read_text("utf-8")))
    assert named
    assert named <= {f"PASTICHE_{field.upper()}" for field in Settings.model_fields}


@pytest.mark.parametrize("name", ["api", "worker", "worker-cpu", "reconciler"])
def test_where_traces_go_is_handed_on(name: str) -> None:
    environment = services()[name]["environment"]
    handed_on = {variable for variable, value in environment.items() if value is None}
    assert {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} <= handed_on


def test_redis_keeps_what_it_is_told_and_throws_nothing_out() -> None:
    flags = dict(pairwise(services()["redis"]["command"]))
    assert flags["--appendonly"] == "yes"
    assert flags["--maxmemory-policy"] == "noeviction"


@pytest.mark.parametrize("name", services())
def test_every_service_is_confined(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True


def test_only_the_api_is_published_and_only_to_this_machine_unless_asked() -> None:
    published = {
        name: service["ports"] for name, service in services().items() if "ports" in service
    }
    assert published == {"api": ["${PASTICHE_HOST:-127.0.0.1}:${PASTICHE_PORT:-8000}:8000"]}


def test_the_api_knows_where_it_is_published() -> None:
    api = services()["api"]
    (published,) = api["ports"]
    assert published.startswith(api["environment"]["PASTICHE_PUBLISHED_HOST"] + ":")


def test_the_workers_differ_in_their_card_alone() -> None:
    card, processor = services()["worker"], services()["worker-cpu"]
    assert (card.pop("profiles"), processor.pop("profiles")) == (["gpu"], ["cpu"])
    assert card.pop("deploy")["resources"]["reservations"]["devices"]
    assert card == processor


def test_only_the_weights_service_writes_weights() -> None:
    assert "weights:/weights:ro" in services()["worker"]["volumes"]
    assert "weights:/weights" in services()["weights"]["volumes"]


@pytest.mark.parametrize("name", ["redis", "api", "worker", "worker-cpu", "reconciler"])
def test_what_runs_on_is_watched_and_given_time_to_end(name: str) -> None:
    assert services()[name]["healthcheck"]["test"]
    assert services()[name]["stop_grace_period"]


def test_both_images_have_the_same_base_and_the_same_owner() -> None:
    api, worker = ((ROOT / name).read_text("utf-8") for name in DOCKERFILES)
    for line in (r"ARG PYTHON_BASE=.+", r"USER .+", r"groupadd --gid \d+ .+"):
        (ours,), (theirs,) = re.findall(line, api), re.findall(line, worker)
        assert ours == theirs


def test_the_api_lock_has_no_torch() -> None:
    lock = (ROOT / "requirements/api.txt").read_text("utf-8")
    assert not re.search(r"^(torch|torchvision|nvidia|triton|numpy)\b", lock, re.MULTILINE)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_images_take_from_the_lock_all_that_builds_a_wheel(name: str) -> None:
    (taken,) = re.findall(r"/\^\(([a-z|-]+)\)==/", (ROOT / name).read_text("utf-8"))
    assert set(taken.split("|")) == _with_what_it_needs("hatchling")


def _with_what_it_needs(name: str) -> set[str]:
    """The distribution and, all the way down, what it needs where it is installed here."""
    needed = {name}
    for requirement in map(Requirement, requires(name) or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed |= _with_what_it_needs(requirement.name.lower())
    return needed
