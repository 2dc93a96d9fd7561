"""What is due at a site, as joins over columns: the same as when each sighting is looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.portions import Portion
from echoatlas.pipeline.objects.fingerprints import Fingerprints
from echoatlas.pipeline.plan.classify import Due, Sighted, classify
from echoatlas.pipeline.plan.columns import OUTCOME, READING, Outcomes, Readings, Sightings
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.schemas.tables import schema, to_arrow

TODAY = Fingerprints("frames", "evidence")
LISTED = [f"f{number}" for number in range(4)]  # more places than these are gone


@dataclass(frozen=True)
class World:
    """A small lake: sightings, outcomes and readings of one site, and what tables say today.

    Attributes:
        beside: files beside tables. said: locator to what is said of it there; "" for nothing.
    """

    seen: list[SightingRow]
    outcomes: dict[str, tuple[str, str, str]]
    readings: dict[str, str]
    beside: frozenset[str]
    said: dict[str, str]

    def told(self, object_id: str) -> str | None:
        """As ``Known.told`` defines it."""
        some = [one for one in self.seen if one.object_id == object_id]
        present = [one for one in some if place(one) in LISTED]
        new = any(one.locator not in self.outcomes for one in some)
        if len(present) < len(some) and (not new or not present):
            return None
        said = [self.said[one.locator] if place(one) in self.beside else "" for one in present]
        if len(some) == 1 and not any(said):
            return ""
        return "/".join([*(one.locator for one in some), *said])


def place(one: SightingRow) -> str:
    return one.container or one.locator


def looked_at(world: World) -> dict[str, Any]:
    """What is due, one Python object a sighting: how it was written down first."""
    settled = {name for name, status, _, _ in outcomes_of(world) if status != "duplicate"}
    there = {one.object_id for one in world.seen if place(one) in LISTED}
    due: dict[str, list[str]] = defaultdict(list)
    spoken, made_by, read_by = 0, Counter[str](), Counter[str]()
    for one in world.seen:
        status, reason, mark = world.outcomes.get(one.locator, ("", "", ""))
        if not status:
            if one.object_id in settled:
                due["repeats"].append(one.locator)
            else:
                settled.add(one.object_id)
                due["pending" if one.object_id in there else "lost"].append(one.locator)
        elif reason == "seen_by_reviewer":
            made_by[TODAY.frames] += 1
        elif status in ("kept", "rejected"):
            frames, _, before = mark.partition("+")
            told = world.told(one.object_id)
            renewed = frames == TODAY.frames and told is not None and told != before
            made_by[f"{frames}+" if renewed else frames] += 1
            read = world.readings.get(one.object_id, "")
            spoken += renewed
            if frames != TODAY.frames or renewed:
                due["stale" if one.object_id in there else "gone"].append(one.locator)
            elif read != TODAY.evidence and one.object_id in there:
                due["unread"].append(one.locator)
                read_by[read] += 1
    kinds = ("pending", "stale", "unread", "repeats", "lost")
    return {kind: due[kind] for kind in kinds} | {
        "spoken": spoken,
        "made_by": dict(made_by),
        "read_by": dict(read_by),
    }


def outcomes_of(world: World) -> list[tuple[str, str, str, str]]:
    ids = {one.locator: one.object_id for one in world.seen}
    return [(ids[locator], *row) for locator, row in world.outcomes.items()]


def joined(world: World) -> tuple[Due, Sighted]:
    """The same as joins; sightings in no order, as they lie in a table."""
    rows = to_arrow("sightings", world.seen)
    parts = [Sightings.of("qilu", Portion.of(part)) for part in (rows[:2], rows[2:])]
    seen = Sighted.of(Sightings.joined(parts, "qilu"), Ids.of([pa.array(LISTED)]))
    outcomes = [(locator, *some) for locator, some in sorted(world.outcomes.items())]
    some = columns("objects", OUTCOME, outcomes)
    due = classify(
        seen,
        Outcomes.joined([Outcomes.of(Portion.of(some[:3])), Outcomes.of(Portion.of(some[3:]))]),
        Readings.of(Portion.of(columns("readings", READING, list(world.readings.items())))),
        TODAY,
        np.array([LISTED.index(one) for one in sorted(world.beside)], np.int64),
        lambda objects, _: [world.told(one) for one in seen.objects.take(objects).texts()],
    )
    return due, seen


def columns(name: str, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> pa.Table:
    some = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    kinds = pa.schema([schema(name).field(column) for column in names])
    return pa.table(dict(zip(names, some, strict=True)), schema=kinds)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Lakes with repeats, archives, files that are gone, and outcomes of every kind."""
    seen: list[SightingRow] = []
    for number in range(draw(st.integers(0, 7))):
        file = draw(st.sampled_from([*LISTED, "g0", "g1"]))
        loose = file not in {place(one) for one in seen} and draw(st.booleans())
        seen.append(
            SightingRow(
                locator=file if loose else f"m{number}",
                object_id=draw(st.sampled_from(["o1", "o2", "o3", "o4"])),
                content_id="c",
                site="qilu",
                upload="u",
                container="" if loose else file,
                member=-1 if loose else number,
                ordinal=number,
                bytes=1,
            )
        )
    told = {one.locator: draw(st.sampled_from(["", "a", "b"])) for one in seen}
    world = World(
        seen,
        {},
        draw(
            st.dictionaries(
                st.sampled_from(["o1", "o2", "o3"]), st.sampled_from(["evidence", "old"])
            )
        ),
        frozenset(draw(st.sets(st.sampled_from(LISTED)))),
        told,
    )
    for one in seen:
        kind = draw(st.sampled_from(["", "kept", "kept", "rejected", "duplicate", "erased"]))
        if not kind:
            continue
        same = world.told(one.object_id) or ""
        before = draw(st.sampled_from([same, same, "", "else"]))
        frames = draw(st.sampled_from([TODAY.frames, TODAY.frames, "old-beside"]))
        reason = draw(st.sampled_from(["too_large", "seen_by_reviewer"]))
        world.outcomes[one.locator] = (
            kind,
            reason if kind == "rejected" else "",
            f"{frames}+{before}" if before else frames,
        )
    return world


