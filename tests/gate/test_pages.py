"""The gate's pages: offline, linked with each other, and without a value of any row."""

from __future__ import annotations

import re
from pathlib import Path

from echoatlas.pipeline.gate.drift import Shift
from echoatlas.pipeline.gate.held import Unlike
from echoatlas.pipeline.gate.pages import GatePart, part_page, publish_pages
from echoatlas.pipeline.storage.storage import Storage

CHECKS = [("frames: a <b>", True, ""), ("frames: c", False, "1 row, of them f")]
PART = GatePart(
    "st",
    "site st",
    CHECKS,
    {"frames": 12},
    ["st: the gate held back 3 objects"],
    [Shift("organs", 0.02, 0.25, 60, 900), Shift("gray_levels", 0.31, 0.25, 60, 900)],
    [Unlike(3, 9, 4, ("u-0123456789ab",), "x", ("its devices are new",))],
    "too few",
)


def test_a_page_tells_what_fails_first_and_how_far_each_mix_has_moved() -> None:
    page = part_page("r1", PART)

    assert page.index("frames: c") < page.index("frames: a &lt;b&gt;")
    assert "1 of 2 expectations do" in page
    assert "the gate held back 3 objects" in page
    assert '<td class="bad">0.31</td>' in page
    assert "<td>0.02</td>" in page
    assert page.index("gray levels") < page.index("organs")
    assert "4 objects wait" in page and "drift: {accept: [u-0123456789ab]}" in page
    assert "too few" in page


def test_every_link_leads_to_a_page_that_is_there_and_nothing_lies_elsewhere(
    tmp_path: Path,
) -> None:
    storage = Storage.open(tmp_path)
    for run in ("r1", "r2"):
        publish_pages(storage, run, [PART])

    pages = sorted(tmp_path.glob("validation/**/*.html"))
    links = [(page, link) for page in pages for link in re.findall('href="([^"]*)"',
                                                                   page.read_text())]  # fmt: skip
    first = (tmp_path / "validation/index.html").read_text()

    assert len(pages) == 5
    assert all((page.parent / link).is_file() for page, link in links)
    assert set(pages) == {
        *((page.parent / link).resolve() for page, link in links),
        tmp_path / "validation/index.html",
    }
    assert first.index("r2") < first.index("r1")
    assert not any(re.search("https?:|src=|@import", page.read_text()) for page in pages)
