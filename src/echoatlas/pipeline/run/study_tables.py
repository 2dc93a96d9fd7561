"""Tables of structured measurements: what they state of studies that the lake holds. Trusted zone.

Such a table has a row for each number of each study of a hospital, millions of rows, most of them
of studies whose pictures nobody sent. It is read once, a part at a time, and again only when it,
what is asked of it, or the studies that are there have changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.evidence.measurements import Measured, measured, ucum
from echoatlas.pipeline.sidecars.site import study_tables
from echoatlas.schemas.rows.objects import StatedRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.schemas.values import Status
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.plan.survey import Survey
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config.study_table import StudyTable

UNREADABLE = "a table of measurements can't be read by the columns it is said to have"
BLOCK = 4 << 20  # bytes of a table that are read at a time
Study = Mapping[str, str]  # a study as a table writes it, to its pseudonym


class Ranged(io.RawIOBase):
    """A file of a bucket as a stream: no more of it is held than is asked for."""

    def __init__(self, bucket: Storage, key: str, size: int) -> None:
        self._bucket, self._key, self._size, self._at = bucket, key, size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        data = self._bucket.read(self._key, self._at, length)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def stated_by_site(lake: Lake) -> dict[str, frozenset[str]]:
    """By site, the marks of the tables of which the lake holds what they state."""
    rows = lake.read("stated", ["site", "told_by"]).group_by(["site", "told_by"]).aggregate([])
    found: dict[str, set[str]] = {}
    for one in rows.to_pylist():
        found.setdefault(one["site"], set()).add(one["told_by"])
    return {site: frozenset(marks) for site, marks in found.items()}


def state_measurements(
    deployment: Deployment, seen: Survey, before: frozenset[str], run_id: str
) -> list[str]:
    """Keep what a site's tables of measurements state of the studies that are there.

    Args:
        before: marks of its tables of which the lake holds what they state.
        run_id: of whoever holds the lake.

    Returns:
        What a person should look at, without a value of anybody.
    """
    site, lake = seen.site, deployment.lake
    key, bucket = deployment.site_key(site.site), deployment.bucket(site)
    files = dict(seen.arrived.listing.readable())
    now: set[str] = set()
    rows: list[StatedRow] = []
    said: list[str] = []
    for rule in study_tables(site):
        studies = _studies(lake, seen, rule)
        for name in (one for one in files if re.search(rule.path, one)):
            told_by = _told_by(seen, rule, name, studies, key)
            if told_by in before:
                now.add(told_by)
                continue
            counts: Counter[str] = Counter()
            try:
                links = _links(bucket, files, rule)
                found = list(_found(Ranged(bucket, name, files[name]), name, rule, links, studies,
                                    key, counts))  # fmt: skip
            except (FileNotFoundError, Reject, pa.ArrowInvalid, KeyError):
                said.append(UNREADABLE)
                now |= before  # what it stated when it could be read stands
                continue
            rows += (
                StatedRow(told_by, at, site.site, study, one.code, one.name, one.number, one.unit)
                for at, (study, one) in enumerate(dict.fromkeys(found))
            )
            now.add(told_by)
            said += _warnings(found, counts)
    gone = before - now
    if rows or gone:
        lake.exchange("stated", "told_by", sorted(gone), to_arrow("stated", rows), run_id)
    return said


def _warnings(found: Sequence[tuple[str, Measured]], counts: Counter[str]) -> Iterator[str]:
    studies = len({study for study, _ in found})
    left = ", ".join(f"{number} {why}" for why, number in sorted(counts.items()))
    if not studies:
        yield "a table of measurements speaks of no study that is here"
    elif left:
        yield (
            f"measurements of {number_of(studies, 'study', 'studies')}: "
            f"{number_of(len(found), 'number')}; left out: {left}"
        )


def _told_by(seen: Survey, rule: StudyTable, name: str, studies: Study, key: SiteKey) -> str:
    """A keyed hash of all that a table's rows depend on."""
    listing = seen.arrived.listing
    places = dict(zip(listing.names(), listing.locators.to_pylist(), strict=True))
    files = sorted(place for file, place in places.items() if rule.matches(file))
    known = hashlib.sha256(json.dumps(sorted(studies.items())).encode()).hexdigest()
    return key.pseudonym("study table", json.dumps([name, files, rule.model_dump_json(), known]))


