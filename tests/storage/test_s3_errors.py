"""What a person reads when a bucket can't be used: which of four things is wrong, and no more."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest

import echoatlas
from echoatlas.cli import call
from echoatlas.errors import EchoAtlasError, UsageError
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.site_bucket import site_bucket
from echoatlas.pipeline.storage import s3
from echoatlas.pipeline.storage.s3 import demand_address, s3_fault
from echoatlas.schemas.config.deployment import Zone
from tests.helpers import s3server

DEAD = "http://127.0.0.1:9"
# What is wrong: variables that differ from right ones, whether the bucket is there, what is told
WRONG = {
    "secret": (
        {"AWS_SECRET_ACCESS_KEY": "another"},
        True,
        "access denied to s3://BUCKET/lake",
        "(the secret key is not the one of this access key)",
    ),
    "key": (
        {"AWS_ACCESS_KEY_ID": "nobody"},
        True,
        "access denied to s3://BUCKET/lake",
        "(the service knows no such access key)",
    ),
    "bucket": ({}, False, "no such bucket: 'BUCKET' at ENDPOINT", ""),
    "endpoint": ({"AWS_ENDPOINT_URL": DEAD}, True, f"cannot reach {DEAD} for s3://BUCKET/lake", ""),
    "credentials": (
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
        True,
        "no credentials found for s3://BUCKET/lake",
        "looked at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    "half of the credentials": (
        {"AWS_SECRET_ACCESS_KEY": ""},
        True,
        "no credentials found for s3://BUCKET/lake",
        "both needed",
    ),
}


@pytest.fixture(params=WRONG)
def wrong(
    request: pytest.FixtureRequest, s3: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, tuple[str, str]]:
    """A lake's address that can't be used as things stand, and what is to be told of it."""
    variables, there, *told = WRONG[request.param]
    name = f"b{uuid.uuid4().hex[:12]}"
    if there:
        s3server.client(s3).create_bucket(Bucket=name)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    first, second = (text.replace("BUCKET", name).replace("ENDPOINT", s3) for text in told)
    return f"s3://{name}/lake", (first, second)


@pytest.fixture(autouse=True)
def no_memory() -> None:
    s3._has_metadata.cache_clear()


COMMANDS = ("status", "tree", "plan", "run", "site check SITE", "release show x", "pull x out")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_which_it_is_in_one_line_and_nothing_else(
    tmp_path: Path,
    wrong: tuple[str, tuple[str, str]],
    command: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri, told = wrong
    monkeypatch.chdir(tmp_path)
    home = Deployment.init(tmp_path / "home", uri).root
    bucket = uri.replace("/lake", "/site")  # within the lake no site may lie
    site = f"site: st\nbucket: {bucket}\n"
    if command.startswith("site check"):
        told = told[0].replace(uri, bucket), told[1]
    (home / "sites" / "st.yaml").write_text(site)
    Deployment.find(home).vault.create("st")
    capfd.readouterr()

    code = call(
        ["--deployment", str(home), *command.replace("SITE", str(home / "sites/st.yaml")).split()]
    )

    said = capfd.readouterr()
    assert code in (1, 2)
    assert said.err.startswith("echoatlas: ") and said.err.count("\n") == 1
    assert all(part in said.err for part in told)
    assert said.out == ""


def test_so_does_a_trainer_that_loads(
    wrong: tuple[str, tuple[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    uri, told = wrong

    with pytest.raises(EchoAtlasError) as raised:
        echoatlas.load("2026.11", lake=uri)

    said = capfd.readouterr()
    assert all(part in str(raised.value) for part in told)
    assert "\n" not in str(raised.value)
    assert said.out == said.err == ""


@pytest.mark.parametrize(
    ("place", "uri", "told"),
    [
        ("127.0.0.1:8333", "s3://bucket/lake", "is no address such as https://HOST:9000"),
        ("minio", "s3://bucket/lake", "is no address such as"),
        ("http://", "s3://bucket/lake", "is no address such as"),
        ("http://minio:port", "s3://bucket/lake", "is no address such as"),
        ("http://minio:0", "s3://bucket/lake", "is no address such as"),
        (DEAD, "s3://Our Bucket!/lake", "no bucket can have the name 'Our Bucket!'"),
        (DEAD, "s3://ab/lake", "no bucket can have the name 'ab'"),
    ],
)
def test_an_address_that_is_none_is_told_before_it_is_asked(
    tmp_path: Path, place: str, uri: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "tests")
    monkeypatch.setenv("AWS_ENDPOINT_URL", place)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match=re.escape(told)):
        echoatlas.load("2026.11", lake=uri)
    with pytest.raises(UsageError, match=re.escape(told)):
        site_bucket(uri, None).list()


def test_addresses_of_every_kind_of_service_are_taken() -> None:
    for place in (
        None,
        "https://s3.eu-central-1.amazonaws.com",
        "http://[::1]:9000",
        "http://user:secret@minio.example:9000/below/",
        "http://minio",
    ):
        demand_address("s3://Old_Bucket.name/x", Zone(endpoint=place))


# As clients word what a test server does not answer
WORDED = {
    "An error occurred (403) when calling HeadBucket: Forbidden, status code: 403": "access denied",
    "status code: 301: <Code>PermanentRedirect</Code>": "lies in another region than 'us-east-1'",
    "status code: 403: <Code>RequestTimeTooSkewed</Code>": "the clock of this machine is wrong",
    "Error performing PUT http://169.254.169.254/latest/api/token": "no credentials found",
    "Server returned non-2xx status code: 503: <Code>SlowDown</Code>": "(status 503)",
    "HTTP error: error sending request\n\nDebug source: status: 403": "cannot reach",
    "SSL validation failed for https://x [SSL: WRONG_VERSION_NUMBER]": "cannot reach",
    "something unheard of": "does not answer as it should",
}


@pytest.mark.parametrize("text", WORDED)
def test_what_else_services_answer_is_told_apart(text: str) -> None:
    zone = Zone(endpoint="https://user:secret@minio.example:9000/x")

    told = str(s3_fault(text, "s3://b/lake", zone))

    assert WORDED[text] in told
    assert "secret@" not in told and "\n" not in told
