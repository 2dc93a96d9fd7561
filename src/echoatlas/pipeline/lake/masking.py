"""Sightings of what was erased: that there was a file stays known, whose it was does not.

A file that its site has not deleted would otherwise be new at every run. Its place, as the keyed
hash that it is, stays; object and content get ids that only the deployment's key could make, and
nothing else of the row says anything.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.lake.outcome import erased_row
from echoatlas.pipeline.lake.tombstones import MASKED
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.lake.tombstones import Tombstones

SEEN = {"object_id", "content_id"}  # columns of a sighting that are masked


def mask(lake: Lake, stones: Tombstones, locators: Collection[str], run_id: str) -> None:
    """Mask sightings, and put the outcome ``erased`` in the place of theirs.

    Once more does nothing: what is masked already is passed over.

    Args:
        run_id: of whoever holds the lake.
    """
    if not locators:
        return
    mine = pc.field("locator").isin(pa.array(sorted(locators), pa.string()))
    seen = lake.read("sightings", where=mine)
    open_ones = pc.invert(pc.starts_with(seen["object_id"], MASKED))
    # Outcomes first: a sighting that is masked, and has its outcome still, would be found no more
    outcomes = lake.read("objects", ["locator", "object_id"], mine)
    done = outcomes.filter(pc.starts_with(outcomes["object_id"], MASKED))["locator"]
    settled = set(done.to_pylist())
    sightings = (SightingRow(**row) for row in seen.to_pylist())
    due = [one for one in sightings if one.locator not in settled]
    if due:
        masked = (replace(one, object_id=stones.masked(one.object_id)) for one in due)
        table = to_arrow("objects", map(erased_row, masked))
        places = [one.locator for one in due]
        lake.exchange("objects", "locator", places, table, run_id)
    fresh = seen.filter(open_ones)
    if fresh.num_rows:
        for name in SEEN:
            marks = [stones.masked(one) for one in fresh[name].to_pylist()]
            fresh = _put(fresh, name, pa.array(marks, pa.string()))
        fresh = _put(fresh, "bytes", pa.array([0] * fresh.num_rows, pa.int64()))
        lake.exchange("sightings", "locator", fresh["locator"].to_pylist(), fresh, run_id)


def unmasked(lake: Lake) -> list[str]:
    """Locators of outcomes ``erased`` whose ids tell still which bytes they were of."""
    rows = lake.read("objects", ["locator", "object_id"], pc.field("status") == Status.ERASED.value)
    mine = rows.filter(pc.invert(pc.starts_with(rows["object_id"], MASKED)))
    return list(mine["locator"].to_pylist())


def _put(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.schema.field(place), values)
