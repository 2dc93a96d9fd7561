"""The books: everything a site dropped is kept, rejected, a duplicate, erased, or pending."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from echoatlas.pipeline.lake.join import coded, integers, places
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.tables import Lake

PENDING = "pending"
BOOKED = ("locator", "object_id", "site", "status", "frames")  # columns of an outcome


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


def balance(lake: Lake) -> Balance:
    """Check that ``discovered = kept + rejected + duplicate + erased + pending`` for each site."""
    return balanced(
        lake.read("sightings", ["locator", "site"]),
        lake.read("objects", BOOKED),
        lake.read("frames", ["object_id"]).column(0),
        lake.read("quarantine", ["locator"]).column(0),
    )


def balanced(
    seen: pa.Table, outcomes: pa.Table, frames: pa.ChunkedArray, refused: pa.ChunkedArray
) -> Balance:
    """Balance the books of a lake.

    The sum is taken over three sources that are written apart: sightings, outcomes, and the rows
    that outcomes promise (frames of kept objects, quarantine entries of rejected ones).

    Args:
        seen: locator and site of each sighting.
        outcomes: ``BOOKED`` of each outcome.
        frames: object of each frame.
        refused: locator of each quarantine entry.
    """
    numbers, locators = coded(outcomes.column("locator"))
    status, kinds = coded(outcomes.column("status"))
    last = np.zeros(len(locators), np.int64)
    last[numbers] = np.arange(len(numbers))  # of outcomes that stand twice the last one counts
    faults: list[str] = []
    if len(locators) != len(numbers):
        faults.append(f"{len(numbers) - len(locators)} outcomes stand twice")
    booked = places(seen.column("locator"), locators)
    first = np.zeros(len(booked), np.bool_)
    met, where = np.unique(booked, return_index=True)
    first[where[met >= 0]] = True  # a sighting that stands twice has one outcome
    if hidden := len(locators) - int(first.sum()):
        faults.append(f"{hidden} outcomes are of no sighting")
    names = [*kinds.to_pylist(), PENDING]
    if not set(names[:-1]) <= set(Status):
        faults.append("an outcome is of no known kind")
    standing = np.full(len(booked), len(kinds), np.int64)
    standing[first] = status[last[booked[first]]]
    kept = outcomes.filter(pc.equal(outcomes.column("status"), Status.KEPT))
    promised = integers(kept.column("frames"))
    wrong, strays = _promises(kept.column("object_id"), promised, frames)
    if wrong:
        faults.append("a kept object has more or fewer frames than it says")
    if strays:
        faults.append(f"frames of {strays} objects that were not kept")
    rejected = outcomes.filter(pc.equal(outcomes.column("status"), Status.REJECTED)).column(
        "locator"
    )
    wrong, strays = _promises(rejected, np.ones(len(rejected), np.int64), refused)
    if wrong:
        faults.append("a rejected object is not in quarantine once")
    if strays:
        faults.append(f"{strays} quarantine entries of objects that were not rejected")
    return Balance(_by_site(seen.column("site"), standing, names), tuple(sorted(faults)))


def _promises(
    owners: pa.ChunkedArray, promised: NDArray[np.int64], rows: pa.ChunkedArray
) -> tuple[bool, int]:
    """Compare what outcomes promise with the rows that are there.

    Args:
        owners: of each promise, to whom the rows belong.
        promised: (n,) how many rows.
        rows: to whom each row belongs.

    Returns:
        Whether any promise is broken, and how many owners of rows have no promise.
    """
    counted = rows.value_counts()
    there = counted.field(1).to_numpy()
    place = places(owners, counted.field(0))
    met, first = np.unique(place, return_index=True)
    found = np.zeros(len(place), np.int64)
    first, met = first[met >= 0], met[met >= 0]
    found[first] = there[met]  # rows are given to the first who promises them
    return bool((found != promised).any()), len(there) - len(met)


def _by_site(
    sites: pa.ChunkedArray, standing: NDArray[np.int64], names: list[str]
) -> dict[str, dict[str, int]]:
    """Site to {status: number}, in order, of sightings that stand so."""
    numbers, known = coded(sites)
    table = np.bincount(numbers * len(names) + standing, minlength=len(known) * len(names)).reshape(
        len(known), len(names)
    )
    found: dict[str, dict[str, int]] = {}
    for site, row in sorted(zip(known.to_pylist(), table.tolist(), strict=True)):
        pairs = zip(names, row, strict=True)
        found[site] = dict(sorted((name, number) for name, number in pairs if number))
    return found
