"""What was erased and is back: a lake or a release that was restored from a backup of before.

Tombstones say what was erased, to whoever has the deployment's key. A run lets none of it in; what
somebody puts back below a lake's or a release's folder passes no run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.tombstones import MASKED, open_requests
from echoatlas.pipeline.plan.same_keys import unasked_of
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.notices import living_names
from echoatlas.pipeline.release.verify import Check
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.lake.tombstones import Tombstones
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

AGAIN = "erase it again: `echoatlas erase SITE --request ID --again`"
NAMING = ("frames", "objects", "copies")  # tables that name patients


@dataclass(frozen=True, slots=True)
class Returned:
    """What is back, by the ids that lake and releases have.

    Attributes:
        objects: of the lake. patients: pseudonyms. pixels: hashes of pictures, of releases.
        releases: names of those that hold any of it, to numbers of samples.
    """

    objects: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    pixels: frozenset[str] = frozenset()
    releases: tuple[tuple[str, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.objects or self.releases)


def returned(deployment: Deployment, request: str = "") -> Returned:
    """Look through the lake and all living releases.

    Args:
        request: what it erased alone; what any did if not given.
    """
    stones = deployment.tombstones(request)
    if not stones:
        return Returned()
    objects, patients = in_lake(deployment.lake, stones)
    pixels: set[str] = set()
    found: list[tuple[str, int]] = []
    for name in living_names(deployment.releases):
        rows = in_release(deployment.releases, manifest_of(deployment.releases, name), stones)
        if rows.num_rows:
            found.append((name, rows.num_rows))
            patients |= {one for _, one in stones.erased_patients(_pairs(rows, "patient"))}
            pixels |= stones.erased_pixels(pc.unique(rows["pixel_hash"]).to_pylist())
    return Returned(frozenset(objects), frozenset(patients), frozenset(pixels), tuple(found))


def in_lake(lake: Lake, stones: Tombstones) -> tuple[set[str], set[str]]:
    """Objects that were erased, and patients of sites whom they name."""
    objects: set[str] = set()
    patients: set[str] = set()
    for table in NAMING:
        named: set[tuple[str, str]] = set()
        for batch in lake.batches(table, ["site", "patient"]):
            named |= _pairs(pa.Table.from_batches([batch]), "patient")
        if gone := {one for _, one in stones.erased_patients(named)} - {""}:
            patients |= gone
            rows = lake.read(table, ["object_id", "site", "patient"], _among("patient", gone))
            theirs = stones.erased_patients(_pairs(rows, "patient"))
            for row in rows.to_pylist():
                if (row["site"], row["patient"]) in theirs:
                    objects.add(row["object_id"])
    for table, column, erased in (
        ("measures", "pixel_hash", stones.erased_pixels),
        ("sightings", "content_id", stones.erased_contents),
    ):
        for batch in lake.batches(table, [column]):
            if back := erased(pc.unique(batch.column(0)).to_pylist()):
                rows = lake.read(table, ["object_id"], _among(column, back))
                objects |= set(rows["object_id"].to_pylist())
    return {one for one in objects if not one.startswith(MASKED)}, patients


def in_release(releases: Storage, manifest: Manifest, stones: Tombstones) -> pa.Table:
    """Samples of a release that were erased: their ``site``, ``patient`` and ``pixel_hash``."""
    columns = ["site", "patient", "pixel_hash"]
    index = index_columns_of(releases, manifest, columns if manifest.places else None)
    nothing = pa.array([""] * index.num_rows, pa.string())
    known = index.column_names  # an old release has fewer
    index = pa.table({one: index[one] if one in known else nothing for one in columns})
    gone = stones.erased_patients(_pairs(index, "patient"))
    kept = _of_pairs(index, gone)
    if back := stones.erased_pixels(pc.unique(index["pixel_hash"]).to_pylist()):
        kept |= pc.is_in(index["pixel_hash"], pa.array(sorted(back), pa.string())).to_numpy()
    return index.filter(pa.array(kept))


def nothing_erased_is_back(deployment: Deployment, name: str) -> Iterator[Check]:
    """Whether a release, and the lake, hold anything that was erased."""
    stones = deployment.tombstones()
    if not stones:
        return
    releases = deployment.releases
    rows = in_release(releases, manifest_of(releases, name), stones).num_rows
    back = number_of(rows, "sample was erased and is", "samples were erased and are")
    said = f"{back} back; {AGAIN}" if rows else ""
    yield Check("nothing that was erased is in it", not rows, said)
    objects, _ = in_lake(deployment.lake, stones)
    back = number_of(len(objects), "object was erased and is", "objects were erased and are")
    told = f"{back} back; {AGAIN}" if objects else ""
    yield Check("nothing that was erased is in the lake", not objects, told)
    unasked = unasked_of(deployment, deployment.sites)
    yield Check("what was erased can be asked for", not unasked, "; ".join(unasked.values()))


def demand_nothing_erased(deployment: Deployment) -> None:
    """Let no release be cut of a lake that holds what was erased.

    While an erasure is open there is something in it still, and nothing is cut anyway.

    Raises:
        CheckFailed: it does, or nobody can tell under today's keys.
    """
    if open_requests(deployment.lake.storage):
        return
    for said in unasked_of(deployment, deployment.sites).values():
        raise CheckFailed(said)
    stones = deployment.tombstones()
    objects = in_lake(deployment.lake, stones)[0] if stones else ()
    if objects:
        were = number_of(len(objects), "object of the lake was", "objects of the lake were")
        raise CheckFailed(f"{were} erased, and back since; {AGAIN}")


def _pairs(rows: pa.Table, column: str) -> set[tuple[str, str]]:
    distinct = rows.select(["site", column]).group_by(["site", column]).aggregate([])
    return set(zip(distinct["site"].to_pylist(), distinct[column].to_pylist(), strict=True))


def _of_pairs(index: pa.Table, pairs: set[tuple[str, str]]) -> NDArray[np.bool_]:
    kept = np.zeros(index.num_rows, np.bool_)
    for site in {site for site, _ in pairs}:
        some = pa.array(sorted(one for where, one in pairs if where == site), pa.string())
        both = pc.and_(pc.equal(index["site"], site), pc.is_in(index["patient"], some))
        kept |= both.to_numpy()
    return kept


def _among(column: str, values: set[str]) -> pc.Expression:
    return pc.field(column).isin(pa.array(sorted(values), pa.string()))
