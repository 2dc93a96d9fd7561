"""The rows of the lake's tables: one frozen dataclass a table, one described field a column.

Arrow schemas (``tables``) and the data dictionary are derived from these. Nothing here may hold
PHI. ``subject`` marks columns that speak of one patient: they get no file statistics, so that an
erasure leaves no trace of them. No row holds a clock time: the same input gives the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, get_args

from echoatlas.schemas.columns import Column, Fingerprint, FrameId, ObjectId, Site, Upload
from echoatlas.schemas.fan import Verdict
from echoatlas.schemas.label_rows import DecisionRow, EvidenceRow, LabelRow, ReadingRow
from echoatlas.schemas.log_rows import ErasureRow, FindingRow, ReleaseRow, RunRow
from echoatlas.schemas.values import (
    AnnotationKind,
    AuditVerdict,
    EdgeKind,
    FoundBy,
    PatientSource,
    Relation,
    Status,
    Subject,
)

# The rows of all tables are had from here
__all__ = [
    "AnnotationRow",
    "AuditRow",
    "ClipRow",
    "CopyRow",
    "DecisionRow",
    "DuplicateRow",
    "EdgeRow",
    "ErasureRow",
    "EvidenceRow",
    "FindingRow",
    "FrameRow",
    "LabelRow",
    "MeasureRow",
    "ObjectRow",
    "QuarantineRow",
    "ReadingRow",
    "ReleaseRow",
    "RunRow",
    "SightingRow",
]


@dataclass(frozen=True, slots=True)
class SightingRow:
    """A file or archive member seen in a site's bucket, whatever became of it."""

    locator: Annotated[
        str,
        Column("Keyed hash of the file's place and version, and of the member's.", subject=True),
    ]
    object_id: ObjectId
    content_id: Annotated[
        str,
        Column("Keyed id of the bytes alone: equal for equal bytes of two sites.", subject=True),
    ]
    site: Site
    upload: Upload
    container: Annotated[str, Column("Locator of the archive it lies in, or empty.", subject=True)]
    member: Annotated[int, Column("Position in the archive's listing; -1 outside archives.")]
    ordinal: Annotated[int, Column("Order of sighting within the site, from 0.")]
    bytes: Annotated[int, Column("Size of the object.", "bytes")]


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """What became of an object: one row for each sighting that was worked on."""

    object_id: ObjectId
    site: Site
    upload: Upload
    status: Annotated[str, Column("{}.", values=[*Status])]
    reason: Annotated[str, Column("Reason code when rejected, else empty.")]
    locator: Annotated[str, Column("The sighting this row is about.", subject=True)]
    content_id: Annotated[str, Column("Keyed id of the bytes alone.", subject=True)]
    bytes: Annotated[int, Column("Size of the object.", "bytes")]
    format: Annotated[str, Column("Format told by content: dicom, png, mp4, ...; empty if none.")]
    codec: Annotated[str, Column("Transfer syntax UID or codec name.")]
    frames: Annotated[int, Column("Frames that were kept.", "frames")]
    patient: Annotated[str, Column("Keyed pseudonym of the patient.", subject=True)]
    study: Annotated[str, Column("Keyed pseudonym of the study.", subject=True)]
    series: Annotated[str, Column("Keyed pseudonym of the series.", subject=True)]
    instance: Annotated[
        str,
        Column("Keyed pseudonym of the SOP instance; empty if the file names none.", subject=True),
    ]
    codestream: Annotated[
        str,
        Column(
            "Keyed id of the coded pictures alone: equal in whatever container they lie; empty if "
            "there is no codec, or one of no other container.",
            subject=True,
        ),
    ]
    maker: Annotated[str, Column("Maker of the device, of a closed vocabulary.")]
    model: Annotated[str, Column("Model of the device, of a closed vocabulary.")]
    license: Annotated[str, Column("License of the site's data.")]
    flags: Annotated[str, Column("Codes of oddities, separated by blanks.")]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class CopyRow:
    """Whom one copy of a kept object names: a row for each sighting of its bytes."""

    locator: Annotated[str, Column("The sighting this row is about.", subject=True)]
    object_id: ObjectId
    content_id: Annotated[
        str,
        Column("Keyed id of the bytes alone: equal for equal bytes of two sites.", subject=True),
    ]
    site: Site
    patient: Annotated[
        str, Column("Keyed pseudonym of the patient whom this copy names.", subject=True)
    ]
    study: Annotated[str, Column("Keyed pseudonym of the study.", subject=True)]
    patient_source: Annotated[str, Column("{}, which is unknown.", values=[*PatientSource])]
    license: Annotated[str, Column("License of the site's data.")]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One normalized picture: the wide table, append-only."""

    frame_id: FrameId
    object_id: ObjectId
    site: Site
    patient: Annotated[str, Column("Keyed pseudonym of the patient.", subject=True)]
    study: Annotated[str, Column("Keyed pseudonym of the study.", subject=True)]
    series: Annotated[str, Column("Keyed pseudonym of the series.", subject=True)]
    patient_source: Annotated[str, Column("{}, which is unknown.", values=[*PatientSource])]
    frame_index: Annotated[int, Column("Place in the clip, from 0.", "frames")]
    pane: Annotated[int, Column("Which scanned area of the picture, from 0, left to right.")]
    time_ms: Annotated[float | None, Column("Time from the clip's first frame.", "ms")]
    width: Annotated[int, Column("Width of the stored image.", "px")]
    height: Annotated[int, Column("Height of the stored image.", "px")]
    channels: Annotated[int, Column("1 gray, 3 RGB.")]
    image: Annotated[bytes, Column("The image, losslessly encoded.")]
    image_codec: Annotated[str, Column("How it is encoded.")]
    overlay: Annotated[
        bytes,
        Column(
            "Mask of graphics and redactions inside the fan, of the image's size and codec: "
            "1 there, 0 elsewhere; empty if there are none."
        ),
    ]
    native_width: Annotated[int, Column("Width of the fan's box in the source picture.", "px")]
    native_height: Annotated[int, Column("Height of the fan's box in the source picture.", "px")]
    scale: Annotated[float, Column("Stored pixels a source pixel.", "px/px")]
    offset_x: Annotated[float, Column("stored x = source x * scale + offset_x.", "px")]
    offset_y: Annotated[float, Column("stored y = source y * scale + offset_y.", "px")]
    mm_per_px_x: Annotated[float | None, Column("Of the stored image; none if unknown.", "mm/px")]
    mm_per_px_y: Annotated[float | None, Column("Of the stored image; none if unknown.", "mm/px")]
    spacing_source: Annotated[str, Column("Where the spacing comes from, or empty.")]
    fan_shape: Annotated[str, Column("linear, trapezoid, convex, phased, endocavity, ...")]
    fan: Annotated[str, Column("Geometry of the fan in source pixels, as JSON.", "px, rad")]
    fan_score: Annotated[float, Column("How well picture and fan agree, 0 to 1.")]
    fan_verdict: Annotated[str, Column("{}.", values=[Verdict.ACCEPT, Verdict.REVIEW])]
    mode: Annotated[str, Column("b_mode, color_doppler, ...")]
    maker: Annotated[str, Column("Maker of the device, of a closed vocabulary.")]
    model: Annotated[str, Column("Model of the device, of a closed vocabulary.")]
    subject_type: Annotated[str, Column("{}.", values=get_args(Subject))]
    native_split: Annotated[
        str, Column("Split that a public collection's authors made: train, val, test, fold-3, ...")
    ]
    age: Annotated[int | None, Column("Age, capped at 90.", "years", subject=True)]
    sex: Annotated[str, Column("F, M, O or empty.", subject=True)]
    license: Annotated[str, Column("License of the site's data.")]
    flags: Annotated[str, Column("Codes of oddities, separated by blanks.")]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class DetailRow:
    """A frame as its source has it, one pixel a pixel, black around the fan; if configured."""

    frame_id: FrameId
    object_id: ObjectId
    width: Annotated[int, Column("Width of the image.", "px")]
    height: Annotated[int, Column("Height of the image.", "px")]
    channels: Annotated[int, Column("1 gray, 3 RGB.")]
    image: Annotated[bytes, Column("The image, losslessly encoded as in `frames`.")]
    overlay: Annotated[bytes, Column("Its overlay mask, as in `frames`; empty if there is none.")]
    scale: Annotated[float, Column("Pixels a source pixel: 1.", "px/px")]
    offset_x: Annotated[float, Column("x = source x * scale + offset_x.", "px")]
    offset_y: Annotated[float, Column("y = source y * scale + offset_y.", "px")]
    mm_per_px_x: Annotated[float | None, Column("Of the image; none if unknown.", "mm/px")]
    mm_per_px_y: Annotated[float | None, Column("Of the image; none if unknown.", "mm/px")]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """What was measured on a frame; decisions over it are made in ``select``."""

    frame_id: FrameId
    object_id: ObjectId
    pixel_hash: Annotated[str, Column("BLAKE2b-128 of shape and stored pixels.", subject=True)]
    frame_phash64: Annotated[bytes, Column("Perceptual hash of the stored image.", "64 bit")]
    frame_phash256: Annotated[bytes, Column("Perceptual hash of the stored image.", "256 bit")]
    fan_phash64: Annotated[bytes, Column("Perceptual hash of the fan alone.", "64 bit")]
    fan_phash256: Annotated[bytes, Column("Perceptual hash of the fan alone.", "256 bit")]
    mirror_phash256: Annotated[bytes, Column("fan_phash256 of the left-right mirror.", "256 bit")]
    hash_version: Annotated[str, Column("Version of the hashes; compare only equal ones.")]
    view_phash256: Annotated[
        bytes,
        Column("fan_phash256 of ten other framings of the fan, one after the other.", "2560 bit"),
    ]
    landmark_phash256: Annotated[
        bytes,
        Column(
            "Perceptual hashes of up to twelve places of the frame that no fan decides, each as it "
            "is and mirrored; empty for most frames of a clip.",
            "512 bit each",
        ),
    ]
    landmark_places: Annotated[
        bytes,
        Column(
            "Where these are: center x and y, width and height as little-endian 16-bit numbers.",
            "1/65535 of the fan's box",
        ),
    ]
    thumbnail: Annotated[bytes, Column("Gray 128 x 128 picture of the fan, as JPEG.")]
    blur: Annotated[float, Column("Variance of the Laplacian inside the fan; low is blurred.")]
    entropy: Annotated[float, Column("Shannon entropy of gray levels inside the fan.", "bit")]
    mean: Annotated[float, Column("Mean gray level inside the fan.", "0-255")]
    peak: Annotated[
        int, Column("Gray level that 99.5 % of fan pixels do not exceed; low is black.", "0-255")
    ]
    saturation: Annotated[float, Column("Share of fan pixels at 250 or above.")]
    dark: Annotated[float, Column("Share of fan pixels below 12.")]
    fan_fill: Annotated[float, Column("Share of the stored image that the fan covers.")]
    speckle_snr: Annotated[
        float, Column("Median over small windows of mean/std inside the fan (1.91 is Rayleigh).")
    ]
    text_share: Annotated[float, Column("Share of the fan that overlays or redactions cover.")]
    color_share: Annotated[float, Column("Share of fan pixels that carry color.")]
    motion: Annotated[
        float | None, Column("Mean absolute change from the clip's previous frame.", "0-255")
    ]
    still: Annotated[
        float | None, Column("Share of fan samples unchanged since that frame; 1 is frozen.")
    ]
    reach: Annotated[
        float, Column("Share of the depth down to which echoes are seen; low with a probe in air.")
    ]
    layering: Annotated[
        float, Column("Share of the variance of gray that depth explains; high with one in air.")
    ]
    patch_map: Annotated[
        bytes,
        Column(
            "Informativeness of 16 x 16 patches, row-major: twice the standard deviation of gray "
            "inside the fan, from 1; 0 is outside.",
            "0-255",
        ),
    ]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """A mask, box, point, scalar, class or text that came with the data."""

    annotation_id: Annotated[str, Column("Hash of what it says and of its frame.", subject=True)]
    frame_id: FrameId
    object_id: ObjectId
    kind: Annotated[str, Column("{}.", values=[*AnnotationKind])]
    name: Annotated[str, Column("What it is about, a code.")]
    value: Annotated[str, Column("Class or de-identified text, else empty.")]
    number: Annotated[float | None, Column("Value of a scalar.")]
    unit: Annotated[str, Column("Unit of the scalar, UCUM.")]
    points: Annotated[list[float], Column("x0 y0 x1 y1 ... in the stored image.", "px")]
    mask: Annotated[bytes, Column("PNG mask of the stored image's size, else empty.")]
    mask_native: Annotated[
        bytes, Column("The same of the size that `details` has of the frame; empty without that.")
    ]
    source: Annotated[str, Column("Collection adapter or sidecar rule.")]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """A number that a structured report states about its study."""

    object_id: ObjectId
    ordinal: Annotated[int, Column("Place in the report, from 0.")]
    site: Site
    study: Annotated[str, Column("Keyed pseudonym of the study.", subject=True)]
    code: Annotated[str, Column("What was measured: SCHEME/VALUE of a code of DICOM PS3.16.")]
    name: Annotated[str, Column("The code's keyword in PS3.16.")]
    number: Annotated[float, Column("The value, to four significant figures.", subject=True)]
    unit: Annotated[str, Column("Its unit, UCUM.")]
    source: Annotated[str, Column("report: a DICOM structured report.")]
    fingerprint: Fingerprint


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


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A rejected object and why."""

    object_id: ObjectId
    site: Site
    upload: Upload
    step: Annotated[str, Column("The step that rejected it.")]
    reason: Annotated[str, Column("Reason code of the closed list.")]
    detail: Annotated[str, Column("A sentence without any value of the object.")]
    locator: Annotated[str, Column("The sighting it is about.", subject=True)]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class AuditRow:
    """What de-identification did to an object: codes, counts and hashes, no values."""

    object_id: ObjectId
    site: Site
    verdict: Annotated[str, Column("{}.", values=[*AuditVerdict])]
    policy: Annotated[str, Column("Hash of the policy.")]
    key_id: Annotated[str, Column("Public id of the key.")]
    methods: Annotated[str, Column("CID 7050 codes of what was done, separated by blanks.")]
    actions: Annotated[str, Column("Attributes by PS3.15 action, as JSON: code to count.")]
    burned_in_annotation: Annotated[str, Column("YES, NO or empty, as stated; never trusted.")]
    geometry: Annotated[str, Column("How the fan was found, a code.")]
    outside_area: Annotated[float, Column("Share of the picture blacked out outside the fan.")]
    text_area: Annotated[float, Column("Share of the fan blacked out as text.")]
    text_boxes: Annotated[int, Column("Boxes of text blacked out inside the fan.")]
    detector: Annotated[str, Column("Detectors and versions.")]
    model: Annotated[str, Column("Hashes of the weights of the networks that looked.")]
    verdicts: Annotated[str, Column("Codes of the checks made, separated by blanks.")]
    maker: Annotated[str, Column("Maker of the device, of a closed vocabulary.")]
    device: Annotated[str, Column("Model of the device, of a closed vocabulary.")]
    fingerprint: Fingerprint
