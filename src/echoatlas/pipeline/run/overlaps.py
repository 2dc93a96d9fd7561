"""What a deployment's sites and collections share, and what its lake has of other sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.deduplicate.overlap import Matrix, overlap

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class SetOverlap:
    """What a lake has of a set.

    Attributes:
        clips: of the set. met: of these, that the lake has, or may have.
        sites: of each site, its frames, clips and patients that the set has; and ``undecided``
            clips, of which it can't be told.
    """

    name: str
    clips: int
    met: int
    sites: Mapping[str, Mapping[str, int]]


def matrices(lake: Lake, collections: Mapping[str, str]) -> list[Matrix]:
    """Site by site, and collection by collection: a site that names none stands for itself.

    Args:
        collections: site to collection, where it is of one.
    """
    there = set(pc.unique(lake.read("frames", ["site"]).column(0)).to_pylist())
    sites = {site: site for site in sorted(there)}
    of = {site: collections.get(site, site) for site in sites}
    alone = overlap(lake, sites, "site")
    return [alone, replace(alone, kind="collection") if of == sites else
            overlap(lake, of, "collection")]  # fmt: skip


def set_overlap(deployment: Deployment, name: str) -> SetOverlap:
    """What the lake, as it stands, has of a set that goes by a name.

    Raises:
        UsageError: there is no such set, or it can't be used.
    """
    # Reports ask for the matrices alone, and need not wait for what finds copies
    from echoatlas.pipeline.deduplicate.similarity import Verdict
    from echoatlas.pipeline.run.evaluation_sets import near_to, set_named

    some = set_named(deployment, name)
    found = near_to(deployment.lake, some, {})
    objects = pa.array(sorted({one.object_id for one in found}), pa.string())
    rows = deployment.lake.read(
        "frames", ["object_id", "site", "patient"], pc.field("object_id").isin(objects)
    )
    whose = {row["object_id"]: (row["site"], row["patient"]) for row in rows.to_pylist()}
    counts: dict[str, dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(("frames", "clips", "patients", "undecided"), 0)
    )
    patients: dict[str, set[str]] = defaultdict(set)
    for one in found:
        site, patient = whose[one.object_id]
        if one.verdict is Verdict.SAME:
            counts[site]["frames"] += len(one.frames)
            counts[site]["clips"] += 1
            patients[site].add(patient)
        else:
            counts[site]["undecided"] += 1
    for site, here in patients.items():
        counts[site]["patients"] = len(here)
    met = len({one.outside for one in found})
    return SetOverlap(some.name, some.clips, met, dict(sorted(counts.items())))
