"""What a site sent before, as counts, made of the lake's tables within the memory that is given.

Objects that came a few at a time, too few to be compared, are counted in a note until they are
enough. A note that is lost with a killed run costs a later look, and no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.pipeline.gate.mix import COLUMN, NONE, ROW, Mix
from echoatlas.pipeline.lake.views import views
from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.site import SiteConfig

PLACE = "_lately.json"
TABLES = (
    ("sighted", "sightings", ("site", "locator", "upload", "ordinal")),
    ("outcomes", "objects", ("object_id", "site", "status", "locator", "format", "maker", "model")),
    ("pictures", "frames", ("object_id", "frame_id", "site", "frame_index", "pane",
                            "native_width")),
    ("measured", "measures", ("frame_id", "mean")),
    ("told", "evidence", ("object_id", "site", "axis", "node", "source", "weight", "rule")),
)  # fmt: skip
SHOWN = """
CREATE TEMP TABLE shown AS
WITH kept AS (
    SELECT o.*, s.upload IN (SELECT unnest($accepted::VARCHAR[])) AS accepted
    FROM outcomes o JOIN sighted s USING (locator)
    WHERE o.site = $site AND o.status = $kept
),
first AS (
    SELECT object_id, arg_min(frame_id, (frame_index, pane)) AS frame_id,
           arg_min(native_width, (frame_index, pane)) AS width
    FROM pictures WHERE site = $site GROUP BY object_id
)
SELECT object_id, accepted, maker || ', ' || model AS devices, format AS formats,
       coalesce(CAST(TRY_CAST(floor(mean) AS BIGINT) AS VARCHAR), $none) AS gray_levels,
       CAST(width AS VARCHAR) AS sizes
FROM kept JOIN first USING (object_id) JOIN measured USING (frame_id)
"""
SAID = """
SELECT accepted, coalesce(said, ''), count(*) FROM shown LEFT JOIN (
    SELECT object_id, string_agg(hint, $row ORDER BY hint) AS said FROM (
        SELECT DISTINCT object_id,
               concat_ws($column, axis, node, source, CAST(weight AS VARCHAR), rule) AS hint
        FROM told WHERE site = $site
    ) GROUP BY object_id
) USING (object_id) GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class SentUpload:
    """An upload of a site's.

    Attributes:
        objects: sighted in it. first: ordinal of the first of these.
    """

    objects: int
    first: int


@dataclass(frozen=True, slots=True)
class Before:
    """What a site sent and that was kept, before.

    Attributes:
        accepted: of uploads that a person found right. every: all of it.
    """

    every: Mix = field(default_factory=Mix)
    accepted: Mix = field(default_factory=Mix)


def before_at(lake: Lake, site: SiteConfig) -> Before:
    """Count what a lake has of a site."""
    accepted, others = Mix(), Mix()
    with views(lake, TABLES) as connection:
        chosen = {"site": site.site, "kept": str(Status.KEPT), "none": NONE}
        connection.execute(SHOWN, {**chosen, "accepted": list(site.drift.accept)})
        for what in others.kinds:
            rows = (
                connection.execute(SAID, {"site": site.site, "column": COLUMN, "row": ROW})
                if what == "organs"
                else connection.execute(
                    f"SELECT accepted, {what}, count(*) FROM shown GROUP BY 1, 2"
                )
            )
            for right, kind, number in rows.fetchall():
                (accepted if right else others).kinds[what][kind] += number
    for one in (accepted, others):
        one.objects = one.kinds["formats"].total()
    return Before(others.plus(accepted), accepted)


def uploads_of(lake: Lake, site: SiteConfig) -> dict[str, SentUpload]:
    """Opaque id of each of a site's uploads to what was sighted in it."""
    with views(lake, [("sighted", "sightings", ("site", "upload", "ordinal"))]) as connection:
        rows = connection.execute(
            "SELECT upload, count(*), min(ordinal) FROM sighted WHERE site = $site GROUP BY 1",
            {"site": site.site},
        ).fetchall()
    return {upload: SentUpload(objects, first) for upload, objects, first in rows}


def lately(storage: Storage) -> dict[str, Mix]:
    """Site to what it sent since it was last compared; a note that can't be read is none."""
    if not storage.exists(PLACE):
        return {}
    try:
        raw = json.loads(storage.read(PLACE))
        return {site: Mix.from_plain(one) for site, one in raw.items()}
    except (ValueError, KeyError, TypeError, AttributeError):  # of another version, or cut off
        return {}


def remember_lately(storage: Storage, found: Mapping[str, Mix]) -> None:
    """Note what some sites sent since they were last compared; of others it stays as it was."""
    before = {site: one.to_plain() for site, one in lately(storage).items()}
    after = before | {site: one.to_plain() for site, one in found.items()}
    after = {site: one for site, one in after.items() if one["objects"]}
    if after != before:
        storage.write(PLACE, json.dumps(after, sort_keys=True).encode())


def forget_lately(storage: Storage) -> None:
    """Delete the note: of an erasure nothing is left, and be it a count."""
    if storage.exists(PLACE):
        storage.delete([PLACE])
