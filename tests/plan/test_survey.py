"""A site's bucket against the lake: listed and compared, without workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.ingest.identify import NamedObject, sightings
from echoatlas.pipeline.ingest.listing import Listing, arrivals
from echoatlas.pipeline.lake.portions import Portion, Wanted
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.plan.books import Books
from echoatlas.pipeline.plan.survey import survey, surveyed, surveyed_again
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.rows.labels import ReadingRow
from echoatlas.schemas.rows.objects import CopyRow, ObjectRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made

CONFIG = JourneyConfig()


@dataclass(slots=True)
class CountedLake(Lake):
    """A lake that counts how often each of its tables is read."""

    reads: Counter[str] = field(default_factory=Counter)

    def read(self, name: str, columns: Sequence[str] | None = None, *given: Any, **named: Any):  # type: ignore[no-untyped-def]
        self.reads[name] += 1
        return Lake.read(self, name, columns, *given, **named)

    def portions(self, wanted: Wanted) -> Iterator[Portion]:
        self.reads[wanted.name] += 1
        return Lake.portions(self, wanted)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Two sites, with two scans each."""
    opened = Deployment.init(tmp_path / "home")
    for name in ("qilu", "st-elsewhere"):
        folder = tmp_path / "uploads" / name / "upload-1"
        folder.mkdir(parents=True)
        for scan in "ab":
            (folder / f"{scan}.dcm").write_text(f"{scan} of {name}")
        opened.add_site(SiteConfig(site=name, bucket=str(tmp_path / "uploads" / name)))
    found = Deployment.find(opened.root)
    return replace(found, lake=CountedLake(found.lake.storage))


def name_all(deployment: Deployment, site: str) -> pa.Table:
    """Write a sighting for each file that lies at a site, as naming does."""
    seen = survey(deployment, deployment.site(site), CONFIG)
    rows: list[Any] = []
    for file in seen.fresh:
        one = NamedObject(file.locator, "", -1, f"o-{file.key}", "c", file.size)
        rows += sightings(site, file, [one], seen.next_ordinal + len(rows))
    table = to_arrow("sightings", rows)
    deployment.lake.append("sightings", table)
    return table


def work(deployment: Deployment, site: str) -> None:
    """Book all that is due at a site as kept."""
    seen = survey(deployment, deployment.site(site), CONFIG)
    for name, kind, mark in (
        ("objects", ObjectRow, seen.marks.frames),
        ("readings", ReadingRow, seen.marks.evidence),
        ("copies", CopyRow, seen.marks.frames),
    ):
        rows = []
        for item in seen.due:
            values = {"site": site, "object_id": item.sighting.object_id, "fingerprint": mark}
            if kind is not ReadingRow:
                values["locator"] = item.sighting.locator
            rows.append(made(kind, **values | ({"status": "kept"} if kind is ObjectRow else {})))
        deployment.lake.append(name, to_arrow(name, rows))


def test_new_files_are_fresh_then_pending_then_done(deployment: Deployment) -> None:
    site = deployment.site("qilu")

    fresh = survey(deployment, site, CONFIG)
    name_all(deployment, "qilu")
    named = survey(deployment, site, CONFIG)
    work(deployment, "qilu")
    done = survey(deployment, site, CONFIG)

    assert [one.key for one in fresh.fresh] == ["upload-1/a.dcm", "upload-1/b.dcm"]
    assert [one.name for one in named.due] == ["upload-1/a.dcm", "upload-1/b.dcm"]
    assert (done.fresh, done.due, done.unread) == ([], [], [])
    assert {done.marks.frames: 2} == done.made_by


def test_other_words_make_headers_be_read_anew_and_nothing_else(deployment: Deployment) -> None:
    name_all(deployment, "qilu")
    work(deployment, "qilu")
    site = deployment.site("qilu")
    said = site.model_copy(update={"labels": site.labels.model_copy(update={"organ": "liver"})})

    found = survey(deployment, said, CONFIG)

    assert (len(found.unread), found.due) == (2, [])
    assert [one.name for one in found.items(found.unread)] == ["upload-1/a.dcm", "upload-1/b.dcm"]


