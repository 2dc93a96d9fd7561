"""Questions to a DICOMweb service (PS3.18), and what its answers have to be.

Answers are not believed: a body has to end as it says that it ends, and an instance has to be the
one that was asked for.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from echoatlas.pipeline.errors import Reason, Reject, Retry, UsageError

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

    from echoatlas.schemas.config.intake import DicomWeb

# Whatever it is stored in: without this, services transcode, or end at what they can't
INSTANCE = 'multipart/related; type="application/dicom"; transfer-syntax=*'
LIST = "application/dicom+json"
MOST_BYTES = 4 << 30  # of one instance
MOST_LIST = 256 << 20  # bytes of one answer to a query
TIMES = urllib3.Timeout(connect=10, read=120)  # seconds
# Not redirects: credentials go where the site's file says, and nowhere else
ONCE = urllib3.Retry(total=0, redirect=0, raise_on_redirect=False)
BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)


class Undelivered(Reject):
    """An instance did not come whole, this time."""

    def __init__(self, why: str) -> None:
        super().__init__(Reason.NOT_DELIVERED, why, "ingest")

    def __reduce__(self) -> tuple[type[Reject], tuple[Reason, str, str]]:
        return Reject, (self.reason, self.detail, self.step)


@dataclass(slots=True)
class Client:
    """A service and how it is asked.

    Attributes:
        root: https://HOST/PATH, without credentials.
    """

    root: str
    options: DicomWeb
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=4))

    @property
    def host(self) -> str:
        """The service, for messages."""
        return urlsplit(self.root).netloc

    def query(self, path: str, fields: Mapping[str, str]) -> list[dict[str, Any]]:
        """The answers to a query (QIDO-RS), as DICOM JSON.

        Raises:
            UsageError: the service refuses us, or there is none.
            Retry: it does not answer as it should.
        """
        answer = self._get(path, LIST, fields)
        try:
            if answer.status == 204:  # nothing matches
                return []
            if answer.status in (404, 405, 406) or 300 <= answer.status < 400:
                raise UsageError(f"there is no DICOMweb service at {self.root} ({answer.status})")
            if answer.status != 200:
                raise Retry(f"{self.host} does not answer as it should ({answer.status})")
            found = json.loads(_bytes(answer, MOST_LIST))
        except (HTTPError, ValueError, OverflowError, RecursionError):
            raise Retry(f"{self.host} gives an answer that is not whole") from None
        finally:
            answer.release_conn()
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise Retry(f"{self.host} gives an answer in another form")
        return found

    def instance(self, path: str) -> bytes:
        """A file, as it is stored (WADO-RS).

        Raises:
            FileNotFoundError: there is no such instance any more.
            Reject: ``not_delivered``: an error, another form, or a body that ends too early;
                ``too_large``.
            UsageError, Retry: the service refuses us, or is out of reach.
        """
        answer = self._get(path, INSTANCE, {})
        try:
            if answer.status in (404, 410):
                raise FileNotFoundError(path)
            if answer.status != 200:
                raise Undelivered(f"The service answered with status {answer.status}.")
            kind = answer.headers.get("Content-Type", "")
            boundary = BOUNDARY.search(kind)
            if not kind.lower().startswith("multipart/related") or boundary is None:
                raise Undelivered("The service answered in another form than was asked for.")
            return only_part(_bytes(answer, MOST_BYTES), boundary[1].encode())
        except OverflowError:
            raise Reject(Reason.TOO_LARGE, step="ingest") from None
        except HTTPError:
            raise Undelivered("The connection ended before the answer did.") from None
        finally:
            answer.release_conn()

    def _get(self, path: str, accept: str, fields: Mapping[str, str]) -> BaseHTTPResponse:
        headers = {"Accept": accept, **self._credentials()}
        try:
            answer = self._pool.request(
                "GET",
                f"{self.root}/{path}",
                fields=dict(fields),
                headers=headers,
                timeout=TIMES,
                retries=ONCE,
                preload_content=False,
            )
        except HTTPError as error:
            raise Retry(f"cannot reach {self.host} ({type(error).__name__})") from None
        if answer.status in (401, 403):
            answer.release_conn()
            names = self.options
            raise UsageError(
                f"access denied to {self.root}: check {names.token_env}, or {names.user_env} and "
                f"{names.password_env}"
            )
        return answer

    def _credentials(self) -> dict[str, str]:
        names = self.options
        if token := os.environ.get(names.token_env):
            return {"Authorization": f"Bearer {token}"}
        user, password = os.environ.get(names.user_env), os.environ.get(names.password_env)
        if user is None or password is None:
            return {}
        both = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {both}"}


def _bytes(answer: BaseHTTPResponse, most: int) -> bytes:
    """A whole body.

    Raises:
        HTTPError: it ends before it should.
        OverflowError: it is larger than ``most`` bytes.
    """
    parts: list[bytes] = []
    size = 0
    for chunk in answer.stream(1 << 20, decode_content=True):
        size += len(chunk)
        if size > most:
            raise OverflowError
        parts.append(chunk)
    return b"".join(parts)


def only_part(body: bytes, boundary: bytes) -> bytes:
    """The only part of a multipart body (RFC 2046, 5.1.1).

    Raises:
        Reject: ``not_delivered``: its closing boundary is not there, or it has no part, or several.
    """
    delimiter = b"\r\n--" + boundary
    whole = b"\r\n" + body
    first = whole.find(delimiter)
    second = whole.find(delimiter, first + len(delimiter)) if first >= 0 else -1
    if second < 0 or whole[second + len(delimiter) :][:2] != b"--":
        closed = whole.rstrip().endswith(b"--" + boundary + b"--")
        if closed and second >= 0:
            raise Undelivered("The answer holds several parts, and one was asked for.")
        raise Undelivered("The answer ends before its closing boundary.")
    part = whole[first + len(delimiter) : second]
    head, blank, content = part.partition(b"\r\n\r\n")
    if not blank:
        raise Undelivered("The answer holds no part.")
    stated = re.search(rb"(?im)^content-length:[ \t]*(\d+)", head)
    if stated and int(stated[1]) != len(content):
        raise Undelivered("The part is not as long as it says.")
    return content
