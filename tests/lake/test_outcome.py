"""What the lake tells of an object of which it holds no frames."""

from __future__ import annotations

from dataclasses import astuple

from echoatlas.pipeline.lake.outcome import erased_row, outcome_row
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.schemas.values import Status

CONTENT, SIZE = "c0ffee" * 5, 4711
SIGHTING = SightingRow("place", "object", CONTENT, "qilu", "u-1", "archive", 3, 8, SIZE)


def test_a_duplicate_is_told_of_with_its_bytes_and_what_decided_it() -> None:
    row = outcome_row(SIGHTING, Status.DUPLICATE, license_id="CC0-1.0", fingerprint="made-by")

    told = ("duplicate", CONTENT, SIZE, "CC0-1.0", "made-by", 0)
    assert told == (row.status, row.content_id, row.bytes, row.license, row.fingerprint, row.frames)


def test_what_was_erased_is_told_of_by_its_place_alone() -> None:
    row = erased_row(SIGHTING)

    assert {"object", "qilu", "u-1", "erased", "place", "unknown", "", 0} == set(astuple(row))
