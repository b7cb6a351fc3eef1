"""The manifests for Kubernetes are valid, agree with the code, and confine what they start."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.app import create_app
from api.decoding.decoder import OWN_MEMORY_BYTES
from pastiche.version import __version__
from shared.job_store import JOB_KEYS
from shared.secret_files import file_variable, is_secret
from shared.settings import Settings
from tests.containers.compose import seconds, services
from tests.deploy.conftest import ROOT, RunProgram
from tests.node import NODE_MODULES, compile_typescript
from tools.prometheus_rule import RESOURCE_FILE, prometheus_rule

FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = sorted(path.name for path in (FOLDER / "overlays").iterdir())
PROCESSES = ("api", "worker", "reconciler")
KUBERNETES_VERSIONS = ("1.30", "1.37")
"""The oldest one that these manifests are for, and the newest that the validator knows."""

GATEWAY_API = "gateway-api/gateway.networking.k8s.io/v1"
KEDA = "keda/keda.sh/v1alpha1"
PROMETHEUS_OPERATOR = "prometheus-operator/monitoring.coreos.com/v1"
MODULES = {
    "HTTPRoute": GATEWAY_API,
    "PrometheusRule": PROMETHEUS_OPERATOR,
    "ScaledObject": KEDA,
    "ServiceMonitor": PROMETHEUS_OPERATOR,
    "TriggerAuthentication": KEDA,
}
"""The kinds that Kubernetes itself does not know, and the npm modules with their types."""

CLUSTER_WIDE = {"Namespace"}

Manifest = dict[str, Any]


def read_all(source: str | Path) -> list[Manifest]:
    return list(YAML(typ="safe", pure=True).load_all(source))


def resources() -> Iterator[Manifest]:
    """Every resource of the base and the components, as it is written."""
    for path in sorted(FOLDER.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from read_all(path)


RESOURCES = list(resources())
DEPLOYMENTS = {each["metadata"]["name"]: each for each in RESOURCES if each["kind"] == "Deployment"}


def find(kind: str, name: str, manifests: list[Manifest] = RESOURCES) -> Manifest:
    (found,) = (
        each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name
    )
    return found


def pod(name: str) -> dict[str, Any]:
    found = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    assert isinstance(found, dict)
    return found


def container(name: str) -> dict[str, Any]:
    (found,) = pod(name)["containers"]
    assert isinstance(found, dict)
    return found


def settings_variables() -> set[str]:
    fields = Settings.model_fields
    files = {file_variable(Settings, name) for name, field in fields.items() if is_secret(field)}
    return files | {f"PASTICHE_{name.upper()}" for name in fields}


def check(manifests: list[Manifest], folder: Path) -> None:
    """Fails if a manifest has an unknown field or a wrong value.

    Args:
        folder: for a program that declares those that Kubernetes does not know.
    """
    for manifest in manifests:
        for version in KUBERNETES_VERSIONS if manifest["kind"] not in MODULES else ():
            kubernetes_validate.validate(manifest, version, strict=True)
    assert find_type_errors(manifests, folder) == ""


def find_type_errors(manifests: list[Manifest], folder: Path) -> str:
    """What TypeScript finds wrong with the resources that Kubernetes itself does not know."""
    models = NODE_MODULES / "@kubernetes-models"
    declarations = [
        f'const _{number}: import("{models / MODULES[each["kind"]]}/index.js").I{each["kind"]} = '
        f"{json.dumps(each)};"
        for number, each in enumerate(manifests)
        if each["kind"] in MODULES
    ]
    program = "\n".join([*declarations, "export {};"])
    return compile_typescript(program, folder) if declarations else ""


def gibibytes(quantity: str) -> int:
    """The bytes of a quantity such as `5Gi`."""
    return int(quantity.removesuffix("Gi")) * 2**30


def documented(first_line: str) -> str:
    """The YAML in the documentation that begins with this line."""
    page = (ROOT / "docs/deployment.md").read_text("utf-8")
    (text,) = re.findall(rf"```yaml\n({re.escape(first_line)}\n.*?)```", page, re.DOTALL)
    return str(text)


def render_documented(
    folder: Path, run_program: RunProgram, overlay: str, *additions: str
) -> list[Manifest]:
    """What an overlay of the documentation makes, with what the documentation adds to its lists."""
    merged = YAML(typ="safe", pure=True).load(overlay)
    for addition in additions:
        for key, entries in YAML(typ="safe", pure=True).load(addition).items():
            merged.setdefault(key, []).extend(entries)
    text = re.sub(r'https://[^"]+?//(deploy/[^"?]+)\?ref=\w+', rf"{ROOT}/\1", json.dumps(merged))
    text = text.replace(str(ROOT), os.path.relpath(ROOT, folder))
    (folder / "kustomization.yaml").write_text(text)
    return read_all(run_program("kubectl", "kustomize", str(folder)))


def outside_the_namespace(manifests: list[Manifest]) -> list[str]:
    """The resources that `kubectl apply` would put into the namespace `default`."""
    return [
        label(each)
        for each in manifests
        if each["kind"] not in CLUSTER_WIDE and each["metadata"].get("namespace") != "pastiche"
    ]


def label(manifest: Manifest) -> str:
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


@pytest.mark.usefixtures("node_packages")
def test_every_resource_is_valid(tmp_path: Path) -> None:
    assert {each["kind"] for each in RESOURCES} >= MODULES.keys()
    check(RESOURCES, tmp_path)


@pytest.mark.usefixtures("node_packages")
@pytest.mark.parametrize("kind", MODULES)
def test_an_unknown_field_is_found(kind: str, tmp_path: Path) -> None:
    (manifest, *_) = (each for each in RESOURCES if each["kind"] == kind)
    misspelled = manifest | {"spec": manifest["spec"] | {"pollingIntervall": 1}}
    assert "pollingIntervall" in find_type_errors([misspelled], tmp_path)


@pytest.mark.usefixtures("node_packages")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_valid(overlay: str, run_program: RunProgram, tmp_path: Path) -> None:
    rendered = render(overlay, run_program)
    assert {each["metadata"]["name"] for each in rendered} >= set(PROCESSES)
    check(rendered, tmp_path)


def render(overlay: str, run_program: RunProgram) -> list[Manifest]:
    return read_all(run_program("kubectl", "kustomize", str(FOLDER / "overlays" / overlay)))


@pytest.mark.usefixtures("node_packages")
def test_the_overlay_in_the_documentation_is_valid(tmp_path: Path, run_program: RunProgram) -> None:
    rendered = render_documented(tmp_path, run_program, documented("# kustomization.yaml"))
    check(rendered, tmp_path)
    (settings,) = (each for each in rendered if each["kind"] == "ConfigMap")
    assert settings["data"]["PASTICHE_BLOB_STORE_URL"] == "s3://my-pictures"
    assert settings["data"]["PASTICHE_KEYS_REQUIRED"] == "true"
    ingress = find("Ingress", "api", rendered)["spec"]
    assert ingress["rules"][0]["host"] == ingress["tls"][0]["hosts"][0] == "pastiche.example.org"


@pytest.mark.usefixtures("node_packages")
def test_the_documented_overlay_with_a_gateway_is_valid(
    tmp_path: Path, run_program: RunProgram
) -> None:
    overlay = documented("# kustomization.yaml, with a gateway")
    rendered = render_documented(tmp_path, run_program, overlay)
    check(rendered, tmp_path)
    assert outside_the_namespace(rendered) == []
    assert find("HTTPRoute", "api", rendered)["spec"]["hostnames"] == ["pastiche.example.org"]
    assert "Ingress" not in {each["kind"] for each in rendered}
    assert {"ingress-nginx", "envoy-gateway-system"} == set(namespaces_with_access(rendered))
    assert forwarded_allow_ips(rendered) == "10.244.0.0/16"


@pytest.mark.usefixtures("node_packages")
def test_the_documented_patch_for_traefik_lets_it_in(
    tmp_path: Path, run_program: RunProgram
) -> None:
    overlay, traefik = documented("# kustomization.yaml"), documented("# Traefik")
    rendered = render_documented(tmp_path, run_program, overlay, traefik)
    check(rendered, tmp_path)
    assert find("Ingress", "api", rendered)["spec"]["ingressClassName"] == "traefik"
    assert namespaces_with_access(rendered) == ["traefik"]


def namespaces_with_access(manifests: list[Manifest], policy: str = "api") -> list[str]:
    """Those whose pods may connect to the API."""
    (rule,) = find("NetworkPolicy", policy, manifests)["spec"]["ingress"]
    return [
        each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for each in rule["from"]
    ]


def forwarded_allow_ips(manifests: list[Manifest]) -> str:
    (api,) = find("Deployment", "api", manifests)["spec"]["template"]["spec"]["containers"]
    (value,) = (each["value"] for each in api["env"] if each["name"] == "FORWARDED_ALLOW_IPS")
    return str(value)


def test_a_client_behind_a_gateway_cannot_choose_the_address_that_limits_count(
    tmp_path: Path, run_program: RunProgram
) -> None:
    """Envoy appends the address of the client to what the client has sent."""
    gateway = os.path.relpath(FOLDER / "components/gateway", tmp_path)
    base = os.path.relpath(FOLDER / "base", tmp_path)
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{base}]\ncomponents: [{gateway}]\n")
    rendered = read_all(run_program("kubectl", "kustomize", str(tmp_path)))
    clients = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        clients.append(scope["client"][0])

    headers = [(b"x-forwarded-for", b"192.0.2.1, 203.0.113.7")]
    scope: Any = {"type": "http", "scheme": "http", "client": ("10.1.2.3", 40000)}
    proxied: Any = ProxyHeadersMiddleware(app, forwarded_allow_ips(rendered))
    asyncio.run(proxied(scope | {"headers": headers}, None, None))
    assert clients == ["203.0.113.7"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_added_to_an_overlay_comes_into_its_namespace(
    overlay: str, run_program: RunProgram, tmp_path: Path
) -> None:
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy)
    file = copy / "overlays" / overlay / "kustomization.yaml"
    kustomization = YAML(typ="safe", pure=True).load(file)
    kustomization["components"].append("../../components/workload-identity")
    file.write_text(json.dumps(kustomization))
    rendered = read_all(run_program("kubectl", "kustomize", str(file.parent)))
    assert find("NetworkPolicy", "eks-pod-identity", rendered)
    assert outside_the_namespace(rendered) == []


def test_the_documented_overlay_names_its_own_images_by_the_commit_of_its_manifests(
    tmp_path: Path, run_program: RunProgram
) -> None:
    overlay, images = documented("# kustomization.yaml"), documented("# the images")
    rendered = render_documented(tmp_path, run_program, overlay, images)
    for name in PROCESSES:
        spec = find("Deployment", name, rendered)["spec"]["template"]["spec"]
        image = f"registry.example.org/{container(name)['image']}:COMMIT"
        assert spec["containers"][0]["image"] == image
    page = (ROOT / "docs/deployment.md").read_text("utf-8")
    assert set(re.findall(r"\?ref=(\w+)", page)) == {"COMMIT"}
    pushed = {f"registry.example.org/{container(name)['image']}:COMMIT" for name in PROCESSES}
    assert set(re.findall(r"^docker push (\S+)$", page, re.MULTILINE)) == pushed


def test_the_images_are_those_of_this_version(run_program: RunProgram) -> None:
    rendered = render("fixed", run_program)
    for name in PROCESSES:
        spec = find("Deployment", name, rendered)["spec"]["template"]["spec"]
        image = container(name)["image"]
        assert spec["containers"][0]["image"].endswith(f"/{image}:{__version__}")


def test_settings_reach_every_process(run_program: RunProgram) -> None:
    rendered = render("fixed", run_program)
    (settings,) = (each for each in rendered if each["kind"] == "ConfigMap")
    assert settings["data"].keys() <= settings_variables()
    for name in PROCESSES:
        spec = find("Deployment", name, rendered)["spec"]["template"]["spec"]
        referenced = [each.get("configMapRef") for each in spec["containers"][0]["envFrom"]]
        assert {"name": settings["metadata"]["name"]} in referenced


@pytest.mark.parametrize(
    ("overlay", "resource"),
    [
        ("fixed", "nvidia.com/gpu"),
        ("production", "nvidia.com/gpu"),
        ("production-mig", "nvidia.com/mig-2g.20gb"),
        ("production-shared-gpu", "nvidia.com/gpu.shared"),
    ],
)
def test_a_worker_has_one_gpu_or_one_part_of_one(
    overlay: str, resource: str, run_program: RunProgram
) -> None:
    worker = find("Deployment", "worker", render(overlay, run_program))
    limits = worker["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert {name: count for name, count in limits.items() if "nvidia" in name} == {resource: 1}


def test_keda_and_the_manifest_do_not_both_set_the_number_of_workers(
    run_program: RunProgram,
) -> None:
    worker = find("Deployment", "worker", render("production", run_program))
    assert "replicas" not in worker["spec"]
    assert "replicas" not in DEPLOYMENTS["api"]["spec"]


@pytest.mark.parametrize("name", PROCESSES)
def test_every_variable_is_a_setting(name: str) -> None:
    named = {each["name"] for each in container(name)["env"]} - {"FORWARDED_ALLOW_IPS"}
    assert named
    assert named <= settings_variables()


@pytest.mark.parametrize("name", PROCESSES)
def test_a_secret_is_mounted_where_the_setting_looks_for_it(name: str) -> None:
    (variable,) = (each for each in container(name)["env"] if each["name"].endswith("_FILE"))
    (mount,) = (each for each in container(name)["volumeMounts"] if each["name"] == "secrets")
    (volume,) = (each for each in pod(name)["volumes"] if each["name"] == "secrets")
    paths = {f"{mount['mountPath']}/{each['path']}" for each in volume["secret"]["items"]}
    assert paths == {variable["value"]}


def test_no_manifest_contains_a_secret() -> None:
    assert "Secret" not in {each["kind"] for each in RESOURCES}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_that_of_compose(name: str) -> None:
    ours, theirs = container(name), services()[name]
    assert ours["image"] == theirs["image"]
    assert ours.get("command") == theirs.get("command")


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_runs_as_the_user_of_its_image_and_is_confined(name: str) -> None:
    image = services()[name]["build"]["dockerfile"]
    (user,) = re.findall(r"^USER (\d+):\1$", (ROOT / image).read_text("utf-8"), re.MULTILINE)
    security = pod(name)["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == security["runAsGroup"] == int(user)
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(name)["automountServiceAccountToken"] is False
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_has_as_long_to_end_as_in_compose(name: str) -> None:
    spec = pod(name)
    sleep = container(name).get("lifecycle", {}).get("preStop", {}).get("sleep", {"seconds": 0})
    grace = spec["terminationGracePeriodSeconds"] - sleep["seconds"]
    assert grace >= seconds(services()[name]["stop_grace_period"])


def test_the_port_is_that_of_the_image() -> None:
    dockerfile = (ROOT / "Dockerfile.api").read_text("utf-8")
    (port,) = container("api")["ports"]
    assert f"EXPOSE {port['containerPort']}\n" in dockerfile
    assert f"PASTICHE_PORT={port['containerPort']} " in dockerfile
    (service_port,) = find("Service", "api")["spec"]["ports"]
    assert service_port["targetPort"] == port["name"]


def test_probes_and_scrapes_request_paths_that_exist() -> None:
    api = container("api")
    requested = {
        api[probe]["httpGet"]["path"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    (endpoint,) = find("ServiceMonitor", "pastiche")["spec"]["endpoints"]
    assert {endpoint["path"], *requested} <= create_app(Settings()).openapi()["paths"].keys()


def test_the_api_has_memory_for_itself_and_for_two_decoders() -> None:
    limit = gibibytes(container("api")["resources"]["limits"]["memory"])
    assert limit >= OWN_MEMORY_BYTES + 2 * Settings().decode_memory_bytes


def test_uploads_in_flight_do_not_fill_the_volume_that_evicts_the_api() -> None:
    (volume,) = (each for each in pod("api")["volumes"] if each["name"] == "tmp")
    size_limit = gibibytes(volume["emptyDir"]["sizeLimit"])
    assert size_limit >= 2 * Settings().uploads_in_flight_bytes


@pytest.mark.parametrize("name", ["worker", "reconciler"])
def test_a_pod_is_healthy_by_the_same_command_as_in_compose(name: str) -> None:
    _, *command = services()[name]["healthcheck"]["test"]
    assert container(name)["readinessProbe"]["exec"]["command"] == command


def test_the_ingress_hides_the_metrics_with_and_without_a_trailing_slash() -> None:
    (rule,) = find("Ingress", "api")["spec"]["rules"]
    services_by_path = {
        (each["path"], each["pathType"]): each["backend"]["service"]["name"]
        for each in rule["http"]["paths"]
    }
    assert services_by_path == {("/metrics", "Prefix"): "nowhere", ("/", "Prefix"): "api"}
    assert "selector" not in find("Service", "nowhere")["spec"]


def test_the_gateway_hides_the_metrics_and_ends_no_stream() -> None:
    metrics, others = find("HTTPRoute", "api")["spec"]["rules"]
    assert metrics["matches"] == [{"path": {"type": "PathPrefix", "value": "/metrics"}}]
    assert metrics["backendRefs"] == [{"name": "nowhere", "port": 80}]
    assert others["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert others["timeouts"] == {"request": "0s"}
    (service_port,) = find("Service", "api")["spec"]["ports"]
    assert others["backendRefs"] == [{"name": "api", "port": service_port["port"]}]


def test_pods_reach_every_port_of_redis_that_the_documentation_uses() -> None:
    page = (ROOT / "docs/deployment.md").read_text("utf-8")
    documented = {int(port) for port in re.findall(r"\b(?:HOST|redis\.example):(\d+)", page)}
    egress = find("NetworkPolicy", "all")["spec"]["egress"]
    allowed = {each["port"] for rule in egress for each in rule["ports"]}
    assert documented
    assert documented <= allowed


def test_an_outage_of_redis_ends_no_worker() -> None:
    assert "livenessProbe" not in container("worker")


def test_keda_counts_the_jobs_that_wait_and_those_that_run() -> None:
    spec = find("ScaledObject", "worker")["spec"]
    counted = {each["name"]: each["metadata"]["listName"] for each in spec["triggers"]}
    assert counted == {name: JOB_KEYS[name] for name in ("waiting", "running")}
    assert set(spec["advanced"]["scalingModifiers"]["formula"].split(" + ")) == set(counted)
    assert spec["scaleTargetRef"]["name"] in DEPLOYMENTS


@pytest.mark.usefixtures("node_packages")
def test_the_documented_identity_reaches_every_process(
    tmp_path: Path, run_program: RunProgram
) -> None:
    overlay, identity = documented("# kustomization.yaml"), documented("# an identity")
    rendered = render_documented(tmp_path, run_program, overlay, identity)
    assert outside_the_namespace(rendered) == []
    check(rendered, tmp_path)
    assert find("ServiceAccount", "pastiche", rendered)["metadata"]["annotations"]
    for name in PROCESSES:
        template = find("Deployment", name, rendered)["spec"]["template"]
        assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"


def test_an_identity_opens_the_documented_addresses_and_no_others() -> None:
    policies = [find("NetworkPolicy", name) for name in ("gke-metadata-server", "eks-pod-identity")]
    rules = [rule for policy in policies for rule in policy["spec"]["egress"]]
    opened = {
        (peer["ipBlock"]["cidr"].partition("/")[0], port["port"])
        for rule in rules
        for peer in rule["to"]
        for port in rule["ports"]
    }
    page = (ROOT / "docs/deployment.md").read_text("utf-8")
    _, _, section = page.partition("\n### An identity instead of keys\n")
    section, _, _ = section.partition("\n###")
    documented = re.findall(r"`\[?([\d.]+|[\da-f:]+)\]?:(\d+)`", section)
    assert opened == {(address, int(port)) for address, port in documented}


def test_keda_logs_in_with_what_the_documentation_puts_into_the_secret() -> None:
    login = find("TriggerAuthentication", "redis")["spec"]["secretTargetRef"]
    assert {each["parameter"] for each in login} == {"address", "username", "password"}
    page = (ROOT / "docs/deployment.md").read_text("utf-8")
    assert {each["key"] for each in login} <= set(re.findall(r"--from-literal=([a-z-]+)=", page))


@pytest.mark.parametrize(
    ("overlay", "first_line", "expected"),
    [
        ("production-mig", "# other slices", {"limits": {"nvidia.com/mig-2g.35gb": 1}}),
        (
            "production-shared-gpu",
            "# other shares",
            {"limits": {"nvidia.com/gpu.shared": 1}, "megabytes": ["5400"]},
        ),
        (
            "production",
            "# the runtime class",
            {"limits": {"nvidia.com/gpu": 1}, "runtime": "nvidia"},
        ),
    ],
)
def test_a_documented_patch_suits_a_worker_to_another_gpu(
    overlay: str,
    first_line: str,
    expected: dict[str, Any],
    tmp_path: Path,
    run_program: RunProgram,
) -> None:
    kustomization = f"namespace: pastiche\nresources: [{FOLDER}/overlays/{overlay}]\n"
    rendered = render_documented(tmp_path, run_program, kustomization, documented(first_line))
    worker = find("Deployment", "worker", rendered)
    check([worker], tmp_path)
    spec = worker["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    limits = {key: count for key, count in container["resources"]["limits"].items() if "/" in key}
    variable = "PASTICHE_MEMORY_MEGABYTES"
    megabytes = [each["value"] for each in container["env"] if each["name"] == variable]
    assert limits == expected["limits"]
    assert megabytes == expected.get("megabytes", [])
    assert spec.get("runtimeClassName") == expected.get("runtime")


def test_the_documented_policies_open_another_port_and_another_namespace(
    tmp_path: Path, run_program: RunProgram
) -> None:
    overlay, prometheus = documented("# kustomization.yaml"), documented("# Prometheus elsewhere")
    (tmp_path / "store.yaml").write_text(documented("# store.yaml"))
    store = "resources: [store.yaml]"
    rendered = render_documented(tmp_path, run_program, overlay, prometheus, store)
    policies = [each for each in rendered if each["kind"] == "NetworkPolicy"]
    check(policies, tmp_path)
    (opened,) = find("NetworkPolicy", "store", policies)["spec"]["egress"]
    assert opened == {"ports": [{"port": 9000, "protocol": "TCP"}]}
    assert namespaces_with_access(policies, "prometheus") == ["observability"]


@pytest.mark.usefixtures("node_packages")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_private_authority_reaches_every_process_and_keda(
    overlay: str, tmp_path: Path, run_program: RunProgram
) -> None:
    kustomization = f"namespace: pastiche\nresources: [{FOLDER}/overlays/{overlay}]\n"
    addition = documented("# a private authority")
    rendered = render_documented(tmp_path, run_program, kustomization, addition)
    check(rendered, tmp_path)
    for name in PROCESSES:
        spec = find("Deployment", name, rendered)["spec"]["template"]["spec"]
        (volume,) = (each for each in spec["volumes"] if each["name"] == "secrets")
        assert {each["key"] for each in volume["secret"]["items"]} == {"redis-url", "ca.crt"}
        assert authority_variables(rendered, name) == {
            "SSL_CERT_FILE": "/run/secrets/pastiche/ca.crt",
            "SSL_CERT_DIR": "/etc/ssl/certs",
        }
    has_keda = "ScaledObject" in {each["kind"] for each in rendered}
    assert has_keda == overlay.startswith("production")
    if has_keda:
        login = find("TriggerAuthentication", "redis", rendered)["spec"]["secretTargetRef"]
        keys = {each["parameter"]: each["key"] for each in login}
        assert (keys["tls"], keys["ca"]) == ("redis-tls", "ca.crt")


def authority_variables(manifests: list[Manifest], name: str) -> dict[str, str]:
    (container,) = find("Deployment", name, manifests)["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    return {name: variables[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}


@pytest.mark.usefixtures("node_packages")
def test_keda_counts_in_another_database_and_with_tls_by_the_documented_patch(
    tmp_path: Path, run_program: RunProgram
) -> None:
    page = (ROOT / "docs/deployment.md").read_text("utf-8")
    (patches,) = re.findall(r"```yaml\n(patches:\n.*?)```", page, re.DOTALL)
    overlay = os.path.relpath(FOLDER / "overlays/production", tmp_path)
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{overlay}]\n{patches}")
    rendered = read_all(run_program("kubectl", "kustomize", str(tmp_path)))
    scaled = find("ScaledObject", "worker", rendered)
    check([scaled], tmp_path)
    for trigger in scaled["spec"]["triggers"]:
        assert trigger["metadata"]["databaseIndex"] == "1"
        assert trigger["metadata"]["enableTLS"] == "true"


def test_what_measures_the_api_for_its_autoscaler_is_documented() -> None:
    (autoscaler,) = (each for each in RESOURCES if each["kind"] == "HorizontalPodAutoscaler")
    assert [each["resource"]["name"] for each in autoscaler["spec"]["metrics"]] == ["cpu"]
    page = (ROOT / "docs/deployment.md").read_text("utf-8")
    assert "metrics-server" in page.partition("It needs Kubernetes")[2].partition("```")[0]


def test_whatever_selects_pods_selects_those_of_a_deployment() -> None:
    names = {"app.kubernetes.io/name": set(DEPLOYMENTS), "app.kubernetes.io/part-of": {"pastiche"}}
    for manifest in RESOURCES:
        spec = manifest.get("spec", {})
        selector = spec.get("podSelector") or spec.get("selector") or {}
        for key, value in selector.get("matchLabels", selector).items():
            assert value in names[key], label(manifest)


def test_the_alerts_are_those_of_compose() -> None:
    assert RESOURCE_FILE.read_text("utf-8") == prometheus_rule(), "run: make generate"


def test_the_job_of_the_scrapes_is_the_one_that_alerts_expect(run_program: RunProgram) -> None:
    rendered = render("production", run_program)
    job_label = find("ServiceMonitor", "pastiche", rendered)["spec"]["jobLabel"]
    job = find("Service", "api", rendered)["metadata"]["labels"][job_label]
    prometheus = YAML(typ="safe", pure=True).load(ROOT / "deploy/prometheus/prometheus.yml")
    assert [each["job_name"] for each in prometheus["scrape_configs"]] == [job]
    jobs = set(re.findall(r'job="(\w+)"', RESOURCE_FILE.read_text("utf-8")))
    assert jobs == {job}
