"""The books of a lake, balanced over columns: as many faults as when each row is looked at."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.portions import Portion
from echoatlas.pipeline.run.conservation import Balance, Booked, Discovered, balanced
from echoatlas.schemas.tables import schema
from echoatlas.schemas.values import Status
from echoatlas.wording import number_of

SEEN = ("locator", "site")
BOOKED = ("locator", "object_id", "site", "status", "frames")
Rows = list[tuple[Any, ...]]


def table(name: str, columns: tuple[str, ...], rows: Rows) -> pa.Table:
    """Rows of some columns of a table, in chunks of two, as many files give them."""
    kinds = pa.schema([schema(name).field(column) for column in columns])
    chunks = [rows[at : at + 2] for at in range(0, len(rows), 2)]
    tables = [pa.table(dict(zip(columns, zip(*some, strict=True), strict=True))) for some in chunks]
    return pa.concat_tables([kinds.empty_table(), *(one.cast(kinds) for one in tables)])


def books(seen: Rows, outcomes: Rows, frames: list[str], refused: list[str]) -> Balance:
    return balanced(
        Discovered.of([Portion.of(table("sightings", SEEN, seen))]),
        Booked.of([Portion.of(table("objects", BOOKED, outcomes))]),
        [Ids.of([pa.array(some, pa.string())]) for some in (frames[:3], frames[3:])],
        [Ids.of([pa.array(some, pa.string())]) for some in (refused[:1], refused[1:])],
    )


def row_by_row(seen: Rows, outcomes: Rows, frames: list[str], refused: list[str]) -> Balance:
    """The same, one Python object a row."""
    of_object, of_locator = Counter(frames), Counter(refused)
    faults: list[str] = []
    sites: dict[str, Counter[str]] = {}
    status = {locator: kind for locator, _, _, kind, _ in outcomes}
    if len(status) != len(outcomes):
        faults.append(
            f"{number_of(len(outcomes) - len(status), 'outcome stands', 'outcomes stand')} twice"
        )
    for locator, site in seen:
        sites.setdefault(site, Counter())[status.pop(locator, "pending")] += 1
    if status:
        faults.append(f"{number_of(len(status), 'outcome is', 'outcomes are')} of no sighting")
    for locator, name, _, kind, number in outcomes:
        if kind not in set(Status):
            faults.append("an outcome is of no known kind")
        if kind == "kept" and of_object.pop(name, 0) != number:
            faults.append("a kept object has more or fewer frames than it says")
        if kind == "rejected" and of_locator.pop(locator, 0) != 1:
            faults.append("a rejected object is not in quarantine once")
    if of_object:
        faults.append(f"frames of {number_of(len(of_object), 'object')} not kept")
    if of_locator:
        faults.append(
            f"{number_of(len(of_locator), 'quarantine entry', 'quarantine entries')} of "
            "objects that were not rejected"
        )
    return Balance(
        {site: dict(sorted(counts.items())) for site, counts in sorted(sites.items())},
        tuple(sorted(set(faults))),
    )


locators = st.sampled_from([f"l{number}" for number in range(6)])
names = st.sampled_from([f"o{number}" for number in range(4)])
sites = st.sampled_from(["qilu", "st-elsewhere"])
kinds = st.sampled_from([*Status, "forgotten"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(locators, sites), max_size=8),
    st.lists(st.tuples(locators, names, sites, kinds, st.integers(0, 2)), max_size=8),
    st.lists(names, max_size=8),
    st.lists(locators, max_size=4),
)
def test_books_over_columns_are_those_kept_row_by_row(
    seen: Rows, outcomes: Rows, frames: list[str], refused: list[str]
) -> None:
    expected = row_by_row(seen, outcomes, frames, refused)

    assert expected == books(seen, outcomes, frames, refused)


def test_a_lake_in_order_has_no_faults_and_says_what_is_pending() -> None:
    seen = [("a", "qilu"), ("b", "qilu"), ("c", "qilu"), ("d", "st-elsewhere")]
    outcomes = [("a", "o1", "qilu", "kept", 2), ("b", "o2", "qilu", "rejected", 0)]

    found = books(seen, outcomes, ["o1", "o1"], ["b"])

    assert (found.sites) == {
        "qilu": {"kept": 1, "pending": 1, "rejected": 1},
        "st-elsewhere": {"pending": 1},
    }
    assert found.holds


def test_a_lost_frame_and_a_forgotten_quarantine_entry_are_told() -> None:
    seen = [("a", "qilu"), ("b", "qilu")]
    outcomes = [("a", "o1", "qilu", "kept", 2), ("b", "o2", "qilu", "rejected", 0)]

    found = books(seen, outcomes, ["o1"], [])

    assert found.faults == (
        "a kept object has more or fewer frames than it says",
        "a rejected object is not in quarantine once",
    )


def test_a_lake_without_a_row_balances() -> None:
    assert Balance() == books([], [], [], [])
