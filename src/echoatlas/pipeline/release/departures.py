"""Why frames of an earlier release are not in a later one: its selection, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import EchoAtlasError
from echoatlas.pipeline.release.candidates import Candidates
from echoatlas.pipeline.release.diff import UNKNOWN, Why
from echoatlas.pipeline.release.k_anonymity import QUASI, anonymous
from echoatlas.pipeline.release.permitted import Step, by_license, consented
from echoatlas.pipeline.release.select import REPEATED, repeated_frames
from echoatlas.pipeline.release.selection import ACCEPTED, NAMELESS, shown_to_leak, true_of
from echoatlas.pipeline.release.whole import every_frame
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.release import ReleaseConfig

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.manifest import Manifest


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
        findings = lake.read("findings", version=manifest.tables.get("findings"))
        with every_frame(lake, manifest.tables) as frames:
            left = _among(frames, ids)
            found = dict.fromkeys(ids - left, "gone")
            for reason, step in _steps(frames, config, findings):
                frames.keep(step(frames))
                stays = _among(frames, ids)
                found |= dict.fromkeys(left - stays, reason)
                left = stays
            if (
                manifest.without
            ):  # what is asked about is not in the release, and nothing else is left
                found |= dict.fromkeys(left, "evaluation")
    except (EchoAtlasError, OSError):
        return {}
    return found


def _steps(
    frames: Candidates, config: ReleaseConfig, findings: pa.Table
) -> Iterator[tuple[str, Step]]:
    """Each step of a selection, in order, and the reason for which it leaves frames out."""
    if config.where.strip():
        yield "where", lambda frames: true_of(frames, config.where)
    if not config.review:
        yield "review", lambda frames: frames.where(ACCEPTED)
    yield "finding", lambda frames: ~shown_to_leak(frames, findings)
    for name, steps in (("license", by_license(frames, config)), ("consent", consented(config))):
        yield from ((name, step) for _, step in steps)
    if config.duplicates == "drop":
        yield "duplicate", lambda frames: ~repeated_frames(frames.coded(REPEATED))
    if config.nameless == "drop":
        yield "nameless", lambda frames: ~frames.where(NAMELESS)
    yield (
        "anonymity",
        lambda frames: anonymous(frames.coded(["patient", *QUASI]), config.min_k, config.suppress)[
            0
        ],
    )


def _among(frames: Candidates, ids: Set[str]) -> set[str]:
    wanted = pa.table({"id": pa.array(sorted(ids), pa.string())})
    here = frames.where("frame_id IN (SELECT id FROM wanted)", wanted=wanted)
    return set(frames.fetched(["frame_id"]).column(0).filter(pa.array(here)).to_pylist())


def _outcomes(lake: Lake, objects: Mapping[str, str]) -> dict[str, str]:
    """What became of objects whose frames are not in the lake, by frame; of those that are there,
    nobody knows why a release went without them."""
    wanted = pa.array(sorted(objects), pa.string())
    stand = lake.read("frames", ["frame_id"], pc.field("frame_id").isin(wanted))
    there = set(stand.column("frame_id").to_pylist())
    known = lake.read("objects", ["object_id", "status"])
    status = dict(zip(*(column.to_pylist() for column in known.columns), strict=True))
    names = {"rejected": "quarantined", "kept": "renewed", "duplicate": "renewed"}
    return {
        frame: UNKNOWN if frame in there else names.get(status.get(one, ""), "gone")
        for frame, one in objects.items()
    }
