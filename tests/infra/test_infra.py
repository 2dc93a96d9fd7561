"""What stands under ``infra/`` is linted, and deployed where a real server takes it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from echoatlas.flows.serving import FLOWS
from echoatlas.pipeline.errors import Reason
from echoatlas.pipeline.run.metrics import METRICS
from echoatlas.schemas.values import Status

TOP = Path(__file__).parents[2]
INFRA = TOP / "infra"
BIN = Path(sys.executable).parent


def _lint(*command: object) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, cwd=TOP, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _documents(folder: str) -> list[dict[str, Any]]:
    return [
        one
        for file in sorted((INFRA / folder).glob("*.yaml"))
        for one in yaml.safe_load_all(file.read_text("utf-8"))
    ]


def _pods(node: object) -> list[dict[str, Any]]:
    """Every pod's specification below a node."""
    if isinstance(node, list):
        return [pod for one in node for pod in _pods(one)]
    if not isinstance(node, dict):
        return []
    own = [node] if "containers" in node else []
    return own + [pod for one in node.values() for pod in _pods(one)]


def test_the_image_and_the_scripts_pass_their_linters() -> None:
    assert _lint(BIN / "hadolint", INFRA / "docker" / "Dockerfile") == ""
    scripts = sorted((INFRA / "slurm").glob("*.sbatch"))
    assert len(scripts) == 2
    assert _lint(BIN / "shellcheck", *scripts) == ""


def test_the_image_installs_what_is_pinned_with_hashes_and_runs_as_nobody() -> None:
    lines = (INFRA / "docker" / "Dockerfile").read_text("utf-8")

    copied = re.findall(r"requirements/[a-z]+\.txt", lines)
    users = re.findall(r"^USER (\S+)", lines, re.MULTILINE)

    assert all((TOP / name).is_file() for name in copied)
    assert lines.count("--require-hashes") == 2
    assert users == ["10001"]
    # Whoever runs it writes nothing in it, so what is not compiled already is so in each process
    assert "UV_COMPILE_BYTECODE=1" in lines.partition("\nFROM ${BASE}\n")[0]


def test_what_a_container_compiles_outlives_it() -> None:
    lines = (INFRA / "docker" / "Dockerfile").read_text("utf-8")
    services = yaml.safe_load((INFRA / "compose.yaml").read_text("utf-8"))["services"]
    stated = dict(re.findall(r"(?:ENV|^)\s+(\w+)=(\S+)", lines, re.MULTILINE))

    assert stated["NUMBA_CACHE_DIR"].startswith(f"{stated['ECHOATLAS_DEPLOYMENT']}/")
    ours = [one for one in services.values() if one["image"] == "echoatlas:local"]
    mounted = [one for one in ours if any("/srv/atlas" in place for place in one["volumes"])]
    assert [one["entrypoint"] for one in ours if one not in mounted] == [["prefect"]]


def test_compiled_loops_are_kept_where_the_image_says(tmp_path: Path) -> None:
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    loops = "echoatlas.pipeline.deduplicate.hamming_kernels"

    subprocess.run([sys.executable, "-c", f"import {loops}"], env=env, check=True)

    assert [one.name.split("_")[0] for one in tmp_path.iterdir()] == ["deduplicate"]


def test_the_compose_file_is_one_and_has_no_secret() -> None:
    file = INFRA / "compose.yaml"
    compose = yaml.safe_load(file.read_text("utf-8"))
    asked = set(re.findall(r"\$\{([A-Z_0-9]+):\?", file.read_text("utf-8")))
    offered = dict(
        line.split("=", 1)
        for line in (INFRA / "env.example").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    )

    found = _lint(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)

    assert found == ""
    assert asked <= set(offered)
    assert [name for name, value in offered.items() if value] == ["ATLAS"]
    ports = [port for one in compose["services"].values() for port in one.get("ports", [])]
    assert all("127.0.0.1" in port for port in ports), "a port is open to the network"


