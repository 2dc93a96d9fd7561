"""Verify a release: checksums, counts, leakage between splits, and anything that could be PHI."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.database import Connection, engines_kept
from echoatlas.pipeline.release.annotations import outside
from echoatlas.pipeline.release.indexed import index_file, index_view, shard_rows
from echoatlas.pipeline.release.k_anonymity import QUASI, measured
from echoatlas.pipeline.release.kin import GROUP, KIN, TIES, tied, who_of
from echoatlas.pipeline.release.manifest import manifest_of, places_of
from echoatlas.pipeline.release.members import COLUMNS, Members
from echoatlas.pipeline.release.notices import living_names, withdrawn
from echoatlas.pipeline.release.permitted import FOR_ALL, REFUSING
from echoatlas.pipeline.release.predecessors import present
from echoatlas.pipeline.release.shard import MARKS
from echoatlas.pipeline.scratch import Allowance
from echoatlas.schemas.values import Consent, PatientSource
from echoatlas.taxonomy.tree import UNKNOWN, tree
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest, PublishedShard

OPAQUE = "[-_.0-9A-Za-z]*"
AT_ONCE = 1 << 12  # rows that are turned into Python's objects together


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


@engines_kept()
def verify(releases: Storage, name: str, allowance: Allowance | None = None) -> list[Check]:
    """Look at everything that a release promises.

    Args:
        allowance: the memory that this may take.

    Raises:
        UsageError: there is no such release.
        CheckFailed: its index is damaged.
    """
    manifest, own = manifest_of(releases, name), allowance or Allowance()
    places = places_of(releases, manifest) if manifest.places is not None else None
    with index_file(releases, manifest, own) as file:
        keys = [shard.file for shard in manifest.shards]
        with index_view(file, None if places is None else places["shard"], keys, own) as asked:
            known = AskedIndex(asked)
            checks = [
                _counts(manifest, known, places),
                *(_apart(known, tie) for tie in (*TIES, GROUP) if tie in known.columns),
                kept_together(known),
                _known(manifest, known),
                *_consented(manifest, known),
                _labels(known),
                _values(known),
                _inside(known),
                _shards_end_at_splits(manifest, known),
                *_anonymous(manifest, known),
            ]
        return [*checks, *_shards(releases, manifest, file), *_gone(releases, manifest)]


@dataclass(frozen=True, slots=True)
class AskedIndex:
    """The index of a release in a database, as its view ``i``."""

    asked: Connection

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""
        return list(self.asked.sql("SELECT * FROM i LIMIT 0").columns)

    def number(self, question: str) -> int:
        """The one number that is the answer."""
        (found,) = self.asked.execute(question).fetchall()[0]
        return int(found or 0)


def _check(name: str, faults: int, what: str) -> Check:
    return Check(name, not faults, f"{faults} {what}" if faults else "")


def _counts(manifest: Manifest, index: AskedIndex, places: NDArray[np.void] | None) -> Check:
    told = sum(shard.samples for shard in manifest.shards)
    rows = frames = index.number("SELECT count(*) FROM i")
    ids = index.number("SELECT count(DISTINCT frame_id) FROM i")
    if places is not None:
        frames = int(places["frames"].sum(dtype=np.int64))
    wrong = len({manifest.samples, rows, told, ids}) - 1
    wrong += manifest.frames != frames
    return _check("counts", wrong, "numbers of samples disagree")


def _apart(index: AskedIndex, tie: str) -> Check:
    shared = index.number(
        f"SELECT count(*) FROM (SELECT {tie} FROM i WHERE {tie} <> '' "
        f"GROUP BY {tie} HAVING min(split) <> max(split))"
    )
    return _check(f"no {tie.replace('_', ' ')} in two splits", shared, "are in two")


def kept_together(index: AskedIndex) -> Check:
    """Patients whom any copy of a picture names, also one that is not in the release."""
    there = KIN in index.columns
    shared = index.number(
        f"SELECT count(*) FROM (SELECT who FROM ({who_of(there)}) "
        "GROUP BY who HAVING min(split) <> max(split))"
    )
    name = "no patient of any copy in two splits"
    if shared or not there:
        return _check(name, shared, "are in two")
    ties = tied(index.asked)
    said = (
        f"{number_of(ties['patients'], 'patient')} tied by what copies of their pictures or their "
        f"ids say, in {number_of(ties['groups'], 'group')}"
    )
    return Check(name, True, said if ties["groups"] else "")


def _known(manifest: Manifest, index: AskedIndex) -> Check:
    number, of = index.asked.execute(
        "SELECT count(*) FILTER (patient_source = ?), count(*) FROM i", [PatientSource.OBJECT.value]
    ).fetchall()[0]
    wanted = manifest.config.nameless == "keep"
    said = (
        f"{number} of {number_of(of, 'frame stands', 'frames stand')} under patient_source: object"
    )
    return Check("files name their patients", wanted or not number, said if number else "")


def _consented(manifest: Manifest, index: AskedIndex) -> Iterator[Check]:
    """Whether what is said of each picture permits this release, as it was configured."""
    if "consent" not in index.columns:  # a release of before it was asked
        return
    config = manifest.published["config"]
    words = {*REFUSING, Consent.UNCLEAR}
    words |= {Consent.RESTRICTED} if config["use"] in FOR_ALL else set()
    silent = "" if config["consent"] == "required" else " AND list_contains(?, site)"
    wrong, given, of = index.asked.execute(
        "SELECT count(*) FILTER (list_contains(?, consent) OR (consent = ''" + silent + ")), "
        "count(*) FILTER (consent = 'given'), count(*) FROM i",
        [sorted(words), *([config["consent_sites"]] if silent else [])],
    ).fetchall()[0]
    said = f"{wrong} have none" if wrong else f"{given} of {of} state it" if given else ""
    yield Check("patients consented, or are not known to have refused", not wrong, said)


def _labels(index: AskedIndex) -> Check:
    known = tree()
    wrong = 0
    for region, organ, paths, number in index.asked.execute(
        "SELECT region, organ, paths, count(*) FROM i GROUP BY ALL"
    ).fetchall():
        primary = paths.split(" ")[0]
        stated = "/".join(part for part in (region, organ) if part != UNKNOWN)
        wrong += number * (primary != stated or any(path not in known for path in paths.split()))
    return _check("labels lie on the tree", wrong, "do not")


def _values(index: AskedIndex) -> Check:
    """Pseudonyms are hexadecimal or opaque; whatever else is text has a closed vocabulary."""
    there = index.columns
    wrong = 0
    for column in ("frame_id", "patient", "study", "series", "cluster", KIN, GROUP):
        if column in there:
            each = f"unnest(string_split({KIN}, ' '))" if column == KIN else column
            wrong += index.number(
                f"SELECT count(*) FROM (SELECT {each} AS one FROM i) "
                f"WHERE NOT regexp_full_match(one, '{OPAQUE}')"
            )
    return _check("ids are opaque", wrong, "are not")


def _inside(index: AskedIndex) -> Check:
    wrong = 0
    if MARKS in index.columns:
        some = index.asked.sql(f"SELECT width, height, {MARKS} FROM i WHERE len({MARKS}) > 0")
        for batch in some.to_arrow_reader(AT_ONCE):
            for row in batch.to_pylist():
                wrong += sum(outside(mark, row["width"], row["height"]) for mark in row[MARKS])
    return _check("annotations lie in their images", wrong, "do not")


def _shards_end_at_splits(manifest: Manifest, index: AskedIndex) -> Check:
    """Whoever reads shards and no index must not train on what others test on."""
    told = {shard.file: shard.split for shard in manifest.shards}
    rows = index.asked.execute("SELECT shard, split, count(*) FROM i GROUP BY ALL").fetchall()
    wrong = sum(number for key, split, number in rows if told.get(key) not in (None, split))
    return _check("shards end at splits", wrong, "samples lie in another split's shard")


def _anonymous(manifest: Manifest, index: AskedIndex) -> Iterator[Check]:
    asked = manifest.config.min_k
    if asked > 1:
        told = index.asked.sql(f"SELECT DISTINCT patient, {', '.join(QUASI)} FROM i")
        under = measured(told.to_arrow_table(), asked).under
        yield _check(f"each patient is one of {asked}", under, "patients are not")


def _gone(releases: Storage, manifest: Manifest) -> Iterator[Check]:
    """Whether anything of what redactions took out of releases before this one is back."""
    if manifest.redacts is None:
        return
    used = {
        one.file for name in living_names(releases) for one in manifest_of(releases, name).shards
    }
    taken = set(withdrawn(releases, manifest.redacts.release))
    back = taken & (present(releases) - used)
    yield _check("what was redacted is gone", len(back), "shards lie there again: release sweep")


def _shards(releases: Storage, manifest: Manifest, file: Path) -> Iterator[Check]:
    """Look at each shard once, beside what the index says of it."""
    faults: Counter[str] = Counter()
    left = {shard.file: shard for shard in manifest.shards}
    for key, rows, places in shard_rows(releases, manifest, file, COLUMNS):
        held = Members.promised(manifest, rows, places)
        if (shard := left.pop(key, None)) is not None:
            faults["damaged"] += not _looked_at(releases, shard, held)
        _add(faults, held)
    for shard in left.values():  # of which nothing is listed
        held = Members.promised(manifest)
        faults["damaged"] += not _looked_at(releases, shard, held)
        _add(faults, held)
    yield _check("shards are as published", faults["damaged"], "are damaged or missing")
    yield _check("index and shards agree", faults["misplaced"], "members are misplaced or missing")
    yield _check("samples are those of their digests", faults["unlike"], "are not")
    yield _check("images decode", faults["undecodable"], "do not")
    yield _check(
        "nothing rides along in shards or images", faults["strange"], "members are not clean"
    )


def _looked_at(releases: Storage, shard: PublishedShard, held: Members) -> bool:
    """Go through a shard; whether it is as it was published."""
    try:
        data = releases.read(shard.file)
    except FileNotFoundError:
        return False
    if hashlib.sha256(data).hexdigest() != shard.sha256:
        return False
    held.look_at(shard, data)
    return True


def _add(faults: Counter[str], held: Members) -> None:
    faults["misplaced"] += held.misplaced + held.missing
    faults["unlike"] += held.unlike
    faults["undecodable"] += held.undecodable
    faults["strange"] += held.strange
