"""One object's way from bytes to frames: the pipeline, in order. Who reads this has read it.

Steps know nothing of each other; this module strings them, and nothing else does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.deidentify.pixels.planes import check_planes
from echoatlas.pipeline.deidentify.pixels.redact import (
    check_redacted,
    check_written,
    redact,
)
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.evidence import all_hints, evidence, measured
from echoatlas.pipeline.frames.annotate import annotate
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.frames.codec import IMAGE_CODEC, decode, encode, encode_mask
from echoatlas.pipeline.frames.measure import Measures, measure
from echoatlas.pipeline.frames.normalize import NormalizeConfig, normalize
from echoatlas.pipeline.frames.sampling import Kept, adds_nothing, kept
from echoatlas.pipeline.geometry import geometry
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.copies import best, spoken_of
from echoatlas.pipeline.objects.fingerprints import Fingerprints, fingerprints_of
from echoatlas.pipeline.objects.result import ObjectResult, Row
from echoatlas.pipeline.objects.rows import audit_row, evidence_rows
from echoatlas.pipeline.read import read, read_report
from echoatlas.pipeline.sidecars.annotations import given, length, scores
from echoatlas.pipeline.sidecars.collection import Attached
from echoatlas.pipeline.sidecars.said import Said, in_words, joined, with_rows
from echoatlas.pipeline.stopwatch import Stopwatch
from echoatlas.schemas.fan import Fan
from echoatlas.schemas.records import SourceAnnotation
from echoatlas.schemas.rows import (
    AnnotationRow,
    CopyRow,
    FrameRow,
    MeasureRow,
    SightingRow,
)
from echoatlas.taxonomy.collections import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from echoatlas.pipeline.vault.pseudonyms import SiteKey
    from echoatlas.schemas.config import SiteConfig
    from echoatlas.schemas.records import CleanHeader, Normalized, Origin, Redaction, Scan


def journey(
    data: bytes,
    sighting: SightingRow,
    origin: Origin,
    site: SiteConfig,
    key: SiteKey,
    config: JourneyConfig,
    watch: Stopwatch | None = None,
    marks: Fingerprints | None = None,
    said: Sequence[Said] = (),
    gone: Sequence[CopyRow] = (),
) -> ObjectResult:
    """Carry one object from its bytes to normalized, measured, de-identified frames.

    A structured report of ultrasound measurements has no frames: what it measured becomes
    evidence, which ``label`` joins to the pictures of its study.

    Args:
        data: the object's bytes.
        origin: where it came from; trusted zone.
        key: of the site, for pseudonyms.
        watch: takes the time of each step.
        marks: what the rows depend on; of steps and site alone if not given.
        said: what is said of all its copies, and lies beside them; that one alone if not given.
        gone: what copies said that are there no more.

    Returns:
        All rows of the object; nothing of it is written if any step rejects it.

    Raises:
        Reject: by the step that found the record at fault.
    """
    watch = watch or Stopwatch()
    marks = marks or fingerprints_of(config, site)
    config = config.at(site)
    said = said or (Said(sighting.locator, origin, Attached()),)
    origins = in_words(said)
    with watch.step("read"):
        report = read_report(data, config.read)
    if report is not None and (told := measured(report, config.evidence)):
        with watch.step("deidentify"):
            spoken = spoken_of(report, said, gone, sighting, site, key, config.deidentify, marks)
        audited = audit_row(sighting, report, spoken.header, marks.frames)
        read_out: list[Row] = [*evidence_rows(told, sighting, marks), *spoken.rows, audited]
        return ObjectResult(read_out, report, spoken.header, 0, spoken.flags)
    with watch.step("read"):
        scan = read(data, config.read)
        origin = with_rows(best(scan.header, origins, site, key, config.deidentify), origins, site)
        facts = origin.facts
        scan, marked = _with_companions(scan, joined(said), facts, origin.sidecar, site, config)
        clip = Clip(scan)
    with watch.step("evidence"):
        hints = all_hints(evidence(scan, one, site, config.evidence) for one in origins)
    with watch.step("decode"):
        spread = clip.spread(config.geometry.pictures)
    with watch.step("geometry"):
        fans = geometry(scan, spread, config.geometry)
    with watch.step("deidentify"):
        spoken = spoken_of(scan, said, gone, sighting, site, key, config.deidentify, marks)
        header = spoken.header
    with watch.step("redact"):
        redactions = redact(clip, fans, config.redact)
    with watch.step("check"):
        check_redacted(clip, redactions, config.redact)
        check_planes(clip, redactions, scan.stack, config.redact)
    rows: list[Row] = [*evidence_rows(hints, sighting, marks), *spoken.rows]
    shared = _shared(sighting, header, site, facts, marks.frames)
    panes = [
        _Pane(fan, cut, shared | _fan_facts(fan)) for fan, cut in zip(fans, redactions, strict=True)
    ]
    indexes = frozenset(kept(scan.times, scan.declared_frames, site.sampling))
    numbers = (number for number in count() if number not in scan.damage.lost)
    for index, picture in zip(numbers, watch.over("decode", clip), strict=False):
        if index not in indexes:
            continue
        for pane in panes:
            with watch.step("normalize"):
                frame = normalize(picture, pane.fan, pane.redaction, config.normalize)
            with watch.step("measure"):
                measures = measure(frame, pane.previous, config.measure)
            this = Kept(measures.pixel_hash, measures.fan_phash256)
            if adds_nothing(this, pane.last, site.sampling):
                continue
            pane.previous, pane.last = frame, this
            with watch.step("encode"):
                image = encode(frame.pixels)
            row = _frame_row(pane, scan, frame, measures.pixel_hash, image, index)
            rows += [row, _measure_row(row, measures)]
            rows += _annotations(marked, index, frame, row, config)
            pane.written.append(image)
    written = [pane for pane in panes if pane.written]
    if not written:
        raise Reject(Reason.NO_PIXELS, "No frame was left to keep.", "read")
    with watch.step("check"):
        for pane in written:  # each pane is a clip of its own: time must not mix them
            images = (decode(image) for image in pane.written)
            check_written(images, config.redact, pane.left(config.normalize))
    rows.append(audit_row(sighting, scan, header, marks.frames, fans, redactions))
    frames = sum(len(pane.written) for pane in written)
    return ObjectResult(rows, scan, header, frames, spoken.flags)


@dataclass(slots=True)
class _Pane:
    """One scanned area of a clip, the images kept of it, and the last frame of them."""

    fan: Fan
    redaction: Redaction
    facts: dict[str, Any]
    previous: Normalized | None = None
    last: Kept | None = None
    written: list[bytes] = field(default_factory=list)

    def left(self, config: NormalizeConfig) -> NDArray[np.bool_] | None:
        """Where measurements were left standing, in pixels of the frames; None if none were."""
        if self.redaction.left is None:
            return None
        shown = self.redaction.left.astype(np.uint8) * np.uint8(255)
        return normalize(shown, self.fan, self.redaction, config).pixels > 0


def _with_companions(
    scan: Scan,
    attached: Attached,
    facts: Mapping[str, str],
    row: Mapping[str, str],
    site: SiteConfig,
    config: JourneyConfig,
) -> tuple[Scan, list[SourceAnnotation]]:
    """The scan with what tables and collection know of it, and what is marked on it."""
    marked, flags = scores(site, row), frozenset[str]()
    if site.collection is not None:
        adapter = load(site.collection)
        told, flags = given(attached, facts, adapter, scan, config.read)
        marked += told
    size = length(facts.get("mm_per_px", ""))
    spacing = scan.spacing or ((size, size) if size else None)
    return replace(scan, flags=(*scan.flags, *sorted(flags)), spacing=spacing), marked


def _annotations(
    marked: list[SourceAnnotation],
    index: int,
    frame: Normalized,
    row: FrameRow,
    config: JourneyConfig,
) -> Iterator[AnnotationRow]:
    for mark in marked:
        if mark.frame in (None, index):
            tied = annotate(
                mark, frame, row.frame_id, row.object_id, config.annotate, row.fingerprint
            )
            if tied is not None:
                yield tied


def _shared(
    sighting: SightingRow,
    header: CleanHeader,
    site: SiteConfig,
    facts: Mapping[str, str],
    mark: str,
) -> dict[str, Any]:
    """The columns that all frames of an object share."""
    return {
        "object_id": sighting.object_id,
        "site": site.site,
        "patient": header.patient,
        "study": header.study,
        "series": header.series,
        "patient_source": header.patient_source,
        "maker": header.maker,
        "model": header.model,
        "subject_type": facts.get("subject", site.labels.subject),
        "native_split": facts.get("split", ""),
        "age": header.age,
        "sex": header.sex,
        "license": site.license,
        "fingerprint": mark,
    }


def _fan_facts(fan: Fan) -> dict[str, Any]:
    """The columns that all frames of a pane share, besides."""
    return {
        "pane": fan.pane,
        "image_codec": IMAGE_CODEC,
        "fan_shape": fan.shape.value,
        "fan": fan.to_json(),
        "fan_score": fan.score,
        "fan_verdict": fan.verdict.value,
        "mode": fan.mode.value,
    }


def _frame_row(
    pane: _Pane, scan: Scan, frame: Normalized, pixel_hash: str, image: bytes, index: int
) -> FrameRow:
    height, width = frame.pixels.shape[:2]
    identity = f"{pane.facts['object_id']}\0{index}\0{pane.fan.pane}\0{pixel_hash}"
    spacing = frame.mm_per_px or (None, None)
    return FrameRow(
        **pane.facts,
        frame_id=hashlib.blake2b(identity.encode(), digest_size=16).hexdigest(),
        frame_index=index,
        time_ms=scan.times[index] if scan.times and index < len(scan.times) else None,
        width=width,
        height=height,
        channels=1 if frame.pixels.ndim == 2 else 3,
        image=image,
        overlay=encode_mask(frame.overlay),
        native_width=frame.native[0],
        native_height=frame.native[1],
        scale=frame.scale,
        offset_x=frame.offset[0],
        offset_y=frame.offset[1],
        mm_per_px_x=spacing[0],
        mm_per_px_y=spacing[1],
        spacing_source=pane.fan.spacing_source if frame.mm_per_px else "",
        flags=" ".join(sorted({*scan.flags, *scan.damage.flags, *frame.flags})),
    )


MEASURED = tuple(field.name for field in fields(Measures))


def _measure_row(row: FrameRow, measures: Measures) -> MeasureRow:
    measured = {name: getattr(measures, name) for name in MEASURED}
    return MeasureRow(
        frame_id=row.frame_id, object_id=row.object_id, fingerprint=row.fingerprint, **measured
    )
