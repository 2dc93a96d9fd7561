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

from markupsafe import Markup, escape

from echoatlas.pipeline.spreadsheet import inert
from echoatlas.pipeline.templates import filled

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
PLAIN = (
    "file", "object_id", "status", "reason", "sentence", "advice", "archive", "bytes", "time",
    "sha256",
)  # fmt: skip
HEADS = ("file", "status", "why", "what to do", "reason", "bytes", "time", "sha256", "object_id")


def pages(site: str, upload: str, some: Sequence[Receipt]) -> dict[str, str]:
    """Ending of a file's name to its text."""
    return {
        "json": "".join(_lines(some)),
        "csv": _table(some),
        "html": _page(site, upload, some),
    }


def _lines(some: Sequence[Receipt]) -> Iterator[str]:
    encoder = json.JSONEncoder(ensure_ascii=False)  # one, where ``dumps`` makes one a line
    yield "[\n"
    for number, receipt in enumerate(some):
        comma = "," if number + 1 < len(some) else ""
        said: dict[str, object] = {name: getattr(receipt, name) for name in PLAIN}
        if receipt.table is not None:
            said["table"] = asdict(receipt.table)
        yield f"  {encoder.encode(said)}{comma}\n"
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
    return filled(
        text,
        trimmed=True,
        site=site,
        upload=upload,
        uploaded=len(uploaded),
        objects=len(some) - counts["missing"],
        counts={name: counts[status] for status, name in CALLED.items() if counts[status]},
        called=CALLED,
        reasons=sorted(
            reasons.items(), key=lambda one: (rank.get(one[0][0], len(rank)), -one[1], one[0])
        ),
        rows=_rows(sorted(some, key=lambda one: (rank.get(one.status, len(rank)), one.file))),
    )


def _rows(some: Sequence[Receipt]) -> Markup:
    """The lines of the page's last table: what most files share is escaped once."""
    known: dict[str, str] = {}

    def escaped(text: str) -> str:
        if text not in known:
            known[text] = str(escape(text))
        return known[text]

    lines: list[str] = []
    for one in some:
        bad = ' class="bad"' if one.status in ("rejected", "missing") else ""
        advice = f" <b>{escaped(one.advice)}</b>" if one.advice else ""
        file = f"{escaped(one.time)}, {one.bytes} <code>{escape(one.sha256)}</code>"
        lines += (
            f"<tr><td>{escape(one.file)}</td>",
            f"<td{bad}>{escaped(CALLED.get(one.status, one.status))}</td>\n",
            f"<td>{escaped(one.sentence)}{advice}</td>\n",
            f"<td>{file if one.status != 'missing' else ''}</td></tr>\n",
        )
    return Markup("".join(lines))
