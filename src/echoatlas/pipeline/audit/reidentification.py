"""How far patients could be told apart by what is left of them, in the lake and in releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echoatlas.pipeline.release.findings import LAKE
from echoatlas.pipeline.release.k_anonymity import (
    QUASI,
    Anonymity,
    Suppressed,
    anonymized,
    measured,
)
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.notices import living_names
from echoatlas.schemas.config.release import ReleaseConfig

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage


@dataclass(frozen=True, slots=True)
class Reidentification:
    """How unique the patients of a population are.

    Attributes:
        population: "lake", or a release.
        anonymity: as it is.
        would: what a release with ``min_k`` would suppress of it; None if nothing has to be.
        sources: how patients were told: patients by ``patient_source``. Those of "object" are one
            for each file, so they look more numerous, and each rarer, than the people are.
    """

    population: str
    anonymity: Anonymity
    would: Suppressed | None
    sources: Mapping[str, int]


def reidentification(
    lake: Lake, releases: Storage, k: int, release: str | None = None
) -> list[Reidentification]:
    """Measure uniqueness on the quasi-identifiers that remain: of the lake and of each release.

    Args:
        k: classes smaller than this are called small.
        release: only this one.

    Raises:
        UsageError: there is no such release.
    """
    suppress = ReleaseConfig.model_fields["suppress"].default
    chosen = [release] if release is not None else [LAKE, *living_names(releases)]
    columns = ["patient", "patient_source", *QUASI]
    found = []
    for name in chosen:
        if name == LAKE and release is None:
            index = lake.read("frames", columns)
        else:
            index = index_columns_of(releases, manifest_of(releases, name), columns)
        anonymity = measured(index, k)
        would = anonymized(index, k, suppress)[1] if anonymity.under else None
        pairs = index.group_by(["patient", "patient_source"]).aggregate([])
        counted = pairs.group_by("patient_source").aggregate([("patient", "count")]).to_pylist()
        sources = {row["patient_source"]: row["patient_count"] for row in counted}
        found.append(Reidentification(name, anonymity, would, dict(sorted(sources.items()))))
    return found