@settings(deadline=None)
@given(worlds())
def test_joins_find_what_looking_at_each_sighting_finds(world: World) -> None:
    expected = looked_at(world)

    due, seen = joined(world)

    locators = seen.rows.locators.texts()
    found = {
        kind: [locators[number] for number in getattr(due, kind)]
        for kind in ("pending", "stale", "unread", "repeats", "lost")
    }
    assert expected == found | {
        "spoken": due.spoken,
        "made_by": due.made_by,
        "read_by": due.read_by,
    }
    refused = {name for name, status, _, _ in outcomes_of(world) if status == "rejected"}
    ids = {one.locator: one.object_id for one in world.seen}
    wanted = {ids[one] for kind in ("pending", "stale", "unread") for one in found[kind]}
    assert refused & wanted == due.rejected


def sighting(locator: str, object_id: str, ordinal: int, container: str = "") -> SightingRow:
    member = 0 if container else -1
    return SightingRow(locator, object_id, "c", "qilu", "u", container, member, ordinal, 1)


def a_world(*seen: SightingRow, **given: Any) -> World:
    empty: dict[str, Any] = {"outcomes": {}, "readings": {}, "beside": frozenset(), "said": {}}
    return World(list(seen), **empty | given)


def test_a_site_that_sent_nothing_has_nothing_due() -> None:
    due, seen = joined(a_world())

    assert (due.pending.tolist(), due.lost.tolist(), due.made_by) == ([], [], {})
    assert seen.next_ordinal == 0


def test_the_second_of_two_new_copies_is_a_repeat_whatever_their_order_in_the_table() -> None:
    due, seen = joined(a_world(sighting("f1", "o1", 0), sighting("f0", "o1", 1)))

    assert (due.pending.tolist(), due.repeats.tolist()) == ([0], [1])
    assert seen.rows.locators.texts() == ["f1", "f0"]


def test_an_object_whose_file_is_gone_is_pending_while_a_copy_is_there() -> None:
    due, _ = joined(a_world(sighting("g0", "o1", 0), sighting("f0", "o1", 1)))

    assert (due.pending.tolist(), due.lost.tolist()) == ([0], [])


def test_what_a_person_rejected_stays_whatever_the_settings_are() -> None:
    refused = {"f0": ("rejected", "seen_by_reviewer", "old")}

    due, _ = joined(a_world(sighting("f0", "o1", 0), outcomes=refused))

    assert ([], {TODAY.frames: 1}) == (due.stale.tolist(), due.made_by)


def test_only_objects_of_several_sightings_or_beside_tables_are_asked_about() -> None:
    seen = Sighted.of(
        Sightings.of(
            "qilu",
            Portion.of(to_arrow("sightings", [sighting("f0", "o1", 0), sighting("f1", "o2", 1)])),
        ),
        Ids.of([pa.array(LISTED)]),
    )
    kept = [("f0", "kept", "", "frames"), ("f1", "kept", "", "frames")]
    asked: list[str] = []

    def tell(objects: Any, settled: Any) -> list[str | None]:
        asked.extend(seen.objects.take(objects).texts())
        return [""] * len(objects)

    classify(
        seen,
        Outcomes.of(Portion.of(columns("objects", OUTCOME, kept))),
        Readings.of(Portion.of(columns("readings", READING, []))),
        TODAY,
        np.array([LISTED.index("f1")]),
        tell,
    )

    assert asked == ["o2"]
