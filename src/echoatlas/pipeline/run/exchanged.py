"""Instances of a DICOMweb service in whose place others were put, under the same UID.

A bucket's file that was written over is another file, and may be another scan; a SOP instance's UID
names one scan for ever. So what was taken of it goes as the other is named: it may have been
exchanged since it showed what it should not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.dicomweb.address import is_service
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.plan.survey import Survey


def exchanged(deployment: Deployment, seen: Survey) -> list[SightingRow]:
    """The sightings of kept objects of a site's whose instances are there as others now."""
    if not is_service(seen.site.bucket) or not seen.pending:
        return []
    key, here = deployment.site_key(seen.site.site), pc.field("site") == seen.site.site
    uids = (one.name.rpartition("/")[2].removesuffix(".dcm") for one in seen.items(seen.pending))
    named = pa.array([key.pseudonym("instance", uid) for uid in uids], pa.string())
    kept = (pc.field("status") == str(Status.KEPT)) & pc.field("instance").isin(named)
    objects = deployment.lake.read("objects", ["object_id"], here & kept).column("object_id")
    known = pc.field("object_id").isin(objects.combine_chunks())
    sightings = deployment.lake.read("sightings", None, here & known)
    there = pc.is_in(sightings.column("locator"), seen.arrived.listing.locators.combine_chunks())
    lives = set(sightings.filter(there).column("object_id").to_pylist())
    rows = [SightingRow(**row) for row in sightings.to_pylist() if row["object_id"] not in lives]
    firsts: dict[str, SightingRow] = {}
    for one in sorted(rows, key=lambda row: row.ordinal):
        firsts.setdefault(one.object_id, one)
    return list(firsts.values())
