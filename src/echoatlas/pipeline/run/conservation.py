"""The books: everything a site dropped is kept, rejected, a duplicate, erased, or pending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.lake.codes import TextCodes
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.in_step import KnownIds
from echoatlas.pipeline.lake.join import integers
from echoatlas.pipeline.lake.portions import Portion, Wanted
from echoatlas.pipeline.run.counting import ValueCounts
from echoatlas.schemas.values import Status
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.tables import Lake

PENDING = "pending"
AT_ONCE = 1 << 18  # rows that are given to their owners at a time


@dataclass(frozen=True, slots=True)
class Booked:
    """Outcomes: of each its sighting's locator, its object, its status and the frames promised."""

    locators: Ids
    objects: Ids
    statuses: TextCodes
    frames: NDArray[np.int64]

    @staticmethod
    def of(portions: Iterable[Portion]) -> Booked:
        """Rows of ``objects``."""
        locators, objects, statuses = [], [], []
        frames = [np.zeros(0, np.int64)]
        for rows in portions:
            locators.append(Ids.of(rows.chunks("locator")))
            objects.append(Ids.of(rows.chunks("object_id")))
            statuses.append(TextCodes.of(rows.chunks("status")))
            frames += map(integers, rows.chunks("frames"))
        return Booked(
            Ids.joined(locators),
            Ids.joined(objects),
            TextCodes.joined(statuses),
            np.concatenate(frames),
        )


@dataclass(frozen=True, slots=True)
class Discovered:
    """Sightings: of each its locator and its site."""

    locators: Ids
    sites: TextCodes

    @staticmethod
    def of(portions: Iterable[Portion]) -> Discovered:
        """Rows of ``sightings``."""
        parts = [
            (Ids.of(rows.chunks("locator")), TextCodes.of(rows.chunks("site"))) for rows in portions
        ]
        return Discovered(
            Ids.joined([ids for ids, _ in parts]), TextCodes.joined([sites for _, sites in parts])
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """Where every sighting of a lake stands.

    Attributes:
        sites: site to {status: number}, "pending" included.
        faults: what does not add up, in words without values; empty when all does.
    """

    sites: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.faults

    def totals(self) -> dict[str, int]:
        """Status to number, over all sites."""
        total: Counter[str] = Counter()
        for counts in self.sites.values():
            total.update(counts)
        return dict(sorted(total.items()))


def balance(lake: Lake, beside: ValueCounts | None = None) -> Balance:
    """Check that ``discovered = kept + rejected + duplicate + erased + pending`` for each site.

    Args:
        beside: what is to be counted in the same tables.
    """
    counts = beside or ValueCounts({})
    booked = Wanted("objects", ("locator", "object_id", "status", "frames"), ("status",))
    return balanced(
        Discovered.of(counts.portions(lake, Wanted("sightings", ("locator", "site"), ("site",)))),
        Booked.of(counts.portions(lake, booked)),
        _owners(counts.portions(lake, Wanted("frames", ("object_id",))), "object_id"),
        _owners(counts.portions(lake, Wanted("quarantine", ("locator",))), "locator"),
    )


def _owners(portions: Iterable[Portion], column: str) -> Iterator[Ids]:
    """To whom each row of a table belongs, a bounded number at a time."""
    held: list[Ids] = []
    for rows in portions:
        for chunk in rows.chunks(column):
            held.append(Ids.of([chunk]))
            if sum(map(len, held)) >= AT_ONCE:
                yield Ids.joined(held)
                held = []
    if held:
        yield Ids.joined(held)


def balanced(
    seen: Discovered, outcomes: Booked, frames: Iterable[Ids], refused: Iterable[Ids]
) -> Balance:
    """Balance the books of a lake.

    The sum is taken over three sources that are written apart: sightings, outcomes, and the rows
    that outcomes promise (frames of kept objects, quarantine entries of rejected ones).

    Args:
        frames: object of each frame.
        refused: locator of each quarantine entry.
    """
    standing, faults = _standing(seen, outcomes)
    status = outcomes.statuses
    kept = status.among(Status.KEPT)
    wrong, strays = _promises(outcomes.objects.take(kept), outcomes.frames[kept], frames)
    if wrong:
        faults.append("a kept object has more or fewer frames than it says")
    if strays:
        faults.append(f"frames of {number_of(strays, 'object')} not kept")
    rejected = outcomes.locators.take(status.among(Status.REJECTED))
    wrong, strays = _promises(rejected, np.ones(len(rejected), np.int64), refused)
    if wrong:
        faults.append("a rejected object is not in quarantine once")
    if strays:
        faults.append(
            f"{number_of(strays, 'quarantine entry', 'quarantine entries')} of "
            "objects that were not rejected"
        )
    names = [*status.words, PENDING]
    return Balance(_by_site(seen.sites, standing, names), tuple(sorted(faults)))


def _standing(seen: Discovered, outcomes: Booked) -> tuple[NDArray[np.int64], list[str]]:
    """How each sighting stands, as the place of its status; pending ones stand last; and faults."""
    by_locator, status = KnownIds(outcomes.locators), outcomes.statuses
    number = by_locator.firsts()
    last = np.zeros(len(number), np.int64)
    last[number] = np.arange(len(number))  # of outcomes that stand twice the last one counts
    distinct = int((number == np.arange(len(number))).sum())
    faults: list[str] = []
    if distinct != len(number):
        faults.append(
            f"{number_of(len(number) - distinct, 'outcome stands', 'outcomes stand')} twice"
        )
    del number
    booked = by_locator.places(seen.locators)
    del by_locator
    claimed = np.full(len(last) + 1, -1, np.int64)
    claimed[booked[::-1]] = np.arange(len(booked))[::-1]  # the first claims it: it is put last
    first = claimed[:-1][claimed[:-1] >= 0]  # a sighting that stands twice has one outcome
    if hidden := distinct - len(first):
        faults.append(f"{number_of(hidden, 'outcome is', 'outcomes are')} of no sighting")
    if not set(status.words) <= set(Status):
        faults.append("an outcome is of no known kind")
    standing = np.full(len(booked), len(status.words), np.int64)
    standing[first] = status.numbers[last[booked[first]]]
    return standing, faults


def _promises(owners: Ids, promised: NDArray[np.int64], rows: Iterable[Ids]) -> tuple[bool, int]:
    """Compare what outcomes promise with the rows that are there.

    Args:
        owners: of each promise, to whom the rows belong.
        promised: (n,) how many rows.
        rows: to whom each row belongs.

    Returns:
        Whether any promise is broken, and how many owners of rows have no promise.
    """
    known = KnownIds(owners)
    found = np.zeros(len(owners), np.int64)
    strays: list[Ids] = []
    for some in rows:
        place = known.places(some)  # rows are given to the first who promises them
        found += np.bincount(place[place >= 0], minlength=len(owners))
        if (place < 0).any():
            strays.append(some.take(place < 0).distinct())
    return bool((found != promised).any()), len(Ids.joined(strays).distinct())


def _by_site(
    sites: TextCodes, standing: NDArray[np.int64], names: list[str]
) -> dict[str, dict[str, int]]:
    """Site to {status: number}, in order, of sightings that stand so."""
    place = sites.numbers.astype(np.int64) * len(names) + standing
    table = np.bincount(place, minlength=len(sites.words) * len(names)).reshape(-1, len(names))
    found: dict[str, dict[str, int]] = {}
    for site, row in sorted(zip(sites.words, table.tolist(), strict=True)):
        counts: Counter[str] = Counter()
        for name, number in zip(names, row, strict=True):
            counts[name] += number
        found[site] = dict(sorted((+counts).items()))
    return found
