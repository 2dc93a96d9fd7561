"""What is due among a site's sightings, as joins over columns: pure, without a bucket or a lake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.in_step import KnownIds, places
from echoatlas.pipeline.lake.join import flags
from echoatlas.pipeline.objects.fingerprints import TOLD
from echoatlas.pipeline.plan.columns import Outcomes, Readings, Sightings
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from echoatlas.pipeline.objects.fingerprints import Fingerprints

Numbers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Tell = Callable[[Numbers, Mask], list[str | None]]
NOWHERE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Sighted:
    """A site's n sightings, the object that each is of, and the listed file that it lies in.

    Attributes:
        rows: in order.
        number: (n,) the object of each: the place of its first sighting.
        file: (n,) place in the listing of the file that it lies in; -1 where that is gone.
    """

    rows: Sightings
    number: Numbers
    file: Numbers

    @staticmethod
    def of(sightings: Sightings, listed: Ids) -> Sighted:
        """Look for sightings in a listing.

        Args:
            sightings: of one site.
            listed: locators of all files in its bucket.
        """
        rows = sightings.in_order()
        known = KnownIds(listed)
        file = np.append(known.places(rows.containers), -1)[rows.container]
        loose = np.flatnonzero(rows.container < 0)
        file[loose] = known.places(rows.locators.take(loose))
        return Sighted(rows, rows.objects.firsts(), file)

    @property
    def objects(self) -> Ids:
        """(n,) id of each one's object."""
        return self.rows.objects

    def any_of(self, sightings: Mask) -> Mask:
        """(n,) objects of which any of these (n,) sightings is."""
        found = np.zeros(len(self.number), np.bool_)
        found[self.number[sightings]] = True
        return found

    @property
    def several(self) -> Mask:
        """(n,) objects that were seen more than once."""
        return np.bincount(self.number, minlength=len(self.number)) > 1

    @property
    def next_ordinal(self) -> int:
        """Number of the next sighting."""
        return int(self.rows.ordinals[-1]) + 1 if len(self.rows) else 0


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
    outcomes: Outcomes,
    readings: Readings,
    marks: Fingerprints,
    beside: Numbers = NOWHERE,
    tell: Tell = lambda objects, settled: [None] * len(objects),
) -> Due:
    """Compare what lies at a site with what the lake knows of it.

    Args:
        outcomes: all of the site's. readings: all of the site's.
        marks: of today's steps and settings.
        beside: places in the listing of files of which tables may speak.
        tell: what is said of some objects' copies today, as ``Known.told`` says it; asked only of
            objects that were seen more than once, or that lie in such a file.
    """
    outcome = places(seen.rows.locators, outcomes.locators)
    settled = outcome >= 0
    here = seen.file >= 0
    there = seen.any_of(here)[seen.number]
    # By a person: new settings don't show that one would see nothing now, only a retry by name does
    by_person = outcomes.reasons.among(Reason.SEEN_BY_REVIEWER)
    done = outcomes.statuses.among(Status.KEPT, Status.REJECTED) & ~by_person
    worked = _of(done, outcome)
    current = worked & _of(outcomes.marks.among(marks.frames), outcome)
    asked = seen.several | seen.any_of(_in_files(seen.file, beside))
    spoken = _of(flags(pc.not_equal(outcomes.told, "")), outcome)
    renewed = current & here & ~asked[seen.number] & spoken
    questions = np.flatnonzero(current & asked[seen.number])
    if len(questions):
        objects, place = np.unique(seen.number[questions], return_inverse=True)
        said = pa.array(tell(objects, settled), pa.string()).take(place)
        before = outcomes.told.take(pa.array(outcome[questions]))
        renewed[questions] = flags(pc.not_equal(said, before))
    stale = worked & (~current | renewed)
    copy = _of(outcomes.statuses.among(Status.DUPLICATE), outcome)
    new, repeats = _unsettled(seen, settled, seen.any_of(settled & ~copy))
    read = places(seen.objects, readings.objects)
    unread = worked & ~stale & there & ~_of(readings.marks.among(marks.evidence), read)
    made_by = outcomes.marks.take(outcome[worked & ~renewed]).counts()
    made_by[f"{marks.frames}{TOLD}"] += int(renewed.sum())
    made_by[marks.frames] += int(_of(by_person, outcome).sum())
    read_by = readings.marks.take(read[unread & (read >= 0)]).counts()
    read_by[""] += int((unread & (read < 0)).sum())
    due = np.unique(seen.number[new & there | stale & there | unread])
    refused = seen.any_of(_of(outcomes.statuses.among(Status.REJECTED), outcome))
    return Due(
        pending=np.flatnonzero(new & there),
        stale=np.flatnonzero(stale & there),
        unread=np.flatnonzero(unread),
        repeats=np.flatnonzero(repeats),
        lost=np.flatnonzero(new & ~there),
        settled=settled,
        rejected=frozenset(seen.objects.take(due[refused[due]]).texts()),
        spoken=int(renewed.sum()),
        made_by=dict(+made_by),
        read_by=dict(sorted((+read_by).items())),
    )


def _of(known: Mask, place: Numbers) -> Mask:
    """What is known of each, by its place; false where it has none, -1."""
    return np.append(known, False)[place]


def _unsettled(seen: Sighted, settled: Mask, known: Mask) -> tuple[Mask, Mask]:
    """Sightings without an outcome, (n,): the first of an object, and its others.

    A repeat may be in the books before the object itself, where a run was cut off between them.

    Args:
        known: (n,) objects of which a sighting has an outcome of its own.
    """
    new, repeats = np.zeros_like(settled), ~settled
    open_ones = np.flatnonzero(~settled)
    numbers, first = np.unique(seen.number[open_ones], return_index=True)
    new[open_ones[first[~known[numbers]]]] = True
    return new, repeats & ~new


def _in_files(file: Numbers, beside: Numbers) -> Mask:
    """(n,) which sightings lie in some of the listed files."""
    last = int(max(file.max(initial=-1), beside.max(initial=-1)))
    return _mask(last + 2, beside)[file]  # one more stands last: the file of what is gone


def _mask(length: int, chosen: Numbers) -> Mask:
    """(length,) true at the chosen places."""
    found = np.zeros(length, np.bool_)
    found[chosen] = True
    return found
