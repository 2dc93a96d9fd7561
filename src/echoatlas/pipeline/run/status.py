"""Where a lake stands: counts by status, site, region, organ and device, and the books."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.gate.held import batches_held
from echoatlas.pipeline.gate.pages import address
from echoatlas.pipeline.lake.codes import TextCodes
from echoatlas.pipeline.lake.portions import Wanted
from echoatlas.pipeline.objects.heeded import heeded
from echoatlas.pipeline.run.conservation import balance
from echoatlas.pipeline.run.label_conflicts import label_conflicts, tallied
from echoatlas.pipeline.run.tallies import remembered
from echoatlas.schemas.values import Consent, Flag

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake


def status(lake: Lake) -> dict[str, Any]:
    """Counts over the whole lake; regions, organs and devices count frames."""
    books = balance(lake)
    frames = _counted(lake, "frames", "mode")
    labels = _counted(lake, "labels", "region", "organ")
    objects = _counted(lake, "objects", "flags", "consent")
    flagged, consent = objects["flags"], objects["consent"]
    return {
        "objects": books.totals(),
        "frames": frames["mode"].total(),
        "regions": _in_order(labels["region"]),
        "organs": _in_order(labels["organ"]),
        "sites": books.sites,
        "devices": _devices(lake),
        "modes": _in_order(frames["mode"]),
        "quarantine": _in_order(_counted(lake, "quarantine", "reason")["reason"]),
        "duplicates": _in_order(_counted(lake, "duplicates", "relation")["relation"]),
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
    }


def _counted(lake: Lake, name: str, *columns: str) -> dict[str, Counter[str]]:
    """Of columns of a table, each value to the number of its rows."""
    found = {column: Counter[str]() for column in columns}
    for rows in lake.portions(Wanted(name, columns, columns)):
        for column, counts in found.items():
            counts.update(TextCodes.of(rows.chunks(column)).counts())
    return found


def _devices(lake: Lake) -> dict[str, int]:
    """Maker and model to number of frames, in order; one word where both are the same."""
    found: Counter[str] = Counter()
    columns = ("maker", "model")
    for rows in lake.portions(Wanted("frames", columns, columns)):
        makers, models = (TextCodes.of(rows.chunks(column)) for column in columns)
        both = makers.numbers.astype(np.int64) * len(models.words) + models.numbers
        numbers = np.bincount(both, minlength=len(makers.words) * len(models.words)).tolist()
        pairs = product(makers.words, models.words)
        for (maker, model), number in zip(pairs, numbers, strict=True):
            found[" ".join(dict.fromkeys((maker, model)))] += number
    return _in_order(+found)


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
