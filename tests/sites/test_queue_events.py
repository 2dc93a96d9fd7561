"""A queue of a bucket's events is read over HTTP; what stands in it hints, and decides nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from echoatlas.pipeline.errors import EchoAtlasError, Retry, UsageError
from echoatlas.pipeline.sites.events import Hints
from echoatlas.pipeline.sites.queue_events import QueueReader
from echoatlas.schemas.config.deployment import Zone
from echoatlas.schemas.config.site import SiteConfig
from tests.helpers.waiting import wait_until

SITES = {
    name: SiteConfig(site=name, bucket=f"s3://scans/{name}/") for name in ("qilu", "st-elsewhere")
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    served = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    served.start()
    yield "http://{}:{}".format(*served.get_host_and_port())
    served.stop()


@pytest.fixture
def client(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return boto3.client("sqs", endpoint_url=server, region_name="us-east-1")


def event(key: str) -> str:
    """As Amazon S3 puts it into a queue."""
    place = {"bucket": {"name": "scans"}, "object": {"key": key}}
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": place}]})


def test_what_came_while_nobody_listened_and_what_comes_since_hints_at_its_site(
    client: Any,
) -> None:
    url = client.create_queue(QueueName="events")["QueueUrl"]
    hints = Hints(SITES)
    client.send_message(QueueUrl=url, MessageBody=event("st-elsewhere/up/J%C3%BCrgen.png"))

    with QueueReader(url, hints, Zone()):
        before = hints.wait(30)
        client.send_message(QueueUrl=url, MessageBody=event("qilu/up/a.png"))
        client.send_message(QueueUrl=url, MessageBody=event("nobody/up/a.png"))
        since = hints.wait(30)
        wait_until(lambda: left(client, url) == 0, "all of it was deleted")

    assert (before, since) == ({"st-elsewhere"}, {"qilu"})


def test_what_is_in_no_form_that_is_known_hints_at_all_sites_and_is_deleted(client: Any) -> None:
    """As Amazon's own test message, which a bucket sends when it is set up."""
    url = client.create_queue(QueueName="tried")["QueueUrl"]
    hints = Hints(SITES)
    for body in (json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}), "no JSON"):
        client.send_message(QueueUrl=url, MessageBody=body)

    QueueReader(url, hints, Zone())

    assert hints.wait(0) == set(SITES)
    assert left(client, url) == 0


def left(client: Any, url: str) -> int:
    """Messages that are in a queue, also those that were given out and not deleted."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(one) for one in told.values())


def test_a_queue_that_is_none_is_told_in_a_line(
    client: Any, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints = Hints(SITES)
    with pytest.raises(UsageError, match="is no queue"):
        QueueReader("events", hints, Zone())
    with pytest.raises(UsageError, match="there is no queue"):
        QueueReader(f"{server}/123456789012/nothing", hints, Zone())
    with pytest.raises(Retry, match="cannot reach the queue"):
        QueueReader("http://127.0.0.1:9/123456789012/events", hints, Zone())
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UsageError, match="credentials"):
        QueueReader(f"{server}/123456789012/events", hints, Zone())


def test_a_queue_that_goes_is_said_once_and_what_comes_when_it_is_back_hints(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echoatlas.pipeline.sites.queue_events.PAUSE", 0.05)
    url = client.create_queue(QueueName="gone")["QueueUrl"]
    hints, told = Hints(SITES), list[EchoAtlasError]()
    reader = QueueReader(url, hints, Zone(), told.append)
    client.delete_queue(QueueUrl=url)

    with reader:
        wait_until(lambda: told, "that it is gone")
        client.create_queue(QueueName="gone")
        client.send_message(QueueUrl=url, MessageBody=event("qilu/up/a.png"))
        found = hints.wait(30)

    assert found == {"qilu"}
    assert [str(one) for one in told] == [f"there is no queue {url}"]
