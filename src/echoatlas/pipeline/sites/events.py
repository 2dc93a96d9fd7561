"""Events of buckets as hints: which site might have something new. They decide nothing.

A service's events may be late, doubled or lost (SeaweedFS' webhook loses what happens while nobody
listens), so each only says which bucket to list next, and buckets are listed without any event too.
What is posted is understood in four forms: Amazon's records, as AWS, MinIO and Ceph send them; the
same as a message of SNS; EventBridge; SeaweedFS' filer. Any other form hints at all sites.

Services are never asked what they would notify of: on some, asking makes a bucket. Keys are names
of files: they live in memory until the next look, and are written nowhere.
"""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.ingest.uploads import RECEIPTS

if TYPE_CHECKING:
    from echoatlas.schemas.config.site import SiteConfig

MOST_BYTES = 1 << 20  # of a post: no service sends more
FILER = "/buckets/"  # where SeaweedFS' filer keeps what S3 shows
Place = tuple[str, str]  # bucket and key


def event_places(body: bytes) -> list[Place] | None:
    """The bucket and key of each event in a post; None if it is in no form that is known."""
    try:
        said = json.loads(body)
        if isinstance(said, dict) and isinstance(said.get("Message"), str):
            said = json.loads(said["Message"])
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    try:
        return list(_places(said))
    except (KeyError, TypeError, AttributeError):
        return None


def _places(said: Mapping[str, Any]) -> Iterator[Place]:
    if "Records" in said:
        for one in said["Records"]:
            s3 = one["s3"]
            # As in a form: a blank is a plus (Amazon S3 user guide, "Event message structure")
            yield str(s3["bucket"]["name"]), unquote_plus(s3["object"]["key"])
    elif "detail" in said:
        yield str(said["detail"]["bucket"]["name"]), str(said["detail"]["object"]["key"])
    else:
        path = said["key"]
        if path.startswith(FILER):
            bucket, _, key = path.removeprefix(FILER).partition("/")
            yield bucket, key


def hinted(body: bytes, sites: Mapping[str, SiteConfig]) -> set[str]:
    """The names of sites of which a post says that something has come to them."""
    found = event_places(body)
    if found is None:
        return set(sites)
    return {site.site for site in sites.values() for one in found if _is_of(site, one)}


def _is_of(site: SiteConfig, place: Place) -> bool:
    bucket, _, prefix = site.bucket.removeprefix("s3://").partition("/")
    start = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    if not site.bucket.startswith("s3://") or place[0] != bucket:
        return False
    return place[1].startswith(start) and not place[1].startswith(start + RECEIPTS)


@dataclass(slots=True)
class Hints:
    """What came since the last look, for whoever waits for it."""

    sites: Mapping[str, SiteConfig]
    _named: set[str] = field(default_factory=set)
    _came: threading.Condition = field(default_factory=threading.Condition)
    _stopped: bool = False

    def take(self, body: bytes) -> None:
        """Remember whom a post is about."""
        names = hinted(body, self.sites)
        if names:
            with self._came:
                self._named |= names
                self._came.notify_all()

    def stop(self) -> None:
        """Wait no longer."""
        with self._came:
            self._stopped = True
            self._came.notify_all()

    @property
    def stopped(self) -> bool:
        """Whether nobody should wait any more."""
        return self._stopped

    def wait(self, seconds: float) -> set[str]:
        """The sites that were hinted at, as soon as one is; none when the time is over."""
        with self._came:
            self._came.wait_for(lambda: self._named or self._stopped, max(seconds, 0.0))
            named, self._named = self._named, set()
        return named


class Listener:
    """Takes posts of events at an address of this machine.

    Args:
        place: HOST:PORT; port 0 takes any that is free.
        token: that a post has to bear; none if empty.

    Raises:
        UsageError: the address is none, or is taken.
    """

    def __init__(self, place: str, hints: Hints, token: str = "") -> None:
        host, colon, port = place.rpartition(":")
        if not colon or not port.isdigit():
            raise UsageError(f"'{place}' is no address to listen at: HOST:PORT, as 127.0.0.1:8333")
        try:
            address = host.strip("[]"), int(port)
            self._server = ThreadingHTTPServer(address, _handler(hints, token))
        except (OSError, OverflowError) as error:
            raise UsageError(f"cannot listen at {place} ({error})") from None
        self.address = f"{host}:{self._server.server_port}"

    def __enter__(self) -> Listener:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(hints: Hints, token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds: who sends nothing holds up nobody

        def do_POST(self) -> None:
            """Take a post."""
            bears = self.headers.get("Authorization", "")
            if token and not hmac.compare_digest(bears.encode(), f"Bearer {token}".encode()):
                self._answer(401)
                return
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MOST_BYTES:
                self._answer(413)
                return
            hints.take(self.rfile.read(int(length)))
            self._answer(204)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Write no line: what is posted names files."""

    return Handler
