"""Where a lake stands: counts by status, site, region, organ and device, and the books."""

from __future__ import annotations

from collections import Counter
from typing import Any

from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.objects.copies import DIFFER
from echoatlas.pipeline.run.conservation import balance
from echoatlas.pipeline.run.tallies import remembered


def status(lake: Lake) -> dict[str, Any]:
    """Counts over the whole lake; regions, organs and devices count frames."""
    books = balance(lake)
    labels = lake.read("labels", ["region", "organ"])
    flags = lake.read("objects", ["flags"]).column(0).to_pylist()
    frames = lake.read("frames", ["maker", "model", "fan_verdict", "mode"])
    makers = zip(
        frames.column("maker").to_pylist(), frames.column("model").to_pylist(), strict=True
    )
    return {
        "objects": books.totals(),
        "frames": frames.num_rows,
        "regions": _counted(labels.column("region").to_pylist()),
        "organs": _counted(labels.column("organ").to_pylist()),
        "sites": books.sites,
        "devices": _counted([" ".join(dict.fromkeys(pair)) for pair in makers]),
        "modes": _counted(frames.column("mode").to_pylist()),
        "quarantine": _counted(lake.read("quarantine", ["reason"]).column(0).to_pylist()),
        "duplicates": _counted(lake.read("duplicates", ["relation"]).column(0).to_pylist()),
        "tables": remembered(lake.storage),
        "patients_differ": sum(DIFFER in said.split() for said in flags),
        "conservation": books.holds,
        "faults": list(books.faults),
    }


def _counted(values: list[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
