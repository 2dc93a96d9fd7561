"""What is due among a site's sightings, as joins over columns: pure, without a bucket or a lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason
from echoatlas.pipeline.lake.join import among, coded, counts, flags, integers, places
from echoatlas.pipeline.objects.fingerprints import TOLD
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from echoatlas.pipeline.objects.fingerprints import Fingerprints

Numbers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
OUTCOME = ("locator", "object_id", "status", "reason", "fingerprint")  # columns of an outcome
READING = ("object_id", "fingerprint")  # columns of a reading
Tell = Callable[[Numbers, Mask], list[str | None]]
NOWHERE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Sighted:
    """A site's n sightings, the object that each is of, and the listed file that it lies in.

    Attributes:
        rows: of ``sightings``, in order.
        number: (n,) the object of each: the place of its first sighting.
        objects: (n,) id of each one's object.
        file: (n,) place in the listing of the file that it lies in; -1 where that is gone.
    """

    rows: pa.Table
    number: Numbers
    objects: pa.Array
    file: Numbers

    @staticmethod
    def of(rows: pa.Table, listed: pa.Array) -> Sighted:
        """Look for sightings in a listing.

        Args:
            rows: of ``sightings``, of one site.
            listed: locators of all files in its bucket.
        """
        ordinal = integers(rows.column("ordinal"))
        if (np.diff(ordinal) < 0).any():
            rows = rows.take(np.argsort(ordinal, kind="stable"))
        objects = rows.column("object_id").combine_chunks()
        number = places(objects, objects)
        container, locator = rows.column("container"), rows.column("locator")
        file = places(pc.if_else(pc.equal(container, ""), locator, container), listed)
        return Sighted(rows, number, objects, file)

    def any_of(self, sightings: Mask) -> Mask:
        """(n,) objects of which any of these (n,) sightings is."""
        found = np.zeros(len(self.objects), np.bool_)
        found[self.number[sightings]] = True
        return found

    @property
    def several(self) -> Mask:
        """(n,) objects that were seen more than once."""
        return np.bincount(self.number, minlength=len(self.objects)) > 1

    @property
    def next_ordinal(self) -> int:
        """Number of the next sighting."""
        return self.rows.column("ordinal")[-1].as_py() + 1 if self.rows.num_rows else 0


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done at a site: places of sightings, in order.

    Attributes:
        pending: without an outcome.
        stale: whose rows were made by other steps or settings than today's.
        unread: of which only the evidence was read by other words or rules.
        repeats: without an outcome, of bytes that the site sent before.
        lost: pending, but of a file that is not in the bucket any more.
        settled: (n,) which sightings have an outcome.
        rejected: ids of objects in quarantine, of those that are due.
        spoken: stale sightings of whose copies other things are said today, or that have others.
        made_by: fingerprints of the rows that are there, to number of objects.
        read_by: fingerprints of the evidence of the unread, to number of objects.
    """

    pending: Numbers
    stale: Numbers
    unread: Numbers
    repeats: Numbers
    lost: Numbers
    settled: Mask
    rejected: frozenset[str]
    spoken: int
    made_by: dict[str, int]
    read_by: dict[str, int]


