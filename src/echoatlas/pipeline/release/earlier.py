"""Where earlier releases had each patient: what a later one keeps to, and is compared with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.lake.join import coded, counts, places
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.notices import DEPRECATED, cut_at, living_names, notice_of
from echoatlas.schemas.manifest import MovedSince

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.config.release import ReleaseConfig
    from echoatlas.schemas.manifest import Manifest

COLUMNS = ["patient", "split"]
SAME_RULES = "its group has grown, or its collection's split counts now"


@dataclass(frozen=True, slots=True)
class Earlier:
    """Where earlier releases had each patient.

    Attributes:
        kept: ``patient`` and ``split``, each patient once, by the newest release of the same shares
            and seed that has the patient: where a later one leaves the patient.
        stood: ``patient``, ``split`` and ``release``, by the newest of all that nobody deprecated,
            of whatever shares and seed: what people work with, and what moves are told from.
        why: release to why patients may be elsewhere than it has them.
    """

    kept: pa.Table
    stood: pa.Table
    why: Mapping[str, str]


def nothing_before() -> Earlier:
    """Where there are no releases yet."""
    kept = pa.table({name: pa.array([], pa.string()) for name in COLUMNS})
    return Earlier(kept, kept.append_column("release", pa.array([], pa.string())), {})


def placed_before(releases: Storage, config: ReleaseConfig) -> Earlier:
    """Where releases that are there have each patient.

    Raises:
        CheckFailed: the index of one of them is damaged.
    """
    known = [manifest_of(releases, name) for name in living_names(releases)]
    nothing = nothing_before()
    kept, stood, why = nothing.kept, nothing.stood, dict(nothing.why)
    for one in sorted(known, key=lambda one: (cut_at(releases, one), one.name), reverse=True):
        differs = _differences(one, config)
        notice = notice_of(releases, one.name)
        stands = notice is None or notice.kind != DEPRECATED
        if not stands and differs:
            continue
        rows = _each_once(index_columns_of(releases, one, COLUMNS))
        if not differs:
            kept = _with_new(kept, rows)
        if stands:
            named = pa.array([one.name], pa.string()).take(pa.array(np.zeros(len(rows), np.int64)))
            stood = _with_new(stood, rows.append_column("release", named))
            why[one.name] = "; ".join(differs) or SAME_RULES
    return Earlier(kept, stood, why)


def _each_once(rows: pa.Table) -> pa.Table:
    distinct = rows.group_by(COLUMNS).aggregate([]).select(COLUMNS)
    last = distinct.group_by("patient").aggregate([("split", "max")])
    return last.select(["patient", "split_max"]).rename_columns(COLUMNS)


def _with_new(found: pa.Table, rows: pa.Table) -> pa.Table:
    """What is known, and rows of patients of whom nothing is."""
    new = pc.invert(pc.is_in(rows.column("patient"), value_set=found.column("patient")))
    return pa.concat_tables([found, rows.filter(new)])


def _differences(manifest: Manifest, config: ReleaseConfig) -> list[str]:
    """In what of all that deals patients anew a release differs from what is asked for."""
    seed = manifest.published["config"].get("seed", 0)
    found = [f"another seed: {config.seed}, there {seed}"] if seed != config.seed else []
    return found + (["other shares"] if dict(manifest.config.splits) != config.splits else [])


def moves_since(
    patients: pa.ChunkedArray, splits: pa.Array, earlier: Earlier
) -> tuple[pa.Array, list[dict[str, Any]]]:
    """Who stands in another split than the newest standing release that has the patient.

    Args:
        patients, splits: of each row of a release.

    Returns:
        Of each row the split that its patient was in before, "" where that is the same or there
        was none; and ``MovedSince`` of each release that somebody moved from, the newest first.
    """
    codes, known = coded(patients)
    at = places(known, earlier.stood.column("patient").combine_chunks())
    there = pa.array(at, mask=at < 0)
    was = pc.fill_null(earlier.stood.column("split").combine_chunks().take(there), "")
    before = was.take(pa.array(codes))
    before = pc.if_else(pc.equal(before, splits), "", before)
    gone = np.unique(codes[np.asarray(pc.not_equal(before, ""), np.bool_)])
    stated = earlier.stood.column("release").combine_chunks().take(there)
    both, elsewhere = (counts(some.drop_null()) for some in (stated, stated.take(pa.array(gone))))
    since = [
        MovedSince(name, elsewhere[name], both[name], why)
        for name, why in earlier.why.items()
        if name in elsewhere
    ]
    return before, [asdict(one) for one in since]
