"""What a site drops is seen under whatever name, and one site's trouble is no other's."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest

from echoatlas.pipeline.errors import Retry, UsageError
from echoatlas.pipeline.ingest.uploads import is_readable, uploaded
from echoatlas.pipeline.storage.storage import Storage
from tests.helpers import s3server

READABLE = ["a b+c.png", "d..d.png", "%41.png", "up/ü.png", "trail ", "~#?*.dcm", "\x85.png"]
ODD = ["a\tb.png", "ctl\x01.png", "new\nline.png", "del\x7f.png"]
ODD_TO_THE_TEST_SERVER_TOO = ["x//y.png", "./z.png", "../w.png", "x/../y.png", "/top.png", "end/"]


@pytest.fixture
def put(bucket: Storage, s3: str) -> Any:
    client = s3server.client(s3)

    def put(key: str, body: bytes = b"hello") -> None:
        client.put_object(Bucket=bucket.bucket, Key=f"prefix/{key}", Body=body)  # type: ignore[attr-defined]

    return put


@pytest.fixture
def aws() -> Iterator[list[str]]:
    """A server that lists keys as AWS does, which the real one of the tests makes into others."""
    keys: list[str] = []

    class Listing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            items = "".join(
                f"<Contents><Key>{escape(quote('prefix/' + key))}</Key><Size>5</Size>"
                '<ETag>"e"</ETag><LastModified>2026-11-28T00:00:00Z</LastModified></Contents>'
                for key in keys
            )
            body = (
                '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-'
                '01/"><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>'
                f"{items}</ListBucketResult>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Listing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = dict(os.environ)
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}",
        AWS_ACCESS_KEY_ID="k",
        AWS_SECRET_ACCESS_KEY="s",
    )
    yield keys
    os.environ.clear()
    os.environ.update(before)
    server.shutdown()
    server.server_close()


def test_every_key_is_listed_and_those_that_cannot_be_read_are_told(
    put: Any, bucket: Storage
) -> None:
    for key in READABLE + ODD:
        put(key)

    found = [one.key for one in uploaded(bucket)]

    assert sorted(READABLE + ODD) == found
    assert sorted(ODD) == [key for key in found if not is_readable(bucket, key)]
    assert all(bucket.read(key) == b"hello" for key in READABLE)
    for key in ODD:  # asked for in spite of it
        with pytest.raises(FileNotFoundError):
            bucket.read(key)


def test_keys_that_only_others_would_list_are_listed_and_told(aws: list[str]) -> None:
    aws += [*ODD_TO_THE_TEST_SERVER_TOO, "scan.png"]
    bucket = Storage.open("s3://bucket/prefix")

    found = {one.key: is_readable(bucket, one.key) for one in uploaded(bucket)}

    assert dict.fromkeys(ODD_TO_THE_TEST_SERVER_TOO, False) | {"scan.png": True} == found


def test_a_file_keeps_its_size_and_version_in_both_listings(put: Any, bucket: Storage) -> None:
    """Else a lake of yesterday would take each of its files for a new one."""
    for number in range(3):
        put(f"up/{number}.png", b"x" * number)

    assert list(bucket.list()) == uploaded(bucket)


def test_markers_of_folders_are_no_uploads(put: Any, bucket: Storage, tmp_path: Path) -> None:
    for key in ("", "up/", "up/deep_$folder$"):
        put(key, b"")
    put("up/scan.png")
    put("up/empty.png", b"")

    assert [one.key for one in uploaded(bucket)] == ["up/empty.png", "up/scan.png"]


def test_what_is_wrong_with_a_bucket_is_said(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no such bucket: 'nowhere-at-all'"):
        uploaded(Storage.open("s3://nowhere-at-all/x"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(UsageError, match="access denied to s3://ready"):
        uploaded(Storage.open("s3://ready"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Retry, match="s3://ready"):
        uploaded(Storage.open("s3://ready"))


def test_links_to_nothing_and_pipes_hold_up_nobody(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(b"x")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.png")

    found = [(one.key, one.size) for one in uploaded(Storage.open(tmp_path))]

    assert found == [("gone.png", 0), ("scan.png", 1)]
