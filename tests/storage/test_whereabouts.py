"""Deployment, command line and loader ask one place where releases lie, and how to reach them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from echoatlas.cli.output import Context
from echoatlas.loader import load
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.storage.storage import S3Storage, Storage
from echoatlas.pipeline.storage.whereabouts import find_releases
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers import s3server
from tests.helpers.tables import quick_lake

ZONES = {
    "lake": {"endpoint": "http://lake.example", "access_key_env": "LAKE_KEY"},
    "releases": {"endpoint": "http://releases.example", "access_key_env": "TRAINER_KEY"},
}


def deployed(root: Path, **config: object) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "echoatlas.yaml").write_text(yaml.safe_dump(config))
    (root / "vault").mkdir(mode=0o700, exist_ok=True)
    return root


@pytest.mark.parametrize("zones", [{}, {"lake": ZONES["lake"]}, ZONES])
@pytest.mark.parametrize("releases", [None, "s3://elsewhere/r", "there"])
@pytest.mark.parametrize("configured", ["lake", "s3://b/lake"])
@pytest.mark.parametrize("named", [None, "own", "s3://b/other"])
def test_all_three_mean_the_same_place_and_the_same_service(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    zones: dict[str, object],
    releases: str | None,
    configured: str,
    named: str | None,
) -> None:
    monkeypatch.delenv("ECHOATLAS_LAKE", raising=False)
    root = deployed(tmp_path / "home", lake=configured, releases=releases, zones=zones)
    own = configured if "://" in configured else str(root / configured)
    lake = own if named == "own" else named
    monkeypatch.chdir(root)

    written = Deployment.find(lake=lake).releases
    found = [Context(lake, None, False).releases(), find_releases(lake)]

    for one in found:
        assert written.uri == one.uri
        if isinstance(written, S3Storage):
            assert isinstance(one, S3Storage)
            assert written.zone == one.zone
    if lake == "s3://b/other":
        assert written.uri == "s3://b/other/releases"
    elif releases:
        assert written.uri in ("s3://elsewhere/r", str(root / "there"))


def test_a_lake_says_where_its_releases_lie_if_not_in_it(
    tmp_path: Path, bucket: Storage, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a trainer needs neither the deployment nor an address of S3 in the environment."""
    local = quick_lake(tmp_path / "lake", [{}, {}])
    create(local, bucket, ReleaseConfig(name="one"))
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    with pytest.raises(UsageError, match="there is no lake at"):
        load("one", lake=tmp_path / "other", cache=tmp_path / "cache")
    data = load(
        "one", releases=bucket.uri, endpoint=s3, region="us-east-1", cache=tmp_path / "cache"
    )

    assert len(data) == 2 and data[0].image.shape == (16, 16)


def test_the_pointer_of_a_lake_carries_the_service_too(tmp_path: Path, s3: str) -> None:
    s3server.client(s3).create_bucket(Bucket="pointed")
    root = deployed(
        tmp_path / "home", releases="s3://pointed/r", zones={"releases": {"endpoint": s3}}
    )
    quick_lake(root / "lake", [{}])
    deployment = Deployment.find(root)
    create(deployment.lake, deployment.releases, ReleaseConfig(name="one"))
    moved = tmp_path / "moved"
    (root / "lake").rename(moved)
    program = (
        "import sys, echoatlas\n"
        "print(len(echoatlas.load('one', lake=sys.argv[1], cache=sys.argv[2])))"
    )

    seen = subprocess.run(
        [sys.executable, "-c", program, str(moved), str(tmp_path / "cache")],
        env={name: value for name, value in os.environ.items() if name != "AWS_ENDPOINT_URL"},
        capture_output=True,
        text=True,
    )

    assert seen.stdout.strip() == "1", seen.stderr
    told = json.loads((moved / "releases" / "elsewhere.json").read_text())
    assert s3server.SECRET not in str(told)


def test_who_names_no_lake_is_asked_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ECHOATLAS_LAKE", raising=False)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="name the lake"):
        load("one")


LIGHT = """
import os, sys
before = dict(os.environ)
import echoatlas
data = echoatlas.load("one", lake=sys.argv[1], cache=sys.argv[2])
data[0]
print(sorted({"duckdb", "pydantic", "boto3", "torch", "ray"} & set(sys.modules)))
changed = {name for name in {*os.environ, *before} if os.environ.get(name) != before.get(name)}
print(sorted(changed - {"LD_LIBRARY_PATH"}))  # that one is OpenCV's own
"""


def test_the_loader_changes_no_environment_and_imports_what_it_needs_alone(tmp_path: Path) -> None:
    lake: Lake = quick_lake(tmp_path / "lake", [{}])
    create(lake, lake.storage.sub("releases"), ReleaseConfig(name="one"))

    seen = subprocess.run(
        [sys.executable, "-c", LIGHT, str(tmp_path / "lake"), str(tmp_path / "cache")],
        capture_output=True,
        text=True,
    )

    assert seen.stdout.splitlines() == ["[]", "[]"], seen.stderr


@pytest.mark.parametrize(
    "places",
    [{"lake": "vault"}, {"lake": "vault/lake"}, {"releases": "vault"}, {"vault": "lake/x"}],
)
def test_keys_lie_with_nothing_that_is_handed_out(tmp_path: Path, places: dict[str, str]) -> None:
    root = deployed(tmp_path / "home", **places)

    with pytest.raises(UsageError, match="keys need a place of their own"):
        Deployment.find(root)


@pytest.mark.parametrize(
    "line", ["engine: {scratch: s3://a/b}", "vault: s3://a/b", "sites: s3://a"]
)
def test_what_lies_on_this_machine_lies_in_no_bucket(tmp_path: Path, line: str) -> None:
    """A folder named `s3:` would be made where one stands, with keys in it."""
    root = tmp_path / "home"
    Deployment.init(root)
    (root / "echoatlas.yaml").write_text(f"name: e\nlake: lake\n{line}\n")

    with pytest.raises(UsageError, match="is a folder on this machine, not s3:"):
        Deployment.find(root)
