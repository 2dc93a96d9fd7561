"""What a site's own keys may do on a real S3 server, and what they may not."""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
import stat
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

from echoatlas.cli import call
from echoatlas.errors import UsageError
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.sites.guide import commands, form_script
from echoatlas.pipeline.sites.policy import demand_apart, site_policy
from echoatlas.pipeline.sites.presign import put_address, upload_form
from echoatlas.pipeline.storage.storage import S3Storage
from echoatlas.schemas.config.deployment import Zone
from echoatlas.schemas.config.site import SiteConfig
from tests.helpers import s3server
from tests.helpers.waiting import wait_until

PREFIX = "st-elsewhere/"
RECEIPT = f"_receipts/{PREFIX}upload-0.json"
HTTP = urllib3.PoolManager()


@dataclass(frozen=True)
class Onboarded:
    """A site that was added by the command line, and its own client."""

    home: Path
    endpoint: str
    bucket: S3Storage
    site: SiteConfig
    key: str
    secret: str

    @property
    def name(self) -> str:
        return self.bucket.bucket

    @property
    def own(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}),
        )

    def there(self) -> list[str]:
        listed = s3server.client(self.endpoint).list_objects_v2(Bucket=self.name)
        return [one["Key"] for one in listed.get("Contents", ())]

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "PATH": "/usr/bin:/bin:" + str(Path(shutil.which("aws") or "/usr/bin/x").parent),
            "HOME": str(self.home),
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@pytest.fixture(scope="module")
def st(s3: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Onboarded]:
    root = tmp_path_factory.mktemp("onboarding")
    home = Deployment.init(root / "home").root
    name = f"b{uuid.uuid4().hex[:12]}"
    (root / "st.yaml").write_text(f"site: st-elsewhere\nbucket: s3://{name}/{PREFIX}\n")
    _without_keys(s3)
    added = call(["--deployment", str(home), "site", "add", str(root / "st.yaml"), "--user"])
    assert added == 0
    deployment = Deployment.find(home)
    site = deployment.site("st-elsewhere")
    bucket = deployment.bucket(site)
    assert isinstance(bucket, S3Storage)
    ours = s3server.client(s3)
    theirs = ("st-elsewhere-2/x.dcm", "_receipts/st-elsewhere-2/upload-0.json")
    for key in (f"{PREFIX}sent.dcm", RECEIPT, *theirs):
        ours.put_object(Bucket=name, Key=key, Body=b"there")
    file = home / "onboarding" / "st-elsewhere" / "credentials.ini"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ini = configparser.ConfigParser()
    ini.read(file)
    keys = ini["st-elsewhere"]
    made = Onboarded(
        home, s3, bucket, site, keys["aws_access_key_id"], keys["aws_secret_access_key"]
    )
    wait_until(
        lambda: _may(lambda: made.own.list_objects_v2(Bucket=name, Prefix=PREFIX)),
        "the site's keys",
    )
    yield made


def _without_keys(endpoint: str) -> None:
    """As before the README's commands, which other tests run: who has keys is told none."""
    users, user = s3server.client(endpoint, "iam"), {"UserName": "echoatlas-st-elsewhere"}
    with suppress(users.exceptions.NoSuchEntityException):
        for one in users.list_access_keys(**user)["AccessKeyMetadata"]:
            users.delete_access_key(**user, AccessKeyId=one["AccessKeyId"])


