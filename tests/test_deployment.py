"""The files for containers agree with the program and with one another; schemas are checked by the release workflow."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # has no annotations

from labourqa.config import load_settings
from labourqa.engine.base import is_server_url

ROOT = Path(__file__).parents[1]
CONTAINERFILE = (ROOT / "Containerfile").read_text()


def kubernetes() -> dict[tuple[str, str], dict[str, Any]]:
    """The manifest's documents by kind and name."""
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text())
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def model_of(urls: str) -> tuple[list[str], str]:
    settings = load_settings({}, {"LABOURQA_MODEL": urls})
    assert is_server_url(settings.model)
    addresses, _, name = settings.model.partition("#")
    return addresses.split(","), name


def test_in_kubernetes_labourqa_names_every_replica_and_its_model() -> None:
    documents = kubernetes()
    servers = documents["StatefulSet", "vllm"]["spec"]
    [labourqa] = documents["Deployment", "labourqa"]["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry.get("value") for entry in labourqa["env"]}
    addresses, name = model_of(environment["LABOURQA_MODEL"])
    service = servers["serviceName"]
    assert addresses == [f"http://vllm-{i}.{service}:8000/v1" for i in range(servers["replicas"])]
    assert f"--model={name}" in servers["template"]["spec"]["containers"][0]["args"]


def test_in_compose_labourqa_names_every_server() -> None:
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    addresses, name = model_of(services["labourqa"]["environment"]["LABOURQA_MODEL"])
    servers = [service for service in services if service != "labourqa"]
    assert addresses == [f"http://{server}:8000/v1" for server in servers]
    assert all(f"--model={name}" in services[server]["command"] for server in servers)
    assert set(services["labourqa"]["depends_on"]) == set(servers)


def test_the_container_runs_as_the_user_that_the_manifest_demands() -> None:
    pod = kubernetes()["Deployment", "labourqa"]["spec"]["template"]["spec"]
    user = pod["securityContext"]["runAsUser"]
    assert f"--uid {user}" in CONTAINERFILE
    assert f"USER {user}" in CONTAINERFILE
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_the_container_is_built_from_all_that_the_wheel_needs() -> None:
    allowed = (ROOT / ".containerignore").read_text().splitlines()
    for name in (
        "pyproject.toml",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "labourqa",
        "data",
        "prompts",
        "app",
    ):
        assert f"!{name}" in allowed
        assert name in CONTAINERFILE
