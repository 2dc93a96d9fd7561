"""Uploads that change, are resumed, repeated and overlap; and what their receipts say."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from echoatlas.pipeline.errors import Reason
from echoatlas.pipeline.sites.advice import ADVICE
from echoatlas.pipeline.sites.receipt_pages import pages
from echoatlas.pipeline.sites.receipts import Receipt
from echoatlas.simulate import make_still, write_png
from tests.helpers.rehearsal import Rehearsal


@pytest.fixture(scope="module")
def scans() -> list[bytes]:
    return [write_png(make_still(seed=seed, fan="convex", size=(240, 180))) for seed in range(4)]


def drop(folder: Path, name: str, data: bytes, minutes_ago: float = 0.0) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    then = time.time() - 60 * minutes_ago
    os.utime(file, (then, then))
    return file


def receipt(folder: Path, upload: str) -> dict[str, dict[str, Any]]:
    lines = json.loads((folder / "_receipts" / f"{upload}.json").read_text())
    return {one["file"]: one for one in lines}


def summed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_upload_under_way_is_left_alone_and_taken_when_it_has_come(
    rehearsal: Rehearsal, scans: list[bytes]
) -> None:
    folder = rehearsal.site("st", uploads={"quiet_minutes": 10})
    drop(folder, "done/a.png", scans[0], minutes_ago=11)
    drop(folder, "under-way/b.png", scans[1])
    (before,) = rehearsal.run("plan")["sites"]

    first = rehearsal.run("run")
    held = receipt(folder, "under-way")
    drop(folder, "under-way/c.png", scans[2])
    drop(folder, "under-way/_COMPLETE", b"")
    second = rehearsal.run("run")
    third = rehearsal.run("run")

    assert (before["new_files"], before["waiting"]) == (1, 1)
    assert (first["objects"], first["waiting"]) == (1, 1)
    assert held["under-way/b.png"]["status"] == "waiting"
    assert (second["objects"], second["waiting"], third["objects"]) == (2, 0, 0)
    assert {"kept"} == {one["status"] for one in receipt(folder, "under-way").values()}


def test_what_a_clock_ahead_has_dated_waits_no_longer_than_others(
    rehearsal: Rehearsal, scans: list[bytes]
) -> None:
    """Until 2035, where a scanner's clock said so and the copy kept it."""
    folder = rehearsal.site("st", uploads={"quiet_minutes": 0.02})
    drop(folder, "up/a.png", scans[0], minutes_ago=-10 * 365 * 24 * 60)
    drop(folder, "marked/b.png", scans[1], minutes_ago=-10 * 365 * 24 * 60)
    drop(folder, "marked/_COMPLETE", b"")

    time.sleep(1.5)
    done = rehearsal.run("run")

    assert (done["objects"], done["waiting"]) == (2, 0)


def test_changed_resumed_repeated_and_overlapping_uploads_lose_and_double_nothing(
    rehearsal: Rehearsal, scans: list[bytes]
) -> None:
    folder = rehearsal.site("st", uploads={"quiet_minutes": 10})
    drop(folder, "one/a.png", scans[0], minutes_ago=30)
    drop(folder, "one/b.png", scans[1], minutes_ago=30)
    rehearsal.run("run")

    drop(folder, "one/a.png", scans[2], minutes_ago=20)  # changed
    drop(folder, "one/c.png", scans[3], minutes_ago=20)  # resumed
    drop(folder, "two/a.png", scans[0], minutes_ago=20)  # repeats what was changed since
    drop(folder, "two/b.png", scans[1], minutes_ago=20)  # overlaps
    ran = rehearsal.run("run")

    statuses = {one["file"]: one["status"] for one in rehearsal.run("site", "receipt", "st")}
    assert statuses == {
        "one/a.png": "kept",
        "one/b.png": "kept",
        "one/c.png": "kept",
        "two/a.png": "duplicate",
        "two/b.png": "duplicate",
    }
    assert ran["duplicates"] == 2
    assert ran["conservation"]
    places = [one["locator"] for one in rehearsal.lake.read("copies", ["locator"]).to_pylist()]
    assert len(places) == len(set(places)) == 6  # of each copy where it was read, once


def test_a_picture_blackened_in_place_is_missed_by_its_digest(
    rehearsal: Rehearsal, scans: list[bytes]
) -> None:
    """What a client left out, since size and time were the same, is not taken for what was sent."""
    folder = rehearsal.site("st")
    blackened = scans[1][:-1] + b"\0"
    drop(folder, "up/a.png", scans[0])
    old = drop(folder, "up/b.png", scans[1])
    manifest = f"{summed(scans[0])}  a.png\n{summed(blackened)}  b.png\n{summed(b'')}  c.png\n"
    drop(folder, "up/_MANIFEST", manifest.encode())

    waits = rehearsal.run("run")
    missing = receipt(folder, "up")["up/c.png"]
    drop(folder, "up/c.png", b"")
    ran = rehearsal.run("run")
    told = receipt(folder, "up")

    assert (waits["objects"], waits["waiting"]) == (0, 2)
    assert missing["status"] == "missing"
    assert (ran["objects"], ran["rejected"], ran["differing"]) == (2, {"empty": 1}, 1)
    assert (told["up/a.png"]["status"], told["up/b.png"]["status"]) == ("kept", "waiting")
    assert told["up/b.png"]["advice"].startswith("Send it again by itself")
    assert summed(old.read_bytes()) == told["up/b.png"]["sha256"] != summed(blackened)
    drop(folder, "up/b.png", scans[2])
    (folder / "up/_MANIFEST").write_text(manifest.replace(summed(blackened), summed(scans[2])))
    rehearsal.run("run")
    assert receipt(folder, "up")["up/b.png"]["status"] == "kept"


