"""Rows of frames, of what was measured on them and of what came with the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, get_args

from echoatlas.schemas.columns import Column, Fingerprint, FrameId, ObjectId, Site
from echoatlas.schemas.fan import Verdict
from echoatlas.schemas.values import AnnotationKind, Consent, PatientSource, Subject


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
    session: Annotated[
        str,
        Column(
            "Keyed ids of device and time, separated by a blank, of scans that name no patient: "
            "two that share one are split together. Empty for all others.",
            subject=True,
        ),
    ]
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
    consent: Annotated[
        str,
        Column("{}: the strictest of what its object's copies say.", values=[*reversed(Consent)]),
    ]
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
        Column(
            "fan_phash256 of ten other framings of the fan, one after the other; empty for frames "
            "with landmarks, and for most frames of a clip.",
            "2560 bit",
        ),
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
    value: Annotated[
        str, Column("Class or de-identified text; of a mask codes of its anatomy; else empty.")
    ]
    number: Annotated[float | None, Column("Value of a scalar.")]
    unit: Annotated[str, Column("Unit of the scalar, UCUM.")]
    points: Annotated[list[float], Column("x0 y0 x1 y1 ... in the stored image.", "px")]
    mask: Annotated[bytes, Column("PNG mask of the stored image's size, else empty.")]
    mask_native: Annotated[
        bytes, Column("The same of the size that `details` has of the frame; empty without that.")
    ]
    source: Annotated[
        str, Column("Collection adapter, sidecar rule, or file: a mask in its picture's own.")
    ]
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
