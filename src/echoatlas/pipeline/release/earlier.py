"""Where earlier releases had each patient: what a later one keeps to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.notices import living_names
from echoatlas.pipeline.release.split import Before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.pipeline.storage import Storage
    from echoatlas.schemas.manifest import Manifest


def placed_before(releases: Storage, shares: Mapping[str, float], seed: int) -> dict[str, Before]:
    """Patient to split, by the newest release of the same shares and seed that has the patient.

    Raises:
        CheckFailed: the index of one of them is damaged.
    """
    known = [manifest_of(releases, name) for name in living_names(releases)]
    same = [one for one in known if _scheme(one) == (dict(shares), seed)]
    found: dict[str, Before] = {}
    for manifest in sorted(same, key=lambda one: (one.created, one.name)):
        rows = index_columns_of(releases, manifest, ["patient", "split"])
        distinct = rows.group_by(["patient", "split"]).aggregate([]).sort_by("patient")
        for patient, split in zip(*(one.to_pylist() for one in distinct.columns), strict=True):
            found[patient] = Before(split, manifest.name)
    return found


def _scheme(manifest: Manifest) -> tuple[dict[str, float], int]:
    return dict(manifest.config.splits), manifest.published["config"].get("seed", 0)
