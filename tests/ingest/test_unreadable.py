"""What can't be read in a site's bucket costs itself alone, and is told to the site."""

from __future__ import annotations

import json
import os
import pickle
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from echoatlas.pipeline.errors import Reason, Reject, UsageError
from echoatlas.pipeline.site_bucket import SiteFolder, site_bucket
from echoatlas.simulate import make_still, write_png
from tests.helpers import s3server
from tests.helpers.rehearsal import Rehearsal

SCAN, OTHER, THIRD = (
    write_png(make_still(seed=seed, fan="convex", size=(400, 300))) for seed in (1, 2, 3)
)
NOBODY = 65534  # may read what all may


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the rights of a superuser, whom no permission stops."""
    superuser = os.geteuid() == 0
    if superuser:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that all may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        for path, _, _ in os.walk(name):
            Path(path).chmod(0o755)


def refused(bucket: SiteFolder, key: str) -> str:
    with pytest.raises(Reject) as caught:
        bucket.read(key)
    assert caught.value.reason is Reason.NOT_DELIVERED
    return caught.value.detail


def test_a_file_without_permission_is_refused_and_the_others_are_read(folder: Path) -> None:
    (folder / "a.png").write_bytes(SCAN)
    (folder / "b.png").write_bytes(SCAN)
    (folder / "a.png").chmod(0)
    bucket = SiteFolder(folder)

    with as_nobody():
        assert [one.key for one in bucket.list()] == ["a.png", "b.png"]
        assert "may not read it" in refused(bucket, "a.png")
        assert bucket.read("b.png") == SCAN


@pytest.mark.parametrize("mode", [0, 0o444, 0o111])
def test_a_folder_without_permission_is_one_thing_that_cannot_be_read(
    folder: Path, mode: int
) -> None:
    """Without r it is one; without x its files are known by name and no more."""
    (folder / "closed").mkdir()
    (folder / "closed" / "a.png").write_bytes(SCAN)
    (folder / "open").mkdir()
    (folder / "open" / "b.png").write_bytes(SCAN)
    (folder / "lost+found").mkdir(mode=0)  # every disk has one
    (folder / "closed").chmod(mode)
    bucket = SiteFolder(folder)

    with as_nobody():
        listed = [one.key for one in bucket.list()]
        assert [("closed/a.png" if mode == 0o444 else "closed"), "open/b.png"] == listed
        refused(bucket, listed[0])


def test_a_bucket_that_may_not_be_listed_is_an_error(folder: Path) -> None:
    (folder / "site").mkdir(mode=0)

    with as_nobody(), pytest.raises(UsageError, match="no permission"):
        SiteFolder(folder / "site").list()


def test_what_is_no_file_is_listed_and_never_waited_for(folder: Path) -> None:
    (folder / "scans").mkdir()
    (folder / "scans" / "a.png").write_bytes(SCAN)
    os.mkfifo(folder / "pipe")
    (folder / "circle").symlink_to("circle")
    (folder / "link").symlink_to("scans")
    (folder / "failing").symlink_to("/proc/self/mem")  # opens, and fails when it is read
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "socket"))
    bucket = SiteFolder(folder)

    listed = {one.key: one.size for one in bucket.list()}
    server.close()

    assert listed.pop("scans/a.png") == len(SCAN)
    assert listed == dict.fromkeys(["circle", "failing", "link", "pipe", "socket"], 0)
    assert [
        next(word for word in ("itself", "disk fails", one) if word in refused(bucket, key))
        for key, one in zip(sorted(listed), ["", "", "folder", "pipe", "socket"], strict=True)
    ] == ["itself", "disk fails", "folder", "pipe", "socket"]


def test_a_disk_that_fails_at_all_is_no_fault_of_a_file(folder: Path) -> None:
    (folder / "failing").symlink_to("/proc/self/mem")

    with pytest.raises(Exception, match="does not answer as it should"):
        SiteFolder(folder).read("failing")


@pytest.fixture
def made(tmp_path: Path) -> Rehearsal:
    made = Rehearsal(tmp_path)
    made.engine(address="processes", workers=1)
    return made


@pytest.mark.filterwarnings("ignore")
def test_each_is_one_rejected_object_and_the_others_go_on(made: Rehearsal) -> None:
    folder = made.site("local", cropped=True) / "up"
    (folder / "below").mkdir(parents=True)
    (folder / "plain.png").write_bytes(SCAN)
    (folder / "below" / "other.png").write_bytes(OTHER)
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "failing.png").symlink_to("/proc/self/mem")
    (folder / "again").symlink_to("below")
    (folder / "t.csv").symlink_to("t.csv")
    os.mkfifo(folder / "pipe.png")

    ran = made.run("run")
    told = {Path(one["file"]).name: one for one in made.run("site", "receipt", "local")}

    assert (ran["objects"], ran["rejected"], ran["conservation"]) == (7, {"not_delivered": 5}, True)
    assert {name for name, one in told.items() if one["status"] == "kept"} == {
        "plain.png",
        "other.png",
    }
    assert {"not_delivered"} == {
        one["reason"] for one in told.values() if one["status"] == "rejected"
    }
    assert sum("leads to itself" in one["detail"] for one in made.run("quarantine", "list")) == 2


def denied(*keys: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:GetObject",
                    "Resource": [f"arn:aws:s3:::refusing/{key}" for key in keys],
                }
            ],
        }
    )


@pytest.mark.filterwarnings("ignore")
def test_an_object_that_the_service_refuses_is_rejected_and_read_when_it_may_be(
    made: Rehearsal, s3: str
) -> None:
    client = s3server.client(s3)
    client.create_bucket(Bucket="refusing")
    put = {"a": SCAN, "b": OTHER, "c": THIRD}
    for name, data in put.items():
        client.put_object(Bucket="refusing", Key=f"site/up/{name}.png", Body=data)
    sealed = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    client.put_object(Bucket="refusing", Key="site/up/d.png", Body=SCAN, **sealed)
    client.put_bucket_policy(Bucket="refusing", Policy=denied("site/up/b.png"))
    file = made.root / "remote.yaml"
    file.write_text(yaml.safe_dump({"site": "remote", "bucket": "s3://refusing/site/"}))
    made.run("site", "add", str(file))

    first = made.run("run")
    client.delete_bucket_policy(Bucket="refusing")
    client.put_object(Bucket="refusing", Key="site/up/e.png", Body=OTHER)  # bytes that come again
    made.run("quarantine", "retry", "--reason", "not_delivered")
    second = made.run("run")
    told = {Path(one["file"]).name: one for one in made.run("site", "receipt", "remote")}

    assert (first["objects"], first["rejected"]) == (4, {"not_delivered": 2})
    assert (second["rejected"], second["conservation"]) == ({"not_delivered": 1}, True)
    assert {name: one["status"] for name, one in told.items()} == {
        "a.png": "kept",
        "b.png": "kept",
        "c.png": "kept",
        "d.png": "rejected",
        "e.png": "duplicate",
    }, "what could not be read is named by its bytes once it can"


def test_a_bucket_of_which_nothing_may_be_read_is_an_error(made: Rehearsal, s3: str) -> None:
    client = s3server.client(s3)
    client.create_bucket(Bucket="refusing-all")
    for name in ("a", "b"):
        client.put_object(Bucket="refusing-all", Key=f"{name}.png", Body=SCAN)
    policy = denied("*").replace("refusing/", "refusing-all/")
    client.put_bucket_policy(Bucket="refusing-all", Policy=policy)
    bucket = pickle.loads(pickle.dumps(site_bucket("s3://refusing-all", None)))

    with pytest.raises(UsageError, match="access denied"):
        bucket.read("a.png")


@pytest.mark.filterwarnings("ignore")
def test_an_upload_whose_manifest_cannot_be_read_waits(made: Rehearsal) -> None:
    folder = made.site("local", cropped=True) / "up"
    folder.mkdir()
    (folder / "plain.png").write_bytes(SCAN)
    (folder / "_MANIFEST").symlink_to("_MANIFEST")

    ran = made.run("run")
    told = {Path(one["file"]).name: one["status"] for one in made.run("site", "receipt", "local")}

    assert ran["objects"] == 0
    assert told == {"plain.png": "waiting", "_MANIFEST": "missing"}
