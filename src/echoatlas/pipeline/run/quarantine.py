"""The quarantine: what was rejected, and the way back."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from echoatlas.pipeline.errors import Reason, UsageError, no_such
from echoatlas.pipeline.run.commit import recover
from echoatlas.pipeline.run.conservation import balance
from echoatlas.pipeline.run.metrics import tell_books
from echoatlas.schemas.rows.objects import QuarantineRow

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tables import Lake


def quarantined(
    deployment: Deployment, site: str | None = None, reason: str | None = None
) -> list[QuarantineRow]:
    """Rejected objects in order of site and reason.

    Raises:
        UsageError: there is no such site or reason.
    """
    if site is not None:
        deployment.site(site)
    if reason is not None and reason not in set(Reason):
        raise no_such("reason", reason, [one.value for one in Reason])
    rows = [QuarantineRow(**row) for row in deployment.lake.read("quarantine").to_pylist()]
    chosen = [r for r in rows if site in (None, r.site) and reason in (None, r.reason)]
    return sorted(chosen, key=lambda r: (r.site, r.reason, r.object_id))


def one_quarantined(deployment: Deployment, object_id: str) -> QuarantineRow:
    """The one object whose id starts so.

    Raises:
        UsageError: none does, or several.
    """
    found = [r for r in quarantined(deployment) if r.object_id.startswith(object_id)]
    if len({row.object_id for row in found}) != 1:
        many = "several objects start" if found else "no object starts"
        raise UsageError(f"{many} with '{object_id}' in quarantine")
    return found[0]


def release_from_quarantine(
    deployment: Deployment, site: str | None = None, reason: str | None = None
) -> int:
    """Forget rejections, so that the next run works on these objects anew.

    What a reviewer saw leak is worked on anew only if its reason is named. ``objects`` goes last:
    should this be cut off, the objects are still rejected, and asking again completes it.

    An archive that was refused as a whole is forgotten altogether: its members are named anew. So
    is a file that could not be read: it was named by its place, and is named by its bytes then; and
    one that was exchanged, which is named by what it is now.
    """
    rows = [
        row
        for row in quarantined(deployment, site, reason)
        if row.reason != Reason.SEEN_BY_REVIEWER or reason is not None
    ]
    places = sorted(row.locator for row in rows)
    ids = sorted({row.object_id for row in rows})
    if rows:
        lake = deployment.lake
        run_id = f"retry-{secrets.token_hex(6)}"
        with lake.held(run_id) as lock:
            if lock.before:
                recover(lake, lock.before)
            lake.drop_rows("audit", "object_id", ids, run_id)
            lake.drop_rows("readings", "object_id", ids, run_id)
            lake.drop_rows("quarantine", "locator", places, run_id)
            lake.drop_rows("objects", "locator", places, run_id)
            whole = _to_be_named(lake, rows)
            lake.drop_rows("objects", "locator", whole, run_id)  # copies of them too
            lake.drop_rows("sightings", "locator", whole, run_id)
            tell_books(lake.storage, balance(lake))
    return len(rows)


def _to_be_named(lake: Lake, rows: list[QuarantineRow]) -> list[str]:
    """Where files lie that have no name by what they hold: archives that were named as one object,
    those of the same bytes too, what was exchanged, and what could not be read."""
    anew = (Reason.UNSAFE_ARCHIVE, Reason.EXCHANGED)
    other = {row.object_id for row in rows if row.reason in anew}
    asked = {row.object_id for row in rows}
    alone = pc.field("member") < 0
    seen = lake.read("sightings", ["locator", "object_id", "content_id"], alone).to_pylist()
    return sorted(
        one["locator"]
        for one in seen
        if one["object_id"] in other
        or (one["object_id"] in asked and one["object_id"] == one["content_id"])
    )
