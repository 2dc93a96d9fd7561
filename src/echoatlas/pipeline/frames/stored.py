"""A clip's pictures become stored frames: sampled, normalized, measured, encoded, annotated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames.annotate import AnnotateConfig, annotate, carry_mask
from echoatlas.pipeline.frames.codec import IMAGE_CODEC, decode, encode, encode_mask
from echoatlas.pipeline.frames.landmarks import EVERY
from echoatlas.pipeline.frames.measure import MeasureConfig, Measures, measure
from echoatlas.pipeline.frames.normalize import (
    FramePlan,
    NormalizeConfig,
    normalize,
    plan_details,
    plan_frames,
)
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.frames.sampling import Kept, adds_nothing, kept
from echoatlas.schemas.rows.frames import AnnotationRow, DetailRow, FrameRow, MeasureRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.frames.clip import Clip
    from echoatlas.pipeline.stopwatch import Stopwatch
    from echoatlas.schemas.config.site import Sampling
    from echoatlas.schemas.fan import Fan
    from echoatlas.schemas.records import Normalized, Picture, Redaction, Scan, SourceAnnotation


@dataclass(frozen=True, slots=True)
class FramesConfig:
    """The configuration of the steps that a frame goes through, and which frames do."""

    normalize: NormalizeConfig
    measure: MeasureConfig
    annotate: AnnotateConfig
    sampling: Sampling


@dataclass(slots=True)
class Pane:
    """One scanned area of a clip, the images kept of it, and the last frame of them.

    Attributes:
        fan: as rows tell it.
        detail: plan of the frames that are kept at the source's size as well; None if none are.
        detailed: what was written of these.
    """

    plan: FramePlan
    fan: str
    detail: FramePlan | None = None
    previous: Normalized | None = None
    last: Kept | None = None
    written: list[bytes] = field(default_factory=list)
    detailed: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, fan: Fan, redaction: Redaction, config: NormalizeConfig) -> Pane:
        """A pane of which nothing is kept yet.

        Raises:
            Reject: as ``plan_frames``.
        """
        plan = plan_frames(fan, redaction, config)
        return cls(plan, fan.to_json(), plan_details(plan) if config.native else None)

    def looks(self) -> Iterator[tuple[Iterator[Picture], NDArray[np.bool_] | None]]:
        """What was written, read again, each size by itself; where measurements were left there."""
        for plan, written in ((self.plan, self.written), (self.detail, self.detailed)):
            if plan is not None and written:
                yield (decode(image) for image in written), _left(plan)


def _left(plan: FramePlan) -> NDArray[np.bool_] | None:
    """Where measurements were left standing, in pixels of the frames; None if none were."""
    if plan.redaction.left is None:
        return None
    shown = plan.redaction.left.astype(np.uint8) * np.uint8(255)
    return normalize(shown, plan).pixels > 0


def frame_rows(
    clip: Clip,
    scan: Scan,
    panes: Sequence[Pane],
    columns: Mapping[str, Any],
    marked: Sequence[SourceAnnotation],
    config: FramesConfig,
    watch: Stopwatch,
) -> Iterator[FrameRow | MeasureRow | AnnotationRow | DetailRow]:
    """The frames that are kept of a clip, each with its measures and annotations, in order.

    Args:
        panes: are given the images that are kept of them.
        columns: of ``FrameRow``, those that all frames of the object share.
        marked: annotations in pixels of the source pictures.

    Raises:
        Reject: ``no_pixels`` if no frame is left; by the steps.
    """
    indexes = frozenset(kept(scan.times, scan.declared_frames, config.sampling))
    numbers = (number for number in count() if number not in scan.damage.lost)
    for index, picture in zip(numbers, watch.over("decode", clip), strict=False):
        if index not in indexes:
            continue
        for pane in panes:
            with watch.step("normalize"):
                frame = normalize(picture, pane.plan)
            with watch.step("measure"):
                here = len(pane.written) % EVERY == 0
                measures = measure(
                    frame, pane.plan.area, pane.previous, config.measure, landmarked=here
                )
            this = Kept(measures.pixel_hash, measures.fan_phash256)
            if adds_nothing(this, pane.last, config.sampling):
                continue
            pane.previous, pane.last = frame, this
            with watch.step("encode"):
                image = encode(frame.pixels)
            row = _frame_row(columns, pane, scan, frame, measures.pixel_hash, image, index)
            yield row
            yield _measure_row(row, measures)
            detail = None if pane.detail is None else normalize(picture, pane.detail)
            if detail is not None:
                with watch.step("encode"):
                    pane.detailed.append(encode(detail.pixels))
                yield _detail_row(row, detail, pane.detailed[-1])
            yield from _annotations(marked, index, frame, detail, row, config.annotate)
            pane.written.append(image)
    if not any(pane.written for pane in panes):
        raise Reject(Reason.NO_PIXELS, "No frame was left to keep.", "read")


def _annotations(
    marked: Sequence[SourceAnnotation],
    index: int,
    frame: Normalized,
    detail: Normalized | None,
    row: FrameRow,
    config: AnnotateConfig,
) -> Iterator[AnnotationRow]:
    for mark in marked:
        if mark.frame in (None, index):
            tied = annotate(mark, frame, row.frame_id, row.object_id, config, row.fingerprint)
            if tied is None:
                continue
            if detail is not None and tied.mask and mark.mask is not None:
                tied = replace(tied, mask_native=encode_png(carry_mask(mark.mask, detail)[0]))
            yield tied


def _frame_row(
    columns: Mapping[str, Any],
    pane: Pane,
    scan: Scan,
    frame: Normalized,
    pixel_hash: str,
    image: bytes,
    index: int,
) -> FrameRow:
    height, width = frame.pixels.shape[:2]
    fan = pane.plan.fan
    identity = f"{columns['object_id']}\0{index}\0{fan.pane}\0{pixel_hash}"
    spacing = frame.mm_per_px or (None, None)
    return FrameRow(
        **columns,
        pane=fan.pane,
        image_codec=IMAGE_CODEC,
        fan_shape=fan.shape.value,
        fan=pane.fan,
        fan_score=fan.score,
        fan_verdict=fan.verdict.value,
        mode=fan.mode.value,
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
        spacing_source=fan.spacing_source if frame.mm_per_px else "",
        flags=" ".join(sorted({*scan.flags, *scan.damage.flags, *frame.flags})),
    )


def _detail_row(row: FrameRow, detail: Normalized, image: bytes) -> DetailRow:
    height, width = detail.pixels.shape[:2]
    spacing = detail.mm_per_px or (None, None)
    return DetailRow(
        frame_id=row.frame_id,
        object_id=row.object_id,
        width=width,
        height=height,
        channels=1 if detail.pixels.ndim == 2 else 3,
        image=image,
        overlay=encode_mask(detail.overlay),
        scale=detail.scale,
        offset_x=detail.offset[0],
        offset_y=detail.offset[1],
        mm_per_px_x=spacing[0],
        mm_per_px_y=spacing[1],
        fingerprint=row.fingerprint,
    )


MEASURED = tuple(field.name for field in fields(Measures))


def _measure_row(row: FrameRow, measures: Measures) -> MeasureRow:
    measured = {name: getattr(measures, name) for name in MEASURED}
    return MeasureRow(
        frame_id=row.frame_id, object_id=row.object_id, fingerprint=row.fingerprint, **measured
    )