def _may(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except ClientError:
        return False
    return True


def test_a_site_puts_and_lists_its_own_and_reads_its_receipts(st: Onboarded) -> None:
    st.own.put_object(Bucket=st.name, Key=f"{PREFIX}up/one.dcm", Body=b"1")
    begun = st.own.create_multipart_upload(Bucket=st.name, Key=f"{PREFIX}up/big.dcm")
    part = st.own.upload_part(
        Bucket=st.name,
        Key=f"{PREFIX}up/big.dcm",
        UploadId=begun["UploadId"],
        PartNumber=1,
        Body=b"2",
    )
    st.own.complete_multipart_upload(
        Bucket=st.name,
        Key=f"{PREFIX}up/big.dcm",
        UploadId=begun["UploadId"],
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )

    listed = st.own.list_objects_v2(Bucket=st.name, Prefix=f"{PREFIX}up/")
    receipt = st.own.get_object(Bucket=st.name, Key=RECEIPT)
    receipts = st.own.list_objects_v2(Bucket=st.name, Prefix=f"_receipts/{PREFIX}")

    assert [one["Key"] for one in listed["Contents"]] == [
        f"{PREFIX}up/big.dcm",
        f"{PREFIX}up/one.dcm",
    ]
    assert receipt["Body"].read() == b"there"
    assert [one["Key"] for one in receipts["Contents"]] == [RECEIPT]


MINE, THEIRS = f"{PREFIX}sent.dcm", "st-elsewhere-2/x.dcm"
DENIED: dict[str, Callable[[Any, str], Any]] = {
    "reading what it sent": lambda s3, b: s3.get_object(Bucket=b, Key=MINE),
    "asking after what it sent": lambda s3, b: s3.head_object(Bucket=b, Key=MINE),
    "deleting what it sent": lambda s3, b: s3.delete_object(Bucket=b, Key=MINE),
    "copying what it sent": lambda s3, b: s3.copy_object(
        Bucket=b, Key=f"{PREFIX}copy", CopySource=f"{b}/{MINE}"
    ),
    "reading another's": lambda s3, b: s3.get_object(Bucket=b, Key=THEIRS),
    "copying another's": lambda s3, b: s3.copy_object(
        Bucket=b, Key=f"{PREFIX}copy", CopySource=f"{b}/{THEIRS}"
    ),
    "writing another's": lambda s3, b: s3.put_object(Bucket=b, Key=THEIRS, Body=b"x"),
    "beginning another's": lambda s3, b: s3.create_multipart_upload(Bucket=b, Key=THEIRS),
    "listing another's": lambda s3, b: s3.list_objects_v2(Bucket=b, Prefix="st-elsewhere-2/"),
    "listing those whose names begin alike": lambda s3, b: s3.list_objects_v2(
        Bucket=b, Prefix="st-elsewhere"
    ),
    "listing all": lambda s3, b: s3.list_objects_v2(Bucket=b),
    "listing who is there": lambda s3, b: s3.list_objects_v2(Bucket=b, Delimiter="/"),
    "listing what others send": lambda s3, b: s3.list_multipart_uploads(Bucket=b),
    "reading the policy": lambda s3, b: s3.get_bucket_policy(Bucket=b),
    "changing the policy": lambda s3, b: s3.put_bucket_policy(Bucket=b, Policy="{}"),
    "opening it to all": lambda s3, b: s3.put_object_acl(Bucket=b, Key=MINE, ACL="public-read"),
    "tagging": lambda s3, b: s3.put_object_tagging(Bucket=b, Key=MINE, Tagging={"TagSet": []}),
    "writing over a receipt": lambda s3, b: s3.put_object(Bucket=b, Key=RECEIPT, Body=b"x"),
    "writing a receipt by parts": lambda s3, b: s3.create_multipart_upload(Bucket=b, Key=RECEIPT),
    "deleting a receipt": lambda s3, b: s3.delete_object(Bucket=b, Key=RECEIPT),
    "copying over a receipt": lambda s3, b: s3.copy_object(
        Bucket=b, Key=RECEIPT, CopySource=f"{b}/{RECEIPT}"
    ),
    "reading another's receipt": lambda s3, b: s3.get_object(
        Bucket=b, Key="_receipts/st-elsewhere-2/upload-0.json"
    ),
    "listing all receipts": lambda s3, b: s3.list_objects_v2(Bucket=b, Prefix="_receipts/"),
    "making buckets": lambda s3, b: s3.create_bucket(Bucket=f"{b}-2"),
    "deleting the bucket": lambda s3, b: s3.delete_bucket(Bucket=b),
}


@pytest.mark.parametrize("what", DENIED)
def test_a_site_may_not_do_anything_else(st: Onboarded, what: str) -> None:
    before = st.there()

    with pytest.raises(ClientError) as refused:
        DENIED[what](st.own, st.name)

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert before == st.there()


def test_one_of_many_deletions_is_denied_too(st: Onboarded) -> None:
    told = st.own.delete_objects(
        Bucket=st.name, Delete={"Objects": [{"Key": MINE}, {"Key": THEIRS}]}
    )

    assert [one["Code"] for one in told["Errors"]] == ["AccessDenied"] * 2
    assert {MINE, THEIRS} <= set(st.there())


def test_added_again_a_site_keeps_its_keys(
    st: Onboarded, capsys: pytest.CaptureFixture[str]
) -> None:
    file = st.home.parent / "st.yaml"

    code = call(["--deployment", str(st.home), "site", "add", str(file), "--user", "--replace"])

    assert code == 0
    assert "user echoatlas-st-elsewhere was there and keeps its keys" in capsys.readouterr().out
    assert _may(lambda: st.own.list_objects_v2(Bucket=st.name, Prefix=PREFIX))


def deployed(home: Path, **buckets: str) -> Deployment:
    """A deployment whose sites' files were written by hand."""
    Deployment.init(home)
    for name, bucket in buckets.items():
        (home / "sites" / f"{name}.yaml").write_text(f"site: {name}\nbucket: {bucket}\n")
    return Deployment.find(home)


def test_no_site_lies_among_the_receipts(tmp_path: Path) -> None:
    site = SiteConfig(site="st", bucket="s3://uploads/_receipts/st")

    with pytest.raises(UsageError, match="receipts of all sites lie there"):
        demand_apart(deployed(tmp_path), site)


def test_a_bucket_of_its_own_keeps_its_receipts_or_no_user_is_made(
    s3: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Deployment.init(tmp_path / "home").root
    (tmp_path / "whole.yaml").write_text(f"site: whole\nbucket: s3://b{uuid.uuid4().hex[:12]}\n")

    code = call(["--deployment", str(home), "site", "add", str(tmp_path / "whole.yaml"), "--user"])
    policy = site_policy(S3Storage("s3://whole", Zone()))

    assert code == 2
    assert "give the site a prefix" in capsys.readouterr().err
    denied = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    assert [one["Resource"] for one in denied] == [["arn:aws:s3:::whole/_receipts/*"]]


@pytest.mark.parametrize("prefix", ["a*", "a?/b", "${aws:username}"])
def test_a_prefix_that_a_policy_would_take_for_a_pattern_is_refused(prefix: str) -> None:
    with pytest.raises(UsageError, match="a pattern"):
        site_policy(S3Storage(f"s3://uploads/{prefix}", Zone()))


@pytest.mark.parametrize(
    ("bucket", "beside", "other"),
    [
        ("s3://uploads/st/deep", "s3://uploads/st/deep-2", "s3://uploads/st/"),
        ("s3://uploads/st/deep", "s3://uploads/st/deeper", "s3://uploads"),
        ("s3://uploads/st/deep", "s3://uploads-2/st/deep", "s3://uploads//st/deep/er"),
        ("../drop", "../drop-2", "../here/../drop/within"),
        ("dicomweb+https://pacs/rs", "dicomweb+https://pacs/rs-2", "dicomweb+https://pacs/rs/"),
    ],
)
def test_two_sites_never_lie_within_each_other(
    tmp_path: Path, bucket: str, beside: str, other: str
) -> None:
    site = SiteConfig(site="st", bucket=bucket)
    apart = deployed(tmp_path / "apart", beside=beside, st=bucket)
    within = deployed(tmp_path / "within", beside=beside, other=other)

    demand_apart(apart, site)
    with pytest.raises(UsageError, match="site 'other'"):
        demand_apart(within, site)


@pytest.mark.parametrize("bucket", [".", "..", "vault", "sites/", "lake/releases", "lake/drop"])
def test_no_site_lies_where_the_deployment_keeps_what_is_its_own(
    tmp_path: Path, bucket: str
) -> None:
    deployment = deployed(tmp_path / "home")

    with pytest.raises(UsageError, match="this deployment's"):
        demand_apart(deployment, SiteConfig(site="st", bucket=bucket))
    demand_apart(deployment, SiteConfig(site="st", bucket="drop"))


def test_of_sites_that_lie_within_each_other_already_plans_and_runs_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = deployed(tmp_path / "home", one="../drop", two="../drop/two", three="../three").root
    for folder in ("drop/two", "three"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("one", "two", "three"):
        Deployment.find(home).vault.create(name)
    told = []

    for command in ("plan", "run", "run"):
        assert call(["--deployment", str(home), command]) == 0
        told.append(capsys.readouterr().out)

    for said in told:
        assert "one: its bucket and that of 'two' lie within each other" in said
        assert "two: its bucket and that of 'one' lie within each other" in said
        assert "three: its bucket" not in said


def post(form: Any, name: str, body: bytes, **changed: str) -> tuple[int, str]:
    fields = {**form.fields, **changed, "file": (name, body)}
    answer = HTTP.request("POST", form.url, fields=fields)
    return answer.status, answer.data.decode()


def test_a_form_takes_what_it_was_signed_for_and_nothing_else(st: Onboarded) -> None:
    form = upload_form(st.bucket, "by form", hours=1, max_mb=1)

    taken = post(form, "scan.dcm", b"x" * 1000)
    large = post(form, "large.dcm", b"x" * 1_000_001)
    empty = post(form, "empty.dcm", b"")
    elsewhere = post(form, "x.dcm", b"x", key="st-elsewhere-2/x.dcm")
    receipt = post(form, "x.dcm", b"x", key=RECEIPT)
    forged = post(form, "x.dcm", b"x", **{"x-amz-signature": "0" * 64})

    assert taken == (204, "")
    assert f"{PREFIX}by form/scan.dcm" in st.there()
    assert (large[0], "EntityTooLarge" in large[1]) == (400, True)
    assert (empty[0], "EntityTooSmall" in empty[1]) == (400, True)
    assert [elsewhere[0], receipt[0], forged[0]] == [403] * 3
    assert not [key for key in st.there() if "large" in key or key.endswith("by form/x.dcm")]


def test_a_form_that_has_expired_takes_nothing(st: Onboarded) -> None:
    form = upload_form(st.bucket, "late", hours=1 / 3600, max_mb=1)
    wait_until(lambda: post(form, "x.dcm", b"x")[0] == 403, "the end of the form", pause=0.2)

    told = post(form, "late.dcm", b"x")

    assert (told[0], "expired" in told[1]) == (403, True)
    assert f"{PREFIX}late/late.dcm" not in st.there()


@pytest.mark.parametrize("upload", ["_receipts", "../other", "a/b", "", "."])
def test_no_form_is_signed_for_a_place_that_is_no_upload(st: Onboarded, upload: str) -> None:
    with pytest.raises(UsageError, match="no name for an upload"):
        upload_form(st.bucket, upload, hours=1, max_mb=1)


def test_a_form_holds_no_longer_than_a_service_signs(st: Onboarded) -> None:
    with pytest.raises(UsageError, match="at most 168 h, not 200"):
        upload_form(st.bucket, "up", hours=200, max_mb=1)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_form_of_the_command_line_is_sent_by_curl(st: Onboarded, tmp_path: Path) -> None:
    names = ["a b.dcm", "ü.dcm"]
    for name in names:
        (tmp_path / name).write_bytes(b"scan")
    command = ["--deployment", str(st.home), "site", "form", "st-elsewhere", "by-curl"]

    code = call([*command, "--hours", "2"])
    script = st.home / "onboarding" / "st-elsewhere" / "form-by-curl.sh"
    sent = subprocess.run(["sh", str(script), *names], cwd=tmp_path, capture_output=True, text=True)

    assert (code, sent.returncode, sent.stderr) == (0, 0, "")
    assert [f"{PREFIX}by-curl/{name}" for name in names] == [
        key for key in st.there() if "by-curl" in key
    ]
    page = script.with_suffix(".html")
    assert 'action="' in page.read_text() and stat.S_IMODE(page.stat().st_mode) == 0o600


def test_a_script_quotes_whatever_a_form_holds() -> None:
    form = upload_form_of("it's $HOME `id`")

    told = subprocess.run(
        ["sh", "-c", f"curl() {{ printf '%s|' \"$@\"; }}\n{form_script(form)}", "sh", "x"],
        capture_output=True,
        text=True,
    )

    assert "policy=it's $HOME `id`|" in told.stdout


def upload_form_of(text: str) -> Any:
    from echoatlas.pipeline.sites.presign import Form

    return Form("http://127.0.0.1/b", {"policy": text}, "p/", 1, 1)


def test_an_address_takes_exactly_its_bytes_once(st: Onboarded) -> None:
    body = b"scan"
    digest = hashlib.sha256(body).hexdigest()
    url, headers = put_address(st.bucket, "up/p.dcm", len(body), digest, "application/dicom", 1)

    def put(data: bytes, **changed: str | None) -> int:
        said = {name: text for name, text in {**headers, **changed}.items() if text is not None}
        return int(HTTP.request("PUT", url, body=data, headers=said).status)

    assert put(b"ascn") == 400  # as long, and other bytes
    assert put(b"longer scan") == 403
    assert put(body, **{"Content-Type": "text/html"}) == 403
    assert put(body, **{"If-None-Match": None}) == 403
    assert put(body) == 200
    assert put(body) == 412
    with pytest.raises(UsageError, match="nothing is put into _receipts/"):
        put_address(st.bucket, "_receipts/x.html", 1, digest, "text/html", 1)


@pytest.mark.skipif(not shutil.which("aws"), reason="aws-cli is not installed")
def test_commands_of_the_guide_for_aws_cli_do_what_it_says(st: Onboarded, tmp_path: Path) -> None:
    """Also for a picture that was blackened in place, which `aws s3 sync` leaves out."""
    folder = tmp_path / "upload-1"
    folder.mkdir()
    (folder / "scan.dcm").write_bytes(b"a name stands here")
    # A store tells whole seconds: sent within the one in which it was written, it would be newer
    exported = time.time() - 3600
    os.utime(folder / "scan.dcm", (exported, exported))
    said = commands(st.bucket, st.site)
    assert said.aws_send in (st.home / "onboarding/st-elsewhere/guide.txt").read_text()

    def run(command: str) -> None:
        subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=st.environment(), check=True, timeout=60
        )

    def there() -> bytes:
        body = s3server.client(st.endpoint).get_object(
            Bucket=st.name, Key=f"{PREFIX}upload-1/scan.dcm"
        )["Body"]
        return bytes(body.read())

    run(said.manifest)
    run(said.aws_send)
    (folder / "scan.dcm").write_bytes(b"------------------")
    os.utime(folder / "scan.dcm", (exported, exported))
    run(said.aws_send.replace(" s3 cp ", " s3 sync ").replace(" --recursive", ""))
    synced = there()
    run(said.aws_one)
    run(said.aws_done)

    assert synced == b"a name stands here"
    assert there() == b"------------------"
    assert {f"{PREFIX}upload-1/_MANIFEST", f"{PREFIX}upload-1/_COMPLETE"} <= set(st.there())


@pytest.mark.skipif(not shutil.which("rclone"), reason="rclone is not installed")
def test_commands_of_the_guide_for_rclone_do_what_it_says(st: Onboarded, tmp_path: Path) -> None:
    """Also where a part is there already, and for a picture that was blackened in place."""
    folder = tmp_path / "upload-1"
    (folder / "by rclone").mkdir(parents=True)
    scan = folder / "by rclone" / "ü.dcm"
    scan.write_bytes(b"a name stands here")
    exported = time.time() - 3600
    os.utime(scan, (exported, exported))
    said = commands(st.bucket, st.site)
    key = f"{PREFIX}upload-1/by rclone/ü.dcm"

    def there(command: str) -> bytes:
        sent = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env=st.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert sent.returncode == 0, sent.stderr
        return bytes(
            s3server.client(st.endpoint).get_object(Bucket=st.name, Key=key)["Body"].read()
        )

    first = there(said.rclone_send)
    scan.write_bytes(b"------------------")
    os.utime(scan, (exported, exported))
    (folder / "more.dcm").write_bytes(b"scan")
    second = there(said.rclone_send)
    third = there(said.rclone_again)

    assert (first, second, third) == (b"a name stands here", *[b"------------------"] * 2)
    assert {key, f"{PREFIX}upload-1/more.dcm"} <= set(st.there())
