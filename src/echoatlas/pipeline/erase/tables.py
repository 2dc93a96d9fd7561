"""The tables' side of an erasure: rows out, what hangs on them made anew, sightings masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echoatlas.pipeline.deduplicate.kept_codes import forget_codes
from echoatlas.pipeline.lake.masking import mask
from echoatlas.pipeline.run.lake_steps import renew_lake
from echoatlas.schemas.tables import TABLES, columns

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.lake.tombstones import Tombstones

# Columns by which rows of an object, or of its frames, are told; each table has some of them. What
# other rows say of those (clusters, representatives) is computed anew from what is left.
IDS = ("object_id", "other_object", "frame_id", "locator")
# Sightings and outcomes stay, masked
OWNED = {
    name: tuple(one for one in IDS if one in columns(table.row))
    for name, table in TABLES.items()
    if name not in ("sightings", "objects")
}


def take_out(deployment: Deployment, gone: Doomed, stones: Tombstones, run_id: str) -> list[str]:
    """Take all rows of what goes out of the tables, and choose anew what stands for the rest.

    Each table is looked through once more by whoever is cut off and begins anew.

    Args:
        run_id: of whoever holds the lake.

    Returns:
        What did not pass the gate of what was chosen anew, in words.
    """
    lake = deployment.lake
    values = {
        "object_id": gone.objects,
        "other_object": gone.objects,
        "frame_id": gone.frames,
        "locator": gone.locators,
    }
    for name, known in OWNED.items():
        for column in known:
            lake.drop_rows(name, column, values[column], f"{run_id}-{name}-{column}")
    listed = {"patient": (*gone.patients, *gone.aliases), "known_as": gone.marks}
    if gone.whole:
        listed["site"] = (gone.site,)
    for column, some in listed.items():
        lake.drop_rows("consents", column, some, f"{run_id}-consents-{column}")
    mask(lake, stones, gone.locators, run_id)
    # What tables state of studies of which nothing is left; no run states it of them again
    left = set(lake.read("objects", ["study"])["study"].to_pylist())
    without = set(lake.read("stated", ["study"])["study"].to_pylist()) - left
    lake.drop_rows("stated", "study", without, f"{run_id}-stated-study")
    forget_codes(lake.storage)  # hashes of theirs among them, also where a killed run left some
    return renew_lake(deployment, run_id)
