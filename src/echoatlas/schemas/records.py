"""The records that steps hand to each other: frozen, typed, in the field's terms.

Records marked *trusted zone* may hold what a site sent (text, names, dates). They live in the
memory of one task and are never written. The rows of tables are in ``rows``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.schemas.fan import Box
from echoatlas.schemas.values import PatientSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]  # (H, W) gray or (H, W, 3) RGB, as displayed


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object came from. Trusted zone: names and sidecar values may identify.

    Attributes:
        name: path of the file below the site's prefix, with "/" between folders; for a member of
            an archive, archive and member joined by "!".
        sidecar: the row of a sidecar table that speaks of this object, column to value.
        facts: what the adapter of the site's collection knows by path and row.
    """

    site: str
    upload: str
    name: str
    sidecar: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UltrasoundRegion:
    """An item of SequenceOfUltrasoundRegions (PS3.3 C.8.5.5), as it stands in the header.

    Attributes:
        box: from RegionLocationMinX0 .. MaxY1, made half open; may lie outside the picture.
        spatial_format: 1 2D, 2 M-mode, 3 spectral, 4 waveform, 5 graphics.
        data_type: 1 tissue, 2 color flow, 3 PW, 4 CW, ...
        delta: PhysicalDeltaX, PhysicalDeltaY in ``units`` a pixel.
        units: PhysicalUnitsX/YDirection: 3 cm, 4 s, 5 Hz, 7 cm/s.
    """

    box: Box
    spatial_format: int
    data_type: int
    flags: int = 0
    delta: tuple[float, float] = (0.0, 0.0)
    units: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Lay:
    """How an array became pictures, so that what belongs to it can be made into the same.

    Attributes:
        axes: of the array.
        stack, plane, color: those that frames run over, rows and columns, and color; None of them
            where the scan was no array.
        transposed, flipped: what was done to the pictures then, in this order.
    """

    axes: int = 0
    stack: tuple[int, ...] = ()
    plane: tuple[int, int] = (0, 0)
    color: int | None = None
    transposed: bool = False
    flipped: bool = False

    @property
    def turned(self) -> bool:
        return self.transposed or self.flipped


@dataclass(frozen=True, slots=True)
class InnerMask:
    """A mask that lies in the same file as the pictures that it is about. Trusted zone.

    Attributes:
        called: the name of its variable, which may name somebody.
        values: (frames, H, W) of any numbers, laid as the pictures are; one frame is about
            ``frame``, or about all pictures of the clip.
        frame: index of the picture that it is about, None for all, or for one each.
        numbered: it is one label of several, and its values are that label's number.
    """

    called: str
    values: NDArray[Any]
    frame: int | None = None
    numbered: bool = False


@dataclass(slots=True)
class Damage:
    """What went wrong while a scan's frames were decoded; complete once they all were.

    Attributes:
        flags: codes ("decode_error", "early_end", ...).
        lost: indexes of the frames that were left out, so that times stay with their frames.
    """

    flags: set[str] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)

    def lose(self, index: int, flag: str) -> None:
        """Leave out a frame, for a reason."""
        self.lost.add(index)
        self.flags.add(flag)


@dataclass(frozen=True, slots=True)
class Scan:
    """One object, opened. Trusted zone: ``header`` and ``text`` hold what the site sent.

    Attributes:
        format: told by content: "dicom", "png", "jpeg", "gif", "mp4", "avi", "nifti", ...
        codec: transfer syntax UID, or the codec's name.
        declared_frames: as the header says; what ``frames`` yields may differ and is then flagged.
        height, width: of the picture as displayed, pixels.
        frames: starts decoding from the first frame each time it is called; yields (H, W) or
            (H, W, 3) uint8 RGB pictures one by one, never holding them all. Raises ``Reject``.
        color: how color was decided, a code: "gray", "rgb_native", "jfif", "app14", "palette", ...
        times: milliseconds from the first frame, one each, or None when the file does not say.
        regions: of the DICOM header, empty elsewhere.
        spacing: (x, y) millimeters a pixel where the header states it outside regions, else None.
        header: pydicom Dataset without its pixel data, or None.
        text: metadata strings of a loose file (PNG text chunks, MP4 tags ...), key to value.
        flags: codes of what was odd but tolerable ("early_end", "frame_mismatch", ...).
        damage: filled while ``frames`` is iterated; empty for a sound scan.
        single: the picture of one index, or None if it is damaged; None where pictures cannot be
            decoded apart.
        stack: sides of the axes that frames run over, the slowest first, where the pictures were
            cut from an array and could have been cut another way; None where they are pictures by
            the nature of the format.
        signs: of a volume's columns and rows as the header states them, to the nearest of the
            body's axes: 1 where they run to the patient's right, front or head, -1 to the left,
            back or feet, as DICOM's do; None if unknown.
        grid: of a volume's columns and rows where the first pixel lies along the body's axes, to
            its left, back and head, and how far the next one is, in the header's unit; None if
            unknown.
        lay: how an array became these pictures.
        codestream: digest of the coded pictures alone, equal in whatever container they lie; empty
            where there is no codec, or one of no other container.
        masks: that lie in the file beside the pictures.
        aspect: how wide a pixel of a loose file is to how high, where only that is known.
        turn: how its pictures were turned to be shown, as EXIF numbers it; 1: as they are coded.
    """

    format: str
    codec: str
    declared_frames: int
    height: int
    width: int
    frames: Callable[[], Iterator[Picture]]
    color: str = ""
    times: tuple[float, ...] | None = None
    regions: tuple[UltrasoundRegion, ...] = ()
    spacing: tuple[float, float] | None = None
    header: Any = None
    text: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    damage: Damage = field(default_factory=Damage)
    single: Callable[[int], Picture | None] | None = None
    stack: tuple[int, ...] | None = None
    signs: tuple[int, int] | None = None
    grid: tuple[tuple[float, float], tuple[float, float]] | None = None
    lay: Lay = Lay()
    codestream: str = ""
    masks: tuple[InnerMask, ...] = ()
    aspect: tuple[int, int] = (1, 1)
    turn: int = 1


