"""Whether a receipt is due is told by a digest of an upload's rows: theirs alone, in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.gate.held import Unlike
from echoatlas.pipeline.lake.portions import Portion
from echoatlas.pipeline.sites.fates import Fates, SeenFiles, SettledFiles
from echoatlas.schemas.tables import schema
from echoatlas.schemas.values import Consent, Status

Row = dict[str, Any]


def name(number: int) -> str:
    return f"{number * 7919 + 1:032x}"


def outcome(number: int, **values: Any) -> Row:
    """An outcome of an object of its own, the patient's alone, in upload a."""
    first = {"upload": "u-a", "locator": name(number), "object_id": name(1000 + number),
             "patient": f"p-{number}", "status": Status.KEPT.value}  # fmt: skip
    return first | values


def portions(table: str, rows: Sequence[Row], cut: int) -> list[Portion]:
    full = [
        {
            field.name: row.get(field.name, "" if pa.types.is_string(field.type) else 0)
            for field in schema(table)
        }
        for row in rows
    ]
    parts = [full[:cut], full[cut:]]
    return [Portion.of(pa.Table.from_pylist(part, schema(table))) for part in parts if part]


def digests(
    outcomes: Sequence[Row],
    sightings: Sequence[Row] = (),
    listed: Mapping[str, Consent] = MappingProxyType({}),
    unlike: tuple[Unlike, ...] = (),
    cut: int = 1,
) -> dict[str, bytes]:
    settled = [SettledFiles.of(part) for part in portions("objects", outcomes, cut)]
    seen = [SeenFiles.of(part) for part in portions("sightings", sightings, cut)]
    return Fates(SettledFiles.joined(settled), SeenFiles.joined(seen)).digests(listed, unlike)


ROWS = [
    outcome(1),
    outcome(2, status="rejected", reason="no_fan"),
    outcome(3, status="duplicate", object_id=name(1002)),  # of the one that was rejected
    outcome(4, upload="u-b", flags="mask_text"),
    outcome(5, upload="u-b", status="duplicate", object_id=name(1001)),
]


@given(st.permutations(ROWS), st.integers(0, 5))
def test_neither_order_nor_how_rows_are_cut_changes_anything(rows: list[Row], cut: int) -> None:
    assert digests(rows, cut=cut) == digests(ROWS)


@pytest.mark.parametrize(
    ("place", "change", "uploads"),
    [
        (1, {"reason": "no_dynamic_range"}, {"u-a"}),
        (0, {"status": "rejected", "reason": "no_fan"}, {"u-a", "u-b"}),  # the copy in b shares it
        (0, {"consent": Consent.WITHDRAWN.value}, {"u-a", "u-b"}),
        (0, {"locator": name(99)}, {"u-a"}),
        (3, {"flags": ""}, {"u-b"}),
        (4, {"object_id": name(77)}, set()),  # of an object of another upload, which says as little
    ],
)
def test_what_a_receipt_says_changes_the_digest_of_its_upload_and_of_no_other(
    place: int, change: Row, uploads: set[str]
) -> None:
    before = digests(ROWS)
    after = digests([*ROWS[:place], ROWS[place] | change, *ROWS[place + 1 :]])

    assert {one for one in before if before[one] != after[one]} == uploads


def test_what_a_list_says_of_a_patient_reaches_all_copies() -> None:
    before = digests(ROWS)

    after = digests(ROWS, listed={"p-1": Consent.WITHDRAWN, "p-77": Consent.REFUSED})

    assert {one for one in before if before[one] != after[one]} == {"u-a", "u-b"}
    assert digests(ROWS, listed={"p-2": Consent.REFUSED}) == before  # it is rejected anyhow


def test_what_waits_for_a_person_is_told_once_and_not_when_it_is_settled() -> None:
    seen = [{"upload": "u-a", "locator": name(at), "ordinal": at} for at in range(1, 9)]
    waits = Unlike(6, 7, 2, ("u-a",), "limits", ("gray levels",))

    before = digests(ROWS, seen)

    assert digests(ROWS, seen, unlike=(waits,))["u-a"] != before["u-a"]
    settled = replace(waits, first=1, last=5)
    assert digests(ROWS, seen, unlike=(settled,)) == before
    assert digests(ROWS, seen[:-1])["u-a"] != before["u-a"]
