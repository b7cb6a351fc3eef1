"""`GET /options` and `GET /presets`: what an app needs to build a form."""

from typing import Any

import pytest

from pastiche.options import OPTIONS, Options
from shared.job_store import JobStore
from shared.workers import Worker, register_worker
from tests import pictures
from tests.conftest import RunningApi


@pytest.fixture
def options(api: RunningApi) -> dict[str, dict[str, Any]]:
    listed = api.http.get("/options").json()["options"]
    return {option["name"]: option for option in listed}


@pytest.fixture
def presets(api: RunningApi) -> dict[str, dict[str, Any]]:
    listed = api.http.get("/presets").json()["presets"]
    return {preset["name"]: preset for preset in listed}


def test_every_option_has_a_group_a_description_and_its_default(
    options: dict[str, dict[str, Any]],
) -> None:
    defaults = Options().to_dict()
    for name, declared in OPTIONS.items():
        option = options[name]
        assert (option["group"], option["unit"]) == (declared.group, declared.unit)
        assert option["description"].startswith(declared.description)
        expected = defaults[name]
        assert option["default"] == (list(expected) if isinstance(expected, tuple) else expected)


def test_an_option_says_whether_it_may_change_and_what_is_valid(
    options: dict[str, dict[str, Any]],
) -> None:
    assert options["style_weight"]["live"]
    assert options["style_weight"]["sweep"]
    assert not options["size"]["live"]
    assert options["size"]["schema"] | {"minimum": 16, "maximum": 8192} == options["size"]["schema"]
    assert "lbfgs" in options["optimiser"]["schema"]["enum"]


def test_a_title_is_words_for_people(options: dict[str, dict[str, Any]]) -> None:
    assert options["tv_weight"]["title"] == "Total variation weight"
    assert options["lbfgs_history"]["title"] == "L-BFGS history"


def test_the_pictures_are_listed_too(options: dict[str, dict[str, Any]]) -> None:
    assert options["content"]["schema"]["format"] == "binary"
    assert options["style"]["schema"]["maxItems"] == 8


def test_a_preset_has_every_option(presets: dict[str, dict[str, Any]]) -> None:
    assert list(presets)[:3] == ["draft", "standard", "fine"]
    assert presets["draft"]["options"]["size"] == 256
    assert presets["standard"]["options"].keys() == OPTIONS.keys()


def test_a_preset_submits_the_options_that_it_lists(
    api: RunningApi, presets: dict[str, dict[str, Any]]
) -> None:
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    job = api.http.post("/jobs", files=files, data={"preset": "fine"}).json()
    assert job["options"] == presets["fine"]["options"]


def test_the_time_of_a_preset_is_unknown_before_a_worker_has_painted(
    presets: dict[str, dict[str, Any]],
) -> None:
    assert {preset["eta_seconds"] for preset in presets.values()} == {None}


def test_the_time_of_a_preset_follows_the_speed_of_the_workers(
    api: RunningApi, jobs: JobStore
) -> None:
    times = ((1, 0.01), (10**6, 1.0))
    worker = Worker("w-1", "vgg16", "CPU", 10**8, 1e6, iteration_seconds=times)
    jobs.run(register_worker(worker, ttl_seconds=60))
    listed = api.http.get("/presets").json()["presets"]
    draft, standard, fine, *_ = (preset["eta_seconds"] for preset in listed)
    assert 0 < draft < standard < fine
