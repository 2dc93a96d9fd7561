"""A run says when what a site sends is no longer like what it sent before."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.gate.drift import binned, said, shifts, stability, volume
from echoatlas.pipeline.gate.history import (
    PLACE,
    SentUpload,
    before_at,
    lately,
    remember_lately,
    uploads_of,
)
from echoatlas.pipeline.gate.mix import Mix, hints_of
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.site import Drift, SiteConfig
from echoatlas.schemas.records import Hint
from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.labels import EvidenceRow
from echoatlas.schemas.rows.objects import ObjectRow, SightingRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made

KINDS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 50), min_size=1)
UPLOADS = {"u-00000000000a": 60, "u-00000000000b": 3}


def organ_of(hints: tuple[Hint, ...]) -> str:
    return hints[0].node if hints else "unknown"


def test_the_same_mix_has_not_moved_and_another_has() -> None:
    before = {"a": 60, "b": 40}

    same = stability({"a": 30, "b": 20}, before)
    turned = stability({"a": 20, "b": 30}, before)
    new = stability({"c": 50}, before)

    assert same == 0
    assert 0 < turned < new
    assert new > 1


@given(KINDS, KINDS)
def test_whatever_is_compared_gives_a_number(new: dict[str, int], before: dict[str, int]) -> None:
    found = stability(new, before)

    assert np.isfinite(found)
    assert found >= 0
    assert stability(before, before) == 0


def test_chance_alone_is_no_drift() -> None:
    rng = np.random.default_rng(0)

    def some() -> Counter[str]:
        return Counter(map(str, np.floor(rng.normal(100, 30, size=50)).astype(int)))

    found = [stability(*binned(some(), some())) for _ in range(500)]

    assert np.mean(np.array(found) > 0.25) < 0.02


def test_a_number_that_never_changed_and_then_does_has_moved() -> None:
    assert stability(*binned({"800": 50}, {"640": 50})) > 1
    assert stability(*binned({"480": 50}, {"640": 50})) > 1
    assert stability(*binned({"none": 50}, {"640": 50})) > 1
    assert stability(*binned({"none": 50}, {"none": 50})) == 0
    assert stability(*binned({"640": 50}, {"640": 50})) == 0


def rows_of(number: int, gray: float, maker: str, organ: str) -> tuple[ObjectRow, list[object]]:
    """An object with a clip of two pictures, of which the second is of another gray and size."""
    own = {"object_id": f"o{number}", "site": "st"}
    kept = made(ObjectRow, **own, locator=f"l{number}", status="kept", maker=maker, format="png")
    rows: list[object] = []
    for place in (1, 0):
        name = f"f{number}-{place}"
        rows.append(
            made(FrameRow, **own, frame_id=name, frame_index=place, native_width=640 + place)
        )
        mean = gray + 90 * place
        rows.append(made(MeasureRow, frame_id=name, object_id=own["object_id"], mean=mean))
    for node in (organ, organ) if organ else ():
        rows.append(made(EvidenceRow, **own, axis="anatomy", node=node, weight=0.5))
    return kept, rows


def lake_of(folder: Path, number: int = 63) -> tuple[Lake, Mix]:
    """A site with objects in two uploads, and how many of each kind these are."""
    lake, mix = Lake(Storage.open(folder)), Mix()
    rng = np.random.default_rng(1)
    tables: dict[str, list[object]] = {}
    uploads = [name for name, many in UPLOADS.items() for _ in range(many)]
    for one in range(number):
        gray = math.nan if one == 7 else float(rng.normal(100, 5))
        kept, rows = rows_of(one, gray, "GE", "abdomen/liver" if one % 3 else "")
        mix.take(kept, rows)
        sight = made(SightingRow, locator=kept.locator, site="st", upload=uploads[one], ordinal=one)
        for row in (kept, sight, *rows):
            tables.setdefault(type(row).__name__, []).append(row)
    names = {"ObjectRow": "objects", "SightingRow": "sightings", "FrameRow": "frames",
             "MeasureRow": "measures", "EvidenceRow": "evidence"}  # fmt: skip
    for kind, some in tables.items():
        lake.append(names[kind], to_arrow(names[kind], some))
    return lake, mix


def test_what_the_lake_has_is_counted_as_workers_count_what_is_new(tmp_path: Path) -> None:
    lake, mix = lake_of(tmp_path)
    site = SiteConfig(site="st", bucket="x")

    found = before_at(lake, site).every

    assert found.objects == mix.objects == 63
    assert {what: counts for what, counts in found.kinds.items() if what != "organs"} == {
        what: counts for what, counts in mix.kinds.items() if what != "organs"
    }
    assert found.organs(organ_of) == mix.organs(organ_of) == {"abdomen/liver": 42, "unknown": 21}
    assert found.kinds["sizes"] == {"640": 63}
    assert found.kinds["gray_levels"]["none"] == 1
    assert before_at(lake, SiteConfig(site="other", bucket="x")).every.objects == 0


def test_what_a_person_accepted_is_counted_by_itself_too(tmp_path: Path) -> None:
    lake, _ = lake_of(tmp_path)
    site = SiteConfig(site="st", bucket="x", drift=Drift(accept=("u-00000000000b",)))

    found = before_at(lake, site)

    assert (found.every.objects, found.accepted.objects) == (63, 3)
    assert found.accepted.organs(organ_of) == {"abdomen/liver": 2, "unknown": 1}
    assert uploads_of(lake, site) == {
        "u-00000000000a": SentUpload(60, 0),
        "u-00000000000b": SentUpload(3, 60),
    }


@pytest.mark.parametrize(
    ("gray", "maker", "organ", "moved"),
    [
        (100.0, "GE", "abdomen/liver", set()),
        (160.0, "GE", "abdomen/liver", {"gray_levels"}),
        (100.0, "Philips", "abdomen/liver", {"devices"}),
        (100.0, "GE", "thorax/breast", {"organs"}),
    ],
)
def test_what_has_moved_is_said_and_nothing_else(
    gray: float, maker: str, organ: str, moved: set[str]
) -> None:
    rng = np.random.default_rng(1)
    before, new = Mix(), Mix()
    for one in range(60):
        before.take(*rows_of(one, float(rng.normal(100, 5)), "GE", "abdomen/liver"))
        new.take(*rows_of(one, float(rng.normal(gray, 5)), maker, organ))

    found = shifts(new, before, Drift(), organ_of)

    assert {one.what for one in found if one.moved} == moved
    assert len(said(found)) == len(moved)
    assert not any("Philips" in one for one in said(found))
    assert shifts(new, before, Drift(min_objects=61), organ_of) == []
    lenient = Drift(max_of={"devices": 99, "organs": 99, "gray_levels": 99})
    assert said(shifts(new, before, lenient, organ_of)) == []


@pytest.mark.parametrize(
    ("objects", "before", "moved"),
    [
        (1000, [100] * 5, False),
        (1001, [100] * 5, True),
        (9, [100] * 5, True),
        (10, [100] * 5, False),
        (1001, [100] * 4, None),  # too few to know
        (40, [1, 1, 1, 1, 2], None),  # none of them is large
        (60, [1, 1, 1, 1, 2], True),
    ],
)
def test_an_upload_is_held_against_the_uploads_of_before(
    objects: int, before: list[int], moved: bool | None
) -> None:
    found = volume(objects, before, Drift())

    assert moved == (None if found is None else found.moved)


def test_what_comes_a_few_at_a_time_is_counted_until_it_is_enough(tmp_path: Path) -> None:
    storage = Storage.open(tmp_path)
    some, more = Mix(), Mix()
    some.take(*rows_of(1, 100.0, "GE", "abdomen/liver"))
    more.take(*rows_of(2, 110.0, "Philips", ""))

    remember_lately(storage, {"st": some, "other": more})
    remember_lately(storage, {"st": lately(storage)["st"].plus(more)})

    assert lately(storage)["st"].to_plain() == some.plus(more).to_plain()
    assert some.plus(more).less(more).to_plain()["objects"] == 1
    assert lately(storage)["st"].less(more).organs(organ_of) == {"abdomen/liver": 1}
    remember_lately(storage, {"st": Mix()})
    assert set(lately(storage)) == {"other"}
    for broken in (b"{", b"[]", json.dumps({"st": {"objects": 1}}).encode()):
        storage.write(PLACE, broken)
        assert lately(storage) == {}


def test_what_is_said_of_an_object_is_the_same_whoever_counts_it() -> None:
    hint = "anatomy\tabdomen/liver\tfolder\t0.50\tr"

    assert hints_of(hint) == (Hint("anatomy", "abdomen/liver", "folder", 0.5, "r"),)
    assert hints_of("") == ()