def test_a_table_that_came_later_makes_the_files_stale_that_it_names(
    deployment: Deployment,
) -> None:
    name_all(deployment, "qilu")
    work(deployment, "qilu")
    site = deployment.site("qilu")
    folder = Path(deployment.bucket(site).uri) / "upload-1"
    (folder / "table.csv").write_text("file,organ\na.dcm,liver\n")

    found = survey(deployment, site, CONFIG)

    (item,) = found.due
    assert (item.name, found.spoken) == ("upload-1/a.dcm", 1)
    assert item.sidecar is not None and item.sidecar["organ"] == "liver"
    assert item.told


def test_a_copy_that_is_gone_comes_along_as_what_it_said(deployment: Deployment) -> None:
    name_all(deployment, "qilu")
    work(deployment, "qilu")
    site = deployment.site("qilu")
    folder = Path(deployment.bucket(site).uri) / "upload-1"
    (folder / "a.dcm").unlink()
    (folder / "z.dcm").write_text("a of qilu")
    seen = survey(deployment, site, CONFIG)
    (again,) = seen.fresh
    one = NamedObject(again.locator, "", -1, "o-upload-1/a.dcm", "c", again.size)
    rows = list(sightings("qilu", again, [one], seen.next_ordinal))
    deployment.lake.append("sightings", to_arrow("sightings", rows))

    found = survey(deployment, site, CONFIG)

    (repeat,), (item,) = found.repeats, found.due
    assert again.locator == repeat.locator
    assert (item.name, len(item.claims)) == ("upload-1/z.dcm", 1)


def test_each_table_is_read_once_for_all_sites(deployment: Deployment) -> None:
    lake = deployment.lake
    assert isinstance(lake, CountedLake)

    surveyed(deployment, deployment.chosen(None), CONFIG)

    assert lake.reads == {"sightings": 1, "objects": 1, "readings": 1}


def test_after_naming_the_lake_is_not_read_again_nor_an_idle_bucket_listed(
    deployment: Deployment,
) -> None:
    books = Books.read(deployment.lake, ["qilu", "st-elsewhere"])
    before, _ = surveyed(deployment, deployment.chosen(None), CONFIG, books)
    books.add(name_all(deployment, "qilu"))
    assert isinstance(deployment.lake, CountedLake)
    deployment.lake.reads.clear()

    after, faults = surveyed_again(deployment, before, {"qilu"}, CONFIG, books)

    assert ({}, Counter()) == (faults, deployment.lake.reads)
    assert [len(one.pending) for one in after] == [2, 0]
    assert after[1] is before[1]


def test_a_bucket_that_went_away_while_others_were_named_is_told(
    deployment: Deployment,
) -> None:
    books = Books.read(deployment.lake, ["qilu", "st-elsewhere"])
    before, _ = surveyed(deployment, deployment.chosen(None), CONFIG, books)
    away = replace(before[0], site=before[0].site.model_copy(update={"bucket": "gs://nowhere"}))

    after, faults = surveyed_again(deployment, [away, before[1]], {"qilu"}, CONFIG, books)

    assert [before[1]] == after
    assert isinstance(faults["qilu"], UsageError)


def test_a_name_that_is_no_text_comes_out_of_a_listing_as_it_went_in(
    deployment: Deployment,
) -> None:
    site = deployment.site("qilu")
    (Path(deployment.bucket(site).uri) / "upload-1" / "c\udcff.dcm").write_text("c")
    listed = list(arrivals(site, deployment.bucket(site), deployment.key()))

    listing = Listing.of(listed)

    assert [one.key for one in listed] == list(listing.names())
    assert listed[2:] == listing.rows(pa.array([2]))
