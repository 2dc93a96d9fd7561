"""An object store that fails now and then: a proxy before a real one, which spoils a seeded share.

What a store does to who asks it: it answers 500 or 503 (with the error that S3 has for it), closes
the connection, does what it was asked and never says so, or breaks off in the middle of an answer.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

ERRORS = {500: "InternalError", 503: "SlowDown"}
WAYS = ("500", "503", "reset", "unanswered", "cut")
HOP = {"connection", "transfer-encoding", "keep-alive"}  # headers that are of one connection only


class FailingS3:
    """A proxy that fails a share of requests.

    Args:
        endpoint: of the real server.
        share: of requests that fail, from 0 to 1.
        seed: which ones; the order in which they come is the clients'.
        host: address to listen at.
        ways: in which they fail.

    Attributes:
        asked: how many requests came.
        failed: how many failed, by way.
    """

    def __init__(
        self,
        endpoint: str,
        share: float = 0.0,
        seed: int = 0,
        host: str = "127.0.0.1",
        ways: Sequence[str] = WAYS,
    ) -> None:
        self._ways = ways
        self.asked = 0
        self.failed: Counter[str] = Counter()
        self.share = share
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._server = _Server((host, 0), _handler(self, urlsplit(endpoint).netloc))
        self.endpoint = f"http://{host}:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def way(self) -> str:
        """How the next request fails; "" if it does not."""
        with self._lock:
            self.asked += 1
            if self._random.random() >= self.share:
                return ""
            way = self._random.choice(self._ways)
            self.failed[way] += 1
            return way


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


def _handler(proxy: FailingS3, upstream: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self.upstream = http.client.HTTPConnection(upstream, timeout=60)

        def finish(self) -> None:
            self.upstream.close()
            super().finish()

        def pass_on(self) -> None:
            """Ask the real server the same, and answer what it answers; or fail."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            way = proxy.way()
            if way in ("500", "503"):
                self._refuse(int(way))
                return
            if way == "reset":
                self._reset()
                return
            status, headers, data = self._asked(body)
            if way == "unanswered":
                self._reset()
                return
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in HOP | {"content-length"}:
                    self.send_header(name, value)
            empty = self.command == "HEAD"
            length = next((v for n, v in headers if n.lower() == "content-length"), None)
            self.send_header("Content-Length", (length or "0") if empty else str(len(data)))
            self.end_headers()
            if way == "cut":
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                self._reset()
                return
            if not empty:
                self.wfile.write(data)
            self.wfile.flush()

        def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            self.upstream.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in HOP | {"expect"}:
                    self.upstream.putheader(name, value)
            self.upstream.endheaders(body or None)
            answer = self.upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()

        def _refuse(self, status: int) -> None:
            code = ERRORS[status]
            said = f"<Error><Code>{code}</Code><Message>as asked</Message></Error>".encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(0 if self.command == "HEAD" else len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)
            self.wfile.flush()

        def _reset(self) -> None:
            """Close the connection so that the client is told of an error, not of an end."""
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815  (their names)

        def log_message(self, format: str, *args: Any) -> None: ...

    return Handler
