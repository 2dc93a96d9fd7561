"""Runs start by themselves: events are hints, and listing misses nothing when an event is."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from echoatlas.errors import EchoAtlasError, UsageError
from echoatlas.pipeline.run.summary import Summary
from echoatlas.pipeline.run.watch import watch
from echoatlas.pipeline.sites.events import Hints, Listener, event_places, hinted
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.simulate import make_still, write_png
from tests.helpers import s3server
from tests.helpers.rehearsal import Rehearsal, as_in_a_process
from tests.helpers.waiting import wait_until

HTTP = urllib3.PoolManager()
SITES = {
    site: SiteConfig(site=site, bucket=bucket)
    for site, bucket in {
        "st": "s3://uploads/st/",
        "st-2": "s3://uploads/st-2",
        "whole": "s3://whole",
        "local": "folder",
    }.items()
}


def record(bucket: str, key: str) -> dict[str, Any]:
    return {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
    }


RECORDS = {"Records": [record("uploads", "st/up/%C3%BC+1.dcm"), record("whole", "x.dcm")]}
FORMS = {
    "AWS, MinIO, Ceph": RECORDS,
    "SNS": {"Type": "Notification", "Message": json.dumps(RECORDS)},
    "EventBridge": {
        "detail": {"bucket": {"name": "uploads"}, "object": {"key": "st/up/ü 1.dcm", "size": 5}}
    },
    "SeaweedFS": {"event_type": "create", "key": "/buckets/uploads/st/up/ü 1.dcm", "message": {}},
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_an_event_is_understood(form: str) -> None:
    body = json.dumps(FORMS[form]).encode()

    found = event_places(body)

    assert found is not None
    assert found[0] == ("uploads", "st/up/ü 1.dcm")
    assert hinted(body, SITES) == {"st"} | ({"whole"} if len(found) > 1 else set())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"\xff", b'{"Records": 1}', b'{"Message": "x"}', b"[" * 100_000]
)
def test_an_event_in_a_form_that_nobody_knows_hints_at_all_sites(body: bytes) -> None:
    assert hinted(body, SITES) == set(SITES)


@pytest.mark.parametrize(
    "key", ["_receipts/st/up.html", "st/_receipts/up.html", "st-22/x.dcm", "stx", "other/x"]
)
def test_what_is_no_upload_of_a_site_hints_at_none(key: str) -> None:
    body = json.dumps({"Records": [record("uploads", key)]}).encode()

    assert hinted(body, SITES) == set()


def test_a_listener_takes_posts_that_bear_its_token_and_no_others() -> None:
    hints = Hints(SITES)
    body = json.dumps(RECORDS).encode()

    with Listener("127.0.0.1:0", hints, "secret") as listener:
        place = f"http://{listener.address}/"

        def post(data: bytes, **headers: str) -> int:
            return int(HTTP.request("POST", place, body=data, headers=headers).status)

        refused = [post(body), post(body, Authorization="Bearer other")]
        large = post(b" " * (1 << 20) + b"{}", Authorization="Bearer secret")
        nobody = hints.wait(0)
        taken = post(body, Authorization="Bearer secret")

    assert (refused, large, nobody, taken) == ([401, 401], 413, set(), 204)
    assert hints.wait(5) == {"st", "whole"}
    assert hints.wait(0) == set()


@pytest.mark.parametrize("place", ["8333", "127.0.0.1:http", "256.1.1.1:80", "127.0.0.1:99999"])
def test_an_address_that_is_none_is_told(place: str) -> None:
    with pytest.raises(UsageError, match="listen"):
        Listener(place, Hints(SITES))


@contextmanager
def watching(
    made: Rehearsal, every: float, told: list[Any], **more: Any
) -> Iterator[Callable[[bytes], int]]:
    """A watch in a thread, and how a service posts to it."""
    hints = Hints(made.deployment.sites)
    with Listener("127.0.0.1:0", hints) as listener, as_in_a_process():
        thread = threading.Thread(
            target=watch,
            args=(lambda: made.deployment, hints),
            kwargs={"every": every, "report": told.append, **more},
        )
        thread.start()
        try:
            yield lambda body: HTTP.request("POST", f"http://{listener.address}", body=body).status
        finally:
            hints.stop()
            thread.join(120)
        assert not thread.is_alive()


def scan(seed: int) -> bytes:
    return write_png(make_still(seed=seed, fan="convex", size=(240, 180)))


def ran(told: list[Summary | EchoAtlasError]) -> list[int]:
    return [one.objects for one in told if isinstance(one, Summary)]


@pytest.mark.heavy
def test_a_run_starts_by_an_event_by_silence_and_by_the_clock(tmp_path: Path) -> None:
    made = Rehearsal(tmp_path)
    made.engine(address="processes", workers=1)
    folder = made.site("st", uploads={"quiet_minutes": 0.1})
    told: list[Any] = []
    (folder / "up").mkdir()

    with watching(made, 3600.0, told) as post:
        wait_until(lambda: made.lake.storage.is_there(), "the first look")
        (folder / "up" / "a.png").write_bytes(scan(1))
        came = time.monotonic()
        post(b"something has come")
        wait_until(lambda: ran(told), "a run by an event, once its upload is quiet")
        quiet = time.monotonic() - came
    with watching(made, 1.0, told):
        time.sleep(0.5)
        (folder / "up" / "b.png").write_bytes(scan(2))  # of which no event tells
        (folder / "up" / "_COMPLETE").write_bytes(b"")
        wait_until(lambda: len(ran(told)) > 1, "a run by the clock")

    assert quiet >= 6
    assert ran(told) == [1, 1]


def test_a_real_service_tells_of_what_was_put_and_it_is_accepted(tmp_path: Path) -> None:
    """From PUT to accepted, with the service's own events; what is lost is found by listing."""
    made = Rehearsal(tmp_path / "made")
    made.engine(address="processes", workers=1)
    told: list[Any] = []
    hints = Hints(made.deployment.sites)
    (tmp_path / "s3").mkdir()
    with Listener("127.0.0.1:0", hints, "secret") as listener:
        (tmp_path / "s3" / "notification.toml").write_text(
            f'[notification.webhook]\nenabled = true\nendpoint = "http://{listener.address}/"\n'
            'bearer_token = "secret"\npath_prefixes = ["/buckets"]\n'
        )
        process, endpoint = s3server.start(tmp_path / "s3")
        try:
            client = s3server.client(endpoint)
            name = f"b{uuid.uuid4().hex[:12]}"
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("AWS_ENDPOINT_URL", endpoint)
                patch.setenv("AWS_ACCESS_KEY_ID", s3server.KEY)
                patch.setenv("AWS_SECRET_ACCESS_KEY", s3server.SECRET)
                file = made.root / "st.yaml"
                file.write_text(f"site: st\nbucket: s3://{name}/st/\n")
                made.run("site", "add", str(file))
                client.put_object(Bucket=name, Key="st/lost/a.png", Body=scan(3))
                hints.wait(1)  # and nobody looks
                thread = threading.Thread(
                    target=watch,
                    args=(lambda: made.deployment, hints),
                    kwargs={"report": told.append},
                )
                with as_in_a_process():
                    thread.start()
                    wait_until(lambda: ran(told), "what was put while nobody listened")
                    client.put_object(Bucket=name, Key="st/up/ü b.png", Body=scan(4))
                    wait_until(lambda: len(ran(told)) > 1, "what was put since")
                    hints.stop()
                    thread.join(120)
                receipt = client.get_object(Bucket=name, Key="_receipts/st/up.json")["Body"].read()
        finally:
            process.kill()
            process.wait()

    (only,) = json.loads(receipt)
    assert (only["file"], only["status"]) == ("up/ü b.png", "kept")
    assert ran(told) == [1, 1]


def test_what_goes_wrong_is_said_once_and_the_watch_goes_on(tmp_path: Path) -> None:
    made = Rehearsal(tmp_path)
    folder = made.site("st")
    told: list[Any] = []
    hidden = folder.with_name("hidden")
    folder.rename(hidden)
    config = made.home / "echoatlas.yaml"
    text = config.read_text()

    with watching(made, 0.05, told):
        config.write_text("nme: x\n")
        wait_until(lambda: told, "the mistake")
        time.sleep(0.2)
        config.write_text(text)

    assert len(told) == 1
    assert "unknown key 'nme'" in str(told[0])
