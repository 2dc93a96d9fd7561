"""Rows of what is said of an object, what was concluded of it, and what a person decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from echoatlas.schemas.columns import Column, Fingerprint, FrameId, ObjectId, Site
from echoatlas.schemas.values import DecidedBy


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A coded hint about an object."""

    object_id: ObjectId
    site: Site
    axis: Annotated[str, Column("anatomy, subject, mode, application, laterality or view.")]
    node: Annotated[str, Column("Path of the tree, or term of the axis.")]
    source: Annotated[str, Column("Where it stood: site_prior, image_type, description, ...")]
    weight: Annotated[float, Column("How far the source is to be believed, 0 to 1.")]
    rule: Annotated[str, Column("Id of the rule that matched.")]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """Which vocabulary and rules the evidence of an object was read by, whatever was found."""

    object_id: ObjectId
    site: Site
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class LabelRow:
    """Where a frame stands on the anatomy tree, as fused from its evidence."""

    frame_id: FrameId
    object_id: ObjectId
    region: Annotated[str, Column("Id of the region, or unknown.")]
    organ: Annotated[str, Column("Id of the organ, or unknown.")]
    confidence: Annotated[float, Column("Of the primary path, 0 to 1.")]
    region_index: Annotated[int, Column("0 unknown, 1 to 9.")]
    organ_index: Annotated[int, Column("0 unknown, 1 to 52.")]
    paths: Annotated[str, Column("All paths, separated by blanks; the first is primary.")]
    laterality: Annotated[str, Column("left, right, bilateral, unpaired or unknown.")]
    view: Annotated[str, Column("View or standard plane where stated, or empty.")]
    application: Annotated[str, Column("external, endovaginal, ..., or unknown.")]
    conflict: Annotated[bool, Column("Evidence disagreed, so the label abstains.")]
    review: Annotated[bool, Column("A person should look.")]
    decided_by: Annotated[str, Column("{}.", values=[*DecidedBy])]
    tree: Annotated[str, Column("Hash of the tree.")]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What a person decided about an object's label; overrides fusion, whatever is run again."""

    object_id: ObjectId
    paths: Annotated[str, Column("Paths of the tree, separated by blanks; empty: not to be told.")]
    laterality: Annotated[str, Column("left, right, bilateral, unpaired or unknown; empty: as is.")]
    author: Annotated[str, Column("Who decided: an id, no name.")]
    decided: Annotated[str, Column("When: ISO 8601 date, as stated at import.")]
    proposed: Annotated[str, Column("Paths that fusion had proposed.")]
    tree: Annotated[str, Column("Hash of the tree that it was decided on.")]
