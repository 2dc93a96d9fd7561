"""A receipt as JSON for programs, CSV for a spreadsheet, and HTML for people."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2

from echoatlas.pipeline.spreadsheet import inert

if TYPE_CHECKING:
    from echoatlas.pipeline.sites.receipts import Receipt

# In the order in which people look for them, with what they are called
CALLED = {
    "rejected": "not accepted",
    "missing": "missing",
    "waiting": "waiting",
    "pending": "pending",
    "erased": "erased",
    "duplicate": "sent before",
    "kept": "accepted",
    "sidecar": "tables and masks",
}
HEADS = ("file", "status", "why", "what to do", "reason", "bytes", "time", "sha256", "object_id")


def pages(site: str, upload: str, some: Sequence[Receipt]) -> dict[str, str]:
    """Ending of a file's name to its text."""
    return {
        "json": "".join(_lines(some)),
        "csv": _table(some),
        "html": _page(site, upload, some),
    }


def _lines(some: Sequence[Receipt]) -> Iterator[str]:
    yield "[\n"
    for number, receipt in enumerate(some):
        comma = "," if number + 1 < len(some) else ""
        said = {name: value for name, value in asdict(receipt).items() if value is not None}
        yield f"  {json.dumps(said, ensure_ascii=False)}{comma}\n"
    yield "]\n"


def _table(some: Sequence[Receipt]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(HEADS)
    for one in some:
        cells = (one.file, CALLED.get(one.status, one.status), one.sentence, one.advice, one.reason)
        rest = (str(one.bytes), one.time, one.sha256, one.object_id)
        writer.writerow([inert(cell) for cell in (*cells, *rest)])
    return "\ufeff" + stream.getvalue()  # without the mark Excel reads names in its own code page


def _page(site: str, upload: str, some: Sequence[Receipt]) -> str:
    rank = {status: number for number, status in enumerate(CALLED)}
    counts = Counter(one.status for one in some)
    reasons = Counter(
        (one.status, one.sentence, one.advice)
        for one in some
        if one.sentence and one.status != "sidecar"
    )
    uploaded = {one.archive or one.file for one in some if one.status != "missing"}
    text = files("echoatlas.pipeline.sites").joinpath("receipt.html.j2").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text).render(
        site=site,
        upload=upload,
        uploaded=len(uploaded),
        objects=len(some) - counts["missing"],
        counts={name: counts[status] for status, name in CALLED.items() if counts[status]},
        called=CALLED,
        reasons=sorted(
            reasons.items(), key=lambda one: (rank.get(one[0][0], len(rank)), -one[1], one[0])
        ),
        rows=sorted(some, key=lambda one: (rank.get(one.status, len(rank)), one.file)),
    )
