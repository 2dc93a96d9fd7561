"""Rows that are only ever added: what people saw, runs, releases, erasures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from echoatlas.schemas.columns import Column, Fingerprint, FrameId, ObjectId, Site
from echoatlas.schemas.values import ReviewVerdict, RunStatus


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What a person saw on a de-identified frame of a review sheet: closed codes, no words."""

    frame_id: FrameId
    object_id: ObjectId
    author: Annotated[str, Column("Who looked: an id, no name.")]
    ordinal: Annotated[int, Column("Number of the import; of one author the last one stands.")]
    verdict: Annotated[str, Column("{}; open if not looked at.", values=[*ReviewVerdict])]
    decided: Annotated[str, Column("When: ISO 8601 date, as stated at import.")]
    drawn: Annotated[str, Column("random or risk: how the frame came onto the sheet.")]
    population: Annotated[str, Column("What was drawn from: lake, or a release.")]
    stratum: Annotated[str, Column("Device, of a closed vocabulary.")]
    risk: Annotated[str, Column("Codes of what made the frame risky, separated by blanks.")]
    pixel_hash: Annotated[str, Column("Of the frame's pixels, wherever they are.", subject=True)]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of the pipeline over one deployment."""

    run_id: Annotated[str, Column("Id of the run.")]
    started: Annotated[str, Column("ISO 8601, UTC.")]
    finished: Annotated[str, Column("ISO 8601, UTC.")]
    status: Annotated[str, Column("{}.", values=[*RunStatus])]
    version: Annotated[str, Column("Version of EchoAtlas.")]
    fingerprint: Fingerprint
    sites: Annotated[str, Column("Sites that were run, separated by blanks.")]
    objects: Annotated[int, Column("Objects worked on.", "objects")]
    frames: Annotated[int, Column("Frames written.", "frames")]
    rejected: Annotated[int, Column("Objects quarantined.", "objects")]
    crashed: Annotated[int, Column("Objects that failed by a bug of ours.", "objects")]
    seconds: Annotated[float, Column("Wall time.", "s")]
    conservation: Annotated[bool, Column("Every sighting is accounted for.")]


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A named, immutable dataset version."""

    name: Annotated[str, Column("Name of the release.")]
    manifest: Annotated[str, Column("SHA-256 of its manifest.")]
    created: Annotated[str, Column("ISO 8601, UTC.")]
    frames: Annotated[int, Column("Frames in it.", "frames")]
    where: Annotated[str, Column("The selection, as an expression; empty for all.")]


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """A request to erase patients, and its completion; says nothing of who they were."""

    request: Annotated[str, Column("Opaque id of the request.")]
    site: Site
    objects: Annotated[int, Column("Objects erased.", "objects")]
    frames: Annotated[int, Column("Frames erased.", "frames")]
    finished: Annotated[str, Column("ISO 8601, UTC.")]