def test_every_service_is_pinned_bounded_and_gains_no_rights() -> None:
    text = (INFRA / "compose.yaml").read_text("utf-8")
    services = yaml.safe_load(text)["services"]
    images = {name: one["image"] for name, one in services.items()}

    for name, one in services.items():
        assert one["deploy"]["resources"]["limits"]["memory"], name
        assert "no-new-privileges:true" in one["security_opt"], name
        assert one["restart"] == "unless-stopped", name
    for name, image in images.items():
        host, _, tag = image.rpartition(":")
        assert tag and tag != "latest", name
        assert "." not in host and ":" not in host, f"{name} names a registry"


def test_what_kubernetes_knows_is_valid_and_every_pod_runs_without_rights() -> None:
    documents = _documents("kuberay")
    known = [one for one in documents if not re.search(r"ray|kustomize", one["apiVersion"])]
    pods = _pods(documents)

    for one in known:
        kubernetes_validate.validate(one, "1.33", strict=True)
    for pod in pods:
        bare = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "one"},
            "spec": {name: value for name, value in pod.items() if name != "containers"}
            | {"containers": pod["containers"]},
        }
        kubernetes_validate.validate(bare, "1.33", strict=True)

    assert [one["kind"] for one in known] == ["Deployment", "PersistentVolumeClaim"]
    assert len(pods) == 3
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods)
    containers = [one for pod in pods for one in pod["containers"]]
    allowed = [one["securityContext"]["allowPrivilegeEscalation"] for one in containers]
    assert allowed == [False] * 3


def test_a_resource_that_is_wrong_would_be_found() -> None:
    wrong = next(one for one in _documents("kuberay") if one["kind"] == "Deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["imagee"] = "echoatlas"

    with pytest.raises(kubernetes_validate.ValidationError, match="imagee"):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


def test_rays_version_is_the_one_that_is_pinned() -> None:
    cluster = next(one for one in _documents("kuberay") if one["kind"] == "RayCluster")
    pinned = re.search(
        r"^ray==(\S+)", (TOP / "requirements" / "curate.txt").read_text("utf-8"), re.MULTILINE
    ) or re.search(
        r"^ray\[\S+\]==(\S+)",
        (TOP / "requirements" / "curate.txt").read_text("utf-8"),
        re.MULTILINE,
    )

    assert pinned is not None
    assert cluster["spec"]["rayVersion"] == pinned[1]


def test_dashboard_and_alerts_ask_for_metrics_that_a_run_writes() -> None:
    board = json.loads((INFRA / "grafana" / "echoatlas.json").read_text("utf-8"))
    rules = yaml.safe_load((INFRA / "prometheus" / "rules.yml").read_text("utf-8"))
    asked = [one["expr"] for panel in board["panels"] for one in panel["targets"]]
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    asked += [rule["expr"] for rule in alerts]

    names = {name for expr in asked for name in re.findall(r"echoatlas_\w+", expr)}
    statuses = {one for expr in asked for one in re.findall(r'status="(\w+)"', expr)}

    assert names == set(METRICS)
    assert statuses <= {*(one.value for one in Status), "pending"}
    pages = {word for r in alerts for word in re.findall(r"docs/\S+", r["annotations"]["summary"])}
    assert all((TOP / page).is_file() for page in pages)
    assert pages


def test_the_worker_pool_s_deployments_are_those_that_are_served() -> None:
    text = (INFRA / "prefect.yaml").read_text("utf-8")

    entries = [one["entrypoint"] for one in yaml.safe_load(text)["deployments"]]

    assert entries == [f"echoatlas.flows.{flow.name}.{flow.name}" for flow in FLOWS]


def test_the_runbook_says_whose_turn_it_is_for_every_reason() -> None:
    page = (TOP / "docs" / "runbooks" / "quarantine-grows.md").read_text("utf-8")

    told = [code for row in page.splitlines() if row.startswith("| `") for code in _codes(row)]

    assert sorted(told) == sorted(reason.value for reason in Reason)


def _codes(row: str) -> list[str]:
    return re.findall(r"`(\w+)`", row.split("|")[1])
