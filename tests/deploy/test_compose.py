"""The Compose file for production, on top of the simple one."""

import json
import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from shared.settings import Settings
from tests.containers.compose import services as base_services
from tests.deploy.conftest import ROOT

FILE = ROOT / "docker-compose.production.yml"
OF_CADDY = {"PASTICHE_DOMAIN", "PASTICHE_BODY_LIMIT"}


def load() -> dict[str, Any]:
    """The file, without Compose's own tags."""
    text = re.sub(r"!(reset|override) ?", "", FILE.read_text("utf-8"))
    found = YAML(typ="safe", pure=True).load(text)
    assert isinstance(found, dict)
    return found


SERVICES: dict[str, dict[str, Any]] = load()["services"]
OWN = sorted(SERVICES.keys() - base_services().keys() - {"worker-1"})
"""The services that are only in this file."""


@pytest.mark.parametrize("name", OWN)
def test_a_service_is_confined_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"]
    assert service["stop_grace_period"]


@pytest.mark.parametrize("name", [*base_services(), *OWN])
def test_a_service_with_a_read_only_root_can_make_temporary_files(name: str) -> None:
    service = SERVICES[name] if name in OWN else base_services()[name]
    assert service["read_only"] is True
    folders = [folder.partition(":size=") for folder in service["tmpfs"]]
    assert [size for folder, _, size in folders if folder == "/tmp"]  # noqa: S108 - a container's


def test_uploads_in_flight_fit_into_the_temporary_files_of_the_api() -> None:
    (folder,) = base_services()["api"]["tmpfs"]
    gibibytes = re.search(r":size=(\d+)g$", folder)
    assert gibibytes is not None
    assert int(gibibytes[1]) * 2**30 > Settings().uploads_in_flight_bytes


@pytest.mark.parametrize("name", OWN)
def test_an_image_is_pinned_to_a_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+(-alpine)?$", SERVICES[name]["image"])


def test_only_caddy_is_published_to_the_network() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports.pop("caddy") == ["80:80", "443:443", "443:443/udp"]
    assert ports.pop("api") == []
    assert ports
    assert all(each.startswith("127.0.0.1:") for listed in ports.values() for each in listed)


def test_only_caddy_and_prometheus_are_on_the_front_network_of_the_api() -> None:
    with_api = {name for name, each in SERVICES.items() if "front" in each.get("networks", ())}
    assert with_api == {"api", "caddy", "prometheus"}
    assert SERVICES["api"]["environment"]["FORWARDED_ALLOW_IPS"] == "*"


@pytest.mark.parametrize(
    "section", ["An object store", "Secrets", "A private certificate authority"]
)
def test_a_documented_override_reaches_every_process_that_uses_redis(section: str) -> None:
    _, _, rest = (ROOT / "docs/deployment.md").read_text("utf-8").partition(f"\n### {section}\n")
    text, _, _ = rest.partition("\n#")
    (snippet,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    override = YAML(typ="safe", pure=True).load(snippet)
    using_redis = {
        name
        for name, service in base_services().items()
        if "PASTICHE_REDIS_URL" in service.get("environment", {})
    }
    assert override["services"].keys() == using_redis
    assert re.search(r"add `worker-1: \*\w+`", text)


def test_the_documented_override_gives_redis_more_memory_and_changes_nothing_else() -> None:
    page = (ROOT / "docs/runbook.md").read_text("utf-8")
    (snippet,) = re.findall(r"```yaml\n(services:\n  redis:.*?)```", page, re.DOTALL)
    override = YAML(typ="safe", pure=True).load(snippet)["services"]["redis"]["command"]
    ours = base_services()["redis"]["command"]
    assert override[:-1] == ours[:-1]
    assert ours[-2] == "--maxmemory"
    assert f"config set maxmemory {override[-1]}" in page


def test_every_variable_is_a_setting_or_caddy_s() -> None:
    named = set(re.findall(r"PASTICHE_[A-Z_]*[A-Z]", FILE.read_text("utf-8")))
    assert named > OF_CADDY
    assert named - OF_CADDY <= {f"PASTICHE_{field.upper()}" for field in Settings.model_fields}


def test_the_limit_of_caddy_is_above_that_of_the_api() -> None:
    limit = re.search(r"PASTICHE_BODY_LIMIT:-(\d+)MB", FILE.read_text("utf-8"))
    assert limit is not None
    as_base64 = Settings().submission_limit_bytes * 4 / 3
    assert int(limit[1]) * 1_000_000 > as_base64
    assert f"proxy-body-size: {limit[1]}m" in (
        ROOT / "deploy/kubernetes/components/ingress/ingress.yaml"
    ).read_text("utf-8")


def test_a_further_worker_differs_in_its_gpu_alone() -> None:
    worker = SERVICES["worker-1"]
    assert worker["extends"] == {"file": "docker-compose.yml", "service": "worker"}
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    (first,) = base_services()["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["device_ids"] == ["1"]
    assert device["capabilities"] == first["capabilities"]


@pytest.mark.parametrize("name", OWN)
def test_what_is_mounted_exists(name: str) -> None:
    for volume in SERVICES[name]["volumes"]:
        source, target, *_ = volume.split(":")
        if source.startswith("./"):
            assert (ROOT / source).exists()
        else:
            assert source in load()["volumes"]
        assert target.startswith("/")


def test_a_configuration_is_where_its_program_looks_for_it() -> None:
    for name, option in {"prometheus": "--config.file=", "alertmanager": "--config.file="}.items():
        targets = [volume.split(":")[1] for volume in SERVICES[name]["volumes"]]
        (path,) = (
            word.removeprefix(option)
            for word in SERVICES[name]["command"]
            if word.startswith(option)
        )
        assert path in targets


def test_prometheus_alertmanager_and_grafana_find_each_other() -> None:
    folder = ROOT / "deploy"
    prometheus = (folder / "prometheus/prometheus.yml").read_text("utf-8")
    grafana = (folder / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    assert '"alertmanager:9093"' in prometheus
    assert "http://prometheus:9090" in grafana
    assert "names: [api]" in prometheus
    assert {"alertmanager", "prometheus", "api"} <= SERVICES.keys()


def test_grafana_loads_the_dashboard() -> None:
    provider = (ROOT / "deploy/grafana/provisioning/dashboards/pastiche.yml").read_text("utf-8")
    path = re.search(r"path: (\S+)", provider)
    assert path is not None
    mounted = [volume.split(":") for volume in SERVICES["grafana"]["volumes"]]
    (source,) = (
        source for source, target, *_ in mounted if target.rpartition("/")[0] == path.group(1)
    )
    assert json.loads((ROOT / source).read_text("utf-8"))["uid"] == "pastiche"
