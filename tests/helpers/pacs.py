"""A DICOMweb service that does what services have been seen to do, in real bytes over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom

BOUNDARY = b"b0undary"
Fault = Callable[["Handler", bytes], None]


@dataclass
class Pacs:
    """What it holds and how it behaves.

    Attributes:
        faults: SOP instance UID to what is answered in place of it.
        most: answers a page has at most, whatever is asked; 0 for no bound.
        deaf: it takes no notice of offsets. forgetful: it has nothing for any offset.
        telling: it says of an instance when it was created, and its size.
        counted: added to the number of instances that a series states.
        token: that a request has to bear.
        asked: the Accept header of each request for an instance.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    places: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    most: int = 0
    deaf: bool = False
    forgetful: bool = False
    telling: bool = False
    counted: int = 0
    token: str = ""
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def store(self, data: bytes) -> str:
        header = pydicom.dcmread(BytesIO(data), stop_before_pixels=True)
        uid = str(header.SOPInstanceUID)
        self.files[uid] = data
        self.places[uid] = (
            str(header.StudyInstanceUID),
            str(header.SeriesInstanceUID),
            str(header.Modality),
        )
        return uid

    def studies(self) -> list[dict[str, Any]]:
        return [{"0020000D": _uid(one)} for one in sorted({p[0] for p in self.places.values()})]

    def series(self, study: str) -> list[dict[str, Any]]:
        some = sorted({p for p in self.places.values() if p[0] == study})
        return [
            {
                "0020000E": _uid(series),
                "00080060": {"vr": "CS", "Value": [modality]},
                "00201209": {"vr": "IS", "Value": [self._number(series)]},
            }
            for _, series, modality in some
        ]

    def instances(self, series: str) -> list[dict[str, Any]]:
        some = sorted(uid for uid, place in self.places.items() if place[1] == series)
        return [{"00080018": _uid(one), **self._said(one)} for one in some]

    def _said(self, uid: str) -> dict[str, Any]:
        header = pydicom.dcmread(BytesIO(self.files[uid]), stop_before_pixels=True)
        chosen = ("InstanceCreationTime", "Rows", "Columns") if self.telling else ()
        return {
            f"{header[name].tag:08X}": {"vr": header[name].VR, "Value": [str(header[name].value)]}
            for name in chosen
            if name in header
        }

    def _number(self, series: str) -> int:
        return sum(place[1] == series for place in self.places.values()) + self.counted


def _uid(value: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [value]}


class Handler(BaseHTTPRequestHandler):
    """Answers by a ``Pacs``."""

    pacs: Pacs

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        parts = split.path.strip("/").split("/")[1:]
        if self.pacs.token and self.headers.get("Authorization") != f"Bearer {self.pacs.token}":
            self.answer(401, "text/plain", b"")
        elif parts == ["studies"]:
            self.listed(self.pacs.studies(), split.query)
        elif len(parts) == 3:
            self.listed(self.pacs.series(parts[1]), split.query)
        elif len(parts) == 5:
            self.listed(self.pacs.instances(parts[3]), split.query)
        else:
            self.instance(parts[5])

    def listed(self, answers: list[dict[str, Any]], query: str) -> None:
        asked = parse_qs(query)
        limit = int(asked.get("limit", ["0"])[0]) or len(answers)
        limit = min(limit, self.pacs.most or limit)
        offset = 0 if self.pacs.deaf else int(asked.get("offset", ["0"])[0])
        page = [] if offset and self.pacs.forgetful else answers[offset : offset + limit]
        status = 200 if page else 204
        self.answer(status, "application/dicom+json", json.dumps(page).encode() if page else b"")

    def instance(self, uid: str) -> None:
        self.pacs.asked.append(self.headers.get("Accept", ""))
        data = self.pacs.files.get(uid)
        if data is None:
            self.answer(404, "text/plain", b"")
        elif fault := self.pacs.faults.get(uid):
            fault(self, data)
        else:
            self.multipart(part(data) + closing())

    def multipart(self, body: bytes) -> None:
        kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY.decode()}'
        self.answer(200, kind, body)

    def answer(self, status: int, kind: str, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def part(data: bytes) -> bytes:
    return b"\r\n--" + BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n" + data


def closing() -> bytes:
    return b"\r\n--" + BOUNDARY + b"--\r\n"


@contextmanager
def serving(pacs: Pacs) -> Iterator[Pacs]:
    """Serve it on this machine."""
    handler = type("Bound", (Handler,), {"pacs": pacs})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pacs.address = f"http://127.0.0.1:{server.server_port}/rs"
    try:
        yield pacs
    finally:
        server.shutdown()
        server.server_close()
