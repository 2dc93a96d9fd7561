"""The report: one file that opens anywhere and says what the tables say."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.report import write_report
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.rows.objects import ObjectRow, SightingRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made, quick_lake

FRAMES = [
    {"site": "st-elsewhere"},
    {"site": "<b>odd</b>", "path": "thorax/breast"},
    {"like": 0, "patient": "p0000"},
]
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What a browser would see: text, pictures, and whether every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.pictures: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "img":
            self.pictures.append(found["src"] or "")
        self.links += [found[name] or "" for name in ("href", "src") if name in found]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return quick_lake(tmp_path / "lake", FRAMES)


def written(lake: Lake, dest: Path, name: str | None = None) -> Page:
    write_report(lake, lake.storage.sub("releases"), name, dest)
    return Page(dest.read_text("utf-8"))


def test_a_report_counts_frames_by_region_and_organ(lake: Lake, tmp_path: Path) -> None:
    page = written(lake, tmp_path / "report.html")

    assert page.open == []
    assert re.search(r"Liver\D*2", page.text)
    assert re.search(r"Breast\D*1", page.text)


def test_it_opens_anywhere_since_it_links_to_nothing(lake: Lake, tmp_path: Path) -> None:
    page = written(lake, tmp_path / "report.html")

    assert page.pictures
    assert [link for link in page.links if not link.startswith(("data:image/png", "#"))] == []
    for source in page.pictures:
        data = np.frombuffer(base64.b64decode(source.partition(",")[2]), np.uint8)
        assert cv2.imdecode(data, cv2.IMREAD_UNCHANGED).shape[:2] == (160, 160)


def test_what_a_site_is_called_is_text_and_no_markup(lake: Lake, tmp_path: Path) -> None:
    page = written(lake, tmp_path / "report.html")

    assert "<b>odd</b>" in page.text


def test_a_release_s_report_shows_its_own_frames(lake: Lake, tmp_path: Path) -> None:
    config = ReleaseConfig(name="2026.11", where="region = 'thorax'")
    create(lake, lake.storage.sub("releases"), config)

    whole = written(lake, tmp_path / "whole.html")
    page = written(lake, tmp_path / "report.html", "2026.11")

    assert "Release 2026.11" in page.text
    assert len(page.pictures) < len(whole.pictures)
    own, _, of_the_lake = page.text.partition("The lake that it was cut from")
    assert re.search(r"Liver\D*2", whole.text) and re.search(r"Liver\D*0", own)
    assert re.search(r"Breast\D*1", own)
    assert re.search(r"site patients studies clips frames .* 1 \d 1 1", own)
    assert "Frames that are alike" in of_the_lake


def test_a_lake_with_nothing_in_it_has_a_report_too(tmp_path: Path) -> None:
    empty = quick_lake(tmp_path / "empty", [])

    page = written(empty, tmp_path / "report.html")

    assert [] == page.open == page.pictures


def test_a_place_that_cannot_be_written_is_one_line(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(UsageError, match="cannot write to"):
        written(lake, tmp_path / "file" / "report.html")


def test_modes_have_a_table_of_their_own(tmp_path: Path) -> None:
    lake = quick_lake(tmp_path / "lake", [{"mode": "b_mode", "maker": "acme", "model": "one"}])

    page = written(lake, tmp_path / "report.html")

    found = re.search(r"device frames(.*?)mode frames(.*?)Frames that", page.text)
    assert found and [part.split() for part in found.groups()] == [
        ["acme", "one", "1"],
        ["b_mode", "1"],
    ]


def test_objects_sent_twice_are_not_told_as_frames_that_are_alike(tmp_path: Path) -> None:
    lake = quick_lake(tmp_path / "lake", [{"site": "st"}])
    seen = [made(SightingRow, locator=one, site="st") for one in ("l0", "l1")]
    lake.append("sightings", to_arrow("sightings", seen))
    again = made(ObjectRow, locator="l1", site="st", status="duplicate")
    lake.append("objects", to_arrow("objects", [again]))

    page = written(lake, tmp_path / "report.html")

    assert "1 object sent again, byte for byte" in page.text
    assert "Frames that are alike None found among the frames that are kept" in page.text