@dataclass(frozen=True, slots=True)
class Hint:
    """A coded hint about an object: the only form in which label evidence leaves trusted text.

    Attributes:
        axis: "anatomy", "subject", "mode", "application", "laterality" or "view".
        node: a path of the tree ("thorax/breast"), or a term of the axis ("left").
        source: where it stood: "site_prior", "image_type", "body_part", "anatomic_region",
            "description", "folder", "sidecar", ...
        weight: 0 to 1, how far the source is to be believed.
        rule: id of the rule that matched; never the matched text.
    """

    axis: str
    node: str
    source: str
    weight: float
    rule: str


@dataclass(frozen=True, slots=True)
class CleanHeader:
    """What may be known of an object after de-identification: pseudonyms and closed vocabulary.

    Attributes:
        patient, study, series, instance: keyed pseudonyms; ``patient`` always has a value.
        patient_source: where it stood who the patient is.
        session: keyed ids of device and time, of scans that name no patient.
        maker, model: of the device, from the closed vocabulary, or "unknown".
        age: years, capped at 90 as the Safe Harbor rule asks, or None.
        sex: "F", "M", "O" or "".
        actions: PS3.15 action code to number of attributes it was applied to.
        methods: codes of CID 7050 for what was really done.
        key_id: public id of the key that made the pseudonyms.
        policy: hash of the de-identification policy.
    """

    patient: str
    study: str
    series: str
    instance: str
    patient_source: str = PatientSource.OBJECT
    session: str = ""
    maker: str = "unknown"
    model: str = "unknown"
    age: int | None = None
    sex: str = ""
    actions: Mapping[str, int] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    key_id: str = ""
    policy: str = ""


WITNESSED = "witnessed"  # code of the audit: the detector looked at whole views of an object


class Alone(StrEnum):
    """Whose word a line is, if only one says so: codes of the audit."""

    NO = ""
    OWN = "own_network_alone"  # our own network's: the detector looked there and found nothing
    DETECTOR = "detector_alone"  # the detector's, where our own network is silent


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is to be blacked out of a clip's pictures, and what was seen doing so.

    Attributes:
        keep: (H, W) bool, true where pixels may leave; the same for every frame of the pane.
        text_boxes: inside the fan, blacked out, pixels of the source picture.
        outside_area: share of the picture that lies outside the fan and was blacked out.
        text_area: share of the fan's area that was blacked out as text.
        detector: ids and versions of the detectors that looked.
        model: hashes of their weights, "" for none.
        verdicts: codes, one for each check that was made ("no_text", "text_redacted", ...).
        left: (H, W) bool, true where measurements were left standing; None if none were.
    """

    keep: NDArray[np.bool_]
    text_boxes: tuple[Box, ...] = ()
    outside_area: float = 0.0
    text_area: float = 0.0
    detector: str = ""
    model: str = ""
    verdicts: tuple[str, ...] = ()
    left: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Normalized:
    """One picture cropped to its fan and letterboxed, never stretched.

    Attributes:
        pixels: (size, size) gray or (size, size, 3) RGB uint8.
        valid: (size, size) bool, true inside the fan and outside redactions.
        overlay: (size, size) bool, true on calipers, text and marks inside the fan.
        scale: normalized pixels a native pixel.
        offset: (x, y): normalized = native * scale + offset.
        native: (width, height) of the fan's box in the source picture.
        mm_per_px: of the normalized picture, or None.
        flags: codes ("color", "marks", ...).
        depth: (size, size) float32, 0 at the probe's face to 1 at the far end, or None.
        beams: in beam space, where in the source picture the samples lie that it was made of: x
            and y, (n size, n size) float32 each, n x n samples a pixel. None elsewhere.
    """

    pixels: Picture
    valid: NDArray[np.bool_]
    overlay: NDArray[np.bool_]
    scale: float
    offset: tuple[float, float]
    native: tuple[int, int]
    mm_per_px: tuple[float, float] | None = None
    flags: tuple[str, ...] = ()
    depth: NDArray[np.float32] | None = None
    beams: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None


@dataclass(frozen=True, slots=True)
class SourceAnnotation:
    """An annotation as it came, in pixels of the source picture. Codes and numbers only.

    Attributes:
        kind: "class", "scalar", "text", "box", "keypoints" or "mask".
        name: what it is about, a code of the adapter ("lesion", "head_circumference").
        value: class, of the adapter's class map; of a text, codes of what it speaks of.
        number, unit: of a scalar; the unit in UCUM. A scalar whose unit is "px" is a length in
            pixels of the source picture and is scaled.
        points: x0 y0, x1 y1 of a box; the points of keypoints.
        mask: (H, W) of the source picture's size; not 0 is inside.
        source: the adapter or sidecar rule that it comes from.
        frame: index of the frame that it is about, from 0; None for all of a clip.
    """

    kind: str
    name: str
    source: str
    value: str = ""
    number: float | None = None
    unit: str = ""
    points: tuple[tuple[float, float], ...] = ()
    mask: NDArray[np.uint8] | None = None
    frame: int | None = None
