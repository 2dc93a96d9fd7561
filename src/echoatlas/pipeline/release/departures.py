"""Why frames of an earlier release are not in a later one: its selection, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import EchoAtlasError
from echoatlas.pipeline.release.diff import UNKNOWN, Why
from echoatlas.pipeline.release.k_anonymity import anonymized
from echoatlas.pipeline.release.select import (
    filter_rows,
    index_of,
    without_duplicates,
    without_findings,
)
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.values import PatientSource

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.manifest import Manifest

Step = Callable[[pa.Table], pa.Table]


def reasons(lake: Lake | None) -> Callable[[pa.Table, Manifest], Why]:
    """Who says of rows of an index why a release does not have them.

    Args:
        lake: that the release was cut from; without it nothing can be told.
    """

    def told(rows: pa.Table, manifest: Manifest) -> Why:
        ids = rows.column("frame_id").to_pylist()
        if lake is None:
            return dict.fromkeys(ids, UNKNOWN)
        objects = dict(zip(ids, rows.column("object_id").to_pylist(), strict=True))
        found = _left_out(lake, manifest, set(ids))
        unsettled = {one: objects[one] for one in ids if found.get(one, "gone") == "gone"}
        return found | _outcomes(lake, unsettled)

    return told


def _left_out(lake: Lake, manifest: Manifest, ids: Set[str]) -> dict[str, str]:
    """Frame to the step of a release's selection that left it out, or ``gone`` before the first.

    Empty if the lake's tables of that time are not there any more.
    """
    if not lake.can_read_all(manifest.tables):
        return {}
    try:
        config = parse(ReleaseConfig, manifest.published["config"], "manifest")
        index = index_of(lake, dict(manifest.tables))
        findings = lake.read("findings", version=manifest.tables.get("findings"))
    except (EchoAtlasError, OSError):
        return {}
    left = _among(index, ids)
    found = dict.fromkeys(ids - left, "gone")
    for reason, step in _steps(config, findings):
        index = step(index)
        stays = _among(index, ids)
        found |= dict.fromkeys(left - stays, reason)
        left = stays
    return found


def _steps(config: ReleaseConfig, findings: pa.Table) -> Iterator[tuple[str, Step]]:
    """Each step of a selection, in order, and the reason for which it leaves frames out."""
    yield "where", lambda index: filter_rows(index, config.where)
    if not config.review:
        yield "review", lambda index: index.filter(pc.equal(index["fan_verdict"], "accept"))
    yield "finding", lambda index: without_findings(index, findings)
    if config.duplicates == "drop":
        yield "duplicate", without_duplicates
    if config.nameless == "drop":
        yield (
            "nameless",
            lambda index: index.filter(pc.not_equal(index["patient_source"], PatientSource.OBJECT)),
        )
    yield "anonymity", lambda index: anonymized(index, config.min_k, config.suppress)[0]


def _among(index: pa.Table, ids: Set[str]) -> set[str]:
    here = index.column("frame_id")
    wanted = pa.array(sorted(ids), pa.string())
    return set(here.filter(pc.is_in(here.cast(pa.string()), wanted)).to_pylist())


def _outcomes(lake: Lake, objects: Mapping[str, str]) -> dict[str, str]:
    """What became of objects whose frames are not in the lake, by frame."""
    known = lake.read("objects", ["object_id", "status"])
    status = dict(zip(*(column.to_pylist() for column in known.columns), strict=True))
    names = {"rejected": "quarantined", "kept": "renewed", "duplicate": "renewed"}
    return {frame: names.get(status.get(one, ""), "gone") for frame, one in objects.items()}