def _studies(lake: Lake, seen: Survey, rule: StudyTable) -> Study:
    """Studies of the site that the lake holds, as the table may call them; where it calls them by
    their UIDs, by their pseudonyms."""
    where = (pc.field("site") == seen.site.site) & (pc.field("status") == Status.KEPT.value)
    objects = lake.read("objects", ["locator", "study"], where)
    if rule.by == "uid":
        return {one: one for one in pc.unique(objects["study"]).to_pylist() if one}
    listing = seen.arrived.listing
    found: dict[str, str] = {}
    study = dict(zip(objects["locator"].to_pylist(), objects["study"].to_pylist(), strict=True))
    pattern = re.compile(rule.scans or "")
    for name, locator in zip(listing.names(), listing.locators.to_pylist(), strict=True):
        if study.get(locator) and (match := pattern.search(name)) and match["study"]:
            found[match["study"]] = study[locator]
    return found


def _links(bucket: Storage, files: Mapping[str, int], rule: StudyTable) -> dict[str, str] | None:
    """Key to study, by the table that says so."""
    if rule.link is None:
        return None
    found: dict[str, str] = {}
    columns = (rule.link.key, rule.link.study)
    for name, size in files.items():
        if re.search(rule.link.path, name):
            for one, study in _lines(Ranged(bucket, name, size), name, columns):
                found[one] = study
    return found


def _found(
    stream: Ranged,
    name: str,
    rule: StudyTable,
    links: Mapping[str, str] | None,
    studies: Study,
    key: SiteKey,
    counts: Counter[str],
) -> Iterator[tuple[str, Measured]]:
    """Study and number of each row that is of a study that is there; others are counted."""
    columns = (rule.study, rule.name, rule.value, *([rule.unit] if rule.unit else []))
    units = {written.casefold(): one for written, one in rule.units.items()}
    known: dict[str, str | None] = {}  # units, as they are written
    for of, what, value, *rest in _lines(stream, name, columns):
        called = of if links is None else links.get(of, "")
        study = studies.get(key.pseudonym("study", called) if rule.by == "uid" else called)
        if not (called and study):
            continue
        listed, written = rule.names.get(what), rest[0] if rest else ""
        if listed is None:
            counts["under names that are not listed"] += 1
            continue
        if written not in known:
            known[written] = units.get(written.casefold()) or ucum(written)
        unit = known[written]
        one = None if unit is None else measured(rule.scheme, listed, value, unit)
        if unit is None:
            counts["in units that are not known"] += 1
        elif one is None:
            counts["that are no numbers"] += 1
        else:
            yield study, one


def _lines(stream: Ranged, name: str, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Some columns of a CSV, all as text, a part at a time.

    Raises:
        pa.ArrowInvalid, KeyError: it is none, or lacks a column.
    """
    source = pa.PythonFile(io.BufferedReader(stream, BLOCK), mode="r")
    packed = pa.CompressedInputStream(source, "gzip") if name.endswith(".gz") else source
    wanted = list(dict.fromkeys(columns))
    reader = csv.open_csv(
        packed,
        csv.ReadOptions(use_threads=False, block_size=BLOCK),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, pa.string()),
            strings_can_be_null=False,
        ),
    )
    for batch in reader:
        cells = [batch.column(batch.schema.names.index(one)).to_pylist() for one in columns]
        for line in zip(*cells, strict=True):
            yield tuple(cell.strip() for cell in line)
