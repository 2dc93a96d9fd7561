"""How objects are cut into batches, so that all workers end together."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from echoatlas.pipeline.plan.batch import FEW, LIGHT, Left, cut
from echoatlas.pipeline.plan.work_item import WorkItem
from echoatlas.schemas.rows.objects import SightingRow


def item_of(number: int, archive: str = "", size: int = LIGHT) -> WorkItem:
    """An object, loose or a member of an archive."""
    named = f"{number:06d}"
    member = number if archive else -1
    sighting = SightingRow(named, named, named, "st", "upload", archive, member, number, size)
    return WorkItem(sighting, archive or f"upload/{named}.dcm")


def sizes(items: Sequence[WorkItem], left: Left, **more: object) -> list[int]:
    parts = list(cut(items, left, **more))  # type: ignore[arg-type]
    assert [one for part in parts for one in part] == list(items)
    return [len(part) for part in parts]


@pytest.mark.parametrize(("count", "slots"), [(20, 2), (100, 2), (1_000, 8), (7, 4), (1, 16)])
def test_batches_take_at_most_a_quarter_of_each_workers_share_of_what_is_left(
    count: int, slots: int
) -> None:
    found = sizes([item_of(n) for n in range(count)], Left(count, slots, 32))

    left = count
    for size in found:
        assert size <= max(1, left // (4 * slots)) and size <= 32
        left -= size
    assert found == sorted(found, reverse=True)  # so nobody waits long for whoever has the last


def test_sites_share_what_is_left_of_a_run() -> None:
    left = Left(100, 2, 32)

    first, second = (
        sizes([item_of(n) for n in some], left) for some in (range(60), range(60, 100))
    )

    assert first[0] == 100 // 8 and second[0] <= 40 // 8
    assert left.objects == 0


def test_an_archive_is_not_opened_for_each_of_its_last_members() -> None:
    members = [item_of(n, archive="upload/all.zip") for n in range(40)]

    assert min(sizes(members, Left(40, 16, 32))) == FEW
    assert max(sizes(members, Left(40, 16, 4))) == 4  # the setting holds all the same


def test_few_light_objects_are_not_a_file_a_table_each() -> None:
    light = [item_of(n, size=1000) for n in range(50)]

    assert sizes(light, Left(50, 4, 32)) == [8, 8, 8, 8, 8, 8, 2]


def test_a_batch_ends_where_its_bytes_would_be_too_many() -> None:
    heavy = [item_of(n, size=LIGHT) for n in range(6)]

    assert sizes(heavy, Left(1_000, 1, 32), most_bytes=2 * LIGHT + 1) == [2, 2, 2]


def test_what_kept_batches_from_passing_goes_alone_and_last() -> None:
    items = [item_of(n) for n in range(10)]
    faulty = {items[3].sighting.object_id, items[7].sighting.object_id}

    parts = list(cut(items, Left(1_000, 1, 32), faulty))

    assert [len(part) for part in parts] == [8, 1, 1]
    assert {part[0].sighting.object_id for part in parts[1:]} == faulty
