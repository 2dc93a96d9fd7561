"""Where a lake stands: counts by status, site, region, organ and device, and the books."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.lake.join import counts
from echoatlas.pipeline.run.conservation import BOOKED, balanced
from echoatlas.pipeline.run.label_conflicts import label_conflicts, tallied
from echoatlas.pipeline.run.tallies import remembered
from echoatlas.schemas.values import Flag

if TYPE_CHECKING:
    import pyarrow as pa

    from echoatlas.pipeline.lake.tables import Lake


def status(lake: Lake) -> dict[str, Any]:
    """Counts over the whole lake; regions, organs and devices count frames."""
    outcomes = lake.read("objects", [*BOOKED, "flags"])
    frames = lake.read("frames", ["object_id", "maker", "model", "mode"])
    quarantine = lake.read("quarantine", ["locator", "reason"])
    books = balanced(
        lake.read("sightings", ["locator", "site"]),
        outcomes,
        frames.column("object_id"),
        quarantine.column("locator"),
    )
    labels = lake.read("labels", ["region", "organ"])
    flagged = counts(outcomes.column("flags"))
    return {
        "objects": books.totals(),
        "frames": frames.num_rows,
        "regions": counts(labels.column("region")),
        "organs": counts(labels.column("organ")),
        "sites": books.sites,
        "devices": _devices(frames),
        "modes": counts(frames.column("mode")),
        "quarantine": counts(quarantine.column("reason")),
        "duplicates": counts(lake.read("duplicates", ["relation"]).column(0)),
        "label_conflicts": tallied(label_conflicts(lake)),
        "tables": remembered(lake.storage),
        "patients_differ": sum(
            n for said, n in flagged.items() if Flag.PATIENTS_DIFFER in said.split()
        ),
        "conservation": books.holds,
        "faults": list(books.faults),
    }


def _devices(frames: pa.Table) -> dict[str, int]:
    """Maker and model to number of frames, in order; one word where both are the same."""
    found: Counter[str] = Counter()
    for row in frames.group_by(["maker", "model"]).aggregate([([], "count_all")]).to_pylist():
        found[" ".join(dict.fromkeys((row["maker"], row["model"])))] += row["count_all"]
    return dict(sorted(found.items()))