def test_receipts_say_of_each_file_digest_time_and_what_to_do_and_their_counts_add_up(
    rehearsal: Rehearsal, scans: list[bytes]
) -> None:
    folder = rehearsal.site("st")
    other = rehearsal.site("beside")
    names = {"up/=1+1.png": scans[0], "up/deep/ü & <b>.png": scans[1], "up/notes.txt": b"nothing"}
    for name, data in names.items():
        drop(folder, name, data, minutes_ago=5)
    drop(folder, "up/again.png", scans[0])
    drop(other, "up/secret.png", scans[2])
    rehearsal.run("run")

    told = receipt(folder, "up")
    table = list(
        csv.DictReader(
            io.StringIO((folder / "_receipts/up.csv").read_text("utf-8-sig"), newline="")
        )
    )
    page = (folder / "_receipts/up.html").read_text()

    assert {**names, "up/again.png": scans[0]}.keys() == told.keys()
    assert len(told) == len(table) == page.count("<tr><td>")
    assert {one: summed(data) for one, data in names.items()} == {
        one: told[one]["sha256"] for one in names
    }
    arrived = time.strftime(
        "%Y-%m-%dT%H:%M", time.gmtime((folder / "up/notes.txt").stat().st_mtime)
    )
    assert told["up/notes.txt"]["time"].startswith(arrived)
    assert ADVICE[Reason.UNSUPPORTED_FORMAT] == told["up/notes.txt"]["advice"]
    assert "'=1+1.png" not in page and "<b>.png" not in page and "ü &amp; &lt;b&gt;.png" in page
    figures = Figures.of(page)
    assert figures == {"accepted": 2, "sent before": 1, "not accepted": 1}
    assert f"{sum(figures.values())} uploaded files" in page
    assert "secret" not in page + json.dumps(told) + str(table)
    (page,) = rehearsal.lake_path.glob("validation/*/st.html")
    gate = page.read_text()
    assert "0 of " in gate
    assert "measures: frame_id is one of frames" in gate

    first = folder / "up/notes.txt"
    times = first.stat()
    first.write_bytes(b"unequal")  # so that reading it again would show
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    drop(folder, "up/more.png", scans[3])
    rehearsal.run("run")
    assert receipt(folder, "up")["up/notes.txt"]["sha256"] == summed(b"nothing")


def test_no_cell_of_a_receipt_is_run_by_a_spreadsheet() -> None:
    one = Receipt("@SUM(A1)", "-1", "kept", "", "=cmd", "+x")

    (_, row) = csv.reader(io.StringIO(pages("st", "up", [one])["csv"], newline=""))

    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_whatever_a_file_is_called_is_text_on_the_page() -> None:
    one = Receipt('up/<b id="x">&.png', "<i>", "rejected", "<u>", "<s>why", "<em>do")

    page = pages("st", "up", [one])["html"]

    assert "up/&lt;b id=&#34;x&#34;&gt;&amp;.png" in page and "&lt;s&gt;why" in page
    assert not [tag for tag in ("<b id", "<i>", "<u>", "<s>", "<em>") if tag in page]


def test_a_receipt_of_many_files_says_first_how_many_are_not_accepted_and_why() -> None:
    bad = [
        Receipt(f"up/{n}.pdf", "", "rejected", "unsupported_format", "No format.", "Export it.")
        for n in range(300)
    ]
    late = Receipt("up/late.png", "", "waiting", "", "Not whole.")

    page = pages("st", "up", [late, *bad])["html"]

    top = page[: page.index("Each file")]
    assert top.index(">300<", top.index("<h2>")) < top.index("No format.") < top.index("Export it.")
    assert top.index("Export it.") < top.index("Not whole.")
    assert top.count("No format.") == 1 and "up/" not in top


def test_for_each_reason_there_is_something_to_do() -> None:
    assert set(Reason) == set(ADVICE)


class Figures(HTMLParser):
    """The counts at the top of a receipt."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, int] = {}
        self.number: int | None = None
        self.bold = False

    @staticmethod
    def of(page: str) -> dict[str, int]:
        parser = Figures()
        parser.feed(page)
        return parser.found

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.bold = tag == "b"

    def handle_data(self, data: str) -> None:
        if self.bold and data.strip().isdigit():
            self.number = int(data)
        elif self.number is not None and data.strip():
            self.found[data.strip()] = self.number
            self.number = None
        self.bold = False
