"""Rows of what clips and frames are to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from echoatlas.schemas.columns import Column, Fingerprint, FrameId, ObjectId
from echoatlas.schemas.values import EdgeKind, FoundBy, Relation


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """What two clips are to each other, and on what evidence; a still is a clip of one."""

    object_id: Annotated[
        str, Column("Object of the longer clip, or of the better one.", subject=True)
    ]
    pane: Annotated[int, Column("Its scanned area.")]
    other_object: Annotated[str, Column("Object of the other clip.", subject=True)]
    other_pane: Annotated[int, Column("Its scanned area.")]
    kind: Annotated[
        str,
        Column("{}: not told apart, or shared in part: one split for both.", values=[*EdgeKind]),
    ]
    found_by: Annotated[
        str,
        Column(
            "What says so, or brought them up to be looked at: {}. A codestream is the same in "
            "whatever container; of one SOP instance, pixels have to agree.",
            values=[*FoundBy],
        ),
    ]
    mirrored: Annotated[bool, Column("Whether one is the other's left-right mirror.")]
    covers: Annotated[bool, Column("Whether the first has all frames of the other, verified.")]
    covered: Annotated[bool, Column("Whether the other has all frames of the first, verified.")]
    rate: Annotated[float, Column("Place in the first = rate * place in the other + shift.")]
    shift: Annotated[float, Column("See rate.", "frames")]
    agreed: Annotated[float, Column("Share of the pairs of frames looked at that are the same.")]
    distance: Annotated[int, Column("Median distance of the hashes that brought them up.", "bit")]
    likeness: Annotated[float, Column("Correlation of the median pair's blurred thumbnails.")]
    speckle: Annotated[float, Column("Correlation of its speckle, or of all its structure.")]
    windows: Annotated[int, Column("Windows of speckle that were compared; 0: all structure.")]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A clip as deduplication saw it: what it was joined as, and what it belongs to."""

    object_id: ObjectId
    pane: Annotated[int, Column("Which scanned area of the picture.")]
    frames: Annotated[int, Column("Number of its frames.")]
    digest: Annotated[
        str, Column("Of what was compared; empty for an exact copy, which takes no part.")
    ]
    cluster: Annotated[
        str, Column("Smallest frame id of the cluster; its own if alone.", subject=True)
    ]
    tie: Annotated[
        str, Column("Smallest frame id of all that must stay in one split with it.", subject=True)
    ]
    head: Annotated[
        str, Column("Clip that stands for it: OBJECT/PANE; itself if none does.", subject=True)
    ]
    relation: Annotated[str, Column("{}: in no cluster, and tied to none.", values=[*Relation, ""])]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class DuplicateRow:
    """Membership of a frame in a cluster of clips that show the same."""

    frame_id: FrameId
    cluster: Annotated[str, Column("Id of the cluster: its smallest frame id.", subject=True)]
    tie: Annotated[
        str,
        Column("Id of all that must stay in one split: the smallest frame id.", subject=True),
    ]
    representative: Annotated[str, Column("The frame that stands for this one.", subject=True)]
    head: Annotated[str, Column("Clip that stands for its clip: OBJECT/PANE.", subject=True)]
    relation: Annotated[
        str,
        Column(
            "{}: only to stay in one split; of the others its clip is a duplicate as a whole, a "
            "part of a longer clip, a still taken from one.",
            values=[*Relation],
        ),
    ]
    found_by: Annotated[
        str,
        Column("What says so, as in edges: {} for what stands for itself.", values=[*FoundBy, ""]),
    ]
    distance: Annotated[int, Column("Hamming distance that brought the clips up.", "bit")]
    fingerprint: Fingerprint
