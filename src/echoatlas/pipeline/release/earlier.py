"""Where earlier releases had each patient: what a later one keeps to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.notices import living_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

COLUMNS = ["patient", "split"]


def placed_before(releases: Storage, shares: Mapping[str, float], seed: int) -> pa.Table:
    """``patient`` and ``split``, each patient once, by the newest release of the same shares and
    seed that has the patient.

    Raises:
        CheckFailed: the index of one of them is damaged.
    """
    known = [manifest_of(releases, name) for name in living_names(releases)]
    same = [one for one in known if _scheme(one) == (dict(shares), seed)]
    found = pa.table({name: pa.array([], pa.string()) for name in COLUMNS})
    for manifest in sorted(same, key=lambda one: (one.created, one.name), reverse=True):
        rows = index_columns_of(releases, manifest, COLUMNS)
        distinct = rows.group_by(COLUMNS).aggregate([]).select(COLUMNS)
        last = distinct.group_by("patient").aggregate([("split", "max")])
        last = last.select(["patient", "split_max"]).rename_columns(COLUMNS)
        new = pc.invert(pc.is_in(last.column("patient"), value_set=found.column("patient")))
        found = pa.concat_tables([found, last.filter(new)])
    return found


def _scheme(manifest: Manifest) -> tuple[dict[str, float], int]:
    return dict(manifest.config.splits), manifest.published["config"].get("seed", 0)
