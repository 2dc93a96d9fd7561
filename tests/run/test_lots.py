"""New objects are judged in lots: large enough to be compared, small enough to be done again."""

from __future__ import annotations

import pytest

from echoatlas.pipeline.plan.work_item import WorkItem
from echoatlas.pipeline.run.lots import MOST, MOST_HELD, cut_lots
from echoatlas.schemas.rows.objects import SightingRow
from tests.helpers.tables import made


def sent(**uploads: int) -> list[WorkItem]:
    """Objects of some uploads, in order."""
    names = [name for name, number in uploads.items() for _ in range(number)]
    rows = [made(SightingRow, upload=name, ordinal=n) for n, name in enumerate(names)]
    return [WorkItem(row, "scan.dcm") for row in rows]


@pytest.mark.parametrize(
    ("uploads", "least", "most", "expected"),
    [
        ({"a": 60, "b": 60}, 50, MOST, [60, 60]),
        ({"a": 30, "b": 30, "c": 60}, 50, MOST, [60, 60]),
        ({"a": 60, "b": 20}, 50, MOST, [80]),
        ({"a": 20}, 50, MOST, [20]),
        ({"a": 2_010}, 50, MOST, [1_000, 1_010]),
        ({"a": 1_000}, 50, MOST_HELD, [250] * 4),
        ({"a": 900}, 400, MOST_HELD, [400, 500]),
        ({"a": 5_000}, 2_000, MOST, [2_000, 3_000]),
    ],
)
def test_a_lot_ends_with_an_upload_or_where_it_is_full_and_is_never_too_small_to_be_compared(
    uploads: dict[str, int], least: int, most: int, expected: list[int]
) -> None:
    items = sent(**uploads)

    lots = cut_lots(items, least, most)

    assert expected == [len(lot) for lot in lots]
    assert items == [item for lot in lots for item in lot]
