"""Where a lake stands: counts by status, site, region, organ and device, and the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.gate.held import batches_held
from echoatlas.pipeline.gate.pages import address
from echoatlas.pipeline.lake.portions import Wanted
from echoatlas.pipeline.lake.tombstones import unfinished_erasure
from echoatlas.pipeline.objects.heeded import heeded
from echoatlas.pipeline.run.conservation import balance
from echoatlas.pipeline.run.counting import ValueCounts
from echoatlas.pipeline.run.label_conflicts import label_conflicts, tallied
from echoatlas.pipeline.run.tallies import remembered
from echoatlas.schemas.values import Consent, Flag, Status
from echoatlas.taxonomy.devices import named_device

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake


# Whatever is counted is read together with what the books are balanced by
COUNTED = {
    "frames": (("mode",), ("maker", "model")),
    "labels": (("region",), ("organ",)),
    "objects": (("flags",), ("consent",)),
    "quarantine": (("reason",),),
    "duplicates": (("relation",),),
}


def status(lake: Lake) -> dict[str, Any]:
    """Counts over the whole lake; regions, organs and devices count frames."""
    counts = ValueCounts(COUNTED)
    books = balance(lake, counts)
    for name in ("labels", "duplicates"):
        for _ in counts.portions(lake, Wanted(name, ())):
            pass
    modes, flagged = counts.of("frames", "mode"), counts.of("objects", "flags")
    consent = counts.of("objects", "consent")
    return {
        "objects": books.totals(),
        "frames": modes.total(),
        "regions": _in_order(counts.of("labels", "region")),
        "organs": _in_order(counts.of("labels", "organ")),
        "sites": books.sites,
        "devices": _devices(counts),
        "modes": _in_order(modes),
        "quarantine": _in_order(counts.of("quarantine", "reason")),
        "duplicates": _in_order(counts.of("duplicates", "relation")),
        "label_conflicts": tallied(label_conflicts(lake)),
        "tables": remembered(lake.storage),
        "held": {
            site: {
                "objects": one.objects,
                "failed": [name for name, _, _ in one.checks],
                "page": address(one.run_id, site),
            }
            for site, one in batches_held(lake.storage).items()
        },
        "patients_differ": sum(
            n for said, n in flagged.items() if Flag.PATIENTS_DIFFER in said.split()
        ),
        "masks_left_out": sum(n for said, n in flagged.items() if "mask_" in said),
        "consent": {one.value: consent[one] for one in Consent if one and consent[one]},
        "patient_lists": {site: asdict(one) for site, one in heeded(lake).items()},
        "conservation": books.holds,
        "faults": list(books.faults),
        "erasure": unfinished_erasure(lake.storage),
    }


def without_file(sites: Mapping[str, Mapping[str, int]], known: Collection[str]) -> list[str]:
    """Sites of which something is there, and that are no sites of the deployment any more.

    Args:
        sites: to how many objects of each status. known: names of the deployment's sites.
    """
    there = (name for name, counts in sites.items() if {*counts} - {Status.ERASED})
    return sorted({*there} - {*known})


def _devices(counts: ValueCounts) -> dict[str, int]:
    """Maker and model to number of frames, in order; one word where both are the same."""
    found: Counter[str] = Counter()
    for (maker, model), number in counts.found.get(
        ("frames", ("maker", "model")), Counter()
    ).items():
        found[named_device(maker, model)] += number
    return _in_order(found)


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