def classify(
    seen: Sighted,
    outcomes: pa.Table,
    readings: pa.Table,
    marks: Fingerprints,
    beside: Numbers = NOWHERE,
    tell: Tell = lambda objects, settled: [None] * len(objects),
) -> Due:
    """Compare what lies at a site with what the lake knows of it.

    Args:
        outcomes: ``OUTCOME`` of all of the site's.
        readings: ``READING`` of all of the site's.
        marks: of today's steps and settings.
        beside: places in the listing of files of which tables may speak.
        tell: what is said of some objects' copies today, as ``Known.told`` says it; asked only of
            objects that were seen more than once, or that lie in such a file.
    """
    outcome = places(seen.rows.column("locator"), outcomes.column("locator"))
    settled = outcome >= 0
    here = seen.file >= 0
    there = seen.any_of(here)[seen.number]
    books = _Outcomes.of(outcomes)
    worked = books.worked[outcome]
    current = worked & books.is_made_by(marks.frames)[outcome]
    asked = seen.several | seen.any_of(_in_files(seen.file, beside))
    before = books.said_of(outcome)
    renewed = current & here & ~asked[seen.number] & flags(pc.not_equal(before, ""))
    questions = current & asked[seen.number]
    if questions.any():
        objects, place = np.unique(seen.number[questions], return_inverse=True)
        said = pa.array(tell(objects, settled), pa.string()).take(place)
        renewed[questions] = flags(pc.not_equal(said, before.filter(questions)))
    stale = worked & (~current | renewed)
    new, repeats = _unsettled(seen, settled, outcomes)
    read = places(seen.objects, readings.column("object_id"))
    today = np.append(flags(pc.equal(readings.column("fingerprint"), marks.evidence)), False)
    unread = worked & ~stale & there & ~today[read][seen.number]
    made_by = books.counted(outcome[worked & ~renewed])
    made_by[f"{marks.frames}{TOLD}"] += int(renewed.sum())
    made_by[marks.frames] += int(books.by_person[outcome].sum())
    evidence = readings.column("fingerprint").take(_there(read[seen.number[unread]]))
    due = np.unique(seen.number[new & there | stale & there | unread])
    return Due(
        pending=np.flatnonzero(new & there),
        stale=np.flatnonzero(stale & there),
        unread=np.flatnonzero(unread),
        repeats=np.flatnonzero(repeats),
        lost=np.flatnonzero(new & ~there),
        settled=settled,
        rejected=_rejected(outcomes, seen.objects.take(due)),
        spoken=int(renewed.sum()),
        made_by=dict(+made_by),
        read_by=dict(counts(pc.fill_null(evidence, ""))),
    )


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """k outcomes as numbers. One more stands last, of nothing: the place of who has none is -1.

    Attributes:
        worked: (k + 1,) kept or rejected, and not by a person.
        by_person: (k + 1,) rejected by one: new settings don't show that a person would see
            nothing now, only a retry by name does.
        made: (k + 1,) place of its fingerprint.
        mark: of each fingerprint the part before ``TOLD``. said: the part behind it.
    """

    worked: Mask
    by_person: Mask
    made: Numbers
    mark: pa.Array
    said: pa.Array

    @staticmethod
    def of(outcomes: pa.Table) -> _Outcomes:
        status = outcomes.column("status")
        by_person = flags(pc.equal(outcomes.column("reason"), Reason.SEEN_BY_REVIEWER.value))
        worked = among(status, pa.array([Status.KEPT, Status.REJECTED])) & ~by_person
        made, distinct = coded(outcomes.column("fingerprint"))
        mark, said = _partitioned(distinct)
        return _Outcomes(
            np.append(worked, False), np.append(by_person, False), np.append(made, -1), mark, said
        )

    def is_made_by(self, mark: str) -> Mask:
        """(k + 1,) which ones' rows have a mark."""
        return np.append(flags(pc.equal(self.mark, mark)), False)[self.made]

    def said_of(self, outcome: Numbers) -> pa.Array:
        """What was said of the copies of some; none where there is no outcome."""
        return self.said.take(_there(self.made[outcome]))

    def counted(self, outcome: Numbers) -> Counter[str]:
        """Mark to number, of some."""
        return Counter(counts(self.mark.take(pa.array(self.made[outcome]))))


def _partitioned(fingerprints: pa.Array) -> tuple[pa.Array, pa.Array]:
    pattern = rf"(?s)^(?P<mark>[^{TOLD}]*)[{TOLD}]?(?P<said>.*)$"
    parts = pc.extract_regex(fingerprints, pattern=pattern)
    return parts.field("mark"), parts.field("said")


def _unsettled(seen: Sighted, settled: Mask, outcomes: pa.Table) -> tuple[Mask, Mask]:
    """Sightings without an outcome, (n,): the first of an object, and its others.

    A repeat may be in the books before the object itself, where a run was cut off between them.
    """
    new, repeats = np.zeros_like(settled), ~settled
    open_ones = np.flatnonzero(~settled)
    numbers, first = np.unique(seen.number[open_ones], return_index=True)
    if len(numbers):
        real = outcomes.filter(pc.not_equal(outcomes.column("status"), Status.DUPLICATE))
        known = _mask(
            len(numbers) + 1, places(real.column("object_id"), seen.objects.take(numbers))
        )
        new[open_ones[first[~known[:-1]]]] = True
    return new, repeats & ~new


def _rejected(outcomes: pa.Table, due: pa.Array) -> frozenset[str]:
    refused = outcomes.filter(pc.equal(outcomes.column("status"), Status.REJECTED)).column(
        "object_id"
    )
    return frozenset(refused.filter(pc.is_in(refused, value_set=due)).to_pylist())


def _in_files(file: Numbers, beside: Numbers) -> Mask:
    """(n,) which sightings lie in some of the listed files."""
    last = int(max(file.max(initial=-1), beside.max(initial=-1)))
    return _mask(last + 2, beside)[file]  # one more stands last: the file of what is gone


def _mask(length: int, chosen: Numbers) -> Mask:
    """(length,) true at the chosen places."""
    found = np.zeros(length, np.bool_)
    found[chosen] = True
    return found


def _there(place: Numbers) -> pa.Array:
    """Places to take from a column, none where they are -1."""
    return pa.array(place, mask=place < 0)
