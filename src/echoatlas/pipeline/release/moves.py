"""Who moved: patients in another split than an earlier release, or their collection, has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from echoatlas.pipeline.release.manifest import index_columns_of

if TYPE_CHECKING:
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

COLUMNS = ("patient", "split", "moved_from", "native_split")


def patients_moved(releases: Storage, manifest: Manifest) -> list[dict[str, Any]]:
    """One row a patient, split before and reason, in the order of patients.

    Returns:
        patient, from, to, why (an earlier release, or the collection's split), and frames.
    """
    index = index_columns_of(releases, manifest, COLUMNS)
    found = []
    for column, why in (("moved_from", "earlier release"), ("native_split", "native split")):
        if column not in index.column_names:
            continue
        before, now = index.column(column), index.column("split")
        stated = pc.not_equal(before, "")
        if column == "native_split":  # folds are nobody's
            mine = pc.cast(list(manifest.config.splits), before.type)
            stated = pc.is_in(before, value_set=mine)
        rows = index.filter(pc.and_(stated, pc.not_equal(before, now)))
        counted = rows.group_by(["patient", column, "split"]).aggregate([([], "count_all")])
        for row in counted.to_pylist():
            found.append(
                {
                    "patient": row["patient"],
                    "from": row[column],
                    "to": row["split"],
                    "why": why,
                    "frames": row["count_all"],
                }
            )
    return sorted(found, key=lambda row: (row["patient"], row["why"], row["from"]))
